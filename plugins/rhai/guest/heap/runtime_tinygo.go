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
func initialize(h *Heap) {
	for i, at := 0, uintptr(unsafe.Pointer(&globalBase)); i < 32*len(notPointers) && at < uintptr(origin()); i, at = i+1, at+4 {
		if *(*address)(unsafe.Pointer(at)) >= origin() {
			notPointers[i/32] |= 1 << (i % 32)
		}
	}
	h.start(defaultLimit-origin(), markGlobals)
}

// notPointers has a bit for each word of the globals that looked like a pointer into
// the heap before there was one: constants such as the tables of Unicode. Together
// they would keep all large objects alive.
var notPointers [maxGlobals / 4 / 32]uint32

// maxGlobals is how many bytes of globals are looked at.
const maxGlobals = 512 << 10

// globalBase is a symbol of the linker, where the stack ends and the globals begin. They
// end where the heap begins.
//
//go:extern __global_base
var globalBase [0]byte

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
// as well count. The heap's own fields are none: offsets look like addresses.
func markGlobals(h *Heap) {
	globals := uintptr(unsafe.Pointer(&globalBase))
	for at := stackPointer(); at < globals; at += 4 {
		h.mark(*(*address)(unsafe.Pointer(at)) - origin())
	}
	for i, at := 0, globals; at < uintptr(origin()); i, at = i+1, at+4 {
		if i < 32*len(notPointers) && notPointers[i/32]>>(i%32)&1 != 0 || within(at, h) || within(at, &notPointers) {
			continue
		}
		h.mark(*(*address)(unsafe.Pointer(at)) - origin())
	}
}

// within reports whether an address is in the variable that p points to.
func within[T any](at uintptr, p *T) bool {
	return at-uintptr(unsafe.Pointer(p)) < unsafe.Sizeof(*p)
}

// stackPointer returns where the stack ends. It is the runtime's, written in assembly: the
// compiler cannot tell what is read from there on, so all that is to be stored has
// been stored by then. Of the address of a local variable it could tell.
//
//export tinygo_getCurrentStackPointer
func stackPointer() uintptr

// exhausted traps, telling the host why.
func (h *Heap) exhausted() {
	atomic.StoreUint32(&trapWord, abi.TrapMemory) // the compiler may drop a plain store before a trap
	panic("out of memory")
}

// SetLimit sets how many bytes of memory the instance may have, stack and
// globals included. An allocation beyond traps after writing [abi.TrapMemory]
// to the trap word.
func SetLimit(bytes int64) {
	theHeap.setLimit(address(max(min(bytes, 1<<32-pageSize), int64(origin()))) - origin())
}

// TrapWord returns the word in which the heap says why it traps, see [abi.TrapMemory].
func TrapWord() *uint32 { return &trapWord }

// Due returns the word in which the heap says, by 1, that Collect should be called.
func Due() *uint32 { return &theHeap.due }

// Collect frees what cannot be reached from a global variable. What only a local
// variable points to is lost.
func Collect() { theHeap.collect(nil) }

// CollectUnless works as Collect, but asks stop each fraction of a millisecond, and frees
// nothing when that says yes. stop must not allocate.
func CollectUnless(stop func() bool) { theHeap.collect(stop) }

// Statistics returns what the heap has done.
func Statistics() Stats { return theHeap.stats }
