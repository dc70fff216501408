package wire

import (
	"encoding/json"
	"time"
)

// SchedulePreview is the body of POST apps/{app}/triggers:preview.
type SchedulePreview struct {
	Schedule string     `json:"schedule" minLength:"1" maxLength:"200" doc:"Six fields with seconds first, five without, a descriptor as @daily, or @every 90m"`
	Timezone string     `json:"timezone,omitempty" maxLength:"100" doc:"Of the IANA database; UTC when absent"`
	After    *time.Time `json:"after,omitempty" doc:"Now when absent"`
}

// SchedulePreviewed answers it.
type SchedulePreviewed struct {
	Next     []time.Time `json:"next" doc:"The next five times, by the zone's clock"`
	Quarters []int       `json:"quarters" doc:"The quarters of an hour, 0 to 95 by the zone's clock, in which it fires on the day of the first of them"`
	Words    string      `json:"words" doc:"When it fires, in English"`
}

// RetryPolicy is what becomes of a delivery that failed.
type RetryPolicy struct {
	MaxAttempts *int     `json:"max_attempts,omitempty" minimum:"1" maximum:"100"`
	Backoff     *string  `json:"backoff,omitempty" enum:"exponential,linear,constant" doc:"How the pause between attempts grows"`
	BaseMS      *int64   `json:"base_ms,omitempty" minimum:"1" maximum:"2592000000" doc:"The first pause, milliseconds"`
	MaxMS       *int64   `json:"max_ms,omitempty" minimum:"1" maximum:"2592000000" doc:"The longest pause, milliseconds; at least base_ms"`
	Jitter      *float64 `json:"jitter,omitempty" minimum:"0" maximum:"1" doc:"The part of a pause that is left to chance"`
}

// Trigger starts a script beside a request. Of the last fields those of its kind are there.
type Trigger struct {
	ID           string      `json:"id" doc:"UUIDv7"`
	AppID        string      `json:"app_id"`
	ScriptID     string      `json:"script_id"`
	Kind         string      `json:"kind" enum:"kv,docs,files,cron,queue,pubsub,dead_letter"`
	Name         string      `json:"name" doc:"Unique in its app"`
	Enabled      bool        `json:"enabled" doc:"Otherwise no event is made for it"`
	Paused       bool        `json:"paused" doc:"Its events wait"`
	RegisteredBy string      `json:"registered_by,omitempty" doc:"The user whose rights it runs with; absent when that one is gone"`
	Stopped      string      `json:"stopped,omitempty" doc:"Why its events become dead letters: who registered it is gone or deactivated, or may not run scripts here any more"`
	Retry        RetryPolicy `json:"retry"`
	Concurrency  int         `json:"concurrency" doc:"Deliveries at once, on all nodes"`
	CreatedAt    time.Time   `json:"created_at"`
	UpdatedAt    time.Time   `json:"updated_at"`

	TriggerDetails
	NextAt *time.Time `json:"next_at,omitempty" doc:"Of cron"`
	LastAt *time.Time `json:"last_at,omitempty" doc:"Of cron: when it fired last"`
}

// TriggerDetails are the details of all kinds.
type TriggerDetails struct {
	Collection    *string          `json:"collection,omitempty" doc:"Of kv, docs, files: a name, prefix* or *"`
	Operations    *[]string        `json:"operations,omitempty" nullable:"false" enum:"create,update,delete,expire" doc:"Of kv, docs, files: create, update, delete and, of kv, expire; empty for any"`
	Filter        *json.RawMessage `json:"filter,omitempty" doc:"Of kv, docs, files: a filter as of docs, on the new data or, of a deletion, on what was there; {} for any"`
	Schedule      *string          `json:"schedule,omitempty" doc:"Of cron: six fields with seconds first, five without, a descriptor as @daily, or @every 90m"`
	Timezone      *string          `json:"timezone,omitempty" doc:"Of cron: of the IANA database; UTC when absent"`
	CatchUp       *string          `json:"catch_up,omitempty" enum:"once,skip" doc:"Of cron: what becomes of times that were missed"`
	Topic         *string          `json:"topic,omitempty" doc:"Of queue, and of pubsub: there also prefix.* or *"`
	MaxBatch      *int             `json:"max_batch,omitempty" minimum:"1" maximum:"1000" doc:"Of queue: messages that an execution gets, 1 to 1000"`
	MaxWaitMS     *int64           `json:"max_wait_ms,omitempty" minimum:"0" maximum:"3600000" doc:"Of queue: how long a batch may wait to be full, 0 to 3600000"`
	Ordered       *bool            `json:"ordered,omitempty" doc:"Of queue: the messages of a key one after the other; concurrency is 1 then unless it is given"`
	Source        *string          `json:"source,omitempty" enum:"kv,docs,files,cron,queue,pubsub,call," doc:"Of dead_letter: kv, docs, files, cron, queue, pubsub or call; empty for any"`
	FailedTrigger *string          `json:"failed_trigger,omitempty" doc:"Of dead_letter: the id of a trigger; empty for any"`
	FailedScript  *string          `json:"failed_script,omitempty" doc:"Of dead_letter: the id of a script; empty for any"`
}

// TriggerCommon is what the body of POST apps/{app}/triggers/{kind} has for all kinds.
type TriggerCommon struct {
	Script      string       `json:"script" minLength:"1" doc:"Id, or name in the app"`
	Name        *string      `json:"name,omitempty" minLength:"1" maxLength:"128" doc:"Unique in the app; made of the script's name and the kind when absent"`
	Retry       *RetryPolicy `json:"retry,omitempty" doc:"What is absent has the server's default"`
	Concurrency *int         `json:"concurrency,omitempty" minimum:"1" maximum:"1000" doc:"Deliveries at once, on all nodes"`
	Enabled     *bool        `json:"enabled,omitempty" doc:"true when absent"`
}

// DataTriggerCreate is the body of POST apps/{app}/triggers/kv, docs and files.
type DataTriggerCreate struct {
	TriggerCommon
	Collection string           `json:"collection" minLength:"1" maxLength:"512" doc:"A name, prefix* or *"`
	Operations []string         `json:"operations,omitempty" nullable:"false" enum:"create,update,delete,expire" doc:"create, update, delete and, of kv, expire; empty or absent for any"`
	Filter     *json.RawMessage `json:"filter,omitempty" doc:"A filter as of docs, on the new data or, of a deletion, on what was there"`
}

// CronTriggerCreate is the body of POST apps/{app}/triggers/cron.
type CronTriggerCreate struct {
	TriggerCommon
	Schedule string  `json:"schedule" minLength:"1" maxLength:"200" doc:"Six fields with seconds first, five without, a descriptor as @daily, or @every 90m"`
	Timezone *string `json:"timezone,omitempty" maxLength:"100" doc:"Of the IANA database; UTC when absent"`
	CatchUp  *string `json:"catch_up,omitempty" enum:"once,skip" doc:"What becomes of times that were missed; once when absent"`
}

// QueueTriggerCreate is the body of POST apps/{app}/triggers/queue.
type QueueTriggerCreate struct {
	TriggerCommon
	Topic     string `json:"topic" minLength:"1" maxLength:"512" doc:"It has one consumer"`
	MaxBatch  *int   `json:"max_batch,omitempty" minimum:"1" maximum:"1000" doc:"Messages that an execution gets, at most; 1 when absent"`
	MaxWaitMS *int64 `json:"max_wait_ms,omitempty" minimum:"0" maximum:"3600000" doc:"How long a batch may wait to be full; 0 when absent"`
	Ordered   *bool  `json:"ordered,omitempty" doc:"The messages of a key one after the other; concurrency is 1 then unless it is given"`
}

// PubSubTriggerCreate is the body of POST apps/{app}/triggers/pubsub.
type PubSubTriggerCreate struct {
	TriggerCommon
	Topic string `json:"topic" minLength:"1" maxLength:"512" doc:"A topic, prefix.* or *"`
}

// DeadLetterTriggerCreate is the body of POST apps/{app}/triggers/dead_letter.
type DeadLetterTriggerCreate struct {
	TriggerCommon
	Source        *string `json:"source,omitempty" enum:"kv,docs,files,cron,queue,pubsub,call" doc:"Absent for any"`
	FailedTrigger *string `json:"failed_trigger,omitempty" doc:"Id; absent for any"`
	FailedScript  *string `json:"failed_script,omitempty" doc:"Id; absent for any"`
}

// TriggerUpdate is the body of PATCH triggers/{id}; absent fields stay as they are.
type TriggerUpdate struct {
	Script      *string      `json:"script,omitempty" minLength:"1" doc:"Id, or name in the app"`
	Name        *string      `json:"name,omitempty" minLength:"1" maxLength:"128"`
	Retry       *RetryPolicy `json:"retry,omitempty"`
	Concurrency *int         `json:"concurrency,omitempty" minimum:"1" maximum:"1000"`
	Enabled     *bool        `json:"enabled,omitempty"`
	Adopt       *bool        `json:"adopt,omitempty" doc:"true: it runs with your rights from now on, as if you had registered it"`
	TriggerDetails
}

// TriggerFire is the body of POST triggers/{id}:fire.
type TriggerFire struct {
	Data *json.RawMessage `json:"data,omitempty" doc:"The value, the document's data or the message of the event; a sample when absent"`
}

// EventMade answers with the id of an event.
type EventMade struct {
	EventID string `json:"event_id"`
}
