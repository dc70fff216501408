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
	"github.com/picloud/picloud/host/background/turns"
)

// A Gate admits so many executions at once and refuses the others: there is no queue, because whoever
// waits in one holds memory and answers late.
//
// Its places are shared by apps, so that none keeps the others out. An app has at most its share of
// them at once, and the last quarter is kept for apps that have none: however much others run, an
// app that runs nothing is admitted, unless that quarter is taken by as many other apps.
type Gate struct {
	logger     *slog.Logger
	places     int
	kept       int // of them, for apps that have none
	processors processors

	mu      sync.Mutex
	running map[*Execution]struct{}
	apps    map[string]int // places that an app has; none: it is not there
	closed  bool
	empty   chan struct{} // closed when closed is set and nothing runs
}

// New makes a gate of so many places, at least 1. Failures that callers must not see go to the
// logger.
func New(places int, logger *slog.Logger) *Gate {
	g := &Gate{
		logger: logger, places: places, kept: max(places/4, 1), processors: newProcessors(),
		running: make(map[*Execution]struct{}, places), apps: map[string]int{}, empty: make(chan struct{}),
	}
	if places == 1 {
		g.kept = 0
	}
	return g
}

// A Request asks to be admitted.
type Request struct {
	App    string
	Share  int        // places that the app may have at once; 0: half of all, at least one
	Beyond int        // more than its share, for work of ours that its executions must not keep out
	Limits abi.Limits // every one is set
	World  World
}

// Enter admits an execution, whose time then runs. One that another execution asked for, by an
// operation, takes that one's place. The error is an [*abi.ScriptError].
func (g *Gate) Enter(ctx context.Context, r Request) (*Execution, error) {
	if ctx.Err() != nil {
		return nil, &abi.ScriptError{Code: abi.CodeCancelled, Message: "cancelled"}
	}
	caller, _ := turns.HolderOf(ctx).(*Execution)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return nil, &abi.ScriptError{Code: abi.CodeCancelled, Message: errShutdown.Error()}
	case caller != nil: // which waits meanwhile, and has been admitted
	default:
		if refusal := g.refusal(r); refusal != "" {
			return nil, &abi.ScriptError{Code: abi.CodeOverloaded, Message: refusal}
		}
	}
	e := &Execution{Limits: r.Limits, World: r.World, app: r.App, logger: g.logger, caller: caller, processors: &g.processors}
	e.ctx.Begin(turns.WithHolder(ctx, e))
	timeout := time.Duration(r.Limits.TimeoutMS) * time.Millisecond
	e.deadline = time.Now().Add(timeout)
	e.timer = time.AfterFunc(timeout, func() { e.ctx.End(errTimeout) })
	if caller == nil {
		g.running[e] = struct{}{}
		g.apps[r.App]++
	}
	return e, nil
}

// refusal says why a request is not admitted now; "": it is.
func (g *Gate) refusal(r Request) string {
	share := r.Share
	if share <= 0 {
		share = (g.places + 1) / 2
	}
	switch has, taken := g.apps[r.App], len(g.running); {
	case taken >= g.places:
		return fmt.Sprintf("all %d executions are taken", g.places)
	case has >= share+r.Beyond:
		return fmt.Sprintf("all %d executions that the app may have at once are taken", share)
	case has > 0 && taken >= g.places-g.kept:
		return fmt.Sprintf("all %d executions are taken, but %d that are for apps without any", g.places-g.kept, g.kept)
	}
	return ""
}

// Leave ends an execution.
func (g *Gate) Leave(e *Execution) {
	e.timer.Stop()
	e.ctx.End(errEnded)
	e.hold.giveBack()
	if e.caller != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.running, e)
	if g.apps[e.app]--; g.apps[e.app] == 0 {
		delete(g.apps, e.app)
	}
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

// CountOf returns how many executions of an app run.
func (g *Gate) CountOf(app string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.apps[app]
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
		e.ctx.End(errShutdown)
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
