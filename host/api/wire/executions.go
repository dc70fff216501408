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
	ScriptVersion  int64              `json:"script_version" doc:"That ran: scripts/{script_id}/versions/{script_version} has its source, as long as it is kept; 0 of one that has not run yet"`
	RequestID      string             `json:"request_id"`
	InvocationType abi.InvocationType `json:"invocation_type" enum:"http,execute,trigger,invoke,"  doc:"Empty of one that has not run yet"`
	EventID        string             `json:"event_id,omitempty" doc:"The event that it handled"`
	State          string             `json:"state" enum:"waiting,running,retrying,ended" doc:"Of a call or an asynchronous request, where it is on its way; anything else has ended"`
	Outcome        string             `json:"outcome" doc:"ok, or the code of the error; empty: there is none yet"`
	Status         int                `json:"status" doc:"HTTP status answered"`
	Error          *abi.ScriptError   `json:"error,omitempty"`
	StartedAt      time.Time          `json:"started_at" doc:"Of one that has not run yet: when it was accepted"`
	DurationUS     int64              `json:"duration_us" doc:"Microseconds"`
	Operations     int64              `json:"operations"`
	Logs           []LogLine          `json:"logs,omitempty" doc:"Absent in listings"`
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
