package abi

import "github.com/tinylib/msgp/msgp"

//go:generate go run github.com/tinylib/msgp -io=false -tests=false

// Kind is what a script is.
type Kind string

// The kinds of script.
const (
	KindEndpoint Kind = "endpoint" // bound to routes and triggers
	KindModule   Kind = "module"   // imported by other scripts of its app
	KindPlugin   Kind = "plugin"   // a WebAssembly module, bound like an endpoint
	KindStatic   Kind = "static"   // files of the app, served as they are; its source says which
)

// LoadRequest hands a script to the interpreter guest.
type LoadRequest struct {
	Name    string   `msg:"name"`
	Source  string   `msg:"source"`
	Kind    Kind     `msg:"kind"`
	Limits  Limits   `msg:"limits"` // every field set
	Modules []Module `msg:"modules"`
	// Lazy leaves the import of a module that is not among Modules to fail when it is
	// reached, as the language has it; otherwise the script is invalid.
	Lazy bool `msg:"lazy"`

	Testing bool `msg:"testing"` // the script has the functions of tests
	Cover   bool `msg:"cover"`   // runs tell how often each line was reached
}

// Module is a script that another may import.
type Module struct {
	Name   string `msg:"name"`
	Source string `msg:"source"`
}

// LoadResult is the result of a [LoadRequest].
type LoadResult struct {
	Error *ScriptError `msg:"error"` // nil: the script compiled
	// Imports are the names the script imports, in order of appearance. They are there also when
	// one of them is the error.
	Imports    []string `msg:"imports"`
	Operations int64    `msg:"operations"` // operations counted for compiling
	Reads      Reads    `msg:"reads"`      // what the script can see of its invocation
}

// Reads are the parts of ctx that a script can see: "event" is all of ctx.event, "request.path"
// that property alone, and "*" everything. What is not among them need not be sent.
type Reads []string

// RunRequest starts one execution of the loaded script.
type RunRequest struct {
	Invocation msgp.Raw `msg:"invocation"` // the parts of an [Invocation] that the script reads
	Entropy    [32]byte `msg:"entropy"`    // seeds this execution's random state; never reused
	UnixNano   int64    `msg:"unix_nano"`  // wall clock at the start, nanoseconds since 1970 UTC
	Describe   bool     `msg:"describe"`   // the result has a [Description] instead of the value
}

// RunResult is the result of a [RunRequest].
type RunResult struct {
	Value      msgp.Raw     `msg:"-"`          // the script's value; nil on error, and of unit
	Error      *ScriptError `msg:"error"`      // nil on success
	Operations int64        `msg:"operations"` // operations counted

	Description *Description `msg:"description"` // when asked for, on success

	Covered []Covered `msg:"covered"` // when the script was loaded for that; also on error
}

// Encode returns the result as a guest answers with it: the value, and what the message has behind it. If Value has the room
// it is not copied.
func (r *RunResult) Encode() ([]byte, error) {
	b := []byte(r.Value)
	if len(b) == 0 {
		b = msgp.AppendNil(b)
	}
	return r.MarshalMsg(b)
}

// Decode reads what Encode has written, and returns what follows it. The value is a part of b, not a copy.
func (r *RunResult) Decode(b []byte) ([]byte, error) {
	rest, err := msgp.Skip(b)
	if err != nil {
		return b, err
	}
	if r.Value = b[:len(b)-len(rest)]; msgp.IsNil(b) {
		r.Value = nil
	}
	return r.UnmarshalMsg(rest)
}

// Covered tells how often each line of a script, or of a module that it imports, was reached.
type Covered struct {
	Module string  `msg:"module"` // its name; "" is the script itself
	Lines  []int64 `msg:"lines"`  // a line with a statement, and how often one in it began, in turn; only those reached
}

// Description is the value of a script in words, for tools that work on the language.
type Description struct {
	Type    string `msg:"type"`    // as type_of returns it
	Debug   string `msg:"debug"`   // in debug form
	Display string `msg:"display"` // in string form
}

// ScriptError is why a script did not compile or ended early.
type ScriptError struct {
	Code    ErrorCode `msg:"code" json:"code"`
	Message string    `msg:"message" json:"message"`         // in full, with positions and calls
	Line    int       `msg:"line" json:"line,omitempty"`     // from 1; 0 when unknown
	Column  int       `msg:"column" json:"column,omitempty"` // in characters from 1; 0 when unknown
	Inside  *Place    `msg:"inside" json:"inside,omitempty"` // where it happened, when Line and Column are those of the call that led there
	Limit   string    `msg:"limit" json:"limit,omitempty"`   // which of [Limits] was exceeded
	Parsing bool      `msg:"parsing" json:"-"`               // the parser found it
	Advice  *Advice   `msg:"advice" json:"-"`                // nil: it gave none
}

func (e *ScriptError) Error() string { return e.Message }

// Place is a place in a script or in a module that it imports.
type Place struct {
	Module string `msg:"module" json:"module,omitempty"` // its name; "" is the script itself
	Line   int    `msg:"line" json:"line"`               // from 1
	Column int    `msg:"column" json:"column"`           // in characters from 1
}

// ErrorCode classifies how an execution failed.
type ErrorCode string

// How an execution can fail, with the status of the response of a route.
const (
	CodeScriptInvalid ErrorCode = "script_invalid" // 422: does not compile
	CodeScriptError   ErrorCode = "script_error"   // 502: uncaught error or invalid response
	CodeOverloaded    ErrorCode = "overloaded"     // 503: the execution gate is full
	CodeTimeout       ErrorCode = "timeout"        // 504: time limit
	CodeLimitExceeded ErrorCode = "limit_exceeded" // 507: operations, memory, size or depth limit
	CodeInternal      ErrorCode = "internal"       // 500: our fault
	CodeCancelled     ErrorCode = "cancelled"      // the caller went away or the host shuts down
)

// Values of the interrupt word.
const (
	InterruptNone     uint32 = 0
	InterruptTimeout  uint32 = 1
	InterruptCancel   uint32 = 2
	InterruptShutdown uint32 = 3
)

// Values of the trap word.
const (
	TrapNone   uint32 = 0
	TrapMemory uint32 = 1 // the memory limit is exhausted
)

// LogLevel orders log lines by severity.
type LogLevel string

// The log levels. print writes at info, debug at debug.
const (
	LogTrace LogLevel = "trace"
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

// LogEntry is the request of [OpLogWrite].
type LogEntry struct {
	Level   LogLevel `msg:"level" json:"level"`
	Message string   `msg:"message" json:"message"`
	Data    msgp.Raw `msg:"data,omitempty" json:"-"` // any value; absent when none was given
}

// Clock is the response of [OpClockMonotonic].
type Clock struct {
	Nanoseconds int64 `msg:"ns"`      // since an arbitrary start; only moves forward
	UnixNano    int64 `msg:"unix_ns"` // wall clock, nanoseconds since 1970 UTC
}

// OpError is the response of an operation that failed.
type OpError struct {
	Code    OpCode `msg:"code" json:"code"`
	Message string `msg:"message" json:"message"`
}

func (e *OpError) Error() string { return e.Message }

// OpCode says for programs why an operation failed.
type OpCode string

// Why an operation can fail.
const (
	OpCodeInvalid     OpCode = "invalid"        // a field is missing, malformed or over a limit
	OpCodeDenied      OpCode = "denied"         // the execution lacks the capability
	OpCodeNotFound    OpCode = "not_found"      // there is no such thing in this app
	OpCodeConflict    OpCode = "conflict"       // it is at another version than the one expected
	OpCodeCorrupted   OpCode = "corrupted"      // stored bytes are not what was stored
	OpCodeQuota       OpCode = "quota"          // the app may not keep more
	OpCodeUnreachable OpCode = "unreachable"    // another server cannot be reached
	OpCodeTimeout     OpCode = "timeout"        // it took longer than it may
	OpCodeCancelled   OpCode = "cancelled"      // the execution has been ended
	OpCodeUnavailable OpCode = "unavailable"    // the storage fails just now; try again
	OpCodeFailed      OpCode = "failed"         // what was invoked failed, or does not compile
	OpCodeLimit       OpCode = "limit_exceeded" // of what was invoked, or [MaxInvokeDepth]
	OpCodeInternal    OpCode = "internal"       // our fault
)
