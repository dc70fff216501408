package docs

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Indexes
//
// An index on a path keeps for each document of a collection the key of its value there, in the order of
// the keys. It finds those in a range, and visits all in their order from any place on. Whatever it finds
// is only what is looked at: the filter and the sort decide.
//
// A document with several different values at the path, as in the maps of an array, has no place: it is
// looked at by every query of the index.
//
// Who writes a document makes its keys in the indexes that it knows, and the database sees to it that the
// document has no place in others. So what is known of indexes may be late on any node, and nothing is
// missed.

// MaxIndexPath is how many bytes the path of an index may have.
const MaxIndexPath = 512

// maxKnown is of how many apps the indexes are kept in memory, that they have none too.
const maxKnown = 10_000

// index is an index of which the path has been read.
type index struct {
	store.DocumentIndex
	path path
}

// known is what is known of the indexes of apps, by their collections. Few apps have any.
type known struct {
	mu      sync.Mutex
	of      *lru.Cache[string, map[string][]index]
	changes uint64 // raised by forget, so that what was read before is not kept
}

func newKnown() *known {
	of, err := lru.New[string, map[string][]index](maxKnown)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &known{of: of}
}

// forget drops what is known of an app; "" of all.
func (k *known) forget(appID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	if appID == "" {
		k.of.Purge()
		return
	}
	k.of.Remove(appID)
}

// IndexesChanged tells that indexes of an app are others now; "": of any.
func (s *Service) IndexesChanged(appID string) {
	s.known.forget(appID)
	s.indexer.Wake()
}

// Follow has changes of indexes that are made in transactions of this process seen when these are committed.
// [Service.IndexesChanged] is to be called after those by others.
func (s *Service) Follow(revisions store.Revisions) {
	revisions.Follow(func(r store.Revision) {
		if r.Resource == store.ResourceIndex {
			s.IndexesChanged(r.AppID)
		}
	})
}

// written are the indexes of a collection in which a document gets entries that is written. What is known may be
// late in a transaction, too, so that is what is known outside of it.
func (s *Service) written(ctx context.Context, appID, collection string) ([]index, error) {
	k := s.known
	if of, ok := k.of.Get(appID); ok {
		return of[collection], nil
	}
	k.mu.Lock()
	before := k.changes
	k.mu.Unlock()
	rows, err := s.outside.Indexes(ctx, appID, "")
	if err != nil {
		return nil, err
	}
	of := map[string][]index{}
	for _, in := range readIndexes(rows) {
		of[in.Collection] = append(of[in.Collection], in)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes == before {
		k.of.Add(appID, of)
	}
	return of[collection], nil
}

// indexes are those of a collection, of which queries use what is ready.
func (s *Service) indexes(ctx context.Context, appID, collection string) ([]index, error) {
	found, err := s.written(ctx, appID, collection)
	if err != nil || len(found) == 0 || !s.within {
		return found, err
	}
	rows, err := s.store.Indexes(ctx, appID, collection) // a transaction sees its own moment
	return readIndexes(rows), err
}

// readIndexes reads the paths of indexes.
func readIndexes(rows []store.DocumentIndex) []index {
	found := make([]index, 0, len(rows))
	for _, row := range rows {
		if p, err := parsePath("path", row.Path); err == nil { // as it was when it was declared
			found = append(found, index{row, p})
		}
	}
	return found
}

// entries are a document's entries in indexes.
func entries(indexes []index, data text) []store.DocumentEntry {
	if len(indexes) == 0 {
		return nil
	}
	made := make([]store.DocumentEntry, len(indexes))
	for i, in := range indexes {
		made[i] = store.DocumentEntry{Index: in.ID, Key: entryKey(data, in.path)}
	}
	return made
}

// sizeOf is what a document counts for, with its entries: see [Config].
func sizeOf(data text, entries []store.DocumentEntry) int {
	size := len(data)
	for _, e := range entries {
		size += len(e.Key) + idBytes
	}
	return size
}

// idBytes is how long the id of a document is.
const idBytes = 36

// Indexes lists the indexes of an app in the order of their collections and paths; with collection not ""
// those of this one.
func (s *Service) Indexes(ctx context.Context, appID, collection string) ([]store.DocumentIndex, error) {
	return s.store.Indexes(ctx, appID, collection)
}

// GetIndex finds an index of an app.
func (s *Service) GetIndex(ctx context.Context, appID string, id int64) (store.DocumentIndex, error) {
	return s.store.Index(ctx, appID, id)
}

// Index declares an index on a path of the documents of a collection, unless there is one, and returns it;
// made tells which. It is used once it has been built, in the background. A path that only differs in
// backslashes that are not needed is the same. A collection may have [store.MaxIndexes] and an
// app [store.MaxAppIndexes]: one more is [fault.Quota].
func (s *Service) Index(ctx context.Context, appID, collection, path string) (declared store.DocumentIndex, made bool, err error) {
	if path, err = CheckIndex(collection, path); err != nil {
		return declared, false, err
	}
	declared, made, err = s.store.Declare(ctx, store.DocumentIndex{AppID: appID, Collection: collection, Path: path})
	if made && !s.within {
		s.IndexesChanged(appID)
	}
	return declared, made, err
}

// CheckIndex refuses what cannot be the collection and the path of an index, and returns the path as it is kept.
func CheckIndex(collection, path string) (string, error) {
	if err := store.CheckCollection(collection); err != nil {
		return "", err
	}
	if len(path) > MaxIndexPath {
		return "", fault.Refuse("path", "must be at most %d bytes, got %d", MaxIndexPath, len(path))
	}
	to, err := parseReference("path", path)
	if err != nil {
		return "", err
	}
	if to.envelope != "" {
		return "", fault.Refuse("path", "%s is of the document itself and not of its data, which is indexed", to.envelope)
	}
	return to.path.String(), nil
}

// DropIndex removes an index. Queries go on without it.
func (s *Service) DropIndex(ctx context.Context, appID string, id int64) error {
	err := s.store.Drop(ctx, appID, id)
	if err == nil && !s.within {
		s.IndexesChanged(appID)
	}
	return err
}

// workEvery is how often is looked for work at indexes that nobody has told of: documents whose writer did
// not know an index, and what another node has left.
const workEvery = 5 * time.Second

// Longest and shortest pause while an index waits for transactions that began before it.
const (
	shortestWait = 20 * time.Millisecond
	longestWait  = time.Second
)

// indexBatch is how many documents get an entry in one transaction, at most.
const indexBatch = 500

// Indexer is what builds indexes in the background, and removes what is left of those that were dropped.
func (s *Service) Indexer() background.Service { return s.indexer }

// work does all there is to be done at indexes.
func (s *Service) work(ctx context.Context) error {
	if err := s.store.Resume(ctx, s.quota); err != nil {
		return err
	}
	pause := shortestWait
	work := store.IndexWork{Limit: indexBatch, Quota: s.quota, Entries: func(of []store.DocumentIndex, data json.RawMessage) []store.DocumentEntry {
		return entries(readIndexes(of), text(data))
	}}
	for {
		worked, err := s.store.Work(ctx, work)
		if worked.Documents > 0 {
			// Documents that nobody gets to in time would only be kept from others.
			pause, work.Limit = shortestWait, min(2*worked.Documents, indexBatch)
		}
		switch {
		case err != nil:
			return err
		case worked.Index.Full:
			s.log.Warn("an index of documents is not built on: the app's quota of documents has no room for it", "app", worked.Index.AppID,
				"collection", worked.Index.Collection, "path", worked.Index.Path, "documents", worked.Index.Built)
		case worked.Done:
			pause = shortestWait
			s.known.forget(worked.Index.AppID)
			s.log.Info("an index of documents is "+string(worked.Index.State), "app", worked.Index.AppID,
				"collection", worked.Index.Collection, "path", worked.Index.Path, "documents", worked.Index.Built)
		case worked.Documents > 0:
		case !worked.Waiting && !worked.Busy:
			return nil
		default:
			if worked.Busy {
				work.Limit = max(work.Limit/8, 1)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
				pause = min(2*pause, longestWait)
			}
		}
	}
}
