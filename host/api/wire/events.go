package wire

import (
	"encoding/json"
	"time"
)

// Event is something that is to be delivered.
type Event struct {
	ID              string          `json:"id" doc:"UUIDv7"`
	AppID           string          `json:"app_id"`
	Source          string          `json:"source" enum:"kv,docs,files,cron,queue,pubsub,dead_letter,call"`
	Operation       string          `json:"operation"`
	State           string          `json:"state" enum:"waiting,running,retrying"`
	TriggerID       string          `json:"trigger_id,omitempty" doc:"Absent of messages and calls"`
	ScriptID        string          `json:"script_id,omitempty" doc:"Absent of messages"`
	Topic           string          `json:"topic,omitempty" doc:"Of a message"`
	Key             string          `json:"key,omitempty" doc:"Of a message"`
	Attempts        int             `json:"attempts" doc:"Made so far"`
	LastError       string          `json:"last_error,omitempty"`
	Depth           int             `json:"depth" doc:"Of events that caused one another"`
	RootExecutionID string          `json:"root_execution_id,omitempty" doc:"That caused the first of them"`
	ReplayOf        string          `json:"replay_of,omitempty" doc:"A dead letter"`
	CreatedAt       time.Time       `json:"created_at"`
	FirstAttemptAt  *time.Time      `json:"first_attempt_at,omitempty"`
	DueAt           time.Time       `json:"due_at"`
	PayloadBytes    int             `json:"payload_bytes" doc:"Length of payload"`
	PayloadStart    string          `json:"payload_start,omitempty" doc:"Its first 120 characters, in a listing; absent of calls"`
	Payload         json.RawMessage `json:"payload,omitempty" doc:"What the event carries of its source; absent in a listing. Of a call's request, the values of headers that hold credentials are ***"`
}

// Queue is a topic that has messages, or a consumer.
type Queue struct {
	Topic     string     `json:"topic"`
	Waiting   int        `json:"waiting" doc:"Messages"`
	Running   int        `json:"running" doc:"Messages that are handled now"`
	OldestAt  *time.Time `json:"oldest_at,omitempty" doc:"When the oldest message was pushed"`
	Rate      float64    `json:"rate" doc:"Messages done a second over the last minute, of those that the node which answers has handled"`
	TriggerID string     `json:"trigger_id,omitempty" doc:"Of the consumer; absent: there is none, and the messages wait"`
}

// MessagePush is the body of POST apps/{app}/queues/{topic}/messages.
type MessagePush struct {
	Message    json.RawMessage `json:"message" doc:"Any JSON value, up to 256 KiB"`
	Key        string          `json:"key,omitempty" maxLength:"512" doc:"Of those that are handled in order"`
	Dedupe     string          `json:"dedupe,omitempty" maxLength:"512" doc:"A message with the same one within 24 hours is dropped"`
	DelayMS    int64           `json:"delay_ms,omitempty" minimum:"0" maximum:"2592000000" doc:"Until it is delivered"`
	DebounceMS int64           `json:"debounce_ms,omitempty" minimum:"0" maximum:"2592000000" doc:"Needs a key: it replaces the debounced message of its key that waits"`
}

// Cleared tells how many things were removed.
type Cleared struct {
	Removed int `json:"removed"`
}

// DeadLetter is an event that could not be delivered.
type DeadLetter struct {
	ID              string          `json:"id" doc:"UUIDv7"`
	AppID           string          `json:"app_id"`
	EventID         string          `json:"event_id"`
	Source          string          `json:"source" enum:"kv,docs,files,cron,queue,pubsub,dead_letter,call"`
	Operation       string          `json:"operation"`
	TriggerID       string          `json:"trigger_id,omitempty"`
	TriggerName     string          `json:"trigger_name,omitempty" doc:"As it was then"`
	ScriptID        string          `json:"script_id,omitempty"`
	Topic           string          `json:"topic,omitempty" doc:"Of a message"`
	Key             string          `json:"key,omitempty" doc:"Of a message"`
	RootExecutionID string          `json:"root_execution_id,omitempty"`
	Attempts        int             `json:"attempts"`
	CreatedAt       time.Time       `json:"created_at" doc:"Of the event"`
	FirstAt         *time.Time      `json:"first_at,omitempty" doc:"Of the first attempt; absent: there was none"`
	LastAt          time.Time       `json:"last_at"`
	Error           string          `json:"error" doc:"Of the last attempt"`
	Resolution      string          `json:"resolution,omitempty" enum:"replayed,ignored,handled_by_script,handler_failed" doc:"Absent, and handler_failed: nobody has decided yet. All but replayed can still be replayed or resolved otherwise"`
	ResolvedAt      *time.Time      `json:"resolved_at,omitempty"`
	ResolvedBy      string          `json:"resolved_by,omitempty" doc:"A user's name, or a script's"`
	ReplayedAs      string          `json:"replayed_as,omitempty" doc:"An event"`
	PayloadBytes    int             `json:"payload_bytes" doc:"Length of payload"`
	PayloadStart    string          `json:"payload_start,omitempty" doc:"Its first 120 characters, in a listing; absent of calls"`
	Payload         json.RawMessage `json:"payload,omitempty" doc:"What the event carries of its source; absent in a listing. Of a call's request, the values of headers that hold credentials are ***"`
}

// DeadLetters is a page of dead letters, with how many nobody has decided about.
type DeadLetters struct {
	Items      []DeadLetter `json:"items" nullable:"false"`
	Cursor     string       `json:"cursor,omitempty" doc:"Of the next piece; absent: this is the last"`
	Unresolved int64        `json:"unresolved" doc:"Of the app, whatever was asked for"`
}

// DeadLetterResolve is the body of POST dead-letters/{id}:resolve.
type DeadLetterResolve struct {
	Resolution string `json:"resolution,omitempty" enum:"ignored,handled_by_script" default:"ignored"`
}

// DeadLetterFilter is the body of POST apps/{app}/dead-letters:replay and :purge.
type DeadLetterFilter struct {
	Source   string `json:"source,omitempty" enum:"kv,docs,files,cron,queue,pubsub,dead_letter,call" doc:"Absent for any"`
	Trigger  string `json:"trigger,omitempty" doc:"Id; absent for any"`
	Script   string `json:"script,omitempty" doc:"Id; absent for any"`
	Resolved bool   `json:"resolved,omitempty" doc:"Those too about which somebody, or a script, has decided; of :replay none that was replayed"`
	Newest   string `json:"newest,omitempty" doc:"Id of the newest that counts: those that fail again meanwhile are newer; absent for any"`
}

// Replayed answers POST apps/{app}/dead-letters:replay.
type Replayed struct {
	EventIDs []string `json:"event_ids" nullable:"false"`
	More     bool     `json:"more" doc:"There are more than were replayed: ask again"`
}
