package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/picloud/picloud/abi"
)

// Execution is the record of one run of a script.
type Execution struct {
	ID             string // given by the caller
	AppID          string
	ScriptID       string
	ScriptVersion  int64 // that ran
	RequestID      string
	InvocationType abi.InvocationType
	EventID        string        // the event it handled; "" for none
	Outcome        abi.ErrorCode // "" when the script returned a value
	Status         int           // HTTP status answered, 0 if there was none
	ErrorMessage   string        // whole, "" on success
	ErrorLine      int           // from 1, 0 when unknown
	ErrorColumn    int           // in characters from 1, 0 when unknown
	StartedAt      time.Time     // given by the caller
	Duration       time.Duration // kept in whole microseconds
	CPU            time.Duration // that it had a processor for; counted for its app and day, not kept
	Operations     int64
	Lines          []LogLine // in the order written; empty in listings
}

// LogLine is one line of an execution's log.
type LogLine struct {
	ExecutionID   string // set by the store from the execution
	ScriptVersion int64  // that ran, likewise
	Seq           int    // place among the execution's lines from 0, set by the store
	At            time.Time
	Level         abi.LogLevel
	Message       string
	Data          json.RawMessage // nil when the line has none; kept as it is
}

// LogOrder is the direction in which log lines are listed.
type LogOrder int

// The directions.
const (
	NewestFirst LogOrder = iota
	OldestFirst
)

// LogQuery asks for log lines of a script.
type LogQuery struct {
	ScriptID string
	MinLevel abi.LogLevel // "" for all
	Since    time.Time    // lines written at or after; zero for all
	Order    LogOrder
	Page     PageRequest // its cursor may come from either order
}

// LogPage is a piece of a script's log.
type LogPage struct {
	Items []LogLine
	// Next continues the listing. With [OldestFirst] it is always set, also on an empty page, so
	// that a follower can ask for what comes later; with [NewestFirst] it is "" when this is the
	// last piece.
	Next string
	// Newest follows the log from here: it continues with [OldestFirst] after the newest line of
	// this page (after the page's own cursor when the page is empty). Always set.
	Newest string
}

// Executions keeps the records of executions and their log lines.
type Executions interface {
	// Record keeps executions with their lines, all or none. One whose script or app is gone
	// meanwhile is dropped, one that is kept already stays as it is, so a batch may be recorded
	// again after a failure. Text is made valid rather than refused: bytes that are not UTF-8 and
	// NUL become U+FFFD.
	Record(ctx context.Context, executions []Execution) error
	// Get finds an execution by id, with its lines.
	Get(ctx context.Context, id string) (Execution, error)
	// ListByScript pages through a script's executions, without their lines, the last recorded
	// first.
	ListByScript(ctx context.Context, scriptID string, page PageRequest) (Page[Execution], error)
	// Logs pages through a script's log in the order in which lines were recorded: the lines of one
	// execution together, executions as they ended. A line recorded after a page was read is on a
	// later page of [OldestFirst], even if its time is earlier.
	Logs(ctx context.Context, query LogQuery) (LogPage, error)
	// DeleteBefore removes up to limit executions, 1 to [MaxBatch], that started before a time,
	// oldest first, with their lines, and returns their number: less than limit when none is left.
	DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error)
}

// LogBytes returns how many bytes lines count for: their messages and data.
func LogBytes(lines []LogLine) (n int) {
	for _, line := range lines {
		n += len(line.Message) + len(line.Data)
	}
	return n
}
