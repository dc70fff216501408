package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/region"
)

// memoryMargin is what the guest's collector may use beyond the limit, bytes.
const memoryMargin = 4 << 20

// A baseImage is the guest's memory after start, before it has loaded a script.
type baseImage struct {
	memory       region.Image
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
	once := gate.New(1, slog.Default())
	e, err := once.Enter(ctx, gate.Request{Limits: abi.DefaultLimits})
	if err != nil {
		return nil, err
	}
	defer once.Leave(e)
	request := abi.LoadRequest{Kind: abi.KindEndpoint, Limits: e.Limits}
	if err := s.call(e, s.load, &request, new(abi.LoadResult).UnmarshalMsg); err != nil {
		return nil, fmt.Errorf("load an empty script: %w", err)
	}
	b.size = s.memory.Size()
	memory, _ := s.memory.Read(0, b.size)
	clear(memory[:pageFloor(b.stackPointer)]) // frames of the start function
	b.memory, err = region.NewImage(memory)
	return b, err
}

func (b *baseImage) close() error { return b.memory.Close() }

// An image is a guest that has loaded a script: the pages in which its memory
// differs from the base image.
type image struct {
	size  uint32   // of the memory, in bytes; at least the base image's
	pages []uint32 // their numbers, ascending
	bytes []byte   // their contents, one after the other
	reads abi.Reads
	many  atomic.Bool // the last execution wrote many pages
}

// newImage takes the image of a slot that has loaded a script, which reads these parts of its
// invocations. Stack below the stack pointer is left out.
func newImage(s *slot, reads abi.Reads) *image {
	i := &image{size: s.memory.Size(), reads: reads}
	memory, _ := s.memory.Read(0, i.size)
	used := uint32(pageFloor(s.stackPointer.Get()) / region.PageSize)
	for _, page := range s.region.Changed(s.base.memory) {
		if page >= used {
			i.pages = append(i.pages, page)
		}
	}
	i.bytes = make([]byte, 0, len(i.pages)*region.PageSize)
	for _, page := range i.pages {
		i.bytes = append(i.bytes, memory[int(page)*region.PageSize:][:region.PageSize]...)
	}
	return i
}

// Held is how many bytes the image keeps in memory.
func (i *image) Held() int { return cap(i.bytes) + 4*cap(i.pages) }

// Retain and Release leave the image to the garbage collector.
func (i *image) Retain() bool { return true }
func (i *image) Release()     {}

func pageFloor(address uint64) uint64 { return address &^ (region.PageSize - 1) }
