package vm

import "sync/atomic"

// Budget counts operations, and makes sure that whoever works under it can be interrupted and lets
// the host have its turn. A [Thread] has one; so does the loading of a script.
//
// Operations are handed out in slices: only the end of a slice, or an interrupt, makes a call
// to Charge leave its short path.
type Budget struct {
	budget    int64   // operations left in this slice
	left      int64   // operations left after it
	limit     int64   // operations in all
	interrupt *uint32 // an Interrupt value of package abi; not 0: stop
	yield     func()  // see [Host.Yield]
	polls     uint8   // calls of Poll
	steps     int32   // of compiling, not yet an operation
	compiled  int     // steps of compiling, ever
}

// NewBudget makes a budget of so many operations. interrupt is the interrupt word, which may be
// nil; yield is called as [Host.Yield] is.
func NewBudget(operations int64, interrupt *uint32, yield func()) Budget {
	if interrupt == nil {
		interrupt = new(uint32)
	}
	return Budget{left: operations, limit: operations, interrupt: interrupt, yield: yield}
}

// Operations returns how many operations have been counted.
func (b *Budget) Operations() int64 { return b.limit - b.left - max(b.budget, 0) }

// Interrupted returns the value of the interrupt word.
func (b *Budget) Interrupted() uint32 { return atomic.LoadUint32(b.interrupt) }

// Charge counts n operations and polls the interrupt word.
func (b *Budget) Charge(n int64) *Error {
	b.budget -= n
	if b.budget < 0 || atomic.LoadUint32(b.interrupt) != 0 {
		return b.slice()
	}
	return nil
}

// Poll looks at the interrupt word within long work that has been counted, and now and then
// lets the host have its turn. Call it after each 100 µs of work, or less.
func (b *Budget) Poll() *Error {
	if atomic.LoadUint32(b.interrupt) != 0 {
		return b.slice()
	}
	if b.polls++; b.polls%pollsPerYield == 0 {
		b.yield()
	}
	return nil
}

// pollsPerYield is how often long work looks at the interrupt word between two calls of
// [Host.Yield].
const pollsPerYield = 8

// sliceSize is how many operations run between two calls of [Host.Yield].
const sliceSize = 16384

// slice begins the next slice of operations, or says why the work must not go on.
func (b *Budget) slice() *Error {
	if atomic.LoadUint32(b.interrupt) != 0 {
		return &Error{Variant: ErrorTerminated, Text: "Script terminated"}
	}
	if b.left == 0 {
		return tooManyOperations()
	}
	n := min(max(sliceSize, -b.budget), b.left)
	b.left -= n
	b.budget += n
	if b.budget < 0 {
		return tooManyOperations()
	}
	b.yield()
	return nil
}

func tooManyOperations() *Error {
	return &Error{Variant: ErrorTooManyOperations, Text: "Too many operations", Limit: "max_operations"}
}

// stepsPerOperation is how many steps of compiling are an operation: reading a token, visiting
// a node of the tree. A step takes about as long as running an instruction.
const stepsPerOperation = 8

// Compilation counts what compiling a text takes. Packages syntax and compile report their work to
// its method Step.
type Compilation struct {
	budget *Budget
	Err    *Error // why the work was ended
}

// Compilation begins to count the compilation of a text. Of a nil Budget it counts nothing.
func (b *Budget) Compilation() *Compilation { return &Compilation{budget: b} }

// Step counts n steps and reports whether to go on. Call it after each 100 µs of work, or less.
func (c *Compilation) Step(n int) bool {
	b := c.budget
	if b == nil || c.Err != nil {
		return c.Err == nil
	}
	b.compiled += n
	n += int(b.steps)
	b.steps = int32(n % stepsPerOperation)
	if c.Err = b.Charge(int64(n / stepsPerOperation)); c.Err == nil {
		c.Err = b.Poll()
	}
	return c.Err == nil
}
