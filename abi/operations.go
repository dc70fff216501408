package abi

// Op numbers an operation on the wire between the interpreter guest and the
// host. Numbers are never reused.
type Op uint32

// The operations. Their request and response types are in [Operations].
const (
	// OpYield does nothing. A guest that works long calls it every now and then,
	// since Go can neither preempt it nor collect garbage while it runs.
	OpYield Op = 0
	// OpLogWrite appends one line to the execution's log.
	OpLogWrite Op = 1
	// OpClockMonotonic reads a clock that only moves forward.
	OpClockMonotonic Op = 2
)

// Capability names a permission an execution needs to perform an operation.
// The empty capability is held by every execution.
type Capability string

// Operation is one row of the contract: everything both kinds of guest and the
// dispatcher need to know of an operation.
type Operation struct {
	Op         Op
	Name       string     // as scripts' errors and logs show it: "log.write"
	Request    string     // name of the request type in this package
	Response   string     // name of the response type, "" when it answers nothing
	Capability Capability // needed to call it
	Since      string     // SDK version that introduced it
}

// SDKVersion is the version of the script-facing contract, ctx.sdk_version.
const SDKVersion = "1.0"

// Operations is the table of all operations in the order of their numbers.
var Operations = []Operation{
	{Op: OpYield, Name: "yield", Since: "1.0"},
	{Op: OpLogWrite, Name: "log.write", Request: "LogEntry", Since: "1.0"},
	{Op: OpClockMonotonic, Name: "clock.monotonic", Response: "Clock", Since: "1.0"},
}

// Lookup finds the row of op; ok is false for a number that is not in the table.
func Lookup(op Op) (row Operation, ok bool) {
	for _, row := range Operations {
		if row.Op == op {
			return row, true
		}
	}
	return Operation{}, false
}
