package events

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events/subscriber"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Config is what an [Emitter] is made of.
type Config struct {
	Table      *Table
	MaxDepth   int                    // of events that cause one another
	MaxPending func(appID string) int // events of an app that wait; 0, or nil: any number
	Now        func() time.Time       // the clock; nil: time.Now
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Emitter makes events and keeps them in the outbox. It is safe for concurrent use.
type Emitter struct {
	table    *Table
	maxDepth int
	now      func() time.Time
	backlog  *backlog
	log      *slog.Logger
	store    store.Store
	tooDeep  prometheus.Counter
	made     *prometheus.CounterVec

	wake      func([]store.Event) // tells who delivers
	published func()              // tells who has subscribers
	tokens    *subscriber.Tokens
}

// Forget has it be counted anew how many events of apps wait.
func (e *Emitter) Forget() { e.backlog.forget() }

// NewEmitter makes an emitter. Before its first use it must be bound.
func NewEmitter(c Config) *Emitter {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxPending == nil {
		c.MaxPending = func(string) int { return 0 }
	}
	e := &Emitter{
		table: c.Table, maxDepth: c.MaxDepth, now: c.Now, backlog: &backlog{most: c.MaxPending, apps: map[string]*counted{}}, log: c.Log,
		wake: func([]store.Event) {}, published: func() {},
		tooDeep: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "picloud_events_dropped_total", Help: "Events that were not made because triggers caused one another too deep.",
		}),
		made: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_events_made_total", Help: "Events made, by source. One of a transaction that is undone counts too.",
		}, []string{"source"}),
	}
	if c.Registerer != nil {
		c.Registerer.MustRegister(e.tooDeep, e.made)
	}
	return e
}

// Bind gives the emitter the store, which is opened with what the emitter makes of changes.
func (e *Emitter) Bind(s store.Store) { e.store, e.tokens = s, subscriber.New(s.Topics()) }

// In is the emitter in a transaction, with which what it makes is kept or not.
func (e *Emitter) In(tx store.Store) *Emitter {
	within := *e
	within.store, within.tokens = tx, subscriber.New(tx.Topics())
	return &within
}

// OnCommit has wake called with events after they are committed.
func (e *Emitter) OnCommit(wake func([]store.Event)) { e.wake = wake }

// OnPublish has published called after messages were committed that subscribers are to be told of.
func (e *Emitter) OnPublish(published func()) { e.published = published }

// Registry makes a registry that hands changes to Deliver.
func (e *Emitter) Registry() *Registry {
	r := NewRegistry(e.Deliver)
	r.only = true
	return r
}

// Audience is who listens to the changes of an app that has these triggers: for the transaction that has made them, of
// which nobody else knows yet.
func (e *Emitter) Audience(appID string, triggers []store.Trigger) store.Audience {
	within := *e
	within.table = NewTable()
	within.table.Set(appID, triggers, false)
	return newGeneration(within.Registry(), appID, newApp(Listeners(triggers)))
}

// Deliver implements [Deliver]: it makes an event of a change for each trigger that listens to it and
// whose filter matches. Of a deletion the filter is asked about what was there.
func (e *Emitter) Deliver(ctx context.Context, tx store.Store, change store.Change, to []Listener) error {
	var events []store.Event
	var payload json.RawMessage
	for _, listener := range to {
		trigger := e.table.Get(listener.ID)
		if trigger == nil || !trigger.wants(change) {
			continue
		}
		if payload == nil {
			payload = encode(payloadOf(change))
		}
		events = append(events, store.Event{
			AppID: change.AppID, Lane: TriggerLane(change.AppID, trigger.ID), TriggerID: trigger.ID, ScriptID: trigger.ScriptID,
			Source: store.EventSource(change.Source), Operation: string(change.Operation), Payload: payload,
		})
	}
	return e.keep(ctx, tx, events)
}

// wants asks the trigger's filter.
func (t *Trigger) wants(change store.Change) bool {
	if t.filter == nil {
		return true
	}
	data := change.New
	if data == nil {
		data = change.Previous
	}
	return t.filter.Match(store.Document{ID: change.Key, Version: change.Version, Data: data})
}

// payloadOf is what an event carries of a change.
func payloadOf(change store.Change) Payload {
	var p Payload
	p.Truncated = len(change.New)+len(change.Previous) > MaxMessageBytes ||
		deeper(change.New, MaxDataDepth) || deeper(change.Previous, MaxDataDepth)
	data := func(raw json.RawMessage) json.RawMessage {
		if len(raw) == 0 || p.Truncated {
			return json.RawMessage("null")
		}
		return raw
	}
	switch change.Source {
	case store.ChangeKV:
		p.KV = encode(struct {
			Collection string          `json:"collection"`
			Key        string          `json:"key"`
			Value      json.RawMessage `json:"value"`
			Previous   json.RawMessage `json:"previous"`
		}{change.Collection, change.Key, data(change.New), data(change.Previous)})
	case store.ChangeDocs:
		p.Docs = encode(struct {
			Collection string          `json:"collection"`
			ID         string          `json:"id"`
			Version    int64           `json:"version"`
			Data       json.RawMessage `json:"data"`
			Previous   json.RawMessage `json:"prev_data"`
		}{change.Collection, change.Key, change.Version, data(change.New), data(change.Previous)})
	case store.ChangeFiles:
		p.Files = encode(fileOf(change))
	}
	return p
}

// fileOf is the metadata of a file that changed, or was there.
func fileOf(change store.Change) any {
	var file store.File
	now := change.New
	if now == nil {
		now = change.Previous
	}
	_ = json.Unmarshal(now, &file) // which the store has encoded
	return struct {
		Collection  string    `json:"collection"`
		ID          string    `json:"id"`
		Name        string    `json:"name"`
		ContentType string    `json:"content_type"`
		Size        int64     `json:"size"`
		SHA256      string    `json:"sha256"`
		CreatedAt   time.Time `json:"created_at"`
		UpdatedAt   time.Time `json:"updated_at"`
	}{change.Collection, change.Key, file.Name, file.ContentType, file.Size, file.SHA256, file.CreatedAt, file.UpdatedAt}
}

// encode writes JSON without escaping what HTML would want.
func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // every part of it is JSON, or plain
	}
	return text
}

// keep puts events into the outbox, one level deeper than what ctx acts for. Those that are too deep are
// left out.
func (e *Emitter) keep(ctx context.Context, tx store.Store, events []store.Event) error {
	if len(events) == 0 {
		return nil
	}
	cause := CauseOf(ctx)
	for i := range events {
		events[i].Depth, events[i].RootExecution = cause.Depth+1, cause.Root
	}
	if e.leavesOut(events) {
		return nil
	}
	for i := range events {
		e.made.WithLabelValues(string(events[i].Source)).Inc()
	}
	if err := e.backlog.admit(ctx, tx, events[0].AppID, len(events)); err != nil {
		return err
	}
	if err := tx.Outbox().Add(ctx, events); err != nil {
		return err
	}
	tx.AfterCommit(func() { e.wake(events) })
	return nil
}

// leavesOut reports whether events of one depth are too deep, which it counts.
func (e *Emitter) leavesOut(events []store.Event) bool {
	if len(events) == 0 || events[0].Depth <= e.maxDepth {
		return false
	}
	e.tooDeep.Add(float64(len(events)))
	e.log.Warn("triggers cause one another: an event is left out", "app_id", events[0].AppID, "trigger_id", events[0].TriggerID,
		"root_execution_id", events[0].RootExecution, "depth", events[0].Depth, "max_trigger_depth", e.maxDepth)
	return true
}

// The operations of queues. A debounced message takes the place of one like it, never of a plain one.
const (
	operationPush     = "push"
	operationDebounce = "debounce"
)

// Push keeps messages for the one who consumes a topic, now or later, and returns their ids: of one that
// is dropped, the id of the one that was kept. The error is [fault.Invalid] of a field, or
// [fault.LimitExceeded].
func (e *Emitter) Push(ctx context.Context, appID, topic string, messages []Message) (ids []string, err error) {
	if err := CheckTopic("topic", topic); err != nil {
		return nil, err
	}
	if err := between("messages", len(messages), 1, MaxMessages); err != nil {
		return nil, err
	}
	for i, m := range messages {
		if err := m.check(i, len(messages)); err != nil {
			return nil, err
		}
	}
	lane := QueueLane(appID, topic)
	pushed := make([]store.Event, len(messages))
	for i, m := range messages {
		pushed[i] = store.Event{
			ID: uuid.Must(uuid.NewV7()).String(), AppID: appID, Lane: lane, Source: store.EventQueue, Operation: operationPush, GroupKey: m.Key,
			Delay: max(m.Delay, m.Debounce), Payload: encode(Payload{Message: m.Body}), Depth: CauseOf(ctx).Depth + 1, RootExecution: CauseOf(ctx).Root,
		}
		if m.Debounce > 0 {
			pushed[i].Operation = operationDebounce
		}
	}
	ids = make([]string, len(messages))
	if e.leavesOut(pushed) { // with all that follows: they are no repeats to come, and replace nothing
		for i := range pushed {
			ids[i] = pushed[i].ID
		}
		return ids, nil
	}
	// Several statements that must be one: what is dropped, what is replaced, what is new.
	err = e.store.Outbox().Atomically(ctx, func(tx store.Store) error {
		var events []store.Event
		for i, m := range messages {
			ids[i] = pushed[i].ID
			if m.Dedupe != "" {
				digest := sha256.Sum256([]byte(m.Dedupe))
				kept, first, err := tx.Idempotency().Once(ctx, store.IdempotencyKey{
					AppID: appID, Scope: "queue/" + topic, Key: hex.EncodeToString(digest[:]),
				}, ids[i], DedupeFor)
				if err != nil {
					return err
				}
				if !first {
					ids[i] = kept
					continue
				}
			}
			if m.Debounce > 0 {
				kept, replaced, err := tx.Outbox().Replace(ctx, pushed[i])
				if err != nil {
					return err
				}
				if replaced {
					ids[i] = kept
					continue
				}
			}
			events = append(events, pushed[i])
		}
		return e.keep(ctx, tx, events)
	})
	return ids, err
}

// check refuses the message number i of so many.
func (m Message) check(i, of int) error {
	at := func(field string) string {
		if of == 1 {
			return field
		}
		return fmt.Sprintf("messages[%d].%s", i, field)
	}
	if err := checkMessage(at("message"), m.Body); err != nil {
		return err
	}
	for field, key := range map[string]string{"key": m.Key, "dedupe": m.Dedupe} {
		if key != "" {
			if err := store.CheckName(at(field), key, MaxTopicBytes); err != nil {
				return err
			}
		}
	}
	if err := within(at("delay_ms"), m.Delay, 0, MaxDelay); err != nil {
		return err
	}
	if err := within(at("debounce_ms"), m.Debounce, 0, MaxDelay); err != nil {
		return err
	}
	if m.Debounce > 0 && m.Key == "" {
		return fault.Refuse(at("debounce_ms"), "needs a key: a message replaces the one of its key")
	}
	return nil
}

// Publish makes an event of a message for each trigger of pubsub whose topic matches, and returns how
// many there are. If the topic is registered, those who subscribe to it from outside are told, too.
func (e *Emitter) Publish(ctx context.Context, appID, topic string, message json.RawMessage) (delivered int, err error) {
	if err := CheckTopic("topic", topic); err != nil {
		return 0, err
	}
	if err := checkMessage("message", message); err != nil {
		return 0, err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, message); err != nil {
		return 0, fault.Refuse("message", "must be JSON")
	}
	message = line.Bytes()
	var events []store.Event
	payload := encode(Payload{PubSub: &Published{topic, message, e.now().UTC()}})
	for _, trigger := range e.table.Of(appID, store.TriggerPubSub) {
		if matchesTopic(trigger.PubSub.Topic, topic) {
			events = append(events, trigger.event(store.EventPubSub, "publish", payload))
		}
	}
	err = e.store.Outbox().Atomically(ctx, func(tx store.Store) error {
		kept, err := tx.Published().Add(ctx, store.Published{
			ID: uuid.Must(uuid.NewV7()).String(), AppID: appID, Topic: topic, Message: message,
		})
		if err != nil {
			return err
		}
		if kept {
			tx.AfterCommit(e.published)
		}
		return e.keep(ctx, tx, events)
	})
	return len(events), err
}

// SubscriberToken makes a token that lets who has it subscribe to a topic for so long: a second to a day.
// The error is [fault.Invalid] of "topic" or "ttl_ms", or [fault.NotFound] of a topic that cannot be
// subscribed to.
func (e *Emitter) SubscriberToken(ctx context.Context, appID, topic string, ttl time.Duration) (token string, end time.Time, err error) {
	if err := CheckTopic("topic", topic); err != nil {
		return "", time.Time{}, err
	}
	return e.tokens.Make(ctx, appID, topic, ttl)
}

// event is one of a trigger.
func (t *Trigger) event(source store.EventSource, operation string, payload json.RawMessage) store.Event {
	return store.Event{
		AppID: t.AppID, Lane: TriggerLane(t.AppID, t.ID), TriggerID: t.ID, ScriptID: t.ScriptID,
		Source: source, Operation: operation, Payload: payload,
	}
}

// Call has a script of an app run later, with what its caller may do, and returns the id that the
// execution will have. The error is [fault.NotFound] when there is no such script.
func (e *Emitter) Call(ctx context.Context, appID, name string, args json.RawMessage, delay time.Duration, capabilities []abi.Capability) (executionID string, err error) {
	if err := within("delay_ms", delay, 0, MaxDelay); err != nil {
		return "", err
	}
	if len(args) > 0 {
		if err := checkMessage("args", args); err != nil {
			return "", err
		}
	}
	script, err := e.store.Scripts().GetByName(ctx, appID, name)
	if err == nil && (script.Kind == abi.KindModule || script.Kind == abi.KindStatic) || fault.Unknown(err) {
		return "", fault.New(fault.NotFound, "the app has no endpoint or plugin of this name")
	}
	if err != nil {
		return "", err
	}
	event, call := callOf(appID, script.ID, Call{Args: args}, capabilities)
	event.Delay = delay
	return call.ExecutionID, e.store.Outbox().Atomically(ctx, func(tx store.Store) error { return e.keep(ctx, tx, []store.Event{event}) })
}

// callOf is the event of a call, under the id that the execution will have.
func callOf(appID, scriptID string, call Call, capabilities []abi.Capability) (store.Event, Call) {
	call.ExecutionID, call.Capabilities = uuid.Must(uuid.NewV7()).String(), []string{}
	for _, c := range capabilities {
		call.Capabilities = append(call.Capabilities, string(c))
	}
	return store.Event{
		ID: call.ExecutionID, AppID: appID, Lane: CallLane(appID, scriptID), ScriptID: scriptID,
		Source: store.EventCall, Operation: "call", Payload: encode(Payload{Call: &call}),
	}, call
}

// Accepted is a request that will be handled.
type Accepted struct {
	ExecutionID string    `json:"execution_id"`
	AcceptedAt  time.Time `json:"accepted_at"`
}

// Accept has a request of a route handled later, with what an app's own executions may do. A request that
// comes with a key is accepted once in 24 hours: the next gets the same answer, and replayed is true. The
// key's digest tells whether it is the same request: another one is [fault.Conflict]. The error is
// [fault.TooLarge] when there is no room for the request in an event.
func (e *Emitter) Accept(ctx context.Context, route store.Route, request *abi.Request, requestID string, capabilities []abi.Capability,
	key *store.IdempotencyKey) (accepted Accepted, replayed bool, err error) {
	event, call := callOf(route.AppID, route.ScriptID, Call{Request: request, RequestID: requestID, Route: route.Path}, capabilities)
	if len(event.Payload) > maxRequest {
		return accepted, false, fault.New(fault.TooLarge, "a request of an asynchronous route may have %d bytes with its headers, and has %d as it is kept", maxRequest, len(event.Payload))
	}
	fresh := Accepted{call.ExecutionID, e.now().UTC().Truncate(time.Microsecond)}
	err = e.store.Outbox().Atomically(ctx, func(tx store.Store) error {
		accepted, replayed = fresh, false // it may be run again
		if key != nil {
			kept, first, err := tx.Idempotency().Once(ctx, *key, string(encode(accepted)), DedupeFor)
			if err != nil {
				return err
			}
			if replayed = !first; replayed {
				return json.Unmarshal([]byte(kept), &accepted)
			}
		}
		return e.keep(ctx, tx, []store.Event{event})
	})
	return accepted, replayed, err
}

// maxRequest is how long a request is, as JSON, that is kept to be handled later. Bytes take 4/3 of
// themselves there.
const maxRequest = 2 << 20

// Tick makes the event of a time that a schedule came to, in the transaction that moves the schedule on.
func (e *Emitter) Tick(ctx context.Context, tx store.Store, trigger store.Trigger, tick Tick) error {
	t := Trigger{Trigger: trigger}
	return e.keep(ctx, tx, []store.Event{t.event(store.EventCron, "tick", encode(Payload{Cron: &tick}))})
}

// Fire makes an event of a trigger by hand and returns its id. What it carries is a sample, with data, if
// that is not nil, in the place of the value, of the document or of the message.
func (e *Emitter) Fire(ctx context.Context, trigger store.Trigger, data json.RawMessage) (id string, err error) {
	if len(data) > 0 {
		if err := checkMessage("data", data); err != nil {
			return "", err
		}
	} else {
		data = json.RawMessage(`{"sample":true}`)
	}
	t := Trigger{Trigger: trigger}
	now := e.now().UTC().Truncate(time.Microsecond)
	event := t.event(store.EventSource(trigger.Kind), "fire", nil)
	event.ID = uuid.Must(uuid.NewV7()).String()
	var payload Payload
	change := store.Change{AppID: trigger.AppID, Source: store.ChangeSource(trigger.Kind), Key: "sample", New: data, Operation: "fire"}
	if trigger.Data != nil {
		change.Collection = strings.TrimSuffix(trigger.Data.Collection, "*")
	}
	switch trigger.Kind {
	case store.TriggerKV, store.TriggerDocs:
		payload = payloadOf(change)
	case store.TriggerFiles:
		change.New = encode(store.File{ID: change.Key, Name: "sample.txt", ContentType: "text/plain", CreatedAt: now, UpdatedAt: now})
		payload = payloadOf(change)
	case store.TriggerCron:
		payload.Cron = &Tick{Schedule: trigger.Cron.Schedule, Timezone: trigger.Cron.Timezone, ScheduledAt: now, FiredAt: now}
	case store.TriggerQueue:
		payload.Message = data
		event.Lane, event.TriggerID, event.ScriptID = QueueLane(trigger.AppID, trigger.Queue.Topic), "", ""
	case store.TriggerPubSub:
		payload.PubSub = &Published{strings.TrimSuffix(trigger.PubSub.Topic, "*"), data, now}
	case store.TriggerDeadLetter:
		payload.DeadLetter = &DeadLetter{ID: "sample", LastAt: now, Error: "a sample", Event: data}
	}
	event.Payload = encode(payload)
	return event.ID, e.store.Outbox().Atomically(ctx, func(tx store.Store) error { return e.keep(ctx, tx, []store.Event{event}) })
}

// OfDeadLetter are the events that a dead letter makes for those who wait for it, one deeper than the event
// that it was: else who handles dead letters by sending the event again would do so for ever. What handles
// dead letters makes none.
func (e *Emitter) OfDeadLetter(letter *store.DeadLetter, depth int, event json.RawMessage) (events []store.Event) {
	if letter.Source == store.EventDeadLetter {
		return nil
	}
	if deeper(event, abi.MaxNesting-2) { // no handler could read it, which may be why it is a dead letter
		event = json.RawMessage("null")
	}
	for _, trigger := range e.table.Of(letter.AppID, store.TriggerDeadLetter) {
		d := trigger.DeadLetter
		if d.Source != "" && d.Source != letter.Source || d.Trigger != "" && d.Trigger != letter.TriggerID ||
			d.Script != "" && d.Script != letter.ScriptID {
			continue
		}
		told := DeadLetter{ID: letter.ID, Attempts: letter.Attempts, LastAt: letter.LastAt, Error: letter.LastError, Event: event}
		if !letter.FirstAt.IsZero() {
			told.FirstAt = &letter.FirstAt
		}
		made := trigger.event(store.EventDeadLetter, "dead", encode(Payload{DeadLetter: &told}))
		made.Depth, made.RootExecution = depth+1, letter.RootExecution
		events = append(events, made)
	}
	if e.leavesOut(events) {
		return nil
	}
	return events
}

// Replay has the event of a dead letter delivered again, as a new one, and returns its id. Where that would
// be left out as too deep, it is refused, [fault.LimitExceeded]: the dead letter is all there is of the event.
// One that was replayed before is a [fault.Conflict]: should that fail, it has a dead letter of its own.
func (e *Emitter) Replay(ctx context.Context, appID, id, by string) (eventID string, err error) {
	if depth := CauseOf(ctx).Depth + 1; depth > e.maxDepth {
		return "", &fault.Error{
			Code: fault.LimitExceeded, Text: fmt.Sprintf("triggers may cause one another %d deep, and the event would be %d", e.maxDepth, depth),
			Value: depth, Limit: int64(e.maxDepth),
		}
	}
	err = e.store.Outbox().Atomically(ctx, func(tx store.Store) error {
		letter, err := tx.DeadLetters().Get(ctx, id)
		if err == nil && letter.AppID != appID {
			err = fault.Missing("dead letter")
		}
		if err != nil {
			return err
		}
		eventID = uuid.Must(uuid.NewV7()).String()
		if _, err := tx.DeadLetters().Resolve(ctx, id, store.ResolvedReplayed, by, eventID); err != nil {
			return err
		}
		return e.keep(ctx, tx, []store.Event{{
			ID: eventID, AppID: letter.AppID, Lane: letter.Lane, TriggerID: letter.TriggerID, ScriptID: letter.ScriptID,
			Source: letter.Source, Operation: letter.Operation, GroupKey: letter.GroupKey, ReplayOf: letter.ID, Payload: letter.Payload,
		}})
	})
	return eventID, err
}

// Resolve decides about a dead letter of an app by other means than replaying it: [store.ResolvedIgnored] or
// [store.ResolvedByScript].
func (e *Emitter) Resolve(ctx context.Context, appID, id string, as store.Resolution, by string) (letter store.DeadLetter, err error) {
	if as != store.ResolvedIgnored && as != store.ResolvedByScript {
		return letter, fault.Refuse("resolution", "must be ignored or handled_by_script, got %q", string(as))
	}
	err = e.store.Outbox().Atomically(ctx, func(tx store.Store) error {
		letter, err = tx.DeadLetters().Get(ctx, id)
		if err == nil && letter.AppID != appID {
			err = fault.Missing("dead letter")
		}
		if err != nil {
			return err
		}
		letter, err = tx.DeadLetters().Resolve(ctx, id, as, by, "")
		return err
	})
	return letter, err
}

// DeadLetters pages through the dead letters of an app, the newest first.
func (e *Emitter) DeadLetters(ctx context.Context, appID string, unresolved bool, page store.PageRequest) (store.Page[store.DeadLetter], error) {
	return e.store.DeadLetters().List(ctx, store.DeadLetterFilter{AppID: appID, Unresolved: unresolved}, page)
}

// DeadLetter finds a dead letter of an app.
func (e *Emitter) DeadLetter(ctx context.Context, appID, id string) (store.DeadLetter, error) {
	letter, err := e.store.DeadLetters().Get(ctx, id)
	if err == nil && letter.AppID != appID {
		err = fault.Missing("dead letter")
	}
	return letter, err
}

// Retry has an event delivered now, and returns it.
func (e *Emitter) Retry(ctx context.Context, id string) (store.Event, error) {
	event, err := e.store.Outbox().Retry(ctx, id)
	if err == nil {
		e.wake([]store.Event{event})
	}
	return event, err
}
