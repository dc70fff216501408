//go:build linux && !portable

package sandbox

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// A region is the memory of one slot: address space for the most that a wasm
// memory can be, so that growing never moves it, of which as much is accessible
// as the memory is large. Over its beginning a base image is mapped, copy on
// write.
type region struct {
	space []byte // all of it
	size  uint64
	limit uint64 // what it may not grow beyond
	scan  pageScan
}

const regionSpace = 4 << 30

func newRegion() *region { return &region{limit: regionSpace} }

// Allocate implements [experimental.MemoryAllocator]: a region is its own
// allocator, of one memory.
func (r *region) Allocate(_, _ uint64) experimental.LinearMemory {
	space, err := unix.MmapPtr(-1, 0, nil, regionSpace, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err == nil {
		r.space = unsafe.Slice((*byte)(space), regionSpace)
	}
	return r // without space it refuses to grow
}

// Reallocate makes so many bytes accessible; nil when the limit or the system
// refuses.
func (r *region) Reallocate(size uint64) []byte {
	if size > r.limit || size > uint64(len(r.space)) {
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
func (r *region) Free() {
	if r.space != nil {
		_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(r.space)), regionSpace)
		r.space, r.size = nil, 0
	}
}

func (r *region) bytes() []byte { return r.space[:r.size] }

// attach maps an image over the region, which is at least as large.
func (r *region) attach(image imageMemory) error {
	_, err := unix.MmapPtr(int(image.file.Fd()), 0, unsafe.Pointer(unsafe.SliceData(r.space)), uintptr(len(image.bytes)),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map an image: %w", err)
	}
	return nil
}

// reset makes the memory the image again that is attached to it and is as large: it
// copies back the few pages that were written, which stay mapped for the next
// execution, or drops them all when they are many or unknown.
func (r *region) reset(image imageMemory) error {
	if runs, ok := r.scan.written(r.bytes()); ok && runs.count() <= keptPages {
		memory := r.bytes()
		for _, run := range runs {
			copy(memory[run.first*pageSize:run.end*pageSize], image.bytes[run.first*pageSize:])
		}
		return nil
	}
	if err := unix.Madvise(r.bytes(), unix.MADV_DONTNEED); err != nil {
		return fmt.Errorf("drop a slot's pages: %w", err)
	}
	return nil
}

// keptPages is how many pages of its own an idle slot may keep.
const keptPages = 64

// changed answers the pages written since the image was attached.
func (r *region) changed(image imageMemory) []uint32 {
	runs, ok := r.scan.written(r.bytes())
	if !ok {
		return differing(r.bytes(), image.bytes)
	}
	pages := make([]uint32, 0, runs.count())
	for _, run := range runs {
		for page := run.first; page < run.end; page++ {
			pages = append(pages, uint32(page))
		}
	}
	return pages
}

// imageMemory holds an image in a file without a name, for mapping.
type imageMemory struct {
	file  *os.File
	bytes []byte // the same, for reading
}

func newImageMemory(memory []byte) (m imageMemory, err error) {
	fd, err := unix.MemfdCreate("picloud-guest", unix.MFD_CLOEXEC)
	if err != nil {
		return m, fmt.Errorf("a file for the base image: %w", err)
	}
	m.file = os.NewFile(uintptr(fd), "picloud-guest")
	if err := m.file.Truncate(int64(len(memory))); err != nil {
		return m, fmt.Errorf("a file for the base image: %w", err)
	}
	for _, page := range differing(memory, nil) { // zero pages stay holes
		at := int64(page) * pageSize
		if _, err := m.file.WriteAt(memory[at:at+pageSize], at); err != nil {
			return m, fmt.Errorf("write the base image: %w", err)
		}
	}
	m.bytes, err = unix.Mmap(fd, 0, len(memory), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return m, fmt.Errorf("map the base image: %w", err)
	}
	return m, nil
}

func (m imageMemory) close() error {
	_ = unix.Munmap(m.bytes)
	return m.file.Close()
}
