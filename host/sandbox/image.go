package sandbox

import (
	"bytes"
	"context"
	"fmt"

	"github.com/picloud/picloud/abi"
)

const (
	pageSize     = 4096     // what images are made of
	wasmPage     = 64 << 10 // what wasm memories grow by
	memoryMargin = 4 << 20  // what the guest's collector may use beyond the limit
)

// A baseImage is the guest's memory after start, before it has loaded a script.
type baseImage struct {
	memory       imageMemory
	size         uint32 // of the memory, in bytes
	stackPointer uint64
	interrupt    uint32 // address of the interrupt word
	trap         uint32 // address of the trap word
}

// newBaseImage takes the image of a slot that has just started. Before, it loads
// an empty script, so that what the guest makes at its first load is part of the
// base and not of every script's image.
func newBaseImage(ctx context.Context, s *slot) (*baseImage, error) {
	b := &baseImage{stackPointer: s.stackPointer.Get()}
	var err error
	if b.interrupt, err = s.address(ctx, s.interruptAddress); err != nil {
		return nil, fmt.Errorf("interrupt_address: %w", err)
	}
	if b.trap, err = s.address(ctx, s.trapAddress); err != nil {
		return nil, fmt.Errorf("trap_address: %w", err)
	}
	s.base = b
	gate := newGate(1)
	e, err := gate.enter(ctx, abi.DefaultLimits)
	if err != nil {
		return nil, err
	}
	defer gate.leave(e)
	request := abi.LoadRequest{Kind: abi.KindEndpoint, Limits: e.limits}
	if err := s.call(e, nil, s.load, &request, new(abi.LoadResult)); err != nil {
		return nil, fmt.Errorf("load an empty script: %w", err)
	}
	b.size = s.memory.Size()
	memory, _ := s.memory.Read(0, b.size)
	clear(memory[:pageFloor(b.stackPointer)]) // frames of the start function
	b.memory, err = newImageMemory(memory)
	return b, err
}

func (b *baseImage) close() error { return b.memory.close() }

// An image is a guest that has loaded a script: the pages in which its memory
// differs from the base image.
type image struct {
	size  uint32   // of the memory, in bytes; at least the base image's
	pages []uint32 // their numbers, ascending
	bytes []byte   // their contents, one after the other
}

// newImage takes the image of a slot that has loaded a script. Stack below the
// stack pointer is left out.
func newImage(s *slot) *image {
	i := &image{size: s.memory.Size()}
	memory, _ := s.memory.Read(0, i.size)
	used := uint32(pageFloor(s.stackPointer.Get()) / pageSize)
	for _, page := range s.region.changed(s.base.memory) {
		if page >= used {
			i.pages = append(i.pages, page)
		}
	}
	i.bytes = make([]byte, 0, len(i.pages)*pageSize)
	for _, page := range i.pages {
		i.bytes = append(i.bytes, memory[int(page)*pageSize:][:pageSize]...)
	}
	return i
}

// held answers how many bytes the image keeps in memory.
func (i *image) held() int { return cap(i.bytes) + 4*cap(i.pages) }

// retain and release leave the image to the garbage collector.
func (i *image) retain() bool { return true }
func (i *image) release()     {}

func pageFloor(address uint64) uint64 { return address &^ (pageSize - 1) }

// differing answers the pages of memory that are not as in base; beyond the base
// those that are not zero.
func differing(memory, base []byte) (pages []uint32) {
	var zero [pageSize]byte
	for at := 0; at < len(memory); at += pageSize {
		was := zero[:]
		if at < len(base) {
			was = base[at : at+pageSize]
		}
		if !bytes.Equal(memory[at:at+pageSize], was) {
			pages = append(pages, uint32(at/pageSize))
		}
	}
	return pages
}
