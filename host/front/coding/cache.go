package coding

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"
)

// Cache keeps what was compressed, up to a number of bytes: what was asked for longest ago goes first.
// It is safe for use by several goroutines.
type Cache struct {
	size int64

	mu      sync.Mutex
	held    int64
	entries *simplelru.LRU[key, []byte]
	making  singleflight.Group
}

// key names a body, which never changes, in a coding.
type key struct{ body, coding string }

// NewCache makes a cache of a size in bytes.
func NewCache(size int64) *Cache {
	c := &Cache{size: size}
	const unbounded = 1 << 30
	c.entries, _ = simplelru.NewLRU(unbounded, func(_ key, kept []byte) { c.held -= cost(kept) }) // whose error is of no size
	return c
}

// cost is what an entry takes, roughly: a small one is more than its bytes.
func cost(kept []byte) int64 { return int64(len(kept)) + 256 }

// Get returns a body in a coding. If it is not kept, make compresses it, once for all who ask at the
// same time, which share its error. Nobody may change what is returned.
func (c *Cache) Get(body, coding string, make func() ([]byte, error)) ([]byte, error) {
	k := key{body, coding}
	if kept, ok := c.kept(k); ok {
		return kept, nil
	}
	made, err, _ := c.making.Do(coding+" "+body, func() (any, error) {
		if kept, ok := c.kept(k); ok { // made since
			return kept, nil
		}
		compressed, err := make()
		if err == nil {
			c.keep(k, compressed)
		}
		return compressed, err
	})
	compressed, _ := made.([]byte)
	return compressed, err
}

func (c *Cache) kept(k key) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries.Get(k)
}

func (c *Cache) keep(k key, compressed []byte) {
	if cost(compressed) > c.size {
		return
	}
	// What it was made in may be larger, and would be held with it.
	compressed = append(make([]byte, 0, len(compressed)), compressed...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.Remove(k)
	c.entries.Add(k, compressed)
	for c.held += cost(compressed); c.held > c.size; {
		c.entries.RemoveOldest()
	}
}
