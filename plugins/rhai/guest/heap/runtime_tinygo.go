//go:build tinygo && gc.none

package heap

import (
	"sync/atomic"
	"unsafe"

	"github.com/picloud/picloud/abi"
)

var theHeap Heap

// trapWord is written before a trap that is meant, see [TrapWord].
var trapWord uint32

// zeroSized is where objects without bytes are.
var zeroSized uint64

// defaultLimit holds until SetLimit is called.
const defaultLimit = 64 << 20

// initialize is called by the first allocation: by then no initialiser may have run.
func initialize(h *Heap) { h.start(defaultLimit-origin(), markGlobals) }

// alloc is what TinyGo's compiler calls for each object on the heap, see its
// src/runtime/gc_none.go.
//
//go:linkname alloc runtime.alloc
//go:noinline
func alloc(size uintptr, layout unsafe.Pointer) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(&zeroSized)
	}
	return theHeap.memory.at(theHeap.allocate(uint32(size), uint32(uintptr(layout))))
}

// markGlobals marks what the globals point to, and what the part of the stack in use
// does: not all pointers are there (see the package's comment), but those that are may
// as well count.
func markGlobals(h *Heap) {
	for at, end := stackPointer(), uintptr(origin()); at < end; at += 4 {
		h.mark(*(*address)(unsafe.Pointer(at)) - origin()) // below the origin, so Heap.pointer cannot read it
	}
}

// stackPointer is where the stack ends. It is the runtime's, written in assembly: the
// compiler cannot tell what is read from there on, so all that is to be stored has
// been stored by then. Of the address of a local variable it could tell.
//
//export tinygo_getCurrentStackPointer
func stackPointer() uintptr

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

// Due answers where the heap says, by 1, that Collect should be called.
func Due() *uint32 { return &theHeap.due }

// Collect frees what cannot be reached from a global variable. What only a local
// variable points to is lost.
func Collect() { theHeap.collect() }

// Statistics tells what the heap has done.
func Statistics() Stats { return theHeap.stats }
