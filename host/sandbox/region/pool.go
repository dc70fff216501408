package region

import (
	"errors"
	"sync"
)

// A Pool keeps memories that are as an image. A nil one has none, and its
// memories are empty.
type Pool struct {
	image Image

	mu     sync.Mutex
	idle   []*Region
	closed bool
}

// NewPool makes a pool whose memories are as the one given.
func NewPool(memory []byte) (*Pool, error) {
	image, err := NewImage(memory)
	return &Pool{image: image}, err
}

// Take returns a region that nobody else has and that is the image.
func (p *Pool) Take() *Region {
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if n := len(p.idle); n > 0 {
			r := p.idle[n-1]
			p.idle = p.idle[:n-1]
			return r
		}
	}
	r := New()
	size := uint64(0)
	if p != nil {
		size = uint64(len(p.image.bytes))
	}
	r.Allocate(size, size)
	if size > 0 && (r.Reallocate(size) == nil || r.Attach(p.image) != nil) {
		// A memory allocator of wazero has no way to fail, but its caller recovers.
		panic(errors.New("no address space for a memory"))
	}
	return r
}

// Put takes a region back. One that grew is not used again: how large it is would
// tell of the execution before.
func (p *Pool) Put(r *Region) {
	if p == nil || !p.putBack(r) {
		r.Free()
	}
}

// putBack reports whether the region is the pool's again.
func (p *Pool) putBack(r *Region) bool {
	if len(r.Bytes()) != len(p.image.bytes) || p.isClosed() {
		return false
	}
	if _, _, err := r.Reset(p.image, FewPages); err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.idle = append(p.idle, r)
	}
	return !p.closed
}

func (p *Pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Close frees the image and the regions that are idle; others are freed when they are put back. No
// region may be put back meanwhile.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, r := range p.idle {
		r.Free()
	}
	p.idle = nil
	return p.image.Close()
}

// Size is how many bytes the image has; 0 of a nil pool.
func (p *Pool) Size() int {
	if p == nil {
		return 0
	}
	return len(p.image.bytes)
}
