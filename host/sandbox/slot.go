package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/region"
)

// A slot is an instance of the guest. It serves one execution at a time.
type slot struct {
	module       api.Module
	region       *region.Region // what backs the memory
	memory       api.Memory     // of the module
	stackPointer api.MutableGlobal
	base         *baseImage // what the memory was before an execution

	buffer, load, run             api.Function
	interruptAddress, trapAddress api.Function
	broken                        bool // it trapped; what it holds means nothing
	many                          int  // pages that it keeps, if they are more than a few
	stack                         [4]uint64
}

// killAfter is how long an interrupted guest may go on calling the host.
const killAfter = 250 * time.Millisecond

// errKilled ends a guest that does not heed its interrupt word.
var errKilled = errors.New("killed")

type message interface {
	msgp.Marshaler
	msgp.Sizer
}

// call sends the guest a request through one of its functions and has the answer
// decoded, which lies in the guest's memory. An error says that the guest did not answer properly; the slot is then
// broken. The execution's end interrupts the guest.
func (s *slot) call(e *gate.Execution, function api.Function, request message, decode func([]byte) ([]byte, error)) (err error) {
	defer func() { s.broken = s.broken || err != nil }()
	size := request.Msgsize()
	if size > math.MaxInt32 {
		return fmt.Errorf("a request of %d bytes", size)
	}
	call := &guestCall{Context: e.Context(), execution: e, word: s.word(s.base.interrupt)}
	s.region.Limit = uint64(e.Limits.MemoryMB)<<20 + memoryMargin

	defer call.watch()()

	s.stack[0] = uint64(size)
	if err := s.buffer.CallWithStack(call, s.stack[:]); err != nil {
		return err
	}
	at := uint32(s.stack[0])
	room, ok := s.memory.Read(at, uint32(size))
	if !ok {
		return fmt.Errorf("a buffer of %d bytes at %#x is outside the guest's memory", size, at)
	}
	encoded, err := request.MarshalMsg(room[:0])
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	if len(encoded) > size {
		return fmt.Errorf("a request of %d bytes was estimated at %d", len(encoded), size)
	}
	s.stack[0], s.stack[1] = uint64(at), uint64(len(encoded))
	if err := function.CallWithStack(call, s.stack[:]); err != nil {
		return err
	}
	at, length := uint32(s.stack[0]>>32), uint32(s.stack[0])
	result, ok := s.memory.Read(at, length)
	if !ok {
		return fmt.Errorf("an answer of %d bytes at %#x is outside the guest's memory", length, at)
	}
	if _, err := decode(result); err != nil {
		return fmt.Errorf("decode an answer: %w", err)
	}
	return nil
}

// word returns a word of the guest's memory. It stays where it is: a region does
// not move.
func (s *slot) word(at uint32) *uint32 {
	return (*uint32)(unsafe.Pointer(&s.region.Bytes()[at]))
}

func (s *slot) trapWord() uint32 {
	word, _ := s.memory.ReadUint32Le(s.base.trap)
	return word
}

// stackOverflowed reports whether a trap was the stack running full: the guest's
// own, which lies at the start of its memory and grows down past address 0, or
// the one wazero keeps.
func (s *slot) stackOverflowed(err error) bool {
	const nearlyFull = 4096 // no sound frame lies so low
	pointer := int32(s.stackPointer.Get())
	return pointer < nearlyFull || strings.Contains(err.Error(), "stack overflow")
}

// become makes the base image the memory of a new slot.
func (s *slot) become(base *baseImage) error {
	s.base = base
	if err := s.grow(base.size); err != nil {
		return err
	}
	s.stackPointer.Set(base.stackPointer)
	return s.region.Attach(base.memory)
}

// grow makes the memory at least so many bytes, whatever its limit.
func (s *slot) grow(size uint32) error {
	if now := s.memory.Size(); size > now {
		s.region.Limit = math.MaxUint64
		if _, ok := s.memory.Grow((size - now) / region.WasmPage); !ok {
			return fmt.Errorf("a slot cannot grow from %d to %d bytes", now, size)
		}
	}
	return nil
}

// restore lays a script's image over the base image.
func (s *slot) restore(image *image) error {
	if err := s.grow(image.size); err != nil {
		return err
	}
	memory := s.region.Bytes()
	for i, page := range image.pages {
		copy(memory[int(page)*region.PageSize:], image.bytes[i*region.PageSize:(i+1)*region.PageSize])
	}
	return nil
}

// reset makes the memory the base image again, see [region.Region.Reset].
func (s *slot) reset(keep int) (written, kept int, err error) {
	s.stackPointer.Set(s.base.stackPointer)
	return s.region.Reset(s.base.memory, keep)
}

func (s *slot) close(ctx context.Context) {
	_ = s.module.Close(ctx) // frees the region
}

// address calls a function that returns an address, and checks that it is one.
func (s *slot) address(ctx context.Context, f api.Function) (uint32, error) {
	if err := f.CallWithStack(ctx, s.stack[:]); err != nil {
		return 0, err
	}
	at := uint32(s.stack[0])
	if at%4 != 0 || uint64(at)+4 > uint64(s.memory.Size()) {
		return 0, fmt.Errorf("%#x is not the address of a word", at)
	}
	return at, nil
}
