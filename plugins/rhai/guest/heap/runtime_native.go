//go:build !tinygo || !gc.custom

package heap

import "runtime/debug"

// trapWord stays 0 here: Go's own heap, refused more memory by the host, ends
// the program without a word.
var trapWord uint32

// exhausted ends the test that asked for too much.
func (h *Heap) exhausted() { panic("out of memory") }

// SetLimit makes Go's collector work harder as memory use comes near bytes.
func SetLimit(bytes int64) { debug.SetMemoryLimit(bytes * 3 / 4) }

// TrapWord answers where the heap says why it traps.
func TrapWord() *uint32 { return &trapWord }

// Statistics is zero with Go's own heap.
func Statistics() Stats { return Stats{} }
