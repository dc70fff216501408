package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// job is events with all that is known of whoever handles them.
type job struct {
	events       []store.Event // one, or the messages of a batch
	payloads     []events.Payload
	trigger      *events.Trigger // nil of a call
	scriptID     string
	retry        store.Retry
	capabilities []abi.Capability
}

// verdict is what is to become of the events of a job.
type verdict struct {
	dead    bool
	ours    bool // with dead: by a defect of ours
	retry   bool
	at      time.Duration // with retry: from now
	count   bool          // with retry: as an attempt
	refused refusal       // with retry: the handler did not run, and would not for others
	reason  string
	failed  []string // with none of the above: the ids of messages that are retried; nil: none
}

// refusal tells which events would be refused as one was.
type refusal int

const (
	notRefused refusal = iota
	ofLane
	ofApp
)

// deliver runs the handler of events and returns what is to be written down, and the verdict that it is of. A panic
// of ours is a failure of ours.
func (d *Dispatcher) deliver(claimed []store.Event) (settled []store.Settlement, v verdict) {
	_, v, settled = d.deliverHere(context.Background(), claimed)
	return settled, v
}

// deliverHere is deliver, by an execution that ends with ctx, and returns the job, too.
func (d *Dispatcher) deliverHere(ctx context.Context, claimed []store.Event) (j *job, v verdict, settled []store.Settlement) {
	j = &job{events: claimed, scriptID: claimed[0].ScriptID, retry: d.config.CallRetry}
	err := background.Protect(func() error { v = d.attempt(ctx, j); return nil })
	if err != nil {
		v = d.defect(claimed, err)
	}
	if err := background.Protect(func() error { settled = d.settlements(j, v); return nil }); err != nil {
		v = d.defect(claimed, err)
		v.dead, v.retry = false, true // all that can be said of them is that they are still to be delivered
		settled = retried(claimed, v)
	}
	d.metrics.ended(claimed[0].Source, settled)
	return j, v, settled
}

// maxDefects is how often an event is tried that we fail to deliver by a defect of ours. Each node counts that for
// itself, since its start, of maxDefective events.
const (
	maxDefects   = 5
	maxDefective = 10_000
)

// defect is what becomes of events whose delivery panicked.
func (d *Dispatcher) defect(claimed []store.Event, err error) verdict {
	var defect *background.PanicError
	errors.As(err, &defect)
	d.log.Error("the delivery of an event panicked", "event_id", claimed[0].ID, "app_id", claimed[0].AppID, "trigger_id", claimed[0].TriggerID,
		"events", len(claimed), "error", err, "stack", string(defect.Stack))
	return d.again(claimed)
}

// again is what becomes of events that a defect of ours is in the way of: a panic, or a trap of the interpreter. It is
// no attempt of their handler's, and they are tried again; but not for ever, or an ordered key would stand still behind
// one.
func (d *Dispatcher) again(claimed []store.Event) verdict {
	times := 0
	for _, e := range claimed {
		before, _ := d.defects.Get(e.ID)
		d.defects.Add(e.ID, before+1)
		times = max(times, before+1)
	}
	if times >= maxDefects {
		return verdict{dead: true, ours: true, reason: "internal"}
	}
	return verdict{retry: true, at: ourPause + rand.N(ourPause)}
}

// retried has all events delivered again.
func retried(claimed []store.Event, v verdict) (settled []store.Settlement) {
	for _, e := range claimed {
		settled = append(settled, store.Settlement{EventID: e.ID, AppID: e.AppID, Token: e.Token, Retry: &store.RetryAt{Delay: v.at}})
	}
	return settled
}

// attempt tries to have a job done. What the handler does ends by its own time limit, or with the sandbox.
func (d *Dispatcher) attempt(ctx context.Context, j *job) verdict {
	limited, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	if v := d.prepare(limited, j); v != nil {
		return *v
	}
	d.metrics.began(j.events)
	return d.handle(ctx, j)
}

// prepare finds whoever handles the events of a job; a verdict says that nobody can.
func (d *Dispatcher) prepare(ctx context.Context, j *job) *verdict {
	first := j.events[0]
	for _, e := range j.events {
		var payload events.Payload
		if err := json.Unmarshal(e.Payload, &payload); err != nil {
			return &verdict{dead: true, reason: "the event cannot be read"}
		}
		j.payloads = append(j.payloads, payload)
	}
	if call := j.payloads[0].Call; call != nil {
		for _, c := range call.Capabilities {
			j.capabilities = append(j.capabilities, abi.Capability(c))
		}
		return nil
	}
	j.trigger = d.handlerOf(first)
	if j.trigger == nil {
		return d.withoutTrigger(ctx, first)
	}
	j.scriptID, j.retry = j.trigger.ScriptID, j.trigger.Retry
	capabilities, err := d.config.Registrant(ctx, j.trigger.RegisteredBy, j.trigger.AppID)
	switch {
	case fault.Of(err) == fault.Forbidden:
		return &verdict{dead: true, reason: err.Error()}
	case err != nil:
		return d.ourFault(err)
	}
	j.capabilities = capabilities
	return nil
}

// handlerOf returns the trigger that handles an event, nil if it is not known here.
func (d *Dispatcher) handlerOf(e store.Event) *events.Trigger {
	if e.Source == store.EventQueue {
		return d.table.Consumer(e.AppID, events.ReadLane(e.Lane).Topic)
	}
	return d.table.Get(e.TriggerID)
}

// withoutTrigger decides about an event whose trigger is not known here: it is gone, or so new that this
// node has not heard of it.
func (d *Dispatcher) withoutTrigger(ctx context.Context, e store.Event) *verdict {
	if e.Source == store.EventQueue { // it waits for another consumer
		return &verdict{retry: true, at: ourPause, refused: ofLane}
	}
	switch _, err := d.store.Triggers().Get(ctx, e.TriggerID); {
	case gone(err):
		return &verdict{dead: true, reason: "the trigger is gone"}
	case err != nil:
		return d.ourFault(err)
	}
	return &verdict{retry: true, at: fullPause, refused: ofLane}
}

// ourFault is what becomes of events when it is not their handler that failed: they are tried again.
func (d *Dispatcher) ourFault(err error) *verdict {
	d.log.Error("an event could not be delivered", "error", err)
	return &verdict{retry: true, at: ourPause + rand.N(ourPause), refused: ofLane}
}

// handle runs the script and judges how it went.
func (d *Dispatcher) handle(ctx context.Context, j *job) verdict {
	first, deepest := j.events[0], j.events[0]
	for _, e := range j.events {
		if e.Depth > deepest.Depth { // or a loop could hide behind others of its batch
			deepest = e
		}
	}
	in := executions.Invocation{
		ScriptID: j.scriptID, Type: abi.InvocationTrigger, EventID: first.ID, Capabilities: j.capabilities,
		Cause: events.Cause{Depth: deepest.Depth, Root: deepest.RootExecution},
	}
	var value json.RawMessage
	if call := j.payloads[0].Call; call != nil {
		in.Type, in.RequestID = abi.InvocationInvoke, call.RequestID
		if call.Request != nil {
			in.Type, in.Request, in.Route = abi.InvocationHTTP, call.Request, call.Route
		}
		if first.Attempt == 0 {
			in.ExecutionID = call.ExecutionID
		}
		if value = call.Args; value == nil {
			value = json.RawMessage("null")
		}
	} else {
		value = j.event()
	}
	encoded, err := abi.AppendFromJSON(nil, value)
	if err != nil {
		return verdict{dead: true, reason: "the event cannot be read"}
	}
	switch in.Type {
	case abi.InvocationInvoke:
		in.Args = encoded
	case abi.InvocationTrigger:
		in.Event = encoded
	}
	out, err := d.config.Runner.Run(ctx, in)
	switch {
	case gone(err):
		return verdict{dead: true, reason: "the script is gone"}
	case fault.Of(err) == fault.RateLimited: // which may end before its time, when an administrator allows more
		wait := min(fault.From(err).RetryAfter, limitedPause)
		return verdict{retry: true, at: wait + rand.N(wait/4+1), refused: ofApp}
	case err != nil:
		return *d.ourFault(err)
	case out.Error != nil && out.Error.Code == abi.CodeInternal && !out.OurFault:
		return d.again(j.events)
	}
	return j.judge(out)
}

// judge tells what becomes of the events after an execution.
func (j *job) judge(out *executions.Outcome) verdict {
	failure := out.Error
	if failure == nil {
		return j.answered(out)
	}
	switch {
	case failure.Code == abi.CodeOverloaded:
		return verdict{retry: true, at: fullPause + rand.N(fullPause), refused: ofLane}
	case failure.Code == abi.CodeCancelled: // the server stops
		return verdict{retry: true}
	case out.OurFault: // the storage is away: for however long
		return verdict{retry: true, at: ourPause + rand.N(ourPause)}
	case failure.Code == abi.CodeScriptInvalid:
		return verdict{dead: true, reason: failure.Message}
	case failure.Advice != nil && failure.Advice.DeadLetter:
		return verdict{dead: true, count: true, reason: failure.Message}
	}
	v := verdict{retry: true, count: true, reason: failure.Message, at: pause(j.retry, j.events[0].Attempt+1)}
	if failure.Advice != nil && failure.Advice.RetryAfterMS >= 0 {
		v.at = time.Duration(failure.Advice.RetryAfterMS) * time.Millisecond
	}
	return v
}

// answered reads which messages of a batch failed: an answer #{failed: [ids]}.
func (j *job) answered(out *executions.Outcome) verdict {
	done := verdict{}
	if j.events[0].Source != store.EventQueue || len(out.Value) == 0 {
		return done
	}
	text, err := abi.AppendJSON(nil, out.Value)
	if err != nil {
		return done
	}
	var answer struct {
		Failed json.RawMessage `json:"failed"`
	}
	if json.Unmarshal(text, &answer) != nil || answer.Failed == nil { // whatever else it is
		return done
	}
	v := verdict{reason: "the script says that it failed"}
	if json.Unmarshal(answer.Failed, &v.failed) != nil { // something has failed, and all of it is kept rather than lost
		v.reason, v.failed = "the script's failed is no array of ids", nil
		for _, e := range j.events {
			v.failed = append(v.failed, e.ID)
		}
	}
	if len(v.failed) == 0 {
		return done
	}
	return v
}

// pause is how long an event waits after so many attempts.
func pause(r store.Retry, attempts int) time.Duration {
	base, grown := float64(r.Base), float64(r.Base)
	switch r.Backoff {
	case store.BackoffExponential:
		grown = base * math.Pow(2, float64(attempts-1))
	case store.BackoffLinear:
		grown = base * float64(attempts)
	}
	grown = min(grown, float64(r.Max))
	return time.Duration(grown * (1 - r.Jitter*rand.Float64()))
}

// settlements writes a verdict as what the outbox is told.
func (d *Dispatcher) settlements(j *job, v verdict) (settled []store.Settlement) {
	for i, e := range j.events {
		s := store.Settlement{EventID: e.ID, AppID: e.AppID, Token: e.Token}
		mine := v
		if v.failed != nil && slices.Contains(v.failed, e.ID) {
			mine = verdict{retry: true, count: true, reason: v.reason, at: pause(j.retry, e.Attempt+1)}
		}
		if mine.retry && mine.count && e.Attempt+1 >= j.retry.MaxAttempts {
			mine = verdict{dead: true, count: true, reason: mine.reason}
		}
		var letter *events.DeadLetter
		if e.Source == store.EventDeadLetter && i < len(j.payloads) {
			letter = j.payloads[i].DeadLetter
		}
		switch {
		case letter != nil && (mine.dead || mine.retry && mine.count): // nobody handles the handler's failures
			s.Handled, s.As = letter.ID, store.ResolvedFailed
			d.log.Warn("a handler of dead letters failed", "app_id", e.AppID, "dead_letter_id", letter.ID, "script_id", j.scriptID)
		case mine.retry:
			s.Retry = &store.RetryAt{Delay: mine.at, Counted: mine.count, Error: mine.reason}
			if mine.count && e.GroupKey != "" && j.trigger != nil && j.trigger.Queue != nil && j.trigger.Queue.Ordered {
				s.Retry.HoldKey, s.Retry.Lane, s.Retry.GroupKey = true, e.Lane, e.GroupKey
			}
		case mine.dead:
			s.Dead = d.deadLetter(j, i, mine)
			event := json.RawMessage("null")
			if !mine.ours { // it may be what we cannot cope with
				event = j.eventOf(i)
			}
			s.Then = d.config.Emitter.OfDeadLetter(s.Dead, e.Depth, event)
			d.log.Warn("an event became a dead letter", "app_id", e.AppID, "event_id", e.ID, "dead_letter_id", s.Dead.ID,
				"trigger_id", s.Dead.TriggerID, "script_id", j.scriptID)
		case letter != nil:
			s.Handled, s.As = letter.ID, store.ResolvedByScript
		}
		settled = append(settled, s)
	}
	return settled
}

func (d *Dispatcher) deadLetter(j *job, i int, v verdict) *store.DeadLetter {
	e := j.events[i]
	letter := &store.DeadLetter{
		ID: uuid.Must(uuid.NewV7()).String(), AppID: e.AppID, EventID: e.ID, Lane: e.Lane, TriggerID: e.TriggerID, ScriptID: j.scriptID,
		Source: e.Source, Operation: e.Operation, GroupKey: e.GroupKey, RootExecution: e.RootExecution, Attempts: e.Attempt,
		CreatedAt: e.CreatedAt, FirstAt: e.FirstAt, LastAt: d.config.Now().UTC().Truncate(time.Microsecond), LastError: v.reason, Payload: e.Payload,
	}
	if v.count {
		letter.Attempts++
	}
	if j.trigger != nil {
		letter.TriggerID, letter.TriggerName = j.trigger.ID, j.trigger.Name
	}
	return letter
}

// common are the fields that every ctx.event has.
type common struct {
	ID             string            `json:"id"`
	Source         store.EventSource `json:"source"`
	Operation      string            `json:"operation"`
	TriggerID      string            `json:"trigger_id"`
	TriggerName    string            `json:"trigger_name"`
	Attempt        int               `json:"attempt"`
	MaxAttempts    int               `json:"max_attempts"`
	FirstAttemptAt time.Time         `json:"first_attempt_at"`
	Depth          int               `json:"depth"`
	RootExecution  string            `json:"root_execution_id"`
	events.Payload
	Truncated bool   `json:"truncated"`
	Queue     *queue `json:"queue,omitempty"`
}

// queue is the part of ctx.event that is of a queue.
type queue struct {
	Topic    string    `json:"topic"`
	Messages []message `json:"messages"`
}

type message struct {
	ID       string          `json:"id"`
	Key      *string         `json:"key"`
	Body     json.RawMessage `json:"body"`
	Attempt  int             `json:"attempt"`
	PushedAt time.Time       `json:"pushed_at"`
}

// event is ctx.event as JSON.
func (j *job) event() json.RawMessage {
	c := j.common(0)
	if first := j.events[0]; first.Source == store.EventQueue {
		c.Queue = &queue{Topic: events.ReadLane(first.Lane).Topic}
		for i := range j.events {
			c.Queue.Messages = append(c.Queue.Messages, j.message(i))
		}
	}
	return encode(c)
}

// eventOf is ctx.event of one of the events alone.
func (j *job) eventOf(i int) json.RawMessage {
	if i >= len(j.payloads) {
		return json.RawMessage("null")
	}
	c := j.common(i)
	if e := j.events[i]; e.Source == store.EventQueue {
		c.Queue = &queue{events.ReadLane(e.Lane).Topic, []message{j.message(i)}}
	}
	return encode(c)
}

func (j *job) common(i int) common {
	e := j.events[i]
	c := common{
		ID: e.ID, Source: e.Source, Operation: e.Operation, TriggerID: e.TriggerID, Attempt: e.Attempt + 1, MaxAttempts: j.retry.MaxAttempts,
		FirstAttemptAt: e.FirstAt, Depth: e.Depth, RootExecution: e.RootExecution, Payload: j.payloads[i], Truncated: j.payloads[i].Truncated,
	}
	c.Message, c.Call = nil, nil // which are told in other ways
	if j.trigger != nil {
		c.TriggerID, c.TriggerName = j.trigger.ID, j.trigger.Name
	}
	return c
}

func (j *job) message(i int) message {
	e := j.events[i]
	m := message{ID: e.ID, Body: j.payloads[i].Message, Attempt: e.Attempt + 1, PushedAt: e.CreatedAt}
	if e.GroupKey != "" {
		m.Key = &e.GroupKey
	}
	if m.Body == nil {
		m.Body = json.RawMessage("null")
	}
	return m
}

func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprint("what is made of JSON is JSON: ", err))
	}
	return text
}
