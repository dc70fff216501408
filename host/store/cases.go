package store

import "encoding/json"

// Case is a request or an event that a script is tried with, and what should come of it.
type Case struct {
	Name    string          `json:"name"`              // unique among those of the script
	Request json.RawMessage `json:"request,omitempty"` // as the API has it; nil with Event nil: GET /
	Event   json.RawMessage `json:"event,omitempty"`   // what the script sees as ctx.event, in place of a request
	Status  int             `json:"status,omitempty"`  // that it should answer; 0: any
	Body    json.RawMessage `json:"body,omitempty"`    // that it should answer; nil: any, null: an empty one
}

// Cases are what a script is tried with, in the order that was chosen.
type Cases struct {
	Version int64 // one more with every change; 0: there never were any
	List    []Case
}
