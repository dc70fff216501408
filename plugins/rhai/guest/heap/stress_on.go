//go:build heapstress

package heap

const stress = 1

// poison overwrites a line that has been freed with pointers to nowhere.
func (h *Heap) poison(line uint32) {
	b := h.memory.bytes(base+address(line<<lineShift), lineSize)
	for i := range b {
		b[i] = 0xdb
	}
}
