package store

import "encoding/json"

// Case is a request or an event that a script is tried with, and what should come of it.
type Case struct {
	Name    string          `json:"name"`              // unique among those of the script
	Request *CaseRequest    `json:"request,omitempty"` // nil with Event nil: GET /
	Event   json.RawMessage `json:"event,omitempty"`   // a map, which the script sees as ctx.event, in place of a request
	Status  int             `json:"status,omitempty"`  // that it should answer, 200 to 599; 0: any
	Body    json.RawMessage `json:"body,omitempty"`    // that it should answer; nil: any, null: an empty one
}

// CaseRequest is a request as a test run takes it.
type CaseRequest struct {
	Method  string            `json:"method,omitempty"`
	Path    string            `json:"path,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	Params  map[string]string `json:"params,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	Rest    string            `json:"rest,omitempty"`

	HeadersAll map[string][]string `json:"headers_all,omitempty"`
	QueryAll   map[string][]string `json:"query_all,omitempty"`
	RemoteAddr string              `json:"remote_addr,omitempty"`
}

// Cases are what a script is tried with, in the order that was chosen.
type Cases struct {
	Version int64 // one more with every change; 0: there never were any
	List    []Case
}
