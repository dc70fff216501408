package store

import (
	"context"
	"encoding/json"
	"time"
)

// KV keeps the entries of apps: in each collection, values by key. Keys and collections are ordered
// by their bytes.
//
// An entry is there until its ExpiresAt: from then on no method sees it. Its row stays until Sweep
// removes it or its key is written or deleted again. That is when [Listeners] are told that it has
// expired, before the change that brings it about. So each life of an entry is told as one
// creation, its updates, and one deletion or expiry. An entry that did not change tells nothing.
type KV interface {
	// Get returns an entry: "key not found" if there is none.
	Get(ctx context.Context, appID, collection, key string) (KVEntry, error)

	// Has reports whether there is an entry.
	Has(ctx context.Context, appID, collection, key string) (bool, error)

	// List returns the entries of a collection whose keys begin with prefix, in the order of the
	// keys. A page ends early when its values come to [MaxKVPageBytes].
	List(ctx context.Context, appID, collection, prefix string, page PageRequest) (Page[KVEntry], error)

	// Set writes an entry, if asked only where there is none, and reports whether it did. The value
	// must be JSON and is kept as it is.
	Set(ctx context.Context, appID, collection string, entry KVEntry, ifAbsent bool) (bool, error)

	// Delete removes an entry and reports whether there was one.
	Delete(ctx context.Context, appID, collection, key string) (bool, error)

	// Update replaces the value of an entry by what decide makes of it, while nobody else changes
	// the entry. No value, nil, is no entry; decide may also ask for no change. The entry keeps its
	// ExpiresAt, a new one has none. An error of decide, which must be one of this package's, is
	// returned as it is and leaves the entry alone. decide may be called again and must be quick.
	Update(ctx context.Context, appID, collection, key string, decide KVDecision) error

	// Collections returns the collections that have entries, in the order of their names.
	Collections(ctx context.Context, appID string, page PageRequest) (Page[KVCollection], error)

	// Sweep removes the rows of up to limit expired entries, 1 to [MaxBatch], and returns their
	// number. It is less than limit when none is left, but for those that somebody else is at.
	Sweep(ctx context.Context, limit int) (int, error)
}

// MaxKVPageBytes bounds the values of a page of [KV.List]. A page has at least one entry, however
// large.
const MaxKVPageBytes = 8 << 20

// KVEntry is a key with its value.
type KVEntry struct {
	Key       string
	Value     json.RawMessage
	ExpiresAt time.Time // zero: never
}

// A KVDecision makes the next value of the present one for [KV.Update].
type KVDecision func(value json.RawMessage) (next json.RawMessage, change bool, err error)

// MaxKVCount is how far [KV.Collections] counts.
const MaxKVCount = 1000

// KVCollection describes a collection for browsing.
type KVCollection struct {
	Name    string
	Entries int // MaxKVCount stands for as many or more
}
