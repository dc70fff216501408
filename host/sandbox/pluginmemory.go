package sandbox

import (
	"errors"
	"sync"

	"github.com/tetratelabs/wazero/experimental"
)

// A pluginMemory allocates the memories of one instance of a plugin: first that of
// Extism's kernel, which holds what is exchanged with the host, then the plugin's
// own. Together they have the script's limit.
type pluginMemory struct {
	limit   uint64
	regions []*regionPool // of the memories that are still to come; nil: an empty memory
	used    uint64        // bytes, of both
	refused bool          // more was asked for than the limit allows

	allocated []*pluginRegion
}

// Allocate implements [experimental.MemoryAllocator].
func (m *pluginMemory) Allocate(_, _ uint64) experimental.LinearMemory {
	r := &pluginRegion{memory: m}
	if len(m.regions) > 0 {
		r.pool, m.regions = m.regions[0], m.regions[1:]
	}
	r.region = r.pool.take()
	m.allocated = append(m.allocated, r)
	return r
}

// free gives the memories back for other executions, when nothing of this one runs
// any more.
func (m *pluginMemory) free() {
	for _, r := range m.allocated {
		r.pool.put(r.region)
	}
	m.allocated = nil
}

// pluginRegion is one of the memories.
type pluginRegion struct {
	*region
	pool   *regionPool
	memory *pluginMemory
	size   uint64
	began  bool
}

// Reallocate makes the memory so many bytes; nil when the limit or the system
// refuses. What a module has at first was checked before.
func (r *pluginRegion) Reallocate(size uint64) []byte {
	used := r.memory.used - r.size + size
	if r.began && used > r.memory.limit {
		r.memory.refused = true
		return nil
	}
	b := r.region.Reallocate(size)
	if b == nil {
		r.memory.refused = true
		return nil
	}
	r.began = true
	r.memory.used, r.size = used, size
	return b
}

// Free leaves the memory to [pluginMemory.free]. wazero frees it when the instance is
// interrupted, while Extism may still read it, and does not when an instance fails
// in the making.
func (r *pluginRegion) Free() {}

// kernelBytes is how large the memory of Extism's kernel is at first (its 16 pages).
// Were it another, memories would not be used again, and executions slower.
const kernelBytes = 16 * wasmPage

// A regionPool keeps memories that are as an image. A nil one has none, and its
// memories are empty.
type regionPool struct {
	image imageMemory

	mu     sync.Mutex
	idle   []*region
	closed bool
}

// newRegionPool makes an image of a memory.
func newRegionPool(memory []byte) (*regionPool, error) {
	image, err := newImageMemory(memory)
	return &regionPool{image: image}, err
}

// take answers a region that nobody else has and that is the image.
func (p *regionPool) take() *region {
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if n := len(p.idle); n > 0 {
			r := p.idle[n-1]
			p.idle = p.idle[:n-1]
			return r
		}
	}
	r := newRegion()
	size := uint64(0)
	if p != nil {
		size = uint64(len(p.image.bytes))
	}
	r.Allocate(size, size)
	if size > 0 && (r.Reallocate(size) == nil || r.attach(p.image) != nil) {
		// [pluginMemory.Allocate] has no way to fail, but its caller recovers.
		panic(errors.New("no address space for a plugin's memory"))
	}
	return r
}

// put takes a region back. One that grew is not used again: how large it is would
// tell of the execution before.
func (p *regionPool) put(r *region) {
	if p == nil || len(r.bytes()) != len(p.image.bytes) || r.reset(p.image) != nil {
		r.Free()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		r.Free()
		return
	}
	p.idle = append(p.idle, r)
}

// close frees the regions that are not in use now, and those that are when they are put back.
func (p *regionPool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, r := range p.idle {
		r.Free()
	}
	p.idle = nil
	return p.image.close()
}
