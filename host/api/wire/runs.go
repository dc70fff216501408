package wire

import (
	"encoding/json"

	"github.com/picloud/picloud/abi"
)

// Request is an HTTP request handed to a test run.
type Request struct {
	Method  string            `json:"method,omitempty" default:"GET"`
	Path    string            `json:"path,omitempty" default:"/"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty" doc:"Any JSON value. A string is the body as it is, {\"$blob\":base64} its bytes, anything else goes as JSON"`
	Params  map[string]string `json:"params,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	Rest    string            `json:"rest,omitempty"`

	HeadersAll map[string][]string `json:"headers_all,omitempty" doc:"Headers that are repeated; they take the place of those in headers"`
	QueryAll   map[string][]string `json:"query_all,omitempty" doc:"Parameters that are repeated; they take the place of those in query"`
	RemoteAddr string              `json:"remote_addr,omitempty" doc:"The client's IP address"`
}

// FileRef names a stored file.
type FileRef struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
}

// RunRequest is the body of POST scripts/{id}/run: a request or an event.
type RunRequest struct {
	Request *Request        `json:"request,omitempty"`
	Event   json.RawMessage `json:"event,omitempty" doc:"A map, seen by the script as ctx.event"`
	Trace   bool            `json:"trace,omitempty" doc:"Tell what the script asks the host for, and keep it with the execution"`
}

// RunResult tells how a test run ended.
type RunResult struct {
	ExecutionID   string            `json:"execution_id"`
	ScriptVersion int64             `json:"script_version" doc:"That ran; 0: none did"`
	Outcome       string            `json:"outcome" doc:"ok, or the code of the error"`
	Status        int               `json:"status" doc:"What a route would have answered"`
	Headers       map[string]string `json:"headers" doc:"Names in lower case; values of a repeated header joined by a line feed"`
	Body          json.RawMessage   `json:"body" doc:"A JSON response as it is, text as a string, anything else as {\"$blob\":base64}, null when empty"`
	File          *FileRef          `json:"file,omitempty" doc:"The stored file that a route would have sent as the body"`
	Error         *abi.ScriptError  `json:"error,omitempty"`
	Logs          []LogLine         `json:"logs"`
	Trace         *Trace            `json:"trace,omitempty" doc:"What it asked the host for, if it failed, was slow, or was to be traced"`
	DurationUS    int64             `json:"duration_us" doc:"Microseconds"`
	Operations    int64             `json:"operations"`
}
