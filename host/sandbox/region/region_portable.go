//go:build !linux || portable

package region

import (
	"math"

	"github.com/tetratelabs/wazero/experimental"
)

// A Region is the memory of one instance, a byte slice. An image is copied into it. It moves only
// when it grows beyond what the image needs, which ends the region's use after that execution.
type Region struct {
	Limit uint64 // what it may not grow beyond, bytes

	memory []byte
}

// New makes an empty region.
func New() *Region { return &Region{Limit: math.MaxUint64} }

// Allocate implements [experimental.MemoryAllocator]: a region is its own
// allocator, of one memory.
func (r *Region) Allocate(_, _ uint64) experimental.LinearMemory { return r }

// Reallocate makes the region so many bytes; nil when the limit refuses.
func (r *Region) Reallocate(size uint64) []byte {
	if size > r.Limit {
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
func (r *Region) Free() { r.memory = nil }

// Bytes is the memory.
func (r *Region) Bytes() []byte { return r.memory }

// Attach copies an image into the region, which is at least as large.
func (r *Region) Attach(image Image) error {
	clear(r.memory[copy(r.memory, image.bytes):])
	return nil
}

// Reset makes the memory the image again.
func (r *Region) Reset(image Image, _ int) (written, kept int, err error) {
	return 0, 0, r.Attach(image)
}

// Changed returns the pages in which the memory differs from the image.
func (r *Region) Changed(image Image) []uint32 {
	return Differing(r.memory, image.bytes)
}

// Image holds an image.
type Image struct{ bytes []byte }

// NewImage makes an image of a memory.
func NewImage(memory []byte) (Image, error) {
	return Image{append([]byte(nil), memory...)}, nil
}

// Bytes is the image, which must not be changed.
func (m Image) Bytes() []byte { return m.bytes }

// Close frees the image.
func (Image) Close() error { return nil }
