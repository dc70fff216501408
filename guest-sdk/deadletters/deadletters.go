// Package deadletters looks after the events of an app that could not be delivered.
//
// Errors are [*sdk.Error]: not_found, conflict for a dead letter about which somebody has decided
// already, invalid for what is not allowed, denied without the capability AppEventsRead or
// AppEventsWrite, and unavailable.
package deadletters

import (
	"iter"
	"time"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// DeadLetter is an event that could not be delivered.
type DeadLetter struct {
	ID          string     `json:"id"`
	EventID     string     `json:"event_id"`
	Source      string     `json:"source"` // kv, docs, files, cron, queue, pubsub or call
	Operation   string     `json:"operation"`
	TriggerID   string     `json:"trigger_id"`   // "" when there was none
	TriggerName string     `json:"trigger_name"` // ""
	ScriptID    string     `json:"script_id"`    // "" of messages
	Key         string     `json:"key"`          // of a message; "" for none
	Attempts    int        `json:"attempts"`
	Error       string     `json:"error"`      // of the last attempt
	CreatedAt   time.Time  `json:"created_at"` // of the event
	FirstAt     time.Time  `json:"first_at"`   // of the first attempt; zero: there was none
	LastAt      time.Time  `json:"last_at"`    // of the last attempt
	Resolution  Resolution `json:"resolution"` // "": nobody has decided yet
	ResolvedAt  time.Time  `json:"resolved_at"`
	ResolvedBy  string     `json:"resolved_by"`
	ReplayedAs  string     `json:"replayed_as"` // an event; ""
	Payload     sdk.Value  `json:"payload"`     // of the event; null in a listing
}

// Resolution is what somebody decided about a dead letter.
type Resolution string

// The resolutions that a plugin may give. There are also "replayed", and "handler_failed" where the
// trigger of dead letters could not handle it.
const (
	Ignored         Resolution = "ignored"
	HandledByScript Resolution = "handled_by_script"
)

// Query asks for a page.
type Query struct {
	Unresolved bool   // only those about which nobody has decided
	Cursor     string // of the page before, "" for the first
	Limit      int    // 1 to 1000; 0: 50
}

// Page is a part of a listing.
type Page struct {
	Items  []DeadLetter `json:"items"`
	Cursor string       `json:"cursor"` // of the next page, "" when this is the last
}

type name struct {
	ID string `json:"id"`
}

// List returns a page of the dead letters, the newest first.
func List(query Query) (Page, error) {
	return host.Call[Page](host.DeadLettersList, struct {
		Unresolved bool   `json:"unresolved,omitzero"`
		Cursor     string `json:"cursor,omitzero"`
		Limit      int    `json:"limit,omitzero"`
	}{query.Unresolved, query.Cursor, query.Limit})
}

// All iterates over the dead letters that a query finds, page by page, and stops after an error.
func All(query Query) iter.Seq2[DeadLetter, error] {
	return host.Pages(func(cursor string) ([]DeadLetter, string, error) {
		if cursor != "" {
			query.Cursor = cursor
		}
		page, err := List(query)
		return page.Items, page.Cursor, err
	})
}

// Get returns the dead letter with an id; found is false when there is none.
func Get(id string) (letter DeadLetter, found bool, err error) {
	response, err := host.Call[struct {
		DeadLetter *DeadLetter `json:"dead_letter"`
	}](host.DeadLettersGet, name{id})
	if err != nil || response.DeadLetter == nil {
		return letter, false, err
	}
	return *response.DeadLetter, true, nil
}

// Replay delivers the event again and returns the id that it has then.
func Replay(id string) (eventID string, err error) {
	response, err := host.Call[struct {
		EventID string `json:"event_id"`
	}](host.DeadLettersReplay, name{id})
	return response.EventID, err
}

// Resolve decides about a dead letter and returns it.
func Resolve(id string, as Resolution) (DeadLetter, error) {
	response, err := host.Call[struct {
		DeadLetter DeadLetter `json:"dead_letter"`
	}](host.DeadLettersResolve, struct {
		name
		As Resolution `json:"as"`
	}{name{id}, as})
	return response.DeadLetter, err
}
