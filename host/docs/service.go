// Package docs is the service of JSON documents: collections of documents with ids, versions and a
// language of filters.
//
// What a filter, a sort and a page mean is decided here, in Go, on the text of the documents; the
// databases keep the text and an index of terms (see terms.go) that leaves few documents to look
// at. So every database gives the same answer to the last digit.
package docs

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/google/uuid"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// MaxDataBytes is how long a document's data may be as JSON.
const MaxDataBytes = 1 << 20

// Config is what the service works with.
type Config struct {
	Store store.Docs

	// Admit refuses bytes of documents that an app may not write; nil: it may write any. A document counts with its
	// data as JSON, and in each index with its key and its id.
	Admit func(ctx context.Context, appID string, bytes int) error
	// Quota is how many such bytes an app may have, 0 for any number; nil: any.
	Quota func(appID string) int64

	Log *slog.Logger // nil: slog.Default()
}

// Service keeps and finds documents. It is safe for concurrent use. Values come in as MessagePack
// (see package abi) and documents go out with their data as JSON. Bad input is [fault.Invalid] and
// names the field; what is not there is [fault.NotFound], in another app as in none.
type Service struct {
	store   store.Docs
	outside store.Docs // store, but for a transaction
	quota   func(appID string) int64
	admit   func(ctx context.Context, appID string, bytes int) error
	log     *slog.Logger
	known   *known
	far     *far
	maxWalk int
	indexer *background.Task
	within  bool // the store is that of a transaction
}

// New makes the service.
func New(config Config) *Service {
	if config.Admit == nil {
		config.Admit = func(context.Context, string, int) error { return nil }
	}
	if config.Quota == nil {
		config.Quota = func(string) int64 { return 0 }
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	s := &Service{store: config.Store, outside: config.Store, quota: config.Quota, admit: config.Admit, log: config.Log, known: newKnown(), far: newFar(), maxWalk: maxWalk}
	s.indexer = background.NewTask(background.TaskConfig{Name: "index documents", Run: s.work, Every: workEvery, Log: config.Log})
	return s
}

// In returns the service with the store of a transaction.
func (s *Service) In(tx store.Store) *Service {
	within := *s
	within.store, within.within = tx.Docs(), true
	return &within
}

// Admit refuses bytes of data that are about to be written: for whoever writes many documents, by [Service.Admitted].
func (s *Service) Admit(ctx context.Context, appID string, bytes int) error {
	return s.admit(ctx, appID, bytes)
}

// Admitted returns the service for writes that Admit has been asked about.
func (s *Service) Admitted() *Service {
	asked := *s
	asked.admit = func(context.Context, string, int) error { return nil }
	return &asked
}

// Reindex makes the index of documents anew if it was made in another way, as by an earlier version of
// this program, and returns how many documents there are. Call it before any other method.
func (s *Service) Reindex(ctx context.Context) (documents int, err error) {
	return s.store.Reindex(ctx, termGeneration, func(appID, collection string, data json.RawMessage) []int64 {
		return newTerms(appID, collection).ofDocument(text(data))
	})
}

// Create keeps a new document under an id of its own, a UUIDv7.
func (s *Service) Create(ctx context.Context, appID, collection string, data msgp.Raw) (store.Document, error) {
	content, err := s.checked(ctx, appID, collection, "", data)
	if err != nil {
		return store.Document{}, err
	}
	return s.store.Create(ctx, store.DocumentKey{AppID: appID, Collection: collection}, content)
}

// Get finds a document.
func (s *Service) Get(ctx context.Context, appID, collection, id string) (store.Document, error) {
	if err := store.CheckCollection(collection); err != nil {
		return store.Document{}, err
	}
	return s.store.Get(ctx, store.DocumentKey{AppID: appID, Collection: collection, ID: id})
}

// Put keeps a document under a given id, a UUID: a new one, or new data of the one that is there,
// as an import does. created tells which.
func (s *Service) Put(ctx context.Context, appID, collection, id string, data msgp.Raw) (doc store.Document, created bool, err error) {
	if err := checkID(id); err != nil {
		return store.Document{}, false, err
	}
	content, err := s.checked(ctx, appID, collection, id, data)
	if err != nil {
		return store.Document{}, false, err
	}
	key := store.DocumentKey{AppID: appID, Collection: collection, ID: id}
	for {
		doc, err = s.store.Replace(ctx, key, content, nil)
		if fault.Of(err) != fault.NotFound {
			return doc, false, err
		}
		doc, err = s.store.Create(ctx, key, content)
		if fault.Of(err) != fault.Conflict {
			return doc, err == nil, err
		}
		// It has been created in the meantime.
	}
}

// Restore keeps a document as it was elsewhere, with its id, a UUID, its version and its times, as an import
// does. An id that is in use is [fault.Conflict].
func (s *Service) Restore(ctx context.Context, appID, collection string, doc store.Document) error {
	if err := checkID(doc.ID); err != nil {
		return err
	}
	if doc.Version < 1 {
		return fault.Refuse("version", "must be at least 1, got %d", doc.Version)
	}
	if err := store.CheckTimes(doc.CreatedAt, doc.UpdatedAt); err != nil {
		return err
	}
	data, err := abi.AppendFromJSON(make([]byte, 0, len(doc.Data)), doc.Data)
	if err != nil {
		return fault.Refuse("data", "%v", err)
	}
	content, err := s.checked(ctx, appID, collection, "", data)
	if err != nil {
		return err
	}
	return s.store.Restore(ctx, store.DocumentKey{AppID: appID, Collection: collection, ID: doc.ID}, doc, content)
}

// Update replaces the data of a document and returns it as it is now. With ifVersion not nil it
// must be at that version; otherwise the error is a [fault.Stale].
func (s *Service) Update(ctx context.Context, appID, collection, id string, data msgp.Raw, ifVersion *int64) (store.Document, error) {
	content, err := s.checked(ctx, appID, collection, id, data)
	if err != nil {
		return store.Document{}, err
	}
	return s.store.Replace(ctx, store.DocumentKey{AppID: appID, Collection: collection, ID: id}, content, ifVersion)
}

// Patch merges a map into the data of a document (RFC 7396), otherwise like Update. Unit removes a
// key; a blob is a value, not a map.
func (s *Service) Patch(ctx context.Context, appID, collection, id string, patch msgp.Raw, ifVersion *int64) (store.Document, error) {
	if err := store.CheckCollection(collection); err != nil {
		return store.Document{}, err
	}
	changes, err := readMap("data", patch, MaxDataBytes)
	if err != nil {
		return store.Document{}, err
	}
	indexes, err := s.written(ctx, appID, collection)
	if err != nil {
		return store.Document{}, err
	}
	more := len(patch)
	if len(indexes) > 0 {
		more *= 2 // what is in the patch may be in a key, too
	}
	full := s.admit(ctx, appID, more)
	if full != nil && fault.Of(full) != fault.Quota {
		return store.Document{}, full
	}
	terms := newTerms(appID, collection)
	key := store.DocumentKey{AppID: appID, Collection: collection, ID: id}
	return s.store.Modify(ctx, key, ifVersion, func(data json.RawMessage) (store.DocumentContent, error) {
		result := merged(text(data), changes)
		if len(result) > MaxDataBytes {
			return store.DocumentContent{}, fault.Refuse("data", "must be at most %d bytes as JSON, would be %d", MaxDataBytes, len(result))
		}
		made := entries(indexes, result)
		if full != nil && sizeOf(result, made) > sizeOf(text(data), entries(indexes, text(data))) {
			return store.DocumentContent{}, full
		}
		return store.DocumentContent{Data: json.RawMessage(result), Terms: terms.ofDocument(result), Entries: made}, nil
	})
}

// Delete removes a document.
func (s *Service) Delete(ctx context.Context, appID, collection, id string) error {
	if err := store.CheckCollection(collection); err != nil {
		return err
	}
	return s.store.Delete(ctx, store.DocumentKey{AppID: appID, Collection: collection, ID: id})
}

// Collections pages through the collections of an app, by name.
func (s *Service) Collections(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.DocumentCollection], error) {
	return s.store.Collections(ctx, appID, page)
}

// checked is what is kept of data that came with a request, for a document with an id or, if that is
// "", a new one.
func (s *Service) checked(ctx context.Context, appID, collection, id string, data msgp.Raw) (store.DocumentContent, error) {
	content, indexes, err := s.read(ctx, appID, collection, data)
	if err != nil {
		return store.DocumentContent{}, err
	}
	made := entries(indexes, content)
	size := sizeOf(content, made)
	if refused := s.admit(ctx, appID, size); refused != nil {
		if fault.Of(refused) != fault.Quota || id == "" {
			return store.DocumentContent{}, refused
		}
		// What is there may be replaced by what is not larger.
		present, err := s.store.Get(ctx, store.DocumentKey{AppID: appID, Collection: collection, ID: id})
		if err != nil || size > sizeOf(text(present.Data), entries(indexes, text(present.Data))) {
			return store.DocumentContent{}, refused
		}
	}
	return store.DocumentContent{Data: json.RawMessage(content), Terms: newTerms(appID, collection).ofDocument(content), Entries: made}, nil
}

// read reads the data of a document that is to be written, and finds the indexes that it gets entries in.
func (s *Service) read(ctx context.Context, appID, collection string, data msgp.Raw) (content text, indexes []index, err error) {
	if err := store.CheckCollection(collection); err != nil {
		return nil, nil, err
	}
	if content, err = readMap("data", data, MaxDataBytes); err != nil {
		return nil, nil, err
	}
	indexes, err = s.written(ctx, appID, collection)
	return content, indexes, err
}

// Size returns what a document would count for, and refuses what it could not be. id may be "" for one of its own.
func (s *Service) Size(ctx context.Context, appID, collection, id string, data msgp.Raw) (bytes int, err error) {
	if id != "" {
		if err := checkID(id); err != nil {
			return 0, err
		}
	}
	content, indexes, err := s.read(ctx, appID, collection, data)
	return sizeOf(content, entries(indexes, content)), err
}

// checkID refuses what is no id that a document can be given.
func checkID(id string) error {
	if parsed, err := uuid.Parse(id); err != nil || parsed.String() != id {
		return fault.Refuse("id", "must be a UUID in lower case, got %.40q", id)
	}
	return nil
}
