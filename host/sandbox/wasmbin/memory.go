package wasmbin

import "fmt"

// parseMemory reads the memory section (5.5.8).
func (m *Module) parseMemory(r *reader) error {
	n := r.count(maxItems)
	if n > 1 {
		return fmt.Errorf("has %d memories, at most one is allowed", n)
	}
	for range n {
		limits := r.limits()
		m.Memory = &limits
	}
	return nil
}

// MinPages is how large the memory is at first, in pages of 64 KiB.
func (m *Module) MinPages() uint32 {
	if m.Memory == nil {
		return 0
	}
	return m.Memory.Min
}
