package abi

import "github.com/tinylib/msgp/msgp"

//go:generate go run github.com/tinylib/msgp -io=false -tests=false

// Limits of what is sent to be handled later.
const (
	MaxMessageBytes = 256 << 10 // of a message, or the arguments of a call, as JSON
	MaxTopicBytes   = 512       // of a topic's name, a key or a dedupe
	MaxPushMessages = 1000      // in one push

	MinTokenMillis int64 = 1000                     // of the life of a subscriber's token
	MaxTokenMillis int64 = 24 * 60 * 60 * 1000      // a day
	MaxDelayMillis int64 = 30 * 24 * 60 * 60 * 1000 // of a delay or a debounce: thirty days
)

// QueuePushRequest is the request of [OpQueuePush].
type QueuePushRequest struct {
	Topic    string         `msg:"topic"`
	Messages []QueueMessage `msg:"messages"` // 1 to [MaxPushMessages]
}

// QueueMessage is a message that is pushed.
type QueueMessage struct {
	Body           msgp.Raw `msg:"body,omitempty"`        // any value of at most [MaxMessageBytes] as JSON; absent: unit
	Key            string   `msg:"key,omitempty"`         // of its group, which an ordered trigger handles in order; "": none
	Dedupe         string   `msg:"dedupe,omitempty"`      // of several with the same one, the first is kept; "": all are
	DelayMillis    int64    `msg:"delay_ms,omitempty"`    // until it is due, 0 to [MaxDelayMillis]
	DebounceMillis int64    `msg:"debounce_ms,omitempty"` // as a delay, and it takes the place of one of its key that waits; 0: it does not
}

// QueuePushResponse is the response of [OpQueuePush].
type QueuePushResponse struct {
	IDs []string `msg:"ids"` // in the order of the messages; of one that is not kept, that of the one which is
}

// PubSubPublishRequest is the request of [OpPubSubPublish].
type PubSubPublishRequest struct {
	Topic   string   `msg:"topic"`
	Message msgp.Raw `msg:"message,omitempty"` // any value of at most [MaxMessageBytes] as JSON; absent: unit
}

// PubSubPublishResponse is the response of [OpPubSubPublish].
type PubSubPublishResponse struct {
	Delivered int `msg:"delivered"` // how many triggers get it
}

// PubSubTokenRequest is the request of [OpPubSubToken].
type PubSubTokenRequest struct {
	Topic     string `msg:"topic"`  // that can be subscribed to from outside
	TTLMillis int64  `msg:"ttl_ms"` // how long it lets subscribe, [MinTokenMillis] to [MaxTokenMillis]
}

// PubSubTokenResponse is the response of [OpPubSubToken].
type PubSubTokenResponse struct {
	Token     string `msg:"token"`
	ExpiresAt string `msg:"expires_at"` // RFC 3339 in UTC
}

// InvokeAsyncRequest is the request of [OpInvokeAsync].
type InvokeAsyncRequest struct {
	Name        string   `msg:"name"`               // of an endpoint or a plugin
	Args        msgp.Raw `msg:"args,omitempty"`     // any value of at most [MaxMessageBytes] as JSON, which it sees as ctx.args; absent: unit
	DelayMillis int64    `msg:"delay_ms,omitempty"` // until it runs, 0 to [MaxDelayMillis]
}

// InvokeAsyncResponse is the response of [OpInvokeAsync].
type InvokeAsyncResponse struct {
	ExecutionID string `msg:"execution_id"` // that it will have
}

// DeadLetter is an event that could not be delivered. Times are RFC 3339 in UTC.
type DeadLetter struct {
	ID          string   `msg:"id"`
	EventID     string   `msg:"event_id"`
	Source      string   `msg:"source"` // kv, docs, files, cron, queue, pubsub, dead_letter or call
	Operation   string   `msg:"operation"`
	TriggerID   string   `msg:"trigger_id"`   // "" of messages and calls
	TriggerName string   `msg:"trigger_name"` // ""
	ScriptID    string   `msg:"script_id"`    // "" of messages
	Key         string   `msg:"key"`          // of a message; "" for none
	Attempts    int      `msg:"attempts"`     // made
	Error       string   `msg:"error"`        // of the last attempt
	CreatedAt   string   `msg:"created_at"`   // of the event
	FirstAt     *string  `msg:"first_at"`     // of the first attempt; nil: there was none
	LastAt      string   `msg:"last_at"`      // of the last attempt
	Resolution  string   `msg:"resolution"`   // "": nobody has decided yet
	ResolvedAt  *string  `msg:"resolved_at"`  // nil
	ResolvedBy  string   `msg:"resolved_by"`  // ""
	ReplayedAs  string   `msg:"replayed_as"`  // an event; ""
	Payload     msgp.Raw `msg:"payload"`      // of the event; null in a listing
}

// DeadLettersListRequest is the request of [OpDeadLettersList].
type DeadLettersListRequest struct {
	Unresolved bool   `msg:"unresolved,omitempty"` // only those that nobody has decided about
	Cursor     string `msg:"cursor,omitempty"`
	Limit      int    `msg:"limit,omitempty"` // 1 to 1000; 0: 50
}

// DeadLettersListResponse is the response of [OpDeadLettersList], the newest first.
type DeadLettersListResponse struct {
	Items  []DeadLetter `msg:"items"`
	Cursor string       `msg:"cursor"` // of the next page, "" when this is the last
}

// DeadLettersGetRequest is the request of [OpDeadLettersGet] and [OpDeadLettersReplay].
type DeadLettersGetRequest struct {
	ID string `msg:"id"`
}

// DeadLettersGetResponse is the response of [OpDeadLettersGet].
type DeadLettersGetResponse struct {
	DeadLetter *DeadLetter `msg:"dead_letter"` // nil: not found
}

// DeadLettersReplayResponse is the response of [OpDeadLettersReplay].
type DeadLettersReplayResponse struct {
	EventID string `msg:"event_id"` // of the event that delivers it again
}

// DeadLettersResolveRequest is the request of [OpDeadLettersResolve].
type DeadLettersResolveRequest struct {
	ID string `msg:"id"`
	As string `msg:"as"` // ignored or handled_by_script
}

// DeadLettersResolveResponse is the response of [OpDeadLettersResolve].
type DeadLettersResolveResponse struct {
	DeadLetter DeadLetter `msg:"dead_letter"`
}

// Advice is what a script that fails says about the event that it handles.
type Advice struct {
	RetryAfterMS int64 `msg:"retry_after_ms"` // until the next attempt, 0 to [MaxDelayMillis]; -1: as the trigger has it
	DeadLetter   bool  `msg:"dead_letter"`    // no further attempt
}

// What a script throws, or a plugin fails with, to give advice: a map with one of the first two.
const (
	AdviceRetryAfter = "retry_after_ms" // an integer; more than [MaxDelayMillis] counts as that
	AdviceDeadLetter = "dead_letter"    // a bool
	AdviceMessage    = "message"        // a string: the error in the log instead of the map
)

// NewAdvice returns the advice of a map with these properties, nil for one that has neither. A
// negative retryAfterMS is none.
func NewAdvice(retryAfterMS int64, deadLetter bool) *Advice {
	if retryAfterMS < 0 && !deadLetter {
		return nil
	}
	return &Advice{RetryAfterMS: min(max(retryAfterMS, -1), MaxDelayMillis), DeadLetter: deadLetter}
}
