package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/picloud/picloud/abi"
)

// A gate admits so many executions at once and refuses the others: there is no
// queue, because whoever waits in one holds memory and answers late.
type gate struct {
	mu      sync.Mutex
	max     int
	running map[*execution]struct{}
	closed  bool
	empty   chan struct{} // closed when closed is set and nothing runs
}

func newGate(max int) *gate {
	return &gate{max: max, running: make(map[*execution]struct{}, max), empty: make(chan struct{})}
}

// Causes for which an execution's context ends.
var (
	errTimeout  = errors.New("time limit exceeded")
	errShutdown = errors.New("the host shuts down")
	errEnded    = errors.New("the execution has ended")
)

// enter admits an execution, whose time then runs. One that another execution
// asked for, through its host, takes that one's place. The error is an
// [*abi.ScriptError].
func (g *gate) enter(ctx context.Context, limits abi.Limits) (*execution, error) {
	if ctx.Err() != nil {
		return nil, &abi.ScriptError{Code: abi.CodeCancelled, Message: "cancelled"}
	}
	caller, _ := ctx.Value(hostCallsKey{}).(*hostCalls)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return nil, &abi.ScriptError{Code: abi.CodeCancelled, Message: errShutdown.Error()}
	case caller != nil: // which waits meanwhile, and has been admitted
	case len(g.running) >= g.max:
		return nil, &abi.ScriptError{
			Code:    abi.CodeOverloaded,
			Message: fmt.Sprintf("all %d executions are taken", g.max),
		}
	}
	e := &execution{limits: limits}
	e.ctx, e.cancel = context.WithCancelCause(ctx)
	e.timer = time.AfterFunc(time.Duration(limits.TimeoutMS)*time.Millisecond, func() { e.cancel(errTimeout) })
	if caller != nil {
		e.caller = caller.execution
		return e, nil
	}
	g.running[e] = struct{}{}
	return e, nil
}

// leave ends an execution.
func (g *gate) leave(e *execution) {
	e.timer.Stop()
	e.cancel(errEnded)
	if e.caller != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.running, e)
	if g.closed && len(g.running) == 0 {
		close(g.empty)
	}
}

// count answers how many executions run.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.running)
}

// close refuses what comes, interrupts what runs and waits until it has ended.
func (g *gate) close(ctx context.Context) error {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		if len(g.running) == 0 {
			close(g.empty)
		}
	}
	for e := range g.running {
		e.cancel(errShutdown)
	}
	g.mu.Unlock()
	select {
	case <-g.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// An execution is what the gate has admitted: a time limit and a way to end it.
type execution struct {
	ctx    context.Context // ends with the execution; the cause says why
	cancel context.CancelCauseFunc
	timer  *time.Timer // cancels at the time limit; half the cost of a context with a deadline
	limits abi.Limits
	caller *execution // that asked for this one; nil: none did
}

// interruptWord answers what the guest is told, see [abi.InterruptTimeout].
func (e *execution) interruptWord() uint32 {
	cause := context.Cause(e.ctx)
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

// interruption answers why a guest was interrupted.
func (e *execution) interruption() *abi.ScriptError {
	switch e.interruptWord() {
	case abi.InterruptTimeout:
		return &abi.ScriptError{
			Code:    abi.CodeTimeout,
			Message: fmt.Sprintf("time limit exceeded: %d ms", e.limits.TimeoutMS),
		}
	case abi.InterruptShutdown:
		return &abi.ScriptError{Code: abi.CodeCancelled, Message: errShutdown.Error()}
	default:
		return &abi.ScriptError{Code: abi.CodeCancelled, Message: "cancelled"}
	}
}
