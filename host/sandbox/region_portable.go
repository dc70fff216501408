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

// attach copies an image into the region, which is at least as large.
func (r *region) attach(image imageMemory) error {
	clear(r.memory[copy(r.memory, image.bytes):])
	return nil
}

// reset makes the memory the image again.
func (r *region) reset(image imageMemory) error { return r.attach(image) }

// changed answers the pages in which the memory differs from the image.
func (r *region) changed(image imageMemory) []uint32 {
	return differing(r.memory, image.bytes)
}

// imageMemory holds an image.
type imageMemory struct{ bytes []byte }

func newImageMemory(memory []byte) (imageMemory, error) {
	return imageMemory{append([]byte(nil), memory...)}, nil
}

func (imageMemory) close() error { return nil }
