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

// maxKnown is of how many collections the indexes are kept in memory, that they have none too.
const maxKnown = 10_000

// index is an index of which the path has been read.
type index struct {
	store.DocumentIndex
	path path
}

// known is what is known of the indexes of collections.
type known struct {
	mu      sync.Mutex
	of      *lru.Cache[inApp, []index]
	changes uint64 // raised by forget, so that what was read before is not kept
}

type inApp struct{ appID, collection string }

func newKnown() *known {
	of, err := lru.New[inApp, []index](maxKnown)
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
	for _, at := range k.of.Keys() {
		if at.appID == appID {
			k.of.Remove(at)
		}
	}
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
// late in a transaction, too.
func (s *Service) written(ctx context.Context, appID, collection string) ([]index, error) {
	if found, ok := s.known.of.Get(inApp{appID, collection}); ok {
		return found, nil
	}
	return s.indexes(ctx, appID, collection)
}

// indexes are those of a collection, of which queries use what is ready.
func (s *Service) indexes(ctx context.Context, appID, collection string) ([]index, error) {
	k, at := s.known, inApp{appID, collection}
	if found, ok := k.of.Get(at); ok && !s.within { // a transaction knows its own moment
		return found, nil
	}
	k.mu.Lock()
	before := k.changes
	k.mu.Unlock()
	rows, err := s.store.Indexes(ctx, appID, collection)
	if err != nil {
		return nil, err
	}
	found := readIndexes(rows)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes == before && !s.within {
		k.of.Add(at, found)
	}
	return found, nil
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

// indexBatch is how many documents get an entry in one transaction.
const indexBatch = 500

// Indexer is what builds indexes in the background, and removes what is left of those that were dropped.
func (s *Service) Indexer() background.Service { return s.indexer }

// work does all there is to be done at indexes.
func (s *Service) work(ctx context.Context) error {
	pause := shortestWait
	for {
		worked, err := s.store.Work(ctx, indexBatch, func(of []store.DocumentIndex, data json.RawMessage) []store.DocumentEntry {
			return entries(readIndexes(of), text(data))
		})
		switch {
		case err != nil:
			return err
		case worked.Done:
			pause = shortestWait
			s.known.forget(worked.Index.AppID)
			s.log.Info("an index of documents is "+string(worked.Index.State), "app", worked.Index.AppID,
				"collection", worked.Index.Collection, "path", worked.Index.Path, "documents", worked.Index.Built)
		case worked.Documents > 0:
		case !worked.Waiting:
			return nil
		default:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
				pause = min(2*pause, longestWait)
			}
		}
	}
}
