package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background/ending"
	"github.com/picloud/picloud/host/background/turns"
)

// An Execution is what the gate has admitted: a time limit and a way to end it.
type Execution struct {
	Limits abi.Limits // every field set
	World

	app      string
	logger   *slog.Logger
	ctx      ending.Context
	timer    *time.Timer // ends it at the time limit; half the cost of a context with a deadline
	deadline time.Time   // when it does
	caller   *Execution  // that asked for this one; nil: none did

	processors *processors
	hold       hold
}

// Admitted returns the execution that a context is of. It panics when it is of none.
func Admitted(ctx context.Context) *Execution {
	return turns.HolderOf(ctx).(*Execution)
}

// Context ends with the execution.
func (e *Execution) Context() context.Context { return &e.ctx }

// AfterFunc calls a function, in a goroutine of its own, when the execution ends, as [context.AfterFunc] of its context.
func (e *Execution) AfterFunc(f func()) (stop func() bool) { return e.ctx.AfterFunc(f) }

// Pause stops the execution's time until resume is called, for what we do before it can run. Its
// context goes on to end with its caller's, or with the host.
func (e *Execution) Pause() (resume func()) {
	if !e.timer.Stop() { // it is over
		return func() {}
	}
	left := time.Until(e.deadline)
	return func() {
		e.deadline = time.Now().Add(left)
		e.timer.Reset(left)
	}
}

// Perform performs an operation for the guest. The error is what the guest may know
// of a failure; what it may not is logged. A panic is a failure, too.
func (e *Execution) Perform(op abi.Op, request []byte) ([]byte, *abi.OpError) {
	resume := e.performing()
	response, err := e.perform(op, request)
	resume()
	if err == nil {
		return response, nil
	}
	var shown *abi.OpError
	if errors.As(err, &shown) {
		return nil, shown
	}
	if e.InterruptWord() != abi.InterruptNone {
		return nil, &abi.OpError{Code: abi.OpCodeInternal, Message: e.Interruption().Message}
	}
	row, _ := abi.Lookup(op)
	e.logger.Error("sandbox: an operation failed", "operation", row.Name, "op", op, "error", err)
	return nil, &abi.OpError{Code: abi.OpCodeInternal, Message: "internal error"}
}

func (e *Execution) perform(op abi.Op, request []byte) (response []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if e.Operations == nil {
		return nil, &abi.OpError{Code: abi.OpCodeDenied, Message: "not available while a script is loaded"}
	}
	response, err = e.Operations.Perform(&e.ctx, op, request)
	if err == nil && len(response) > math.MaxInt32 { // guests are of 32 bits
		err = fmt.Errorf("a response of %d bytes", len(response))
	}
	return response, err
}

// InterruptWord is what the guest is told of its execution's end, see [abi.InterruptTimeout].
func (e *Execution) InterruptWord() uint32 {
	cause := e.ctx.Cause()
	if cause == errTimeout && e.caller != nil && e.caller.ctx.Err() != nil {
		return abi.InterruptCancel // the time was the caller's
	}
	switch cause {
	case nil:
		return abi.InterruptNone
	case errTimeout:
		return abi.InterruptTimeout
	case errShutdown:
		return abi.InterruptShutdown
	default:
		return abi.InterruptCancel
	}
}

// Interruption says why the execution was interrupted.
func (e *Execution) Interruption() *abi.ScriptError {
	switch e.InterruptWord() {
	case abi.InterruptTimeout:
		return &abi.ScriptError{
			Code:    abi.CodeTimeout,
			Message: fmt.Sprintf("time limit exceeded: %d ms", e.Limits.TimeoutMS),
		}
	case abi.InterruptShutdown:
		return &abi.ScriptError{Code: abi.CodeCancelled, Message: errShutdown.Error()}
	default:
		return &abi.ScriptError{Code: abi.CodeCancelled, Message: "cancelled"}
	}
}

// MemoryExceeded says that the guest wanted more memory than it may have.
func (e *Execution) MemoryExceeded() *abi.ScriptError {
	return &abi.ScriptError{
		Code: abi.CodeLimitExceeded, Limit: "memory_mb",
		Message: fmt.Sprintf("memory limit exceeded: %d MiB", e.Limits.MemoryMB),
	}
}

// StackExceeded says that the guest called deeper than it may.
func (e *Execution) StackExceeded() *abi.ScriptError {
	return &abi.ScriptError{
		Code: abi.CodeLimitExceeded, Limit: "max_call_levels",
		Message: "stack limit exceeded: calls or values are nested too deep",
	}
}

// Failed logs a failure of ours in full, and returns what callers may see of it.
func (e *Execution) Failed(what string, err error) *abi.ScriptError {
	e.logger.Error("sandbox: "+what, "error", err)
	return &abi.ScriptError{Code: abi.CodeInternal, Message: "internal error"}
}
