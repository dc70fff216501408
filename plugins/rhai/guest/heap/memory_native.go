//go:build !tinygo

package heap

import "unsafe"

// base leaves room for the roots of tests below the arena.
const base = 8192

// memory is a byte slice standing for a wasm memory, for tests: its length is
// the memory's, its capacity what that may grow to.
type memory []byte

// origin returns where address 0 is.
func origin() address { return 0 }

func (m memory) at(a address) unsafe.Pointer { return unsafe.Pointer(&m[:cap(m)][a]) }

func (m memory) bytes(a address, n uint32) []byte { return m[a : a+address(n)] }

func (m memory) size() address { return address(len(m)) }

// wholePages rounds up to where a page ends: as in a guest, in no relation to
// lines.
func (memory) wholePages(a uint64) uint64 { return (a+48+pageSize-1)&^(pageSize-1) - 48 }

// extend makes the memory reach at least to an address.
func (m *memory) extend(to address) bool {
	if int(to) > cap(*m) {
		return false
	}
	*m = (*m)[:max(len(*m), int(to))]
	return true
}
