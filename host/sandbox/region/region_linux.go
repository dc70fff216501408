//go:build linux && !portable

package region

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// A Region is the memory of one instance: address space for the most that a wasm memory can be, so
// that growing never moves it. As much of it is accessible as the memory is large. An image can be
// mapped over its beginning, copy on write.
type Region struct {
	Limit uint64 // what it may not grow beyond, bytes

	space []byte // all of it
	size  uint64
	scan  pageScan
}

const regionSpace = 4 << 30

// New makes an empty region.
func New() *Region { return &Region{Limit: regionSpace} }

// Allocate implements [experimental.MemoryAllocator]: a region is its own
// allocator, of one memory.
func (r *Region) Allocate(_, _ uint64) experimental.LinearMemory {
	space, err := unix.MmapPtr(-1, 0, nil, regionSpace, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err == nil {
		r.space = unsafe.Slice((*byte)(space), regionSpace)
	}
	return r // without space it refuses to grow
}

// Reallocate makes so many bytes accessible; nil when the limit or the system
// refuses.
func (r *Region) Reallocate(size uint64) []byte {
	if size > r.Limit || size > uint64(len(r.space)) {
		return nil
	}
	if size > r.size {
		if unix.Mprotect(r.space[r.size:size], unix.PROT_READ|unix.PROT_WRITE) != nil {
			return nil
		}
		r.size = size
	}
	return r.space[:size]
}

// Free gives the region back to the system.
func (r *Region) Free() {
	if r.space != nil {
		_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(r.space)), regionSpace)
		r.space, r.size = nil, 0
	}
}

// Bytes is the memory.
func (r *Region) Bytes() []byte { return r.space[:r.size] }

// Attach maps an image over the region, which is at least as large.
func (r *Region) Attach(image Image) error {
	_, err := unix.MmapPtr(int(image.file.Fd()), 0, unsafe.Pointer(unsafe.SliceData(r.space)), uintptr(len(image.bytes)),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map an image: %w", err)
	}
	return nil
}

// Reset makes the memory the image again that is attached to it and is as large: it undoes what was
// written to pages, which stay mapped for the next execution, or drops them all when they are more
// than keep, or unknown. It returns how many pages were written, 0 if unknown, and how many stay.
func (r *Region) Reset(image Image, keep int) (written, kept int, err error) {
	memory := r.Bytes()
	runs, ok := r.scan.written(memory)
	if n := runs.count(); !ok || n > keep {
		if err := unix.Madvise(memory, unix.MADV_DONTNEED); err != nil {
			return n, 0, fmt.Errorf("drop a slot's pages: %w", err)
		}
		return n, 0, nil
	}
	for _, run := range runs {
		if end := min(run.end, image.used); run.first < end {
			written += copy(memory[run.first*PageSize:end*PageSize], image.bytes[run.first*PageSize:]) / PageSize
		}
		// Of pages that are zero, many may have been kept from before.
		for page := max(run.first, image.used); page < run.end; page++ {
			if p := memory[page*PageSize:][:PageSize]; !isZero(p) {
				clear(p)
				written++
			}
		}
		kept += int(run.end - run.first)
	}
	return written, kept, nil
}

// Changed returns the pages that were changed since the image was attached.
func (r *Region) Changed(image Image) (pages []uint32) {
	memory := r.Bytes()
	runs, ok := r.scan.written(memory)
	if !ok {
		return Differing(memory, image.bytes)
	}
	for _, run := range runs {
		for page := run.first; page < run.end; page++ {
			if differs(memory, image.bytes, int(page)*PageSize) {
				pages = append(pages, uint32(page))
			}
		}
	}
	return pages
}

// Image holds an image in a file without a name, for mapping.
type Image struct {
	file  *os.File
	bytes []byte // the same, for reading
	used  uint64 // its pages from this one on are zero
}

// NewImage makes an image of a memory.
func NewImage(memory []byte) (m Image, err error) {
	fd, err := unix.MemfdCreate("picloud-guest", unix.MFD_CLOEXEC)
	if err != nil {
		return m, fmt.Errorf("a file for the base image: %w", err)
	}
	m.file = os.NewFile(uintptr(fd), "picloud-guest")
	if err := m.file.Truncate(int64(len(memory))); err != nil {
		return m, fmt.Errorf("a file for the base image: %w", err)
	}
	for _, page := range Differing(memory, nil) { // zero pages stay holes
		m.used = uint64(page) + 1
		at := int64(page) * PageSize
		if _, err := m.file.WriteAt(memory[at:at+PageSize], at); err != nil {
			return m, fmt.Errorf("write the base image: %w", err)
		}
	}
	m.bytes, err = unix.Mmap(fd, 0, len(memory), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return m, fmt.Errorf("map the base image: %w", err)
	}
	return m, nil
}

// Bytes is the image, which must not be changed.
func (m Image) Bytes() []byte { return m.bytes }

// Close frees the image. No region may be in use that it is attached to.
func (m Image) Close() error {
	_ = unix.Munmap(m.bytes)
	return m.file.Close()
}
