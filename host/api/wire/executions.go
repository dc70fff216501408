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
	ScriptVersion  int64              `json:"script_version"`
	RequestID      string             `json:"request_id"`
	InvocationType abi.InvocationType `json:"invocation_type" enum:"http,execute,trigger,invoke"`
	Outcome        string             `json:"outcome" doc:"ok, or the code of the error"`
	Status         int                `json:"status" doc:"HTTP status answered"`
	Error          *abi.ScriptError   `json:"error,omitempty"`
	StartedAt      time.Time          `json:"started_at"`
	DurationUS     int64              `json:"duration_us" doc:"Microseconds"`
	Operations     int64              `json:"operations"`
	Logs           []LogLine          `json:"logs,omitempty" doc:"Absent in listings"`
}

// ExecutionError is the body of a route's or an execute request's answer when
// the script did not answer.
type ExecutionError struct {
	Error struct {
		Code        abi.ErrorCode `json:"code"`
		Message     string        `json:"message"`
		ExecutionID string        `json:"execution_id,omitempty"`
	} `json:"error"`
}
