package vm

import (
	"sync/atomic"
	"unsafe"
)

// In the guest, Go's pointers in local variables are invisible to the garbage collector: to show it
// each one costs more than what it is shown for. It therefore runs only between two instructions,
// when all that is alive can be reached from the thread, which is reachable from a global variable:
// registers, frames, the program.
//
// Only a native function that calls back into the script has such an instruction
// within it. Those are registered by [Library.Calling], which keeps their
// arguments alive, and they pass [Keep] whatever else they hold during a call.

// Collector is a garbage collector that has to be called between instructions.
type Collector struct {
	Due     *uint32                // not 0: it wants to be called
	Collect func(stop func() bool) // ends early when stop, which it asks now and then, says so
}

// collector is never due where Go collects by itself.
var collector = Collector{Due: new(uint32), Collect: func(func() bool) {}}

// SetCollector sets the collector of all threads, before the first one runs.
func SetCollector(c Collector) { collector = c }

// Keep keeps what p points to, and what can be reached from there, alive until the
// native function that is at work returns.
func Keep[T any](t *Thread, p *T) { t.kept = append(t.kept, unsafe.Pointer(p)) }

// KeepItems works as [Keep], for the items of a slice.
func KeepItems[T any](t *Thread, items []T) { Keep(t, unsafe.SliceData(items)) }

// release lets go of what has been kept since there were n.
func (t *Thread) release(n int) {
	clear(t.kept[n:])
	t.kept = t.kept[:n]
}

// collect has garbage collected, between two instructions.
func (t *Thread) collect() {
	// What registers held before keeps nothing alive.
	f := &t.frames[len(t.frames)-1]
	used := int((uintptr(f.base)-uintptr(unsafe.Pointer(unsafe.SliceData(t.blocks[f.block]))))/valueSize) + int(uintptr(f.fn.Room)/valueSize)
	clear(t.blocks[f.block][used:])
	for i := range t.blocks[:f.block+1] {
		for j := range t.blocks[i] {
			if v := &t.blocks[i][j]; v.Kind() < KindString {
				v.ref = nil
			}
		}
	}
	clear(t.blocks[f.block+1:])
	t.blocks = t.blocks[:f.block+1]
	clear(t.frames[len(t.frames):cap(t.frames)])
	t.result, t.sought = Unit, sought{}
	collector.Collect(t.stops)
}

// stops reports whether the thread is to end; if not, it lets the host have its turn. It does
// not allocate.
func (t *Thread) stops() bool {
	if atomic.LoadUint32(t.interrupt) != 0 {
		return true
	}
	t.host.Yield()
	return false
}
