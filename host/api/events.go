package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountEvents(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/events", "list-events", "List what is to be delivered", http.StatusOK, a.listEvents)
	operation(a, admin, http.MethodPost, "/apps/{app}/events:pause", "pause-events", "Have all events of an app wait", http.StatusOK, a.pauseEvents(true))
	operation(a, admin, http.MethodPost, "/apps/{app}/events:resume", "resume-events", "Have the events of an app wait no longer", http.StatusOK, a.pauseEvents(false))
	operation(a, admin, http.MethodGet, "/events/{id}", "get-event", "Show an event", http.StatusOK, a.getEvent)
	operation(a, admin, http.MethodDelete, "/events/{id}", "delete-event", "Delete an event that nobody handles now", http.StatusNoContent, a.deleteEvent)
	operation(a, admin, http.MethodPost, "/events/{id}:retry", "retry-event", "Have an event delivered now", http.StatusOK, a.retryEvent)
	operation(a, admin, http.MethodGet, "/apps/{app}/queues", "list-queues", "List the topics that have messages, or a consumer", http.StatusOK, a.listQueues)
	operation(a, admin, http.MethodGet, "/apps/{app}/queues/{topic}/messages", "list-messages", "List the messages of a topic", http.StatusOK, a.listMessages)
	operation(a, admin, http.MethodPost, "/apps/{app}/queues/{topic}/messages", "push-message", "Push a message", http.StatusAccepted, a.pushMessage)
	operation(a, admin, http.MethodDelete, "/apps/{app}/queues/{topic}/messages", "clear-queue", "Remove the messages of a topic that nobody handles now", http.StatusOK, a.clearQueue)
	operation(a, admin, http.MethodGet, "/apps/{app}/dead-letters", "list-dead-letters", "List what could not be delivered, the newest first", http.StatusOK, a.listDeadLetters)
	operation(a, admin, http.MethodPost, "/apps/{app}/dead-letters:replay", "replay-dead-letters", "Have dead letters delivered again", http.StatusAccepted, a.replayDeadLetters)
	operation(a, admin, http.MethodPost, "/apps/{app}/dead-letters:purge", "purge-dead-letters", "Remove dead letters", http.StatusOK, a.purgeDeadLetters)
	operation(a, admin, http.MethodGet, "/dead-letters/{id}", "get-dead-letter", "Show a dead letter", http.StatusOK, a.getDeadLetter)
	operation(a, admin, http.MethodDelete, "/dead-letters/{id}", "delete-dead-letter", "Delete a dead letter", http.StatusNoContent, a.deleteDeadLetter)
	operation(a, admin, http.MethodPost, "/dead-letters/{id}:replay", "replay-dead-letter", "Have a dead letter delivered again", http.StatusAccepted, a.replayDeadLetter)
	operation(a, admin, http.MethodPost, "/dead-letters/{id}:resolve", "resolve-dead-letter", "Decide about a dead letter", http.StatusOK, a.resolveDeadLetter)
}

// EventPath is the path parameter of an event or a dead letter.
type EventPath struct {
	ID string `path:"id"`
}

func (a *API) listEvents(ctx context.Context, in *struct {
	AppPath
	Paging
	Trigger string `query:"trigger" doc:"Id; absent for any"`
	Source  string `query:"source" enum:"kv,docs,files,cron,queue,pubsub,dead_letter,call" doc:"Absent for any"`
	State   string `query:"state" enum:"waiting,running,retrying" doc:"Absent for any"`
}) (*body[wire.Page[wire.Event]], error) {
	app, err := a.findApp(ctx, in.App, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := a.store.Outbox().List(ctx, store.EventQuery{
		AppID: app.ID, TriggerID: in.Trigger, Source: store.EventSource(in.Source), State: store.EventState(in.State), Page: in.request(),
	})
	if err != nil {
		return nil, located(err)
	}
	shown, err := a.eventsOf(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Event]]{wirePage(page, shown)}, nil
}

func (a *API) pauseEvents(pause bool) func(context.Context, *AppPath) (*body[wire.App], error) {
	return func(ctx context.Context, in *AppPath) (*body[wire.App], error) {
		app, err := a.findApp(ctx, in.App, authz.EventManage)
		if err != nil {
			return nil, err
		}
		if app, err = a.catalog.PauseEvents(ctx, app.ID, pause); err != nil {
			return nil, err
		}
		return a.appBody(ctx, app)
	}
}

func (a *API) findEvent(ctx context.Context, id string, c authz.Capability) (store.Event, error) {
	event, err := a.store.Outbox().Get(ctx, id)
	if err = unknown(err, "event"); err == nil {
		err = a.need(ctx, event.AppID, "event", c)
	}
	if fault.Of(err) == fault.NotFound {
		err = &fault.Error{Code: fault.NotFound, Text: "event not found: one that was delivered is gone, and the app's executions and dead letters tell what became of it"}
	}
	return event, err
}

func (a *API) getEvent(ctx context.Context, in *EventPath) (*body[wire.Event], error) {
	event, err := a.findEvent(ctx, in.ID, authz.DataRead)
	if err != nil {
		return nil, err
	}
	shown, err := a.eventsOf(ctx, event.AppID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Event]{shown(event)}, nil
}

func (a *API) deleteEvent(ctx context.Context, in *EventPath) (*none, error) {
	if _, err := a.findEvent(ctx, in.ID, authz.EventManage); err != nil {
		return nil, err
	}
	return nil, a.store.Outbox().Delete(ctx, in.ID)
}

func (a *API) retryEvent(ctx context.Context, in *EventPath) (*body[wire.Event], error) {
	if _, err := a.findEvent(ctx, in.ID, authz.EventManage); err != nil {
		return nil, err
	}
	event, err := a.events.Retry(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	shown, err := a.eventsOf(ctx, event.AppID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Event]{shown(event)}, nil
}

func (a *API) listQueues(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.Queue]], error) {
	app, err := a.findApp(ctx, in.App, authz.DataRead)
	if err != nil {
		return nil, err
	}
	triggers, err := a.store.Triggers().ByApp(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	consumers, lanes := map[string]string{}, []string{} // ids of triggers, by their lanes
	for _, trigger := range triggers {
		if trigger.Queue != nil {
			lane := events.QueueLane(app.ID, trigger.Queue.Topic)
			consumers[lane], lanes = trigger.ID, append(lanes, lane)
		}
	}
	page, err := a.store.Outbox().Queues(ctx, app.ID, lanes, in.request())
	if err != nil {
		return nil, located(err)
	}
	return &body[wire.Page[wire.Queue]]{wirePage(page, func(q store.QueueDepth) wire.Queue {
		return wire.Queue{
			Topic: events.ReadLane(q.Topic).Topic, Waiting: q.Waiting, Running: q.Running, OldestAt: orAbsent(q.Oldest),
			Rate: a.queueRate(q.Topic), TriggerID: consumers[q.Topic],
		}
	})}, nil
}

// QueuePath is the path parameters of a topic.
type QueuePath struct {
	AppPath
	Topic string `path:"topic" maxLength:"512"`
}

// lane finds the lane of a topic, for a caller with a capability.
func (a *API) lane(ctx context.Context, in QueuePath, c authz.Capability) (appID, topic, lane string, err error) {
	app, err := a.findApp(ctx, in.App, c)
	if err != nil {
		return "", "", "", err
	}
	if err := events.CheckTopic("topic", in.Topic); err != nil {
		return "", "", "", located(err, "topic", "path.topic")
	}
	return app.ID, in.Topic, events.QueueLane(app.ID, in.Topic), nil
}

func (a *API) listMessages(ctx context.Context, in *struct {
	QueuePath
	Paging
}) (*body[wire.Page[wire.Event]], error) {
	appID, _, lane, err := a.lane(ctx, in.QueuePath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := a.store.Outbox().List(ctx, store.EventQuery{AppID: appID, Lane: lane, Page: in.request()})
	if err != nil {
		return nil, located(err)
	}
	shown, err := a.eventsOf(ctx, appID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Event]]{wirePage(page, shown)}, nil
}

func (a *API) pushMessage(ctx context.Context, in *struct {
	QueuePath
	Body wire.MessagePush
}) (*body[wire.EventMade], error) {
	appID, topic, _, err := a.lane(ctx, in.QueuePath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	ids, err := a.events.Push(ctx, appID, topic, []events.Message{{
		Key: in.Body.Key, Dedupe: in.Body.Dedupe, Delay: time.Duration(in.Body.DelayMS) * time.Millisecond,
		Debounce: time.Duration(in.Body.DebounceMS) * time.Millisecond, Body: in.Body.Message,
	}})
	if err != nil {
		return nil, located(err)
	}
	return &body[wire.EventMade]{wire.EventMade{EventID: ids[0]}}, nil
}

func (a *API) clearQueue(ctx context.Context, in *QueuePath) (*body[wire.Cleared], error) {
	_, _, lane, err := a.lane(ctx, *in, authz.EventManage)
	if err != nil {
		return nil, err
	}
	n, err := store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
		return a.store.Outbox().Clear(ctx, lane, limit)
	})
	if err != nil {
		return nil, err
	}
	return &body[wire.Cleared]{wire.Cleared{Removed: n}}, nil
}

func (a *API) listDeadLetters(ctx context.Context, in *struct {
	AppPath
	Paging
	Source     string `query:"source" enum:"kv,docs,files,cron,queue,pubsub,dead_letter,call" doc:"Absent for any"`
	Trigger    string `query:"trigger" doc:"Id; absent for any"`
	Script     string `query:"script" doc:"Id; absent for any"`
	Unresolved bool   `query:"unresolved" doc:"Those alone about which nobody has decided: without a resolution, or handler_failed"`
}) (*body[wire.DeadLetters], error) {
	app, err := a.findApp(ctx, in.App, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := a.store.DeadLetters().List(ctx, store.DeadLetterFilter{
		AppID: app.ID, Source: store.EventSource(in.Source), TriggerID: in.Trigger, ScriptID: in.Script, Unresolved: in.Unresolved,
	}, in.request())
	if err != nil {
		return nil, located(err)
	}
	unresolved, err := a.store.DeadLetters().Count(ctx, store.DeadLetterFilter{AppID: app.ID, Unresolved: true})
	if err != nil {
		return nil, err
	}
	shown, err := a.deadLettersOf(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	letters := wirePage(page, shown)
	return &body[wire.DeadLetters]{wire.DeadLetters{Items: letters.Items, Cursor: letters.Cursor, Unresolved: unresolved}}, nil
}

// maxReplayed is how many dead letters one request replays.
const maxReplayed = 1000

func (a *API) replayDeadLetters(ctx context.Context, in *struct {
	AppPath
	Body wire.DeadLetterFilter
}) (*body[wire.Replayed], error) {
	app, err := a.findApp(ctx, in.App, authz.EventManage)
	if err != nil {
		return nil, err
	}
	filter := store.DeadLetterFilter{
		AppID: app.ID, Source: store.EventSource(in.Body.Source), TriggerID: in.Body.Trigger, ScriptID: in.Body.Script,
		Unresolved: !in.Body.Resolved, Unreplayed: true, Newest: in.Body.Newest,
	}
	page, err := a.store.DeadLetters().List(ctx, filter, store.PageRequest{Limit: maxReplayed})
	if err != nil {
		return nil, err
	}
	out := wire.Replayed{EventIDs: []string{}, More: page.Next != ""}
	for _, letter := range page.Items {
		id, err := a.events.Replay(ctx, app.ID, letter.ID, caller(ctx).User.Username)
		if code := fault.Of(err); code == fault.Conflict || code == fault.NotFound { // somebody else was faster
			continue
		}
		if err != nil {
			return nil, err
		}
		out.EventIDs = append(out.EventIDs, id)
	}
	return &body[wire.Replayed]{out}, nil
}

func (a *API) purgeDeadLetters(ctx context.Context, in *struct {
	AppPath
	Body wire.DeadLetterFilter
}) (*body[wire.Cleared], error) {
	app, err := a.findApp(ctx, in.App, authz.EventManage)
	if err != nil {
		return nil, err
	}
	filter := store.DeadLetterFilter{
		AppID: app.ID, Source: store.EventSource(in.Body.Source), TriggerID: in.Body.Trigger, ScriptID: in.Body.Script,
		Unresolved: !in.Body.Resolved, Newest: in.Body.Newest,
	}
	n, err := store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
		return a.store.DeadLetters().Purge(ctx, filter, limit)
	})
	if err != nil {
		return nil, err
	}
	return &body[wire.Cleared]{wire.Cleared{Removed: n}}, nil
}

func (a *API) findDeadLetter(ctx context.Context, id string, c authz.Capability) (store.DeadLetter, error) {
	letter, err := a.store.DeadLetters().Get(ctx, id)
	if err != nil {
		return store.DeadLetter{}, unknown(err, "dead letter")
	}
	return letter, a.need(ctx, letter.AppID, "dead letter", c)
}

func (a *API) getDeadLetter(ctx context.Context, in *EventPath) (*body[wire.DeadLetter], error) {
	letter, err := a.findDeadLetter(ctx, in.ID, authz.DataRead)
	if err != nil {
		return nil, err
	}
	shown, err := a.deadLettersOf(ctx, letter.AppID)
	if err != nil {
		return nil, err
	}
	return &body[wire.DeadLetter]{shown(letter)}, nil
}

func (a *API) deleteDeadLetter(ctx context.Context, in *EventPath) (*none, error) {
	if _, err := a.findDeadLetter(ctx, in.ID, authz.EventManage); err != nil {
		return nil, err
	}
	return nil, a.store.DeadLetters().Delete(ctx, in.ID)
}

func (a *API) replayDeadLetter(ctx context.Context, in *EventPath) (*body[wire.EventMade], error) {
	letter, err := a.findDeadLetter(ctx, in.ID, authz.EventManage)
	if err != nil {
		return nil, err
	}
	id, err := a.events.Replay(ctx, letter.AppID, letter.ID, caller(ctx).User.Username)
	if err != nil {
		return nil, err
	}
	return &body[wire.EventMade]{wire.EventMade{EventID: id}}, nil
}

func (a *API) resolveDeadLetter(ctx context.Context, in *struct {
	EventPath
	Body wire.DeadLetterResolve
}) (*body[wire.DeadLetter], error) {
	letter, err := a.findDeadLetter(ctx, in.ID, authz.EventManage)
	if err != nil {
		return nil, err
	}
	letter, err = a.events.Resolve(ctx, letter.AppID, letter.ID, store.Resolution(in.Body.Resolution), caller(ctx).User.Username)
	if err != nil {
		return nil, located(err)
	}
	shown, err := a.deadLettersOf(ctx, letter.AppID)
	if err != nil {
		return nil, err
	}
	return &body[wire.DeadLetter]{shown(letter)}, nil
}

// eventsOf makes the answers about events of an app. Only who reads its log is told why handlers have failed.
func (a *API) eventsOf(ctx context.Context, appID string) (func(store.Event) wire.Event, error) {
	told, err := a.authority.MayIn(ctx, caller(ctx), appID, authz.LogRead)
	return func(e store.Event) wire.Event {
		if !told {
			e.LastError = ""
		}
		return wireEvent(e)
	}, err
}

// deadLettersOf is eventsOf of dead letters.
func (a *API) deadLettersOf(ctx context.Context, appID string) (func(store.DeadLetter) wire.DeadLetter, error) {
	told, err := a.authority.MayIn(ctx, caller(ctx), appID, authz.LogRead)
	return func(d store.DeadLetter) wire.DeadLetter {
		if !told {
			d.LastError = ""
		}
		return wireDeadLetter(d)
	}, err
}

func wireEvent(e store.Event) wire.Event {
	return wire.Event{
		ID: e.ID, AppID: e.AppID, Source: string(e.Source), Operation: e.Operation, State: string(e.State()), TriggerID: e.TriggerID,
		ScriptID: e.ScriptID, Topic: events.ReadLane(e.Lane).Topic, Key: e.GroupKey, Attempts: e.Attempt, LastError: e.LastError, Depth: e.Depth,
		RootExecutionID: e.RootExecution, ReplayOf: e.ReplayOf, CreatedAt: e.CreatedAt, FirstAttemptAt: orAbsent(e.FirstAt), DueAt: e.DueAt,
		PayloadBytes: e.Size, PayloadStart: e.Start, Payload: events.Masked(e.Payload),
	}
}

func wireDeadLetter(d store.DeadLetter) wire.DeadLetter {
	return wire.DeadLetter{
		ID: d.ID, AppID: d.AppID, EventID: d.EventID, Source: string(d.Source), Operation: d.Operation, TriggerID: d.TriggerID,
		TriggerName: d.TriggerName, ScriptID: d.ScriptID, Topic: events.ReadLane(d.Lane).Topic, Key: d.GroupKey, RootExecutionID: d.RootExecution,
		Attempts: d.Attempts, CreatedAt: d.CreatedAt, FirstAt: orAbsent(d.FirstAt), LastAt: d.LastAt, Error: d.LastError,
		Resolution: string(d.Resolution), ResolvedAt: orAbsent(d.ResolvedAt), ResolvedBy: d.ResolvedBy, ReplayedAs: d.ReplayedAs,
		PayloadBytes: d.Size, PayloadStart: d.Start, Payload: events.Masked(d.Payload),
	}
}
