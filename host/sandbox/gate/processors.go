package gate

import (
	"context"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/picloud/picloud/host/background/turns"
)

// Guest code keeps the processor it runs on from everything else, as Go cannot preempt it. So there is
// one processor, as Go counts them, that guest code cannot have (see [SpareProcessor]), and executions
// take turns on the others, in an order that is fair to apps: what has just come is run at once, however
// many work for seconds.
//
// Plugins do not yield, so they cannot take turns. Instead an app has no more of them running at once
// than there are processors; the others of it wait.

const (
	turn  = 2 * time.Millisecond   // at most, while others wait
	waits = 200 * time.Microsecond // an operation that takes longer gives the turn back
	many  = 256 << 10              // bytes that take about a millisecond to encode
)

// SpareProcessor has Go run one goroutine more at once than there are processors: the operating
// system gives that one its share of them. Call it before [New]; calling it again does nothing.
var SpareProcessor = sync.OnceFunc(func() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) })

// processors are what executions have their turns on.
type processors struct {
	scripts *turns.Queue
	plugins *turns.Queue
}

func newProcessors() processors {
	n := max(1, runtime.GOMAXPROCS(0)-1)
	return processors{turns.New(n, n), turns.New(math.MaxInt, n)}
}

// A hold is an execution's turn. An operation that waits for something gives it back meanwhile: at once if it knows
// that it is going to ([turns.Wait]).
type hold struct {
	began    time.Time
	occupies bool // it does not yield, see Occupy
	waits    *time.Timer

	mu  sync.Mutex
	end func()        // nil: it has none
	had time.Duration // in turns that have ended
}

// Yield takes a turn, and lets others have theirs when this execution has had its own. Whoever runs
// guest code calls it first, and then again and again within a millisecond.
func (e *Execution) Yield() {
	if e.hold.has() {
		if time.Since(e.hold.began) < turn {
			return
		}
		e.hold.giveBack()
	}
	e.takeTurn(e.processors.scripts)
}

// Occupy waits until guest code that does not yield may run.
func (e *Execution) Occupy() {
	e.hold.occupies = true
	e.takeTurn(e.processors.plugins)
}

func (e *Execution) takeTurn(q *turns.Queue) {
	if leave, err := q.Enter(&e.ctx, e.app); err == nil { // else the execution has ended, and is told so
		e.hold.mu.Lock()
		e.hold.end, e.hold.began = leave, time.Now()
		e.hold.mu.Unlock()
	}
}

// GiveBack gives the turn back during an operation that waits, for it to be taken again at its end.
func (e *Execution) GiveBack() { e.hold.giveBack() }

// performing has the turn given back when an operation turns out to wait for something; the operation
// is over when resume is called.
func (e *Execution) performing() (resume func()) {
	h := &e.hold
	if !h.has() {
		return e.Yield
	}
	if h.waits == nil {
		h.waits = time.AfterFunc(waits, h.giveBack)
	} else {
		h.waits.Reset(waits)
	}
	return func() {
		h.waits.Stop()
		switch {
		case !h.occupies:
			e.Yield()
		case !h.has():
			e.Occupy()
		}
	}
}

func (h *hold) has() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end != nil
}

// giveBack ends the turn, if there is one.
func (h *hold) giveBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.end != nil {
		h.end()
		h.end = nil
		h.had += time.Since(h.began)
	}
}

// Processor returns how long the execution has had a processor, in turns that have ended: all of them
// after [Gate.Leave].
func (e *Execution) Processor() time.Duration {
	e.hold.mu.Lock()
	defer e.hold.mu.Unlock()
	return e.hold.had
}

// Work does work of ours for an app, on so many bytes. If they are many it takes its turn with the
// executions that run long.
func (g *Gate) Work(ctx context.Context, app string, bytes int, do func()) {
	if bytes >= many {
		if leave, err := g.processors.scripts.Enter(ctx, app); err == nil { // else nobody waits for it
			defer leave()
		}
	}
	do()
}
