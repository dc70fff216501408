package authz

import (
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/host/store"
)

// What is remembered of callers, so that not every request reads the database for it.
const (
	// rememberedFor bounds how long a node goes on with what is not so any more, when nobody tells it:
	// its database is gone, or a connection broke as a change was committed.
	rememberedFor = time.Second
	// rememberedCallers and rememberedUsers bound the memory for it: the most recent are kept.
	rememberedCallers = 10_000
	rememberedUsers   = 10_000
)

// A memory remembers what was read, until a time is over or something has changed. It is safe for
// concurrent use.
type memory[K comparable, V any] struct {
	kept    *lru.Cache[K, remembered[V]]
	changes *atomic.Int64 // of what any of it is about
	now     func() time.Time
}

type remembered[V any] struct {
	value   V
	at      time.Time
	changes int64 // when reading began
}

func newMemory[K comparable, V any](size int, changes *atomic.Int64, now func() time.Time) *memory[K, V] {
	kept, err := lru.New[K, remembered[V]](size)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &memory[K, V]{kept: kept, changes: changes, now: now}
}

// get returns what is remembered of a key at a time, or reads and remembers it. Errors are not remembered.
func (m *memory[K, V]) get(key K, read func() (V, error)) (V, error) {
	now := m.now()
	if r, ok := m.kept.Get(key); ok && r.changes == m.changes.Load() && now.Sub(r.at) < rememberedFor && !now.Before(r.at) {
		return r.value, nil
	}
	r := remembered[V]{at: now, changes: m.changes.Load()} // before reading: a change may come while it lasts
	var err error
	if r.value, err = read(); err != nil {
		m.kept.Remove(key)
		return r.value, err
	}
	m.kept.Add(key, r)
	return r.value, nil
}

// Changed forgets what callers may do, which has changed: on this node the store tells so itself, of
// other nodes a watcher of its revisions does.
func (a *Authority) Changed() { a.changes.Add(1) }

// follow forgets what a revision of this process is about.
func (a *Authority) follow(r store.Revision) {
	if r.Resource == store.ResourceUser || r.Resource == store.ResourceApp { // whose keys went with it
		a.Changed()
	}
}
