// Package gate admits executions, bounds the time of each, and says why one ended.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/picloud/picloud/abi"
)

// A Gate admits so many executions at once and refuses the others: there is no
// queue, because whoever waits in one holds memory and answers late.
type Gate struct {
	logger *slog.Logger

	mu      sync.Mutex
	max     int
	running map[*Execution]struct{}
	closed  bool
	empty   chan struct{} // closed when closed is set and nothing runs
}

// New makes a gate for max executions at once, at least 1. Failures that callers
// must not see go to the logger.
func New(max int, logger *slog.Logger) *Gate {
	return &Gate{logger: logger, max: max, running: make(map[*Execution]struct{}, max), empty: make(chan struct{})}
}

// Enter admits an execution, whose time then runs; every limit is set. One that
// another execution asked for, by an operation, takes that one's place. The error
// is an [*abi.ScriptError].
func (g *Gate) Enter(ctx context.Context, limits abi.Limits, world World) (*Execution, error) {
	if ctx.Err() != nil {
		return nil, &abi.ScriptError{Code: abi.CodeCancelled, Message: "cancelled"}
	}
	caller, _ := ctx.Value(executionKey{}).(*Execution)
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
	e := &Execution{Limits: limits, World: world, logger: g.logger, caller: caller}
	e.ctx, e.cancel = context.WithCancelCause(context.WithValue(ctx, executionKey{}, e))
	timeout := time.Duration(limits.TimeoutMS) * time.Millisecond
	e.deadline = time.Now().Add(timeout)
	e.timer = time.AfterFunc(timeout, func() { e.cancel(errTimeout) })
	if caller == nil {
		g.running[e] = struct{}{}
	}
	return e, nil
}

// Leave ends an execution.
func (g *Gate) Leave(e *Execution) {
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

// Count returns how many executions run.
func (g *Gate) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.running)
}

// Close refuses what comes, interrupts what runs and waits until it has ended. The
// error is the context's.
func (g *Gate) Close(ctx context.Context) error {
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

// Causes for which an execution's context ends.
var (
	errTimeout  = errors.New("time limit exceeded")
	errShutdown = errors.New("the host shuts down")
	errEnded    = errors.New("the execution has ended")
)
