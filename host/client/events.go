package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/picloud/picloud/host/api/wire"
)

// EventQuery narrows a listing of events. What is "" is any.
type EventQuery struct {
	Trigger string // id
	Source  string // kv, docs, files, cron, queue, pubsub, dead_letter or call
	State   string // waiting, running or retrying
}

// Events lists what is to be delivered in an app, the oldest first.
func (c *Client) Events(ctx context.Context, app string, q EventQuery) iter.Seq2[wire.Event, error] {
	query := given("trigger", q.Trigger, "source", q.Source, "state", q.State)
	return listQuery[wire.Event](ctx, c, query, "apps", app, "events")
}

// given makes a query of names and values, without the values that are "".
func given(pairs ...string) url.Values {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return query
}

// PauseEvents has all events of an app wait.
func (c *Client) PauseEvents(ctx context.Context, app string) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodPost, []string{"apps", app, "events:pause"}, nil, nil)
}

// ResumeEvents has the events of an app wait no longer.
func (c *Client) ResumeEvents(ctx context.Context, app string) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodPost, []string{"apps", app, "events:resume"}, nil, nil)
}

// Event returns the event with an id. One that has been delivered is not there any more.
func (c *Client) Event(ctx context.Context, id string) (wire.Event, error) {
	return call[wire.Event](ctx, c, http.MethodGet, []string{"events", id}, nil, nil)
}

// RetryEvent has an event delivered now.
func (c *Client) RetryEvent(ctx context.Context, id string) (wire.Event, error) {
	return call[wire.Event](ctx, c, http.MethodPost, []string{"events", id + ":retry"}, nil, nil)
}

// DeleteEvent removes an event that nobody handles now.
func (c *Client) DeleteEvent(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"events", id}, nil, nil, nil)
}

// Queues lists the topics of an app that have messages, or a consumer.
func (c *Client) Queues(ctx context.Context, app string) iter.Seq2[wire.Queue, error] {
	return list[wire.Queue](ctx, c, "apps", app, "queues")
}

// Messages lists the messages of a topic, the oldest first.
func (c *Client) Messages(ctx context.Context, app, topic string) iter.Seq2[wire.Event, error] {
	return list[wire.Event](ctx, c, "apps", app, "queues", topic, "messages")
}

// PushMessage pushes a message to a topic.
func (c *Client) PushMessage(ctx context.Context, app, topic string, message wire.MessagePush) (wire.EventMade, error) {
	return call[wire.EventMade](ctx, c, http.MethodPost, []string{"apps", app, "queues", topic, "messages"}, nil, message)
}

// ClearQueue removes the messages of a topic that nobody handles now.
func (c *Client) ClearQueue(ctx context.Context, app, topic string) (wire.Cleared, error) {
	return call[wire.Cleared](ctx, c, http.MethodDelete, []string{"apps", app, "queues", topic, "messages"}, nil, nil)
}

// DeadLetters lists what could not be delivered in an app, the newest first. A letter about which
// somebody has decided is listed if the filter says Resolved.
func (c *Client) DeadLetters(ctx context.Context, app string, filter wire.DeadLetterFilter) iter.Seq2[wire.DeadLetter, error] {
	query := given("source", filter.Source, "trigger", filter.Trigger, "script", filter.Script)
	if !filter.Resolved {
		query.Set("unresolved", "true")
	}
	return listQuery[wire.DeadLetter](ctx, c, query, "apps", app, "dead-letters")
}

// DeadLetter returns the dead letter with an id.
func (c *Client) DeadLetter(ctx context.Context, id string) (wire.DeadLetter, error) {
	return call[wire.DeadLetter](ctx, c, http.MethodGet, []string{"dead-letters", id}, nil, nil)
}

// DeleteDeadLetter removes a dead letter.
func (c *Client) DeleteDeadLetter(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"dead-letters", id}, nil, nil, nil)
}

// ReplayDeadLetter has a dead letter delivered again, as a new event.
func (c *Client) ReplayDeadLetter(ctx context.Context, id string) (wire.EventMade, error) {
	return call[wire.EventMade](ctx, c, http.MethodPost, []string{"dead-letters", id + ":replay"}, nil, nil)
}

// ResolveDeadLetter decides about a dead letter that was not replayed: ignored or handled_by_script.
func (c *Client) ResolveDeadLetter(ctx context.Context, id, resolution string) (wire.DeadLetter, error) {
	return call[wire.DeadLetter](ctx, c, http.MethodPost, []string{"dead-letters", id + ":resolve"}, nil, wire.DeadLetterResolve{Resolution: resolution})
}

// ReplayDeadLetters has dead letters of an app delivered again that have no resolution, or with Resolved also
// those that have another one than replayed, up to as many as the server does at once.
func (c *Client) ReplayDeadLetters(ctx context.Context, app string, filter wire.DeadLetterFilter) (wire.Replayed, error) {
	return call[wire.Replayed](ctx, c, http.MethodPost, []string{"apps", app, "dead-letters:replay"}, nil, filter)
}

// PurgeDeadLetters removes dead letters of an app.
func (c *Client) PurgeDeadLetters(ctx context.Context, app string, filter wire.DeadLetterFilter) (wire.Cleared, error) {
	return call[wire.Cleared](ctx, c, http.MethodPost, []string{"apps", app, "dead-letters:purge"}, nil, filter)
}
