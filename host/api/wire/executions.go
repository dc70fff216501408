package wire

import (
	"time"

	"github.com/picloud/picloud/abi"
)

// Execution is the record of one run of a script.
type Execution struct {
	ID             string             `json:"id" doc:"UUIDv7"`
	AppID          string             `json:"app_id"`
	ScriptID       string             `json:"script_id"`
	ScriptName     string             `json:"script_name" doc:"Of today; empty of one that has not run yet"`
	ScriptVersion  int64              `json:"script_version" doc:"That ran: scripts/{script_id}/versions/{script_version} has its source, as long as it is kept; 0 of one that has not run yet"`
	RequestID      string             `json:"request_id"`
	InvocationType abi.InvocationType `json:"invocation_type" enum:"http,execute,trigger,invoke,"  doc:"Empty of one that has not run yet"`
	EventID        string             `json:"event_id,omitempty" doc:"The event that it handled, the first one of a batch. Once that is delivered, GET events/{id} answers 404"`
	State          string             `json:"state" enum:"waiting,running,retrying,ended" doc:"Of a call or an asynchronous request, where it is on its way; anything else has ended"`
	Method         string             `json:"method,omitempty" doc:"Of the request, if one caused it"`
	Path           string             `json:"path,omitempty" doc:"Of the request, the first 1024 bytes; the first 128 when the log of the app is full"`
	Route          string             `json:"route,omitempty" doc:"The path of the route that led the request to the script"`
	ParentID       string             `json:"parent_id,omitempty" doc:"The execution that invoked it"`
	RootID         string             `json:"root_id,omitempty" doc:"The execution for which it acts, by invocations and events; absent of the first one itself"`
	Outcome        string             `json:"outcome" doc:"ok, or the code of the error; empty: there is none yet"`
	Status         int                `json:"status" doc:"HTTP status answered"`
	ResponseBytes  int64              `json:"response_bytes" doc:"Of the response's body, unless that is a stored file"`
	Error          *abi.ScriptError   `json:"error,omitempty"`
	StartedAt      time.Time          `json:"started_at" doc:"Of one that has not run yet: when it was accepted"`
	DurationUS     int64              `json:"duration_us" doc:"Microseconds"`
	Operations     int64              `json:"operations"`
	Logs           []LogLine          `json:"logs,omitempty" doc:"Absent in listings unless asked for"`
	Callees        []string           `json:"callees,omitempty" doc:"Executions that it invoked, the first 100; absent in listings"`
	Trace          *Trace             `json:"trace,omitempty" doc:"What it asked the host for; kept of those that were slow or to be traced, and of one a second of those that failed alike, unless the log of the app is full. Absent: it is not kept; also in listings"`
}

// Trace is what an execution asked the host for.
type Trace struct {
	Calls []Call `json:"calls" doc:"The first 200, in order; empty: it asked for nothing"`
	More  int    `json:"more,omitempty" doc:"How many came after"`
}

// Call is an operation of the host that an execution asked for.
type Call struct {
	Name          string `json:"name" doc:"As in kv.get"`
	StartUS       int64  `json:"start_us" doc:"From the begin of the execution, in microseconds"`
	DurationUS    int64  `json:"duration_us" doc:"Microseconds"`
	RequestBytes  int    `json:"request_bytes" doc:"Of what was asked; 0 of secrets"`
	ResponseBytes int    `json:"response_bytes" doc:"Of what was answered; 0 of secrets"`
	Outcome       string `json:"outcome" doc:"ok, or the code of the error"`
}

// ExecutionPage is one piece of a listing of executions.
type ExecutionPage struct {
	Items      []Execution `json:"items" doc:"The last recorded first; with after, the oldest first"`
	Cursor     string      `json:"cursor,omitempty" doc:"Pass it as ?cursor= to get those before; absent on the last"`
	SearchedTo *time.Time  `json:"searched_to,omitempty" doc:"Set when the piece is short because so many were looked at: when the last of those started. The cursor goes on there"`
	Newest     string      `json:"newest" doc:"Pass it as ?after= to get what was recorded after this piece"`
}

// ExecutionEnded is the state of an execution that nothing more becomes of.
const ExecutionEnded = "ended"

// ExecutionError is the body of a route's or an execute request's answer when
// the script did not answer.
type ExecutionError struct {
	Error struct {
		Code        abi.ErrorCode `json:"code"`
		Message     string        `json:"message"`
		ExecutionID string        `json:"execution_id,omitempty"`
	} `json:"error"`
}
