// Package kv is the key-value service: what scripts, plugins and people do with the entries of an
// app's collections. It checks what it is given and makes the operations; package store keeps the
// entries and makes each operation atomic.
package kv

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Config is what the service needs.
type Config struct {
	Store store.KV
	Log   *slog.Logger     // of the sweeps; nil: slog.Default()
	Now   func() time.Time // the clock that ttl_ms counts from, the store's; nil: time.Now

	// Admit refuses bytes of keys and values that an app may not write; nil: it may write any.
	Admit func(ctx context.Context, appID string, bytes int) error
}

// Service performs the operations of kv. It is safe for concurrent use.
//
// Names of collections are 1 to [store.MaxCollectionBytes] bytes of UTF-8 without control
// characters, keys 1 to [MaxKeyBytes]. Values are JSON by the mapping of package abi, at most
// [MaxValueBytes] of text, and are kept as they come. null is a value like any other, though a
// script, to which a missing key is unit, cannot tell the two apart by Get.
//
// An entry that has expired is missing to every operation. [store.KV] says when those who listen hear of it.
//
// What is refused is [fault.Invalid] and names the field; other errors are those of package store.
type Service struct{ config Config }

// New makes the service.
func New(config Config) *Service {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Admit == nil {
		config.Admit = func(context.Context, string, int) error { return nil }
	}
	return &Service{config: config}
}

// In returns the service with the store of a transaction.
func (s *Service) In(tx store.Store) *Service {
	within := *s
	within.config.Store = tx.KV()
	return &within
}

// Admit refuses bytes of keys and values that are about to be written: for whoever writes many, by [Service.Admitted].
func (s *Service) Admit(ctx context.Context, appID string, bytes int) error {
	return s.config.Admit(ctx, appID, bytes)
}

// Admitted returns the service for writes that Admit has been asked about.
func (s *Service) Admitted() *Service {
	asked := *s
	asked.config.Admit = func(context.Context, string, int) error { return nil }
	return &asked
}

// Get returns an entry; without one the error is [fault.NotFound].
func (s *Service) Get(ctx context.Context, appID, collection, key string) (store.KVEntry, error) {
	if err := checkNames(collection, key); err != nil {
		return store.KVEntry{}, err
	}
	return s.config.Store.Get(ctx, appID, collection, key)
}

// Has reports whether there is an entry.
func (s *Service) Has(ctx context.Context, appID, collection, key string) (bool, error) {
	if err := checkNames(collection, key); err != nil {
		return false, err
	}
	return s.config.Store.Has(ctx, appID, collection, key)
}

// List returns the entries whose keys begin with prefix, in the order of the keys' bytes. A page
// ends early when its values come to [store.MaxKVPageBytes].
func (s *Service) List(ctx context.Context, appID, collection, prefix string, page store.PageRequest) (store.Page[store.KVEntry], error) {
	err := store.CheckCollection(collection)
	if err == nil && prefix != "" {
		err = store.CheckName("prefix", prefix, MaxKeyBytes)
	}
	if err != nil {
		return store.Page[store.KVEntry]{}, err
	}
	return s.config.Store.List(ctx, appID, collection, prefix, page)
}

// SetOptions says how [Service.Set] writes. Without TTLMillis and ExpiresAt the entry stays for
// ever, even if it replaces one that did not.
type SetOptions struct {
	TTLMillis *int64    // from now, 1 to MaxTTLMillis
	ExpiresAt time.Time // or at a time, to restore an entry; zero: neither
	IfAbsent  bool      // leave an existing entry alone
}

// Set writes an entry and reports whether it did: nothing but IfAbsent keeps it from doing so.
func (s *Service) Set(ctx context.Context, appID, collection, key string, value Value, options SetOptions) (bool, error) {
	entry, err := s.read(collection, key, value, options)
	if err != nil {
		return false, err
	}
	if err := s.admit(ctx, appID, collection, key, entry.Value); err != nil {
		return false, err
	}
	return s.config.Store.Set(ctx, appID, collection, entry, options.IfAbsent)
}

// Size returns what an entry would count for, and refuses what Set would whatever there is.
func (s *Service) Size(collection, key string, value Value, options SetOptions) (bytes int, err error) {
	entry, err := s.read(collection, key, value, options)
	return len(entry.Key) + len(entry.Value), err
}

// read reads an entry that is to be set.
func (s *Service) read(collection, key string, value Value, options SetOptions) (entry store.KVEntry, err error) {
	if err := checkNames(collection, key); err != nil {
		return entry, err
	}
	entry.Key = key
	if entry.Value, err = value.read("value"); err != nil {
		return entry, err
	}
	entry.ExpiresAt, err = options.expiry(s.config.Now())
	return entry, err
}

// Delete removes an entry and reports whether there was one.
func (s *Service) Delete(ctx context.Context, appID, collection, key string) (bool, error) {
	if err := checkNames(collection, key); err != nil {
		return false, err
	}
	return s.config.Store.Delete(ctx, appID, collection, key)
}

// admit asks for room for an entry. Where there is none, one that is there may be replaced by one
// that is not longer.
func (s *Service) admit(ctx context.Context, appID, collection, key string, value json.RawMessage) error {
	refused := s.config.Admit(ctx, appID, len(key)+len(value))
	if fault.Of(refused) != fault.Quota {
		return refused
	}
	if present, err := s.config.Store.Get(ctx, appID, collection, key); err == nil && len(value) <= len(present.Value) {
		return nil
	}
	return refused
}

// Incr adds to an integer, which is 0 if missing, and returns the sum. The entry keeps the time at
// which it expires. A value that is not an integer of 64 bits and a sum that would not be one are
// refused.
func (s *Service) Incr(ctx context.Context, appID, collection, key string, by int64) (sum int64, err error) {
	if err := checkNames(collection, key); err != nil {
		return 0, err
	}
	if err := s.admit(ctx, appID, collection, key, nil); err != nil { // the few digits are not counted
		return 0, err
	}
	err = s.config.Store.Update(ctx, appID, collection, key, func(value json.RawMessage) (json.RawMessage, bool, error) {
		var next json.RawMessage
		var err error
		sum, next, err = add(key, value, by)
		return next, true, err
	})
	if err != nil {
		return 0, err
	}
	return sum, nil
}

// CompareAndSet replaces the value old by next and reports whether it did: not if the value is
// another one. As old, null stands for a missing key, and not for a stored null, which nobody who
// asks for a key to be free would want overwritten; as next, it deletes the key. Values are the same
// if they are the same to a script: the order of keys and how a number is written make no
// difference, but 1 is not 1.0. The entry keeps the time at which it expires.
func (s *Service) CompareAndSet(ctx context.Context, appID, collection, key string, old, next Value) (swapped bool, err error) {
	if err := checkNames(collection, key); err != nil {
		return false, err
	}
	oldText, err := old.read("old")
	if err != nil {
		return false, err
	}
	nextText, err := next.read("new")
	if err != nil {
		return false, err
	}
	if isNull(nextText) {
		nextText = nil
	} else if err := s.admit(ctx, appID, collection, key, nextText); err != nil {
		return false, err
	}
	err = s.config.Store.Update(ctx, appID, collection, key, func(value json.RawMessage) (json.RawMessage, bool, error) {
		if swapped = value == nil && isNull(oldText) || value != nil && !isNull(oldText) && same(value, oldText); !swapped {
			return nil, false, nil
		}
		return nextText, true, nil
	})
	return swapped && err == nil, err
}

// Collections returns the collections of an app that have entries, by name.
func (s *Service) Collections(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.KVCollection], error) {
	return s.config.Store.Collections(ctx, appID, page)
}
