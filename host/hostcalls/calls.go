package hostcalls

import (
	"errors"
	"sync"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// MaxCalls is how many operations of an execution are told of, the first ones; the others are counted.
const MaxCalls = 200

// Calls gathers the operations that one execution asks for, for whoever wants to know where the time went. That costs two looks
// at the clock for each, and memory that executions share. It is used by one goroutine at a time.
type Calls struct {
	kept *keptCalls // nil: there are none yet
	more int
}

type keptCalls struct {
	n     int
	calls [MaxCalls]performed
}

// performed is an operation that was performed.
type performed struct {
	op                abi.Op
	start, took       time.Duration
	request, response int // bytes
	err               error
}

var callsPool = sync.Pool{New: func() any { return new(keptCalls) }}

// tells reports whether an operation is told of: not those that only look at a clock, write a line that is shown elsewhere, or
// let others run, of which there may be any number.
func tells(op abi.Op) bool {
	return op != abi.OpYield && op != abi.OpClockMonotonic && op != abi.OpLogWrite
}

func (c *Calls) add(call performed) {
	if c.kept == nil {
		c.kept = callsPool.Get().(*keptCalls)
	}
	if c.kept.n == MaxCalls {
		c.more++
		return
	}
	c.kept.calls[c.kept.n] = call
	c.kept.n++
}

// Trace returns what was gathered. One without calls says that nothing was asked for.
func (c *Calls) Trace() *store.Trace {
	if c.kept == nil {
		return &store.Trace{Calls: []store.Call{}}
	}
	trace := &store.Trace{Calls: make([]store.Call, c.kept.n), More: c.more}
	for i, call := range c.kept.calls[:c.kept.n] {
		row, _ := abi.Lookup(call.op)
		trace.Calls[i] = store.Call{
			Name: row.Name, StartUS: call.start.Microseconds(), DurationUS: call.took.Microseconds(),
			RequestBytes: call.request, ResponseBytes: call.response, Outcome: store.OutcomeSucceeded,
		}
		if call.err != nil {
			trace.Calls[i].Outcome = string(codeOf(call.err))
		}
	}
	return trace
}

// Release gives back what it has gathered.
func (c *Calls) Release() {
	if c.kept == nil {
		return
	}
	clear(c.kept.calls[:c.kept.n]) // whose errors may hold on to much
	c.kept.n = 0
	callsPool.Put(c.kept)
	c.kept, c.more = nil, 0
}

// codeOf returns the code of an error that a guest is shown.
func codeOf(err error) abi.OpCode {
	var shown *abi.OpError
	if errors.As(err, &shown) {
		return shown.Code
	}
	return abi.OpCodeInternal
}
