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
}

// RunRequest is the body of POST scripts/{id}/run: a request or an event.
type RunRequest struct {
	Request *Request        `json:"request,omitempty"`
	Event   json.RawMessage `json:"event,omitempty" doc:"A map, seen by the script as ctx.event"`
}

// RunResult tells how a test run ended.
type RunResult struct {
	ExecutionID string            `json:"execution_id"`
	Outcome     string            `json:"outcome" doc:"ok, or the code of the error"`
	Status      int               `json:"status" doc:"What a route would have answered"`
	Headers     map[string]string `json:"headers" doc:"Names in lower case; values of a repeated header joined by a line feed"`
	Body        json.RawMessage   `json:"body" doc:"A JSON response as it is, text as a string, anything else as {\"$blob\":base64}, null when empty"`
	Error       *abi.ScriptError  `json:"error,omitempty"`
	Logs        []LogLine         `json:"logs" nullable:"false"`
	DurationUS  int64             `json:"duration_us" doc:"Microseconds"`
	Operations  int64             `json:"operations"`
}
