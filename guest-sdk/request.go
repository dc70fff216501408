package sdk

import "strings"

// Request is the HTTP request of an execution, the zero Request when none caused it.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`  // names in lower case, repeated values joined by ", "
	Body    Value             `json:"body"`     // parsed when the content type is JSON, else a string, or a blob when it is not UTF-8; null when empty
	BodyRaw []byte            `json:"body_raw"` // as it came
	Params  map[string]string `json:"params"`   // of a route's path: id of /notes/:id
	Query   map[string]string `json:"query"`    // the last of repeated names
	Rest    string            `json:"rest"`     // what the /* at the end of a route's path matched
}

// Header returns the value of a header, "" when it is missing. Case does not count.
func (r Request) Header(name string) string { return r.Headers[strings.ToLower(name)] }

// Decode stores the body in what target points to, as [Value.Decode] does.
func (r Request) Decode(target any) error { return r.Body.Decode(target) }
