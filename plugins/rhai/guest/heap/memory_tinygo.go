//go:build tinygo

package heap

import "unsafe"

// base is where the arena begins: not at the origin, whose address is none.
const base = lineSize

// memory is the wasm memory of this instance.
type memory struct{}

// heapBase is a symbol of the linker, at the end of the globals.
//
//go:extern __heap_base
var heapBase [0]byte

// origin returns where address 0 is.
func origin() address { return address(uintptr(unsafe.Pointer(&heapBase))) }

//export llvm.wasm.memory.size.i32
func wasmMemorySize(index int32) int32

//export llvm.wasm.memory.grow.i32
func wasmMemoryGrow(index, pages int32) int32

func (memory) at(a address) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(&heapBase), a) }

func (m memory) bytes(a address, n uint32) []byte { return unsafe.Slice((*byte)(m.at(a)), n) }

func (memory) size() address { return address(wasmMemorySize(0))*pageSize - origin() }

// wholePages rounds up to where a page ends.
func (memory) wholePages(a uint64) uint64 {
	return (a+uint64(origin())+pageSize-1)&^(pageSize-1) - uint64(origin())
}

// extend makes the memory reach at least to an address. It may reach further
// already: a slot that an earlier execution grew has been zeroed, not shortened.
func (m memory) extend(to address) bool {
	size := m.size()
	return to <= size || wasmMemoryGrow(0, int32((to-size+pageSize-1)/pageSize)) >= 0
}
