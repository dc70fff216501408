package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Triggers lists the triggers of an app, named by id or slug, in the order of their names.
func (c *Client) Triggers(ctx context.Context, app string) iter.Seq2[wire.Trigger, error] {
	return list[wire.Trigger](ctx, c, "apps", app, "triggers")
}

// Trigger returns the trigger with an id.
func (c *Client) Trigger(ctx context.Context, id string) (wire.Trigger, error) {
	return call[wire.Trigger](ctx, c, http.MethodGet, []string{"triggers", id}, nil, nil)
}

// CreateTrigger makes a trigger of a kind: kv, docs, files, cron, queue, pubsub or dead_letter. What
// is absent has its default, but for the script and what the kind cannot do without.
func (c *Client) CreateTrigger(ctx context.Context, app, kind string, trigger wire.TriggerUpdate) (wire.Trigger, error) {
	return call[wire.Trigger](ctx, c, http.MethodPost, []string{"apps", app, "triggers", kind}, nil, trigger)
}

// UpdateTrigger changes a trigger; what is absent stays as it is.
func (c *Client) UpdateTrigger(ctx context.Context, id string, change wire.TriggerUpdate) (wire.Trigger, error) {
	return call[wire.Trigger](ctx, c, http.MethodPatch, []string{"triggers", id}, nil, change)
}

// DeleteTrigger removes a trigger. What waits for it becomes dead letters.
func (c *Client) DeleteTrigger(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"triggers", id}, nil, nil, nil)
}

// PauseTrigger has the events of a trigger wait.
func (c *Client) PauseTrigger(ctx context.Context, id string) (wire.Trigger, error) {
	return call[wire.Trigger](ctx, c, http.MethodPost, []string{"triggers", id + ":pause"}, nil, nil)
}

// ResumeTrigger has the events of a trigger wait no longer.
func (c *Client) ResumeTrigger(ctx context.Context, id string) (wire.Trigger, error) {
	return call[wire.Trigger](ctx, c, http.MethodPost, []string{"triggers", id + ":resume"}, nil, nil)
}

// FireTrigger makes an event of a trigger by hand, with JSON data or, when that is nil, a sample.
func (c *Client) FireTrigger(ctx context.Context, id string, data json.RawMessage) (wire.EventMade, error) {
	var fire wire.TriggerFire
	if data != nil {
		fire.Data = &data
	}
	return call[wire.EventMade](ctx, c, http.MethodPost, []string{"triggers", id + ":fire"}, nil, fire)
}

// PreviewSchedule tells when a schedule fires.
func (c *Client) PreviewSchedule(ctx context.Context, app string, preview wire.SchedulePreview) (wire.SchedulePreviewed, error) {
	return call[wire.SchedulePreviewed](ctx, c, http.MethodPost, []string{"apps", app, "triggers:preview"}, nil, preview)
}
