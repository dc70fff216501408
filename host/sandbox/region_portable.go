//go:build !linux || portable

package sandbox

import (
	"math"

	"github.com/tetratelabs/wazero/experimental"
)

// A region is the memory of one slot, a byte slice. The base image is copied
// into it. It moves only when it grows beyond what the base image needs, which
// ends the slot's use after that execution.
type region struct {
	memory []byte
	limit  uint64 // what it may not grow beyond
}

func newRegion() *region { return &region{limit: math.MaxUint64} }

// Allocate implements [experimental.MemoryAllocator]: a region is its own
// allocator, of one memory.
func (r *region) Allocate(_, _ uint64) experimental.LinearMemory { return r }

// Reallocate makes the region so many bytes; nil when the limit refuses.
func (r *region) Reallocate(size uint64) []byte {
	if size > r.limit {
		return nil
	}
	if size > uint64(cap(r.memory)) {
		larger := make([]byte, size, size+size/2)
		copy(larger, r.memory)
		r.memory = larger
	}
	r.memory = r.memory[:size]
	return r.memory
}

// Free lets the garbage collector have the memory.
func (r *region) Free() { r.memory = nil }

func (r *region) bytes() []byte { return r.memory }

// attach copies the base image into the region, which is at least as large.
func (r *region) attach(base *baseImage) error { return r.reset(base) }

// reset makes the memory the base image again.
func (r *region) reset(base *baseImage) error {
	n := copy(r.memory, base.memory.bytes)
	clear(r.memory[n:])
	return nil
}

// changed answers the pages in which the memory differs from the base image.
func (r *region) changed(base *baseImage) []uint32 {
	return differing(r.memory, base.memory.bytes)
}

// imageMemory holds the base image.
type imageMemory struct{ bytes []byte }

func newImageMemory(memory []byte) (imageMemory, error) {
	return imageMemory{append([]byte(nil), memory...)}, nil
}

func (imageMemory) close() error { return nil }
