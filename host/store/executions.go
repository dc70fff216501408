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
	ScriptName     string // set by the store
	ScriptVersion  int64  // that ran
	RequestID      string
	InvocationType abi.InvocationType
	EventID        string        // the event it handled; "" for none
	Outcome        abi.ErrorCode // "" when the script returned a value
	Status         int           // HTTP status answered, 0 if there was none
	ResponseBytes  int64         // of the response's body, unless that is a stored file
	Method         string        // of the request; "": none caused it
	Path           string        // of the request, the first [MaxPath] bytes
	Route          string        // the path of the route that led the request to the script; "": none did
	ParentID       string        // of the execution that invoked it; "": none did
	RootID         string        // of the execution for which it acts; "": it is the first
	ErrorMessage   string        // whole, "" on success
	ErrorLine      int           // from 1, 0 when unknown
	ErrorColumn    int           // in characters from 1, 0 when unknown
	StartedAt      time.Time     // given by the caller
	Duration       time.Duration // kept in whole microseconds
	CPU            time.Duration // that it had a processor for; counted for its app and day, not kept
	Operations     int64
	Lines          []LogLine // in the order written; empty in listings unless asked for
	Trace          *Trace    // what it asked the host for; nil: that is not kept, and in listings
}

// MaxPath is how much is kept of the path of a request, in bytes, and FreePath how much of it no log has to have room for.
const (
	MaxPath  = 1024
	FreePath = 128
)

// callBytes is about what a call of a trace takes in a database.
const callBytes = 100

// LogBytes returns how many bytes an execution counts for in the log of its app: those of its lines, of what its path is longer
// than [FreePath], and about those of its trace.
func (e *Execution) LogBytes() int {
	n := LogBytes(e.Lines) + max(min(len(e.Path), MaxPath)-FreePath, 0)
	if e.Trace != nil {
		n += len(e.Trace.Calls) * callBytes
	}
	return n
}

// Trace is what an execution asked the host for.
type Trace struct {
	Calls []Call `json:"calls"`          // the first ones, in order; none: it asked for nothing
	More  int    `json:"more,omitempty"` // how many came after
}

// Call is an operation of the host that an execution asked for. Of what it was about nothing is kept.
type Call struct {
	Name          string `json:"name"`     // as in kv.get
	StartUS       int64  `json:"start_us"` // from the begin of the execution, in microseconds
	DurationUS    int64  `json:"duration_us"`
	RequestBytes  int    `json:"request_bytes"`
	ResponseBytes int    `json:"response_bytes"`
	Outcome       string `json:"outcome"` // ok, or the code of the error
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
	// Newest follows the log from here: it continues with [OldestFirst] after all that was recorded before
	// the first page was read; after the newest line of a page with a cursor (after that cursor when the page is
	// empty). Always set.
	Newest string
}

// The outcomes of [ExecutionQuery] beside the codes of errors.
const (
	OutcomeSucceeded = "ok"
	OutcomeAnyError  = "failed"
)

// How far a [ExecutionQuery] looks for what it asks for, in executions, and how many an execution has that belong to it.
const (
	MaxSearched      = 10_000
	MaxSearchedText  = 1_000    // if it looks at their lines
	MaxSearchedBytes = 16 << 20 // of the lines, then, and those of an execution at most
	MaxRelated       = 1_000
	MaxCallees       = 100
)

// ExecutionQuery asks for executions of an app. What is zero does not narrow it.
type ExecutionQuery struct {
	AppID    string
	ScriptID string
	RootID   string // those that acted for it
	Outcome  string // a code, [OutcomeSucceeded] or [OutcomeAnyError]
	Type     abi.InvocationType

	MinDuration, MaxDuration time.Duration // at least and at most
	From, To                 time.Time     // started at or after, and before

	MinLevel abi.LogLevel // with a line of the log that is at least so severe

	Text  string // in the error's message or a line of the log, whatever the case of its ASCII letters
	After string // ExecutionPage.Newest of another page: only what was recorded after that, the oldest first
	Lines bool   // with their lines: then a page ends with the execution that has the last of [MaxPageLines]
	Page  PageRequest
}

// MaxPageLines is how many bytes of lines a page of executions has, beside those of its last one.
const MaxPageLines = 1 << 20

// ExecutionPage is a piece of a listing of executions.
type ExecutionPage struct {
	Items []Execution
	Next  string // cursor of those recorded before; "" when there are none
	// SearchedTo is when the last execution started that was looked at, if the page is short because so many were looked at;
	// Next goes on there. Else it is zero.
	SearchedTo time.Time
	Newest     string // for ExecutionQuery.After: what was recorded after this page. Always set
}

// Executions keeps the records of executions and their log lines.
type Executions interface {
	// Record keeps executions with their lines, all or none. One whose script or app is gone
	// meanwhile is dropped. One that is kept already stays as it is, so a batch may be recorded
	// again after a failure: by the same store, among the 32,768 that it is asked to record next; and
	// one whose id is that of its event by any store at any time. Text
	// is made valid rather than refused: bytes that are not UTF-8 and NUL become U+FFFD.
	Record(ctx context.Context, executions []Execution) error
	// Get finds an execution by id, with its lines.
	Get(ctx context.Context, id string) (Execution, error)
	// List returns executions of an app, the last recorded first.
	List(ctx context.Context, query ExecutionQuery) (ExecutionPage, error)
	// Callees returns the ids of executions that an execution of an app invoked, the first ones first: no more than
	// [MaxCallees], of the first [MaxRelated] that acted for the same one.
	Callees(ctx context.Context, e Execution) ([]string, error)
	// Logs pages through a script's log in the order in which lines were recorded: the lines of one
	// execution together, executions as they ended. A line recorded after a page was read is on a
	// later page of [OldestFirst], even if its time is earlier.
	Logs(ctx context.Context, query LogQuery) (LogPage, error)
	// DeleteBefore removes executions that started before a time, the oldest first, with their lines: limit of
	// them, 1 to [MaxBatch], or as many more as are kept together. It returns their number: less than
	// limit when none is left.
	DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error)
	// Compact brings together what few executions at a time were recorded, and what was by a version before, in
	// some transactions. It returns how many it has moved, which nobody sees: 0 when there are none left.
	// What was found damaged since, by whoever read, is an error then; others are read as if that were not there.
	Compact(ctx context.Context) (int, error)
}

// LogBytes returns how many bytes lines count for: their messages and data.
func LogBytes(lines []LogLine) (n int) {
	for _, line := range lines {
		n += len(line.Message) + len(line.Data)
	}
	return n
}
