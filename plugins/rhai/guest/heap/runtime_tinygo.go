//go:build tinygo && gc.custom

package heap

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/picloud/picloud/abi"
)

// The functions that TinyGo's runtime expects of a collector, see its
// src/runtime/gc_custom.go. None of them may allocate.

var theHeap Heap

// trapWord is written before a trap that is meant, see [TrapWord].
var trapWord uint32

// zeroSized is where objects without bytes are.
var zeroSized uint64

// defaultLimit holds until SetLimit is called.
const defaultLimit = 64 << 20

//go:linkname initHeap runtime.initHeap
func initHeap() {
	theHeap.start(defaultLimit-origin(), markReachable)
}

//go:linkname alloc runtime.alloc
//go:noinline
func alloc(size uintptr, layout unsafe.Pointer) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(&zeroSized)
	}
	return theHeap.memory.at(theHeap.allocate(uint32(size), uint32(uintptr(layout))))
}

//go:linkname free runtime.free
func free(unsafe.Pointer) {}

// gcMarkReachable is the runtime's: it calls markRoots for the stack and for
// the globals.
//
//go:linkname gcMarkReachable runtime.gcMarkReachable
func gcMarkReachable()

func markReachable(*Heap) { gcMarkReachable() }

//go:linkname markRoots runtime.markRoots
func markRoots(start, end uintptr) {
	start = (start + 3) &^ 3
	theHeap.markRange(address(start)-origin(), uint32(end-start)/4)
}

//go:linkname collectNow runtime.GC
func collectNow() { theHeap.collect() }

//go:linkname setFinalizer runtime.SetFinalizer
func setFinalizer(obj, finalizer interface{}) {}

//go:linkname readMemStats runtime.ReadMemStats
func readMemStats(m *runtime.MemStats) {
	m.HeapSys = uint64(theHeap.stats.Arena)
	m.HeapAlloc = uint64(theHeap.stats.Live + theHeap.allocated<<lineShift)
}

// exhausted traps, telling the host why.
func (h *Heap) exhausted() {
	atomic.StoreUint32(&trapWord, abi.TrapMemory) // a plain store before a trap is one the compiler may drop
	panic("out of memory")
}

// SetLimit sets how many bytes of memory the instance may have, stack and
// globals included. An allocation beyond traps after writing [abi.TrapMemory]
// to the trap word.
func SetLimit(bytes int64) {
	theHeap.setLimit(address(max(min(bytes, 1<<32-pageSize), int64(origin()))) - origin())
}

// TrapWord answers where the heap says why it traps, see [abi.TrapMemory].
func TrapWord() *uint32 { return &trapWord }

// Statistics tells what the heap has done.
func Statistics() Stats { return theHeap.stats }
