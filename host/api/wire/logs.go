package wire

import (
	"encoding/json"
	"time"

	"github.com/picloud/picloud/abi"
)

// LogLine is one line of an execution's log.
type LogLine struct {
	ExecutionID   string          `json:"execution_id"`
	ScriptVersion int64           `json:"script_version" doc:"That ran"`
	Seq           int             `json:"seq" doc:"Place among the execution's lines, from 0"`
	At            time.Time       `json:"at"`
	Level         abi.LogLevel    `json:"level" enum:"trace,debug,info,warn,error"`
	Message       string          `json:"message"`
	Data          json.RawMessage `json:"data,omitempty"`
}
