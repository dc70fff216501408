package sdk

import (
	"errors"
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/wire"
)

// Event is what happened. One of the fields that name a source is there:
//
//	event, err := sdk.As[sdk.Event](ctx.Event)
//	for _, message := range event.Queue.Messages { ... }
//
// An event is delivered at least once; ID tells repeats. Data beyond 256 KiB are left out, and
// Truncated says so.
type Event struct {
	ID              string    `json:"id"`
	Source          string    `json:"source"`    // kv, docs, files, cron, queue, pubsub or dead_letter
	Operation       string    `json:"operation"` // create, update, delete, expire, fire, push, ...
	TriggerID       string    `json:"trigger_id"`
	TriggerName     string    `json:"trigger_name"`
	Attempt         int       `json:"attempt"` // this one, from 1
	MaxAttempts     int       `json:"max_attempts"`
	FirstAttemptAt  time.Time `json:"first_attempt_at"`
	Depth           int       `json:"depth"` // of events that caused one another, from 1
	RootExecutionID string    `json:"root_execution_id"`
	Truncated       bool      `json:"truncated"`

	KV         *KVEvent         `json:"kv,omitzero"`
	Docs       *DocsEvent       `json:"docs,omitzero"`
	Files      *FilesEvent      `json:"files,omitzero"`
	Cron       *CronEvent       `json:"cron,omitzero"`
	Queue      *QueueEvent      `json:"queue,omitzero"`
	PubSub     *PubSubEvent     `json:"pubsub,omitzero"`
	DeadLetter *DeadLetterEvent `json:"dead_letter,omitzero"`
}

// KVEvent is a change of a key.
type KVEvent struct {
	Collection string `json:"collection"`
	Key        string `json:"key"`
	Value      Value  `json:"value"`    // null: it was deleted or has expired
	Previous   Value  `json:"previous"` // null: there was none
}

// DocsEvent is a change of a document.
type DocsEvent struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Version    int64  `json:"version"`
	Data       Value  `json:"data"`      // null: it was deleted
	Previous   Value  `json:"prev_data"` // null: it was created
}

// FilesEvent is a change of a file: what it is now, or was when it was deleted.
type FilesEvent struct {
	Collection  string `json:"collection"`
	ID          string `json:"id"`
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"` // bytes
	SHA256      string `json:"sha256"`
}

// CronEvent is a time that a schedule came to.
type CronEvent struct {
	Schedule    string    `json:"schedule"`
	Timezone    string    `json:"timezone"`
	ScheduledAt time.Time `json:"scheduled_at"`
	FiredAt     time.Time `json:"fired_at"`
	Missed      int       `json:"missed"` // times before it for which there was no event
}

// QueueEvent is a batch of messages. A handler that could not handle some returns [Failed].
type QueueEvent struct {
	Topic    string         `json:"topic"`
	Messages []QueueMessage `json:"messages"`
}

// QueueMessage is a message of a queue.
type QueueMessage struct {
	ID       string    `json:"id"`
	Key      string    `json:"key"` // "" for none
	Body     Value     `json:"body"`
	Attempt  int       `json:"attempt"` // this one, from 1
	PushedAt time.Time `json:"pushed_at"`
}

// PubSubEvent is a message that was published.
type PubSubEvent struct {
	Topic       string    `json:"topic"`
	Message     Value     `json:"message"`
	PublishedAt time.Time `json:"published_at"`
}

// DeadLetterEvent is an event that could not be delivered.
type DeadLetterEvent struct {
	ID       string    `json:"id"`
	Attempts int       `json:"attempts"`
	FirstAt  time.Time `json:"first_at"` // zero: it was never tried
	LastAt   time.Time `json:"last_at"`
	Error    string    `json:"error"` // of the last attempt
	Event    *Event    `json:"event"` // as its own handler saw it
}

// Failed returns the response of a handler of a queue's messages that could not handle some of them:
// these alone are delivered again.
func Failed(ids ...string) Response { return OK(map[string][]string{"failed": ids}) }

// Failure is an error of a handler that says what becomes of its event.
//
//	return sdk.Response{}, &sdk.Failure{Err: err, RetryAfter: time.Minute}
type Failure struct {
	Err        error         // may be nil
	RetryAfter time.Duration // until the next attempt, at most 30 days; 0: as the trigger has it
	DeadLetter bool          // no further attempt: it becomes a dead letter
}

// Error returns the text of Err.
func (f *Failure) Error() string {
	switch {
	case f.Err != nil:
		return f.Err.Error()
	case f.DeadLetter:
		return "the event is not to be delivered again"
	}
	return "the event is to be delivered again"
}

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// failureText returns what the host is told of a handler's error: its text, or what a script would
// throw for a [Failure], as JSON.
func failureText(err error) string {
	var failure *Failure
	if !errors.As(err, &failure) || failure.RetryAfter <= 0 && !failure.DeadLetter {
		return err.Error()
	}
	thrown := struct {
		Message      string `json:"message"`
		RetryAfterMS *int64 `json:"retry_after_ms,omitzero"`
		DeadLetter   bool   `json:"dead_letter,omitzero"`
	}{Message: err.Error(), DeadLetter: failure.DeadLetter}
	if failure.RetryAfter > 0 {
		ms := failure.RetryAfter.Milliseconds()
		thrown.RetryAfterMS = &ms
	}
	text, failed := wire.Marshal(thrown)
	if failed != nil { // a text that is no UTF-8
		return err.Error()
	}
	return string(text)
}
