// Package kv keeps an app's values under keys.
//
// Names of collections and keys are 1 to 512 bytes of UTF-8 without control characters. Values have
// at most 1 MiB as JSON. Every method but List and All is atomic, also beside other executions.
// Errors are [*sdk.Error]: invalid for a name or value that is not allowed, denied without the
// capability AppKvRead or AppKvWrite, and unavailable.
package kv

import (
	"iter"
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Collection is the name of a collection of the app. Its values are read into Ts and written from
// them; sdk.Value and any take whatever there is.
//
//	visits := kv.Collection[int64]("visits")
type Collection[T any] string

// Item is a key with its value.
type Item[T any] struct {
	Key   string `json:"key"`
	Value T      `json:"value"`
}

// Page is a part of a listing.
type Page[T any] struct {
	Items  []Item[T] `json:"items"`
	Cursor string    `json:"cursor"` // of the next page, "" when this is the last
}

// Query asks for a page.
type Query struct {
	Prefix string // of the keys
	Cursor string // of the page before, "" for the first
	Limit  int    // 1 to 1000; 0: 50
}

// Options say under what condition and for how long a value is kept.
type Options struct {
	TTL      time.Duration // at least a millisecond; 0: kept for ever
	IfAbsent bool          // leave an existing value alone
}

type name struct {
	Collection string `json:"collection"`
	Key        string `json:"key"`
}

// Get returns the value of a key; found is false when there is none.
func (c Collection[T]) Get(key string) (value T, found bool, err error) {
	response, err := host.Call[struct {
		Found bool `json:"found"`
		Value T    `json:"value"`
	}](host.KVGet, name{string(c), key})
	return response.Value, response.Found, err
}

// Has reports whether there is a key.
func (c Collection[T]) Has(key string) (found bool, err error) {
	return c.found(host.KVHas, key)
}

// Delete removes a key; found is false when there was none.
func (c Collection[T]) Delete(key string) (found bool, err error) {
	return c.found(host.KVDelete, key)
}

func (c Collection[T]) found(operation host.Operation, key string) (bool, error) {
	response, err := host.Call[struct {
		Found bool `json:"found"`
	}](operation, name{string(c), key})
	return response.Found, err
}

// Set stores a value for ever.
func (c Collection[T]) Set(key string, value T) error {
	_, err := c.SetWith(key, value, Options{})
	return err
}

type setResponse struct {
	Set bool `json:"set"`
}

// SetWith stores a value with options; set is false when the condition did not hold and nothing has
// changed.
func (c Collection[T]) SetWith(key string, value T, options Options) (set bool, err error) {
	request := struct {
		name
		Value    T      `json:"value"`
		TTL      *int64 `json:"ttl_ms,omitzero"`
		IfAbsent bool   `json:"if_absent,omitzero"`
	}{name: name{string(c), key}, Value: value, IfAbsent: options.IfAbsent}
	if options.TTL != 0 {
		ttl := options.TTL.Milliseconds()
		request.TTL = &ttl
	}
	response, err := host.Call[setResponse](host.KVSet, request)
	return response.Set, err
}

// Incr adds to an integer and returns the sum. A missing key counts as 0. The error is invalid when
// the value is no integer or the sum does not fit into 64 bits.
func (c Collection[T]) Incr(key string, by int64) (sum int64, err error) {
	response, err := host.Call[struct {
		Value int64 `json:"value"`
	}](host.KVIncr, struct {
		name
		By int64 `json:"by"`
	}{name{string(c), key}, by})
	return response.Value, err
}

// CompareAndSet replaces a value if it equals old. A nil old means that the key must be missing, a
// nil new that it is to be deleted. Set is false when another value was there and nothing has
// changed.
func (c Collection[T]) CompareAndSet(key string, old, new *T) (set bool, err error) {
	response, err := host.Call[setResponse](host.KVCompareAndSet, struct {
		name
		Old *T `json:"old"`
		New *T `json:"new"`
	}{name{string(c), key}, old, new})
	return response.Set, err
}

// List returns a page of the keys in the order of their bytes.
func (c Collection[T]) List(query Query) (Page[T], error) {
	return host.Call[Page[T]](host.KVList, struct {
		Collection string `json:"collection"`
		Prefix     string `json:"prefix,omitzero"`
		Cursor     string `json:"cursor,omitzero"`
		Limit      int    `json:"limit,omitzero"`
	}{string(c), query.Prefix, query.Cursor, query.Limit})
}

// All iterates over the keys that begin with prefix, page by page, and stops after an error.
func (c Collection[T]) All(prefix string) iter.Seq2[Item[T], error] {
	return host.Pages(func(cursor string) ([]Item[T], string, error) {
		page, err := c.List(Query{Prefix: prefix, Cursor: cursor})
		return page.Items, page.Cursor, err
	})
}
