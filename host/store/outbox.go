package store

import (
	"context"
	"encoding/json"
	"time"
)

// EventSource is what an event is of: the kind of its trigger, or a call.
type EventSource string

// The sources of events.
const (
	EventKV         EventSource = "kv"
	EventDocs       EventSource = "docs"
	EventFiles      EventSource = "files"
	EventCron       EventSource = "cron"
	EventQueue      EventSource = "queue"
	EventPubSub     EventSource = "pubsub"
	EventDeadLetter EventSource = "dead_letter"
	EventCall       EventSource = "call" // of a script by another, or by an asynchronous route
)

// Event is something that is to be delivered, at least once.
type Event struct {
	ID     string
	AppID  string
	Lane   string // what is delivered in turn; begins with the app's id
	Source EventSource

	TriggerID     string // "" of messages and calls
	ScriptID      string // "" of messages
	Operation     string // create, fire, push, ...
	GroupKey      string // of a message; "" for none
	Depth         int    // of events that caused one another; 1 for one that no event caused
	RootExecution string // that caused the first of them; "" if none did
	Attempt       int    // made so far
	ReplayOf      string // a dead letter; "" for none
	LastError     string // of the last attempt; "" for none
	CreatedAt     time.Time
	FirstAt       time.Time // of the first attempt; zero: there was none
	DueAt         time.Time
	Running       bool // somebody handles it
	Token         string
	Payload       json.RawMessage // nil in a listing
	Excerpt                       // of Payload, when it was read

	Delay time.Duration // for [Outbox.Add]: until it is due
}

// Excerpt is what a listing has of a payload.
type Excerpt struct {
	Size  int    // of the payload, in bytes
	Start string // its first [ExcerptChars] characters; "" of a call, whose headers may hold credentials
}

// ExcerptChars is how much of a payload a listing shows.
const ExcerptChars = 120

// EventState is where an event is on its way.
type EventState string

// The states of events.
const (
	EventWaiting  EventState = "waiting"  // for its first attempt
	EventRunning  EventState = "running"  // now
	EventRetrying EventState = "retrying" // for another one
)

// State tells where an event is.
func (e *Event) State() EventState {
	switch {
	case e.Running:
		return EventRunning
	case e.Attempt > 0:
		return EventRetrying
	}
	return EventWaiting
}

// EventQuery asks for events of an app, in the order of their ids. What is "" is any.
type EventQuery struct {
	AppID     string
	TriggerID string
	Lane      string
	Source    EventSource
	State     EventState
	Page      PageRequest
}

// LaneDue is a lane with something to deliver.
type LaneDue struct {
	Lane string
	Due  time.Time // of the first
	Now  time.Time // of the database's clock
}

// MaxClaimBytes ends a claim: once the payloads of its events come to that, no more are added. A thousand
// of the longest messages would be more than a handler's memory.
const MaxClaimBytes = 4 << 20

// Claim asks for events of a lane.
type Claim struct {
	Lane  string
	Token string    // of whoever handles them
	Since time.Time // due at or after; zero for all. It spares the database a look at what is gone.
	Limit int       // events at most; see also [MaxClaimBytes]
	// Leased spares it a look at the leases that are gone: it is what [Turned.Leased] said of the lane after
	// an earlier claim, of leases that were as long; zero: all are counted.
	Leased time.Time

	// MaxRunning is how many events, or with Together how many tokens, may be running in the lane: no
	// more are claimed than that leaves.
	MaxRunning int
	Together   bool          // the events are one delivery, under one token
	MaxWait    time.Duration // with Together: fewer than Limit wait that long after they were due
	Ordered    bool          // of a group key only the first is claimed
}

// Settlement is what became of an event that was claimed. It is void, and nothing happens, when the event
// is not under the token any more.
type Settlement struct {
	EventID string
	AppID   string // the event's
	Token   string

	// Otherwise the event is done, and removed.
	Retry *RetryAt
	Dead  *DeadLetter // it is kept as a dead letter

	Then    []Event // that are added with it
	Handled string  // a dead letter whose handler ended so
	As      Resolution
}

// RetryAt is when an event is delivered again.
type RetryAt struct {
	Delay    time.Duration
	Counted  bool // as an attempt
	Error    string
	HoldKey  bool // those behind it of the same group key wait as long
	Lane     string
	GroupKey string
}

// Turn is one step of a dispatcher: what has ended and what it takes on, in one transaction.
type Turn struct {
	Settlements []Settlement
	Claims      []Claim
	Lease       time.Duration
}

// Turned is what came of a turn.
type Turned struct {
	Void    int                // settlements
	Claimed map[string][]Event // by token
	// Busy are lanes that another node was claiming from.
	Busy []string
	// Full are lanes of which less was claimed than asked for because that many are running already.
	Full []string
	// Leased is, by the lane, when the first lease ends of those there were when it was claimed from, or any later
	// one.
	Leased map[string]time.Time
	// Next is, by the lane, how long after the claim the first of what is due later is due; without one nothing is.
	Next map[string]time.Duration
}

// QueueDepth is how a topic stands.
type QueueDepth struct {
	Topic   string
	Waiting int
	Running int
	Oldest  time.Time // when the oldest message was pushed
}

// Depth is how many events of a source there are.
type Depth struct {
	Source  EventSource
	Waiting int64
	Running int64
	Due     time.Time // since when the first of those that wait is due, or when it will be; zero: none waits
}

// Outbox keeps what is to be delivered. Its clock is the database's.
type Outbox interface {
	// Atomically runs fn in one transaction, as [Store.InTx] does, but to the exclusion of nobody: fn
	// may use the outbox, the dead letters and the idempotency keys of tx, and may be run again.
	Atomically(ctx context.Context, fn func(tx Store) error) error
	// Add keeps events, in the transaction of their cause if there is one. An app that is gone is
	// [fault.NotFound].
	Add(ctx context.Context, events []Event) error
	// Replace puts the payload of an event in the place of that of the last one of its lane, group key and
	// operation that waits for its first attempt, and has it wait anew. It reports whether there was one.
	Replace(ctx context.Context, by Event) (id string, replaced bool, err error)

	// Turn does one step of a dispatcher.
	Turn(ctx context.Context, turn Turn) (Turned, error)
	// Lanes lists the lanes that have something to deliver, now or later.
	Lanes(ctx context.Context) ([]LaneDue, error)
	// Renew makes the leases of tokens last for so long from now on.
	Renew(ctx context.Context, tokens []string, lease time.Duration) error
	// Rescue gives up to limit events back whose leases have ended, or with all those of any lease,
	// and returns their number.
	Rescue(ctx context.Context, limit int, all bool) (int, error)
	// Fit has the database know how large the outbox is, which it may have learnt when the outbox was empty. It is to
	// be called now and then while there is much in it.
	Fit(ctx context.Context) error

	// Get finds an event by id.
	Get(ctx context.Context, id string) (Event, error)
	// List pages through the events of an app, without their payloads.
	List(ctx context.Context, query EventQuery) (Page[Event], error)
	// Delete removes an event that nobody handles now; one that runs is a [fault.Conflict].
	Delete(ctx context.Context, id string) error
	// Retry makes an event due now; one that runs is a [fault.Conflict].
	Retry(ctx context.Context, id string) (Event, error)
	// Clear removes the events of a lane that nobody handles now, up to limit, and returns their number.
	Clear(ctx context.Context, lane string, limit int) (int, error)
	// Count returns how many events an app has, at most most.
	Count(ctx context.Context, appID string, most int) (int, error)
	// Waiting returns how many events of a lane nobody handles now, at most most.
	Waiting(ctx context.Context, lane string, most int) (int, error)
	// Queues pages through the lanes of messages that an app has messages in, and other lanes beside them,
	// in the order of their names (bytewise); Topic is the lane.
	Queues(ctx context.Context, appID string, others []string, page PageRequest) (Page[QueueDepth], error)
	// Depths counts the events of all apps, by their source. It looks at the indexes of all of them.
	Depths(ctx context.Context) ([]Depth, error)

	// Shared reports whether other processes may use the outbox.
	Shared() bool
	// Announce tells the other nodes that there is something to deliver in lanes.
	Announce(ctx context.Context, lanes []string) error
	// Listen calls wake whenever another node has announced something, with the lanes, or with none if it may
	// have been any; see [Revisions.Listen].
	Listen(ctx context.Context, wake func(lanes []string)) error
}

// Resolution is what somebody decided about a dead letter.
type Resolution string

// The resolutions; "" while there is none.
const (
	ResolvedReplayed Resolution = "replayed"
	ResolvedIgnored  Resolution = "ignored"
	ResolvedByScript Resolution = "handled_by_script"
	ResolvedFailed   Resolution = "handler_failed"
)

// DeadLetter is an event that could not be delivered.
type DeadLetter struct {
	ID            string
	AppID         string
	EventID       string
	Lane          string
	TriggerID     string
	TriggerName   string
	ScriptID      string
	Source        EventSource
	Operation     string
	GroupKey      string
	RootExecution string
	Attempts      int
	CreatedAt     time.Time // of the event
	FirstAt       time.Time // zero: it was never tried
	LastAt        time.Time
	LastError     string
	Resolution    Resolution
	ResolvedAt    time.Time
	ResolvedBy    string
	ReplayedAs    string          // an event
	Payload       json.RawMessage // nil in a listing
	Excerpt                       // of Payload, when it was read
}

// DeadLetterFilter chooses dead letters of an app. What is "" is any.
type DeadLetterFilter struct {
	AppID      string
	Source     EventSource
	TriggerID  string
	ScriptID   string
	Unresolved bool   // those alone about which nobody has decided: without a resolution, or [ResolvedFailed]
	Unreplayed bool   // none that was replayed
	Newest     string // none that came after the one of this id
}

// DeadLetters keeps what could not be delivered. They come by the settlements of [Outbox.Turn].
type DeadLetters interface {
	// Get finds a dead letter by id.
	Get(ctx context.Context, id string) (DeadLetter, error)
	// List pages through dead letters, the newest first, without their payloads.
	List(ctx context.Context, filter DeadLetterFilter, page PageRequest) (Page[DeadLetter], error)
	// Count returns how many there are.
	Count(ctx context.Context, filter DeadLetterFilter) (int64, error)
	// Resolve decides about a dead letter and returns it, whatever was decided before; but one that was
	// replayed is a [fault.Conflict]: it is another event by now. What handlers of dead letters settle, see
	// [Settlement], replaces no decision.
	Resolve(ctx context.Context, id string, as Resolution, by, replayedAs string) (DeadLetter, error)
	// Delete removes a dead letter.
	Delete(ctx context.Context, id string) error
	// Purge removes up to limit that a filter chooses, and returns their number.
	Purge(ctx context.Context, filter DeadLetterFilter, limit int) (int, error)
	// DeleteBefore removes up to limit that failed before a time, and returns their number.
	DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error)
}

// IdempotencyKey is a key under which something is asked once.
type IdempotencyKey struct {
	AppID  string
	Scope  string // what the key is of, as in queue/TOPIC
	Key    string
	Digest string // of what is asked
}

// Idempotency keeps what was answered to whom, by keys.
type Idempotency interface {
	// Once keeps result under a key for so long and reports true, or finds the result that is there
	// already. Another digest is a [fault.Conflict].
	Once(ctx context.Context, key IdempotencyKey, result string, ttl time.Duration) (kept string, first bool, err error)
	// DeleteExpired removes up to limit keys whose time is over, and returns their number.
	DeleteExpired(ctx context.Context, limit int) (int, error)
}
