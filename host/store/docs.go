package store

import (
	"context"
	"encoding/json"
	"time"
)

// Document is a JSON document of a collection.
type Document struct {
	ID        string // UUIDv7 unless the creator chose another
	Data      json.RawMessage
	Version   int64 // from 1, raised by each update
	CreatedAt time.Time
	UpdatedAt time.Time
}

// DocumentKey is what a document is found by. The same id in another collection or app is another
// document.
type DocumentKey struct {
	AppID      string
	Collection string
	ID         string
}

// DocumentContent is what is kept of a document's content: its JSON, which comes back byte for
// byte, and its terms, by which [Docs.Scan] finds it. What terms stand for is the caller's
// business; there are no two equal ones. Entries are those in the indexes that the caller knows:
// where one is missing, the document has [UnknownKey] there.
type DocumentContent struct {
	Data    json.RawMessage
	Terms   []int64
	Entries []DocumentEntry // in the order of their indexes, of each one at most
}

// DocumentQuery says which documents of a collection are looked at.
type DocumentQuery struct {
	AppID      string
	Collection string
	// Terms are groups: a document that has not at least one term of each group may be left out.
	// They are looked up in an index.
	Terms [][]int64
	After string // only ids after this, bytewise; "": all
	Limit int    // look at most at this many documents, in the order of ids; 0: at all, in any order
	// Match decides whether a document is visited; nil: all are. The data is valid during the call
	// alone.
	Match func(doc *Document) bool
}

// Looked is how far [Docs.Scan] has come.
type Looked struct {
	Documents int    // looked at
	Last      string // id of the last of them, "" if there was none
}

// DocumentCollection is a collection of documents in a listing.
type DocumentCollection struct {
	Name  string
	Count int64 // its documents
}

// Docs keeps the JSON documents of apps, in collections that exist as long as they hold a document.
// It knows nothing of what is in them: what a filter means is decided by the caller, on the
// documents a query leaves.
type Docs interface {
	// Create keeps a new document with an id of its own, or under the id given. An unknown app is
	// [fault.NotFound], an id in use a [Conflict] on "id".
	Create(ctx context.Context, key DocumentKey, content DocumentContent) (Document, error)
	// Restore keeps a document as it was elsewhere, with its id, the version and times of doc, and content. It is
	// new here: otherwise as Create.
	Restore(ctx context.Context, key DocumentKey, doc Document, content DocumentContent) error
	// Get finds a document.
	Get(ctx context.Context, key DocumentKey) (Document, error)
	// Replace puts new content into a document and returns it as it is now. With expect not nil a
	// document at another version is [Stale].
	Replace(ctx context.Context, key DocumentKey, content DocumentContent, expect *int64) (Document, error)
	// Modify is Replace with content made from the present data. No other change comes between. An
	// error of change is returned as it is and nothing has changed; change may be called more than
	// once.
	Modify(ctx context.Context, key DocumentKey, expect *int64,
		change func(data json.RawMessage) (DocumentContent, error)) (Document, error)
	// Delete removes a document.
	Delete(ctx context.Context, key DocumentKey) error

	// Reindex makes the terms of all documents anew, a few at a time, unless that was done by the
	// generation of the terms that is given, and returns how many it made.
	Reindex(ctx context.Context, generation int, terms func(appID, collection string, data json.RawMessage) []int64) (documents int, err error)

	// Scan looks at the documents of a query and visits those that match, until visit returns an
	// error, which is then its own. The data of a document is valid during its visit alone, and
	// visit must not use the store. Behind the last document that it has looked at a query with a
	// limit can go on.
	Scan(ctx context.Context, query DocumentQuery, visit func(Document) error) (looked Looked, err error)
	// Rare reports whether few documents have a term of each group, so that by these it is quickest
	// to find them.
	Rare(ctx context.Context, groups [][]int64) (bool, error)
	// Count returns the number of documents of a collection.
	Count(ctx context.Context, appID, collection string) (int64, error)
	DocumentIndexes

	// Collections pages through an app's collections in the order of their names (bytewise).
	Collections(ctx context.Context, appID string, page PageRequest) (Page[DocumentCollection], error)
}
