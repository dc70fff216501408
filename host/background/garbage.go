package background

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// usualPercent is how much more Go lets a heap grow before it collects, in percent of what lives in it.
const usualPercent = 100

// A Garbage is a [Service] that has Go leave so many bytes of garbage before it collects, where Go would collect sooner
// because little lives: a server of little state would do so many times a second. A heap in which more than that lives grows as
// ever. It takes the whole process, so one is enough; where the operator has set GOGC it does nothing.
type Garbage struct {
	room uint64

	mu      sync.Mutex
	running bool
	ended   bool
	percent int              // that is set
	live    []metrics.Sample // how many bytes lived after the last collection
}

// NewGarbage makes a service for so many bytes.
func NewGarbage(room int64) *Garbage {
	return &Garbage{
		room: uint64(max(room, 0)), percent: usualPercent,
		live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}},
	}
}

// Start begins to bound collections.
func (g *Garbage) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running || g.ended || os.Getenv("GOGC") != "" {
		return
	}
	g.running = true
	g.adjust()
	g.await()
}

// Stop has Go collect as it usually does.
func (g *Garbage) Stop(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running {
		g.set(usualPercent)
	}
	g.running, g.ended = false, true
	return nil
}

// collected is what is garbage when the next collection begins.
type collected struct{ _ *int } // a pointer: small things without are kept together

// await has the percentage adjusted after the next collection.
func (g *Garbage) await() {
	runtime.AddCleanup(new(collected), (*Garbage).again, g)
}

func (g *Garbage) again() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running {
		g.adjust()
		g.await()
	}
}

// adjust sets the percentage that leaves the room above what lives, unless it is about that: setting it stops everything for a moment.
func (g *Garbage) adjust() {
	metrics.Read(g.live)
	live := max(g.live[0].Value.Uint64(), 1<<20)
	percent := max(int(100*g.room/live), usualPercent)
	if difference := percent - g.percent; difference > g.percent/8 || -difference > g.percent/8 {
		g.set(percent)
	}
}

func (g *Garbage) set(percent int) {
	debug.SetGCPercent(percent)
	g.percent = percent
}
