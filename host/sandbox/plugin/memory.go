package plugin

import (
	"github.com/tetratelabs/wazero/experimental"

	"github.com/picloud/picloud/host/sandbox/region"
)

// A memory allocates the linear memories of one instance of a plugin: first that of
// Extism's kernel, which holds what is exchanged with the host, then the plugin's
// own. Together they have the script's limit.
type memory struct {
	limit   uint64
	regions []*region.Pool // of the memories that are still to come; nil: an empty memory
	used    uint64         // bytes, of both
	refused bool           // more was asked for than the limit allows

	allocated []*memoryRegion
}

// Allocate implements [experimental.MemoryAllocator].
func (m *memory) Allocate(_, _ uint64) experimental.LinearMemory {
	r := &memoryRegion{of: m}
	if len(m.regions) > 0 {
		r.pool, m.regions = m.regions[0], m.regions[1:]
	}
	r.Region = r.pool.Take()
	m.allocated = append(m.allocated, r)
	return r
}

// free gives the memories back for other executions, when nothing of this one runs
// any more.
func (m *memory) free() {
	for _, r := range m.allocated {
		r.pool.Put(r.Region)
	}
	m.allocated = nil
}

// memoryRegion is one of the memories.
type memoryRegion struct {
	*region.Region
	pool  *region.Pool
	of    *memory
	size  uint64
	began bool
}

// Reallocate makes the memory so many bytes; nil when the limit or the system
// refuses. What a module has at first was checked before.
func (r *memoryRegion) Reallocate(size uint64) []byte {
	used := r.of.used - r.size + size
	if r.began && used > r.of.limit {
		r.of.refused = true
		return nil
	}
	b := r.Region.Reallocate(size)
	if b == nil {
		r.of.refused = true
		return nil
	}
	r.began = true
	r.of.used, r.size = used, size
	return b
}

// Free leaves the memory to [memory.free]. wazero frees it when the instance is
// interrupted, while Extism may still read it, and does not when an instance fails
// in the making.
func (r *memoryRegion) Free() {}

// kernelBytes is how large the memory of Extism's kernel is at first (its 16 pages).
// Were it another, memories would not be used again, and executions slower.
const kernelBytes = 16 * region.WasmPage
