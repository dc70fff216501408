package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/events/schedule"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountTriggers(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/triggers", "list-triggers", "List an app's triggers", http.StatusOK, a.listTriggers)
	for _, kind := range []store.TriggerKind{store.TriggerKV, store.TriggerDocs, store.TriggerFiles} {
		operation(a, admin, http.MethodPost, "/apps/{app}/triggers/"+string(kind), "create-"+string(kind)+"-trigger", "Have changes of "+string(kind)+" start a script", http.StatusCreated, createTrigger[wire.DataTriggerCreate](a, kind))
	}
	operation(a, admin, http.MethodPost, "/apps/{app}/triggers/cron", "create-cron-trigger", "Have the clock start a script", http.StatusCreated, createTrigger[wire.CronTriggerCreate](a, store.TriggerCron))
	operation(a, admin, http.MethodPost, "/apps/{app}/triggers/queue", "create-queue-trigger", "Have a script consume a queue", http.StatusCreated, createTrigger[wire.QueueTriggerCreate](a, store.TriggerQueue))
	operation(a, admin, http.MethodPost, "/apps/{app}/triggers/pubsub", "create-pubsub-trigger", "Have what is published start a script", http.StatusCreated, createTrigger[wire.PubSubTriggerCreate](a, store.TriggerPubSub))
	operation(a, admin, http.MethodPost, "/apps/{app}/triggers/dead_letter", "create-dead-letter-trigger", "Have dead letters start a script", http.StatusCreated, createTrigger[wire.DeadLetterTriggerCreate](a, store.TriggerDeadLetter))
	operation(a, admin, http.MethodGet, "/triggers/{id}", "get-trigger", "Show a trigger", http.StatusOK, a.getTrigger)
	operation(a, admin, http.MethodPatch, "/triggers/{id}", "update-trigger", "Change a trigger", http.StatusOK, a.updateTrigger)
	operation(a, admin, http.MethodDelete, "/triggers/{id}", "delete-trigger", "Delete a trigger; what waits for it becomes dead letters", http.StatusNoContent, a.deleteTrigger)
	operation(a, admin, http.MethodPost, "/triggers/{id}:pause", "pause-trigger", "Have a trigger's events wait", http.StatusOK, a.pauseTrigger(true))
	operation(a, admin, http.MethodPost, "/triggers/{id}:resume", "resume-trigger", "Have a trigger's events wait no longer", http.StatusOK, a.pauseTrigger(false))
	operation(a, admin, http.MethodPost, "/triggers/{id}:fire", "fire-trigger", "Make an event of a trigger by hand", http.StatusAccepted, a.fireTrigger)
	operation(a, admin, http.MethodPost, "/apps/{app}/triggers:preview", "preview-schedule", "When does a schedule fire?", http.StatusOK, a.previewSchedule)
}

// previewed is how many times are told.
const previewed = 5

func (a *API) previewSchedule(ctx context.Context, in *struct {
	AppPath
	Body wire.SchedulePreview
}) (*body[wire.SchedulePreviewed], error) {
	if _, err := a.findApp(ctx, in.App, authz.ScriptRead); err != nil {
		return nil, err
	}
	s, err := schedule.Parse(in.Body.Schedule, in.Body.Timezone)
	if err != nil {
		return nil, err
	}
	at := time.Now()
	if in.Body.After != nil {
		at = *in.Body.After
	}
	out := &body[wire.SchedulePreviewed]{wire.SchedulePreviewed{Next: []time.Time{}, Quarters: []int{}, Words: s.Words()}}
	for range previewed {
		next, fires := s.Next(at)
		if !fires {
			break
		}
		out.Body.Next, at = append(out.Body.Next, next), next
	}
	if len(out.Body.Next) > 0 {
		out.Body.Quarters = s.Quarters(out.Body.Next[0])
	}
	return out, nil
}

// TriggerPath is the path parameter of a trigger.
type TriggerPath struct {
	ID string `path:"id"`
}

func (a *API) findTrigger(ctx context.Context, id string, c authz.Capability) (store.Trigger, error) {
	trigger, err := a.store.Triggers().Get(ctx, id)
	if err != nil {
		return store.Trigger{}, unknown(err, "trigger")
	}
	return trigger, a.need(ctx, trigger.AppID, "trigger", c)
}

// createTrigger makes a trigger of a kind, of a body that has some of the fields of an update.
func createTrigger[B any](a *API, kind store.TriggerKind) func(context.Context, *struct {
	AppPath
	Body B
}) (*body[wire.Trigger], error) {
	return func(ctx context.Context, in *struct {
		AppPath
		Body B
	}) (*body[wire.Trigger], error) {
		app, err := a.findApp(ctx, in.App, authz.TriggerWrite)
		if err != nil {
			return nil, err
		}
		if err := a.need(ctx, app.ID, "app", authz.ScriptExecute); err != nil { // it runs with the caller's rights
			return nil, err
		}
		var given wire.TriggerUpdate
		encoded, err := json.Marshal(in.Body)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(encoded, &given); err != nil {
			return nil, err
		}
		trigger := store.Trigger{
			AppID: app.ID, Kind: kind, Enabled: true, RegisteredBy: caller(ctx).User.ID, Retry: a.triggerRetry, Concurrency: a.triggerConcurrency,
		}
		switch kind {
		case store.TriggerCron:
			trigger.Cron = &store.CronTrigger{Timezone: "UTC", CatchUp: store.CatchUpOnce}
		case store.TriggerQueue:
			trigger.Queue = &store.QueueTrigger{MaxBatch: 1}
			if given.Ordered != nil && *given.Ordered {
				trigger.Concurrency = 1
			}
		case store.TriggerPubSub:
			trigger.PubSub = &store.PubSubTrigger{}
		case store.TriggerDeadLetter:
			trigger.DeadLetter = &store.DeadLetterTrigger{}
		default:
			trigger.Data = &store.DataTrigger{}
		}
		settled, err := a.settle(ctx, app.ID, given)
		if err == nil {
			err = applyTrigger(&trigger, given, settled)
		}
		if err != nil {
			return nil, located(err)
		}
		if trigger.Name == "" {
			if trigger.Name, err = a.freeTriggerName(ctx, trigger); err != nil {
				return nil, err
			}
		}
		if trigger, err = a.catalog.CreateTrigger(ctx, trigger); err != nil {
			return nil, located(err)
		}
		return &body[wire.Trigger]{wireTrigger(trigger)}, nil
	}
}

// freeTriggerName makes a name of the script's and the kind.
func (a *API) freeTriggerName(ctx context.Context, t store.Trigger) (string, error) {
	script, err := a.store.Scripts().Get(ctx, t.ScriptID)
	if err != nil {
		return "", err
	}
	triggers, err := a.store.Triggers().ByApp(ctx, t.AppID)
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, other := range triggers {
		taken[other.Name] = true
	}
	base := fmt.Sprintf("%.100s-%s", script.Name, t.Kind)
	name := base
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name, nil
}

// settled is what a change of a trigger means that has to be looked up, before there is a transaction.
type settled struct {
	scriptID     string // "": as it is
	registeredBy string // likewise
}

func (a *API) settle(ctx context.Context, appID string, given wire.TriggerUpdate) (s settled, err error) {
	if given.Script != nil {
		if s.scriptID, err = a.scriptOf(ctx, appID, *given.Script); err != nil {
			return settled{}, err
		}
	}
	if given.Adopt != nil && *given.Adopt {
		if err := a.need(ctx, appID, "trigger", authz.ScriptExecute); err != nil { // as who makes one
			return settled{}, err
		}
		s.registeredBy = caller(ctx).User.ID
	}
	return s, nil
}

// applyTrigger changes a trigger by what is given. The error names a field that its kind does not have.
func applyTrigger(t *store.Trigger, given wire.TriggerUpdate, s settled) error {
	t.ScriptID, t.RegisteredBy = cmp.Or(s.scriptID, t.ScriptID), cmp.Or(s.registeredBy, t.RegisteredBy)
	take(&t.Name, given.Name)
	take(&t.Concurrency, given.Concurrency)
	take(&t.Enabled, given.Enabled)
	if r := given.Retry; r != nil {
		take(&t.Retry.MaxAttempts, r.MaxAttempts)
		take(&t.Retry.Jitter, r.Jitter)
		if r.Backoff != nil {
			t.Retry.Backoff = store.Backoff(*r.Backoff)
		}
		takeMillis(&t.Retry.Base, r.BaseMS)
		takeMillis(&t.Retry.Max, r.MaxMS)
	}
	foreign := func(fields map[string]bool) error {
		for _, name := range []string{"collection", "operations", "filter", "schedule", "timezone", "catch_up", "topic", "max_batch",
			"max_wait_ms", "ordered", "source", "failed_trigger", "failed_script"} {
			if fields[name] {
				return fault.Refuse(name, "is not of a trigger of %s", t.Kind)
			}
		}
		return nil
	}
	present := map[string]bool{
		"collection": given.Collection != nil, "operations": given.Operations != nil, "filter": given.Filter != nil,
		"schedule": given.Schedule != nil, "timezone": given.Timezone != nil, "catch_up": given.CatchUp != nil, "topic": given.Topic != nil,
		"max_batch": given.MaxBatch != nil, "max_wait_ms": given.MaxWaitMS != nil, "ordered": given.Ordered != nil,
		"source": given.Source != nil, "failed_trigger": given.FailedTrigger != nil, "failed_script": given.FailedScript != nil,
	}
	known := func(names ...string) error {
		for _, name := range names {
			delete(present, name)
		}
		return foreign(present)
	}
	switch {
	case t.Data != nil:
		d := *t.Data
		t.Data = &d
		take(&d.Collection, given.Collection)
		if given.Operations != nil {
			d.Operations = nil
			for _, operation := range *given.Operations {
				d.Operations = append(d.Operations, store.ChangeOperation(operation))
			}
		}
		if given.Filter != nil {
			d.Filter = *given.Filter
			if text := strings.TrimSpace(string(d.Filter)); text == "{}" || text == "null" {
				d.Filter = nil
			}
		}
		return known("collection", "operations", "filter")
	case t.Cron != nil:
		d := *t.Cron
		t.Cron = &d
		take(&d.Schedule, given.Schedule)
		take(&d.Timezone, given.Timezone)
		if d.Timezone == "" {
			d.Timezone = "UTC"
		}
		if given.CatchUp != nil {
			d.CatchUp = store.CatchUp(*given.CatchUp)
		}
		return known("schedule", "timezone", "catch_up")
	case t.Queue != nil:
		d := *t.Queue
		t.Queue = &d
		take(&d.Topic, given.Topic)
		take(&d.MaxBatch, given.MaxBatch)
		takeMillis(&d.MaxWait, given.MaxWaitMS)
		take(&d.Ordered, given.Ordered)
		return known("topic", "max_batch", "max_wait_ms", "ordered")
	case t.PubSub != nil:
		d := *t.PubSub
		t.PubSub = &d
		take(&d.Topic, given.Topic)
		return known("topic")
	default:
		d := *t.DeadLetter
		t.DeadLetter = &d
		if given.Source != nil {
			d.Source = store.EventSource(*given.Source)
		}
		take(&d.Trigger, given.FailedTrigger)
		take(&d.Script, given.FailedScript)
		return known("source", "failed_trigger", "failed_script")
	}
}

func take[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func takeMillis(to *time.Duration, from *int64) {
	if from != nil {
		*to = time.Duration(*from) * time.Millisecond
	}
}

// scriptOf finds a script of an app by id or name.
func (a *API) scriptOf(ctx context.Context, appID, ref string) (id string, err error) {
	script, err := a.store.Scripts().Get(ctx, ref)
	if fault.Unknown(err) || err == nil && script.AppID != appID {
		script, err = a.store.Scripts().GetByName(ctx, appID, ref)
	}
	if fault.Unknown(err) {
		return "", fault.Refuse("script", "is no script of the app, got %.80q", ref)
	}
	return script.ID, err
}

func (a *API) listTriggers(ctx context.Context, in *AppPath) (*body[wire.Page[wire.Trigger]], error) {
	app, err := a.findApp(ctx, in.App, authz.TriggerRead)
	if err != nil {
		return nil, err
	}
	triggers, err := a.store.Triggers().ByApp(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	page := wirePage(store.Page[store.Trigger]{Items: triggers}, wireTrigger)
	stopped := map[string]string{} // by who registered it
	for i, t := range triggers {
		reason, known := stopped[t.RegisteredBy]
		if !known {
			if reason, err = a.stopped(ctx, t); err != nil {
				return nil, err
			}
			stopped[t.RegisteredBy] = reason
		}
		page.Items[i].Stopped = reason
	}
	return &body[wire.Page[wire.Trigger]]{page}, nil
}

func (a *API) getTrigger(ctx context.Context, in *TriggerPath) (*body[wire.Trigger], error) {
	trigger, err := a.findTrigger(ctx, in.ID, authz.TriggerRead)
	if err != nil {
		return nil, err
	}
	out := wireTrigger(trigger)
	if out.Stopped, err = a.stopped(ctx, trigger); err != nil {
		return nil, err
	}
	return &body[wire.Trigger]{out}, nil
}

// stopped returns why nobody may run a trigger's script for who registered it; "" when somebody may.
func (a *API) stopped(ctx context.Context, t store.Trigger) (string, error) {
	_, err := a.authority.Registrant(ctx, t.RegisteredBy, t.AppID)
	if fault.Of(err) == fault.Forbidden {
		return err.Error(), nil
	}
	return "", err
}

func (a *API) updateTrigger(ctx context.Context, in *struct {
	TriggerPath
	Body wire.TriggerUpdate
}) (*body[wire.Trigger], error) {
	trigger, err := a.findTrigger(ctx, in.ID, authz.TriggerWrite)
	if err != nil {
		return nil, err
	}
	settled, err := a.settle(ctx, trigger.AppID, in.Body)
	if err != nil {
		return nil, located(err)
	}
	trigger, err = a.catalog.ChangeTrigger(ctx, in.ID, func(t *store.Trigger) error { return applyTrigger(t, in.Body, settled) })
	if err != nil {
		return nil, located(unknownMissing(err, "trigger"))
	}
	return &body[wire.Trigger]{wireTrigger(trigger)}, nil
}

// unknownMissing is unknown for what was there a moment ago: a refusal of a field stays.
func unknownMissing(err error, resource string) error {
	if fault.Of(err) == fault.NotFound {
		return fault.Missing(resource)
	}
	return err
}

func (a *API) deleteTrigger(ctx context.Context, in *TriggerPath) (*none, error) {
	if _, err := a.findTrigger(ctx, in.ID, authz.TriggerWrite); err != nil {
		return nil, err
	}
	return nil, a.catalog.DeleteTrigger(ctx, in.ID)
}

func (a *API) pauseTrigger(pause bool) func(context.Context, *TriggerPath) (*body[wire.Trigger], error) {
	return func(ctx context.Context, in *TriggerPath) (*body[wire.Trigger], error) {
		if _, err := a.findTrigger(ctx, in.ID, authz.TriggerWrite); err != nil {
			return nil, err
		}
		trigger, err := a.catalog.ChangeTrigger(ctx, in.ID, func(t *store.Trigger) error { t.Paused = pause; return nil })
		if err != nil {
			return nil, err
		}
		return &body[wire.Trigger]{wireTrigger(trigger)}, nil
	}
}

func (a *API) fireTrigger(ctx context.Context, in *struct {
	TriggerPath
	Body wire.TriggerFire
}) (*body[wire.EventMade], error) {
	trigger, err := a.findTrigger(ctx, in.ID, authz.EventManage)
	if err != nil {
		return nil, err
	}
	if err := a.need(ctx, trigger.AppID, "trigger", authz.ScriptExecute); err != nil {
		return nil, err
	}
	var data json.RawMessage
	if in.Body.Data != nil {
		data = *in.Body.Data
	}
	id, err := a.events.Fire(ctx, trigger, data)
	if err != nil {
		return nil, located(err)
	}
	return &body[wire.EventMade]{wire.EventMade{EventID: id}}, nil
}

func wireTrigger(t store.Trigger) wire.Trigger {
	out := wire.Trigger{
		ID: t.ID, AppID: t.AppID, ScriptID: t.ScriptID, Kind: string(t.Kind), Name: t.Name, Enabled: t.Enabled, Paused: t.Paused,
		RegisteredBy: t.RegisteredBy, Concurrency: t.Concurrency, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
		Retry: wire.RetryPolicy{
			MaxAttempts: &t.Retry.MaxAttempts, Backoff: new(string(t.Retry.Backoff)), Jitter: &t.Retry.Jitter,
			BaseMS: new(t.Retry.Base.Milliseconds()), MaxMS: new(t.Retry.Max.Milliseconds()),
		},
	}
	switch {
	case t.Data != nil:
		operations := []string{}
		for _, operation := range t.Data.Operations {
			operations = append(operations, string(operation))
		}
		out.Collection, out.Operations = &t.Data.Collection, &operations
		if t.Data.Filter != nil {
			out.Filter = &t.Data.Filter
		}
	case t.Cron != nil:
		out.Schedule, out.Timezone, out.CatchUp = &t.Cron.Schedule, &t.Cron.Timezone, new(string(t.Cron.CatchUp))
		if t.Enabled {
			out.NextAt = &t.Cron.NextAt
		}
		out.LastAt = orAbsent(t.Cron.LastAt)
	case t.Queue != nil:
		out.Topic, out.MaxBatch, out.MaxWaitMS, out.Ordered = &t.Queue.Topic, &t.Queue.MaxBatch, new(t.Queue.MaxWait.Milliseconds()), &t.Queue.Ordered
	case t.PubSub != nil:
		out.Topic = &t.PubSub.Topic
	case t.DeadLetter != nil:
		out.Source, out.FailedTrigger, out.FailedScript = new(string(t.DeadLetter.Source)), &t.DeadLetter.Trigger, &t.DeadLetter.Script
	}
	return out
}

// orAbsent is a time of an answer, absent when it is zero.
func orAbsent(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
