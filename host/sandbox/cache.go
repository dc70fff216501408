package sandbox

import (
	"errors"
	"hash/maphash"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
)

// scriptCache keeps ready the scripts and plugins used last.
type scriptCache struct {
	entries *lru.Cache[scriptKey, *cacheEntry]
	seed    maphash.Seed

	hits, misses, evictions atomic.Int64
	bytes                   atomic.Int64
}

// scriptKey names a script at one version, with what it may import.
type scriptKey struct {
	appID, id string
	updatedAt int64
	limits    abi.Limits
	modules   uint64 // hash of names and sources
}

// prepared is what runs: the image of a script, or a compiled plugin.
type prepared interface {
	Held() int    // bytes of memory
	Retain() bool // keeps it until Release; false: it is gone
	Release()
}

// A cacheEntry is a prepared script, or why there is none.
type cacheEntry struct {
	ready   atomic.Pointer[prepared]
	prepare chan struct{}    // of one place, taken by whoever prepares it
	invalid *abi.ScriptError // guarded by prepare
	held    atomic.Int64     // bytes counted for it; evicted: none any more
}

const evicted = -1

func newScriptCache(size int) (*scriptCache, error) {
	c := &scriptCache{seed: maphash.MakeSeed()}
	var err error
	c.entries, err = lru.NewWithEvict(size, func(_ scriptKey, e *cacheEntry) {
		c.evictions.Add(1)
		if held := e.held.Swap(evicted); held > 0 {
			c.bytes.Add(-held)
			(*e.ready.Load()).Release()
		}
	})
	return c, err
}

// get returns a script made ready, by load when it is not there, for the caller to
// release. Calls for the same script at the same time load it once. What is wrong
// with a script is kept; other failures, such as a timeout, are not.
func (c *scriptCache) get(e *gate.Execution, script Script, load func() (prepared, error)) (prepared, error) {
	if script.ID == "" {
		return load()
	}
	key := c.key(script)
	entry, ok := c.entries.Get(key)
	if !ok {
		entry = &cacheEntry{prepare: make(chan struct{}, 1)}
		if earlier, found, _ := c.entries.PeekOrAdd(key, entry); found {
			entry = earlier
		}
	}
	if ready := entry.retain(); ready != nil {
		c.hits.Add(1)
		return ready, nil
	}
	if err := entry.lock(e); err != nil {
		return nil, err
	}
	defer entry.unlock()
	if ready := entry.retain(); ready != nil { // prepared meanwhile
		c.hits.Add(1)
		return ready, nil
	}
	if entry.invalid != nil {
		c.hits.Add(1)
		return nil, entry.invalid
	}
	c.misses.Add(1)
	ready, err := load()
	var scriptError *abi.ScriptError
	switch {
	case err == nil:
		ready.Retain() // for the cache
		entry.ready.Store(&ready)
		if held := int64(ready.Held()); entry.held.CompareAndSwap(0, held) {
			c.bytes.Add(held)
		} else { // evicted meanwhile
			ready.Release()
		}
	case errors.As(err, &scriptError) && (scriptError.Code == abi.CodeScriptInvalid || scriptError.Code == abi.CodeLimitExceeded):
		entry.invalid = scriptError
	}
	return ready, err
}

// retain returns what is ready, for the caller to release, or nil.
func (e *cacheEntry) retain() prepared {
	if ready := e.ready.Load(); ready != nil && (*ready).Retain() {
		return *ready
	}
	return nil
}

// lock waits until nobody else prepares the entry, which is no part of the execution's time. The
// error is an [*abi.ScriptError]: the execution ended meanwhile.
func (e *cacheEntry) lock(execution *gate.Execution) error {
	select {
	case e.prepare <- struct{}{}:
		return nil
	default:
	}
	defer execution.Pause()()
	select {
	case e.prepare <- struct{}{}:
		return nil
	case <-execution.Context().Done():
		return execution.Interruption()
	}
}

func (e *cacheEntry) unlock() { <-e.prepare }

func (c *scriptCache) key(s Script) scriptKey {
	k := scriptKey{appID: s.AppID, id: s.ID, updatedAt: s.UpdatedAt.UnixNano(), limits: s.Limits}
	if len(s.Modules) > 0 {
		var h maphash.Hash
		h.SetSeed(c.seed)
		for _, m := range s.Modules {
			maphash.WriteComparable(&h, m)
		}
		k.modules = h.Sum64()
	}
	return k
}

// purge empties the cache.
func (c *scriptCache) purge() { c.entries.Purge() }
