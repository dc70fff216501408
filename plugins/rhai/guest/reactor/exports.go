//go:build tinygo || wasm

package reactor

import (
	"unsafe"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/guest/heap"
)

// input and output are the messages under way; as globals they outlive the
// calls that made them.
var input, output []byte

func pointer[T any](p *T) uint32 { return uint32(uintptr(unsafe.Pointer(p))) }

//go:wasmexport buffer
func exportBuffer(size uint32) uint32 {
	input = make([]byte, size)
	return pointer(unsafe.SliceData(input))
}

//go:wasmexport load
func exportLoad(_, size uint32) uint64 { return answer(load(take(size))) }

//go:wasmexport run
func exportRun(_, size uint32) uint64 { return answer(run(take(size))) }

//go:wasmexport interrupt_address
func exportInterruptAddress() uint32 { return pointer(&interrupt) }

//go:wasmexport trap_address
func exportTrapAddress() uint32 { return pointer(heap.TrapWord()) }

// take returns the message in the buffer and lets go of it, so that it can be
// collected while the script runs.
func take(size uint32) []byte {
	message := input[:size]
	input = nil
	return message
}

// answer keeps a result until the next call and packs its address and size.
func answer(result []byte) uint64 {
	output = result
	return uint64(pointer(unsafe.SliceData(output)))<<32 | uint64(len(output))
}

//go:wasmimport picloud call
func hostCall(op uint32, p unsafe.Pointer, size uint32) int32

//go:wasmimport picloud take
func hostTake(p unsafe.Pointer)

// Call performs an operation on the host. The error is an [*abi.OpError].
func Call(op abi.Op, request []byte) ([]byte, error) {
	size := hostCall(uint32(op), unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)))
	failed := size < 0
	if failed {
		size = -size
	}
	response := make([]byte, size)
	if size > 0 {
		hostTake(unsafe.Pointer(unsafe.SliceData(response)))
	}
	if !failed {
		return response, nil
	}
	e := new(abi.OpError)
	if _, err := e.UnmarshalMsg(response); err != nil {
		return nil, &abi.OpError{Code: abi.OpCodeInternal, Message: "malformed error from the host"}
	}
	return nil, e
}
