// Package events turns what happens into deliveries: a change of an app's data, a message, a tick of the
// clock becomes an event in the outbox for each trigger that waits for it, in the transaction of its
// cause. So there is no event without its change, and no change without its events.
//
// A [Registry] keeps in memory who listens to what, because it is asked before each write of kv, docs and
// files: a write to a collection that nobody listens to stays a single statement. It also gives a change
// and a new listener an order, see [Registry.Reload]. A [Table] knows the triggers themselves, and an
// [Emitter] makes the events. Package dispatch delivers them.
package events

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background/ending"
	"github.com/picloud/picloud/host/store"
)

// Bounds of what may be asked for, as package abi has them.
const (
	MaxMessageBytes = abi.MaxMessageBytes // also of the data in an event
	MaxMessages     = abi.MaxPushMessages
	MaxDelay        = time.Duration(abi.MaxDelayMillis) * time.Millisecond
	MaxTopicBytes   = abi.MaxTopicBytes
)

// DedupeFor is how long a repeat is known.
const DedupeFor = 24 * time.Hour

// Cause is what an execution acts for. Events that it makes are one deeper.
type Cause struct {
	Depth int    // of the event that it handles; 0: none
	Root  string // the execution that began it all
}

type causeKey struct{}

// WithCause returns a context of the operations of an execution.
func WithCause(ctx context.Context, cause Cause) context.Context {
	return ending.WithValue(ctx, causeKey{}, cause)
}

// CauseOf returns the cause in a context, zero if there is none.
func CauseOf(ctx context.Context) Cause {
	cause, _ := ctx.Value(causeKey{}).(Cause)
	return cause
}

// The lanes. Each begins with the app's id and a slash.
const (
	laneTrigger = "t/"
	laneQueue   = "q/"
	laneCall    = "c/"
)

// TriggerLane is the lane of the events of a trigger.
func TriggerLane(appID, triggerID string) string { return appID + "/" + laneTrigger + triggerID }

// QueueLane is the lane of the messages of a topic.
func QueueLane(appID, topic string) string { return appID + "/" + laneQueue + topic }

// CallLane is the lane of the calls of a script.
func CallLane(appID, scriptID string) string { return appID + "/" + laneCall + scriptID }

// Lane is a lane taken apart: one of Trigger, Topic and Script is there.
type Lane struct{ AppID, Trigger, Topic, Script string }

// ReadLane takes a lane apart.
func ReadLane(lane string) (l Lane) {
	var rest string
	l.AppID, rest, _ = strings.Cut(lane, "/")
	switch kind, name, _ := strings.Cut(rest, "/"); kind + "/" {
	case laneTrigger:
		l.Trigger = name
	case laneQueue:
		l.Topic = name
	case laneCall:
		l.Script = name
	}
	return l
}

// Payload is what an event carries: the part of ctx.event that is of its source. One of the fields that
// name a source is there, or Call.
type Payload struct {
	KV         json.RawMessage `json:"kv,omitempty"`
	Docs       json.RawMessage `json:"docs,omitempty"`
	Files      json.RawMessage `json:"files,omitempty"`
	Cron       *Tick           `json:"cron,omitempty"`
	PubSub     *Published      `json:"pubsub,omitempty"`
	Message    json.RawMessage `json:"message,omitempty"` // the body of a queue's
	DeadLetter *DeadLetter     `json:"dead_letter,omitempty"`
	Call       *Call           `json:"call,omitempty"`
	Truncated  bool            `json:"truncated,omitempty"` // data were too long, and are left out
}

// Tick is a time that a schedule came to.
type Tick struct {
	Schedule    string    `json:"schedule"`
	Timezone    string    `json:"timezone"`
	ScheduledAt time.Time `json:"scheduled_at"`
	FiredAt     time.Time `json:"fired_at"`
	Missed      int       `json:"missed"` // times before it for which there was no event
}

// Published is a message that was published.
type Published struct {
	Topic       string          `json:"topic"`
	Message     json.RawMessage `json:"message"`
	PublishedAt time.Time       `json:"published_at"`
}

// DeadLetter is a delivery that failed for good, as its handler sees it.
type DeadLetter struct {
	ID       string          `json:"id"`
	Attempts int             `json:"attempts"`
	FirstAt  *time.Time      `json:"first_at"`
	LastAt   time.Time       `json:"last_at"`
	Error    string          `json:"error"`
	Event    json.RawMessage `json:"event"` // as its own handler saw it
}

// Call is a script that is to be run with arguments.
type Call struct {
	ExecutionID  string          `json:"execution_id"`
	Args         json.RawMessage `json:"args,omitempty"`
	Request      *abi.Request    `json:"request,omitempty"` // of an asynchronous route, instead of args
	RequestID    string          `json:"request_id,omitempty"`
	Route        string          `json:"route,omitempty"` // the path of the asynchronous route
	Capabilities []string        `json:"capabilities"`    // of whoever called
}

// Table knows the triggers of all apps as they are, and which apps' events wait. It is safe for
// concurrent use.
type Table struct {
	mu     sync.RWMutex
	apps   map[string][]*Trigger // enabled or not
	byID   map[string]*Trigger
	paused map[string]bool     // apps
	queues map[string]*Trigger // enabled, that consume a topic, by its lane
}

// NewTable makes a table without triggers.
func NewTable() *Table {
	return &Table{apps: map[string][]*Trigger{}, byID: map[string]*Trigger{}, paused: map[string]bool{}, queues: map[string]*Trigger{}}
}

// Set replaces the triggers of an app. One that cannot be compiled any more is as good as not there.
func (t *Table) Set(appID string, triggers []store.Trigger, paused bool) {
	var compiled []*Trigger
	for _, trigger := range triggers {
		if c, err := compileTrigger(trigger); err == nil {
			compiled = append(compiled, c)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, old := range t.apps[appID] {
		delete(t.byID, old.ID)
		if old.Queue != nil {
			delete(t.queues, QueueLane(appID, old.Queue.Topic))
		}
	}
	delete(t.apps, appID)
	delete(t.paused, appID)
	if len(compiled) > 0 {
		t.apps[appID] = compiled
	}
	for _, c := range compiled {
		t.byID[c.ID] = c
		if c.Queue != nil && c.Enabled {
			t.queues[QueueLane(appID, c.Queue.Topic)] = c
		}
	}
	if paused {
		t.paused[appID] = true
	}
}

// Apps returns the apps that have triggers, or are paused.
func (t *Table) Apps() (ids []string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for id := range t.apps {
		ids = append(ids, id)
	}
	for id := range t.paused {
		if t.apps[id] == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// Get returns a trigger, nil if there is none.
func (t *Table) Get(id string) *Trigger {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

// Of returns the triggers of an app of a kind that are enabled.
func (t *Table) Of(appID string, kind store.TriggerKind) (of []*Trigger) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, trigger := range t.apps[appID] {
		if trigger.Kind == kind && trigger.Enabled {
			of = append(of, trigger)
		}
	}
	return of
}

// Consumer returns the trigger that consumes a topic, nil if there is none that is enabled.
func (t *Table) Consumer(appID, topic string) *Trigger {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.queues[QueueLane(appID, topic)]
}

// Paused reports whether the events of an app wait.
func (t *Table) Paused(appID string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.paused[appID]
}

// Listeners are those of an app's triggers that want to be told of changes, for a [Registry].
func Listeners(triggers []store.Trigger) (listeners []Listener) {
	for _, t := range triggers {
		if t.Enabled && t.Data != nil {
			listeners = append(listeners, Listener{
				ID: t.ID, Source: store.ChangeSource(t.Kind), Collection: t.Data.Collection, Operations: t.Data.Operations,
			})
		}
	}
	return listeners
}
