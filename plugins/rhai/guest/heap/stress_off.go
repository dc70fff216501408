//go:build !heapstress

package heap

// stress is 1 in a guest that is tested for references the collector does not see:
// it collects whenever it may, and what is freed is overwritten.
const stress = 0

func (h *Heap) poison(uint32) {}
