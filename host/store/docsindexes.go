package store

import (
	"context"
	"encoding/json"
	"time"
)

// DocumentIndex is an index on a path of the documents of a collection. What is a path, and what the
// keys of its entries stand for, is the caller's business.
type DocumentIndex struct {
	ID         int64 // random, above 0, and never given to another
	AppID      string
	Collection string
	Path       string
	State      IndexState
	Full       bool  // it is not being built just now: the app's documents have no room for its entries
	Built      int64 // documents that have got their entry while it was built
	CreatedAt  time.Time
}

// MaxIndexes is how many indexes a collection may have, and MaxAppIndexes an app: each that is declared, built or dropped
// has all nodes look at the app's configuration anew.
const (
	MaxIndexes    = 8
	MaxAppIndexes = 200
)

// IndexState is how far an index is.
type IndexState string

// The states of an index. One that is dropped is not there any more, except for [DocumentIndexes.Work].
const (
	IndexBuilding IndexState = "building"
	IndexReady    IndexState = "ready"
	IndexDropped  IndexState = "dropped"
)

// DocumentEntry is a document's place in an index.
type DocumentEntry struct {
	Index int64
	Key   []byte // below [SeveralKey] in the order of bytes, or that
}

// Keys of documents that have no place: every query of an index has to look at these, too.
var (
	// SeveralKey is the key of a document that has several values at the path.
	SeveralKey = []byte{0xFE}
	// UnknownKey is the key of a document whose writer did not know the index. The store makes it, and
	// [DocumentIndexes.Work] another of it.
	UnknownKey = []byte{0xFF}
)

// IndexOrder is the order of documents that an index finds.
type IndexOrder int

// The orders. Among equal keys documents are in the order of their ids.
const (
	IndexByID IndexOrder = iota
	IndexUp              // the lowest key first
	IndexDown            // the highest key first
)

// IndexQuery asks for documents by their entries in an index. By id it also finds those with
// [SeveralKey] and [UnknownKey].
type IndexQuery struct {
	Index    DocumentIndex
	From, To []byte // keys from the one on and before the other
	Order    IndexOrder
	// AfterKey and AfterID are a place in the order, behind which the query begins; AfterID "": at the
	// start. By id only that counts.
	AfterKey []byte
	AfterID  string
	Limit    int // look at this many documents, or some more
}

// IndexLooked is how far [DocumentIndexes.ScanIndex] has come.
type IndexLooked struct {
	Documents int // looked at
	More      bool
	Key       []byte // of the last of them, and its id: where another query can go on
	ID        string
}

// IndexWorked is what [DocumentIndexes.Work] has done.
type IndexWorked struct {
	Index     DocumentIndex // which it was about; none if there was nothing to do
	Documents int           // that have got an entry, or whose entry was removed
	Done      bool          // the index has got ready, or is gone
	Waiting   bool          // an index cannot be built yet, because transactions from before it go on
	Busy      bool          // nothing was done, because others have documents under way: fewer at once may be free
}

// IndexWork is how work at indexes is to be done.
type IndexWork struct {
	Limit int // documents at most, 1 to [MaxBatch]
	// Entries makes the entries of a document in all indexes of its collection.
	Entries func(indexes []DocumentIndex, data json.RawMessage) []DocumentEntry
	// Quota is how many bytes the documents of an app may have with their entries, 0 for any number.
	Quota func(appID string) int64
}

// DocumentIndexes keeps the indexes of documents.
type DocumentIndexes interface {
	// Indexes lists the indexes of an app in the order of their collections and paths (bytewise), with
	// collection not "" those of this one.
	Indexes(ctx context.Context, appID, collection string) ([]DocumentIndex, error)
	// Index finds an index of an app.
	Index(ctx context.Context, appID string, id int64) (DocumentIndex, error)
	// Declare makes an index, that will be built by Work, unless there is one on the path, and returns it.
	// An app that is gone is [fault.NotFound]; one more than [MaxIndexes] of the collection, or
	// [MaxAppIndexes] of the app, is [fault.Quota].
	Declare(ctx context.Context, index DocumentIndex) (declared DocumentIndex, made bool, err error)
	// Drop removes an index. Its entries are left to Work.
	Drop(ctx context.Context, appID string, id int64) error

	// ScanIndex visits the documents that a query of an index that is ready finds, until visit returns an
	// error, which is then its own; see [Docs.Scan]. An index that is gone by the end is
	// [fault.NotFound], and what was visited may not be all.
	ScanIndex(ctx context.Context, query IndexQuery, visit func(Document) error) (IndexLooked, error)
	// CountIndex counts the documents that a query by id looks at, up to most: with keys from one on and before
	// another, and those with [SeveralKey] and [UnknownKey].
	CountIndex(ctx context.Context, index int64, from, to []byte, most int) (int, error)
	// Unplaced visits the documents with [SeveralKey] and [UnknownKey] as ScanIndex does.
	Unplaced(ctx context.Context, index DocumentIndex, visit func(Document) error) (documents int, err error)

	// Work does some of what is to be done: it makes the entries of documents of an index that is being
	// built, or of documents whose writer did not know an index, or removes entries of one that is gone. An
	// index that there is no room for gets Full, and is left alone until Resume.
	Work(ctx context.Context, work IndexWork) (IndexWorked, error)
	// Resume has indexes that are Full be built on, of apps whose documents have room for some entries.
	Resume(ctx context.Context, quota func(appID string) int64) error
}
