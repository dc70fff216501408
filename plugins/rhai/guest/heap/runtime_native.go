//go:build !tinygo || !gc.none

package heap

import "runtime/debug"

// trapWord stays 0 here: Go's own heap, refused more memory by the host, ends
// the program without a word.
var trapWord uint32

// exhausted ends the test that asked for too much.
func (h *Heap) exhausted() { panic("out of memory") }

// SetLimit makes Go's collector work harder as memory use comes near bytes.
func SetLimit(bytes int64) { debug.SetMemoryLimit(bytes * 3 / 4) }

// TrapWord returns the address of the word in which the heap says why it traps.
func TrapWord() *uint32 { return &trapWord }

// Statistics returns zeros with Go's own heap.
func Statistics() Stats { return Stats{} }

// initialize is not called: a test starts its heap itself.
func initialize(*Heap) {}

// neverDue is 0: Go collects by itself.
var neverDue uint32

// Due returns the word in which the heap says, by 1, that Collect should be called.
func Due() *uint32 { return &neverDue }

// Collect does nothing with Go's own heap.
func Collect() {}

// CollectUnless does nothing with Go's own heap.
func CollectUnless(func() bool) {}
