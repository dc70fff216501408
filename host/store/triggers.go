package store

import (
	"context"
	"encoding/json"
	"time"
)

// TriggerKind is what a trigger waits for.
type TriggerKind string

// The kinds of trigger.
const (
	TriggerKV         TriggerKind = "kv"
	TriggerDocs       TriggerKind = "docs"
	TriggerFiles      TriggerKind = "files"
	TriggerCron       TriggerKind = "cron"
	TriggerQueue      TriggerKind = "queue"
	TriggerPubSub     TriggerKind = "pubsub"
	TriggerDeadLetter TriggerKind = "dead_letter"
)

// TriggerKinds are all kinds, in the order in which they are told of.
var TriggerKinds = []TriggerKind{TriggerKV, TriggerDocs, TriggerFiles, TriggerCron, TriggerQueue, TriggerPubSub, TriggerDeadLetter}

// Trigger starts a script beside a request. Exactly the details of its kind are there.
type Trigger struct {
	ID           string
	AppID        string // the script's app
	ScriptID     string
	Kind         TriggerKind
	Name         string // unique in the app
	Enabled      bool   // otherwise no event is made for it
	Paused       bool   // its events wait
	RegisteredBy string // the user whose rights it runs with; "" when that one is gone
	Retry        Retry
	Concurrency  int // deliveries at once, on all nodes
	CreatedAt    time.Time
	UpdatedAt    time.Time

	Data       *DataTrigger // of kv, docs and files
	Cron       *CronTrigger
	Queue      *QueueTrigger
	PubSub     *PubSubTrigger
	DeadLetter *DeadLetterTrigger
}

// Retry is what becomes of a delivery that failed.
type Retry struct {
	MaxAttempts int           // from 1
	Backoff     Backoff       // how the pause grows
	Base        time.Duration // of the first pause; kept in whole milliseconds
	Max         time.Duration // no pause is longer; kept in whole milliseconds
	Jitter      float64       // the part of a pause that is left to chance, 0 to 1
}

// Backoff is how the pauses between attempts grow.
type Backoff string

// The ways to grow.
const (
	BackoffExponential Backoff = "exponential" // twice the one before
	BackoffLinear      Backoff = "linear"      // longer by the first
	BackoffConstant    Backoff = "constant"
)

// DataTrigger waits for changes of kv, docs or files.
type DataTrigger struct {
	Collection string            // a glob
	Operations []ChangeOperation // empty: any
	Filter     json.RawMessage   // of the language of docs; nil: any
}

// CronTrigger waits for the clock.
type CronTrigger struct {
	Schedule string
	Timezone string
	CatchUp  CatchUp
	NextAt   time.Time
	LastAt   time.Time // zero: it has never fired
}

// CatchUp is what becomes of the times that passed while no server ran.
type CatchUp string

// The ways to catch up.
const (
	CatchUpOnce CatchUp = "once" // one event for all of them
	CatchUpSkip CatchUp = "skip" // none
)

// QueueTrigger consumes the messages of a topic.
type QueueTrigger struct {
	Topic    string
	MaxBatch int           // messages of a delivery, at most
	MaxWait  time.Duration // for a batch to be full; kept in whole milliseconds
	Ordered  bool          // by the keys of messages
}

// PubSubTrigger waits for what is published.
type PubSubTrigger struct {
	Topic string // exact, prefix.* or *
}

// DeadLetterTrigger waits for deliveries that failed for good. What is "" is any.
type DeadLetterTrigger struct {
	Source  EventSource
	Trigger string // id
	Script  string // id
}

// Triggers keeps the triggers.
type Triggers interface {
	// Create keeps a new trigger and returns it with id and times. A name in use in the app is a
	// [Conflict] on "name", a topic of a queue that another trigger consumes one on "topic"; a script
	// that is not in the app is [fault.NotFound].
	Create(ctx context.Context, trigger Trigger) (Trigger, error)
	// Get finds a trigger by id.
	Get(ctx context.Context, id string) (Trigger, error)
	// All lists every trigger of every app in the order of their ids.
	All(ctx context.Context) ([]Trigger, error)
	// ByApp lists the triggers of an app in the order of their names (bytewise).
	ByApp(ctx context.Context, appID string) ([]Trigger, error)
	// Modify changes a trigger by change and returns it as it is now. An error of change is returned
	// as it is. Id, app and kind stay.
	Modify(ctx context.Context, id string, change func(*Trigger) error) (Trigger, error)
	// Delete removes a trigger. Its events stay: nothing is lost without a word.
	Delete(ctx context.Context, id string) error

	// Due lists enabled triggers of cron whose next time has come, up to limit, the longest due first.
	Due(ctx context.Context, now time.Time, limit int) ([]Trigger, error)
	// Fired moves the next time of a trigger of cron on, if it still is at one: of several nodes that
	// try, one succeeds.
	Fired(ctx context.Context, id string, at, next time.Time, fired time.Time) (bool, error)
	// NextDue returns the earliest next time of an enabled trigger of cron; zero: there is none.
	NextDue(ctx context.Context) (time.Time, error)
}
