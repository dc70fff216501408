// Package docs keeps an app's documents: JSON objects with an id, found by filters on what is in
// them.
//
// Names of collections are 1 to 512 bytes of UTF-8 without control characters. A document is a map
// of at most 1 MiB as JSON. Errors are [*sdk.Error]: invalid for a name, document, filter or option
// that is not allowed, not_found, conflict for a document at another version, denied without the
// capability AppDocsRead or AppDocsWrite, and unavailable.
package docs

import (
	"bytes"
	"iter"
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
	"github.com/picloud/picloud/guest-sdk/internal/wire"
)

// Collection is the name of a collection of the app. The data of its documents is read into Ts and
// written from them: structs or maps. sdk.Value and any take whatever there is.
//
//	notes := docs.Collection[Note]("notes")
type Collection[T any] string

// Document is a stored document in its envelope.
type Document[T any] struct {
	ID        string    `json:"id"`
	Data      T         `json:"data"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int64     `json:"version"` // from 1, raised by each update
}

// Page is a part of what was found.
type Page[T any] struct {
	Items  []Document[T] `json:"items"`
	Cursor string        `json:"cursor"` // of the next page, "" when this is the last
}

// Filter selects documents: it has paths into their data, each with the value that must be there or
// a condition on it. nil selects all.
//
//	docs.Filter{"author.name": "ada", "likes": docs.Filter{"$gte": 10}}
type Filter map[string]any

// Order is a path to sort by, see [Asc] and [Desc].
type Order struct {
	path      string
	direction int
}

// Asc returns an order by a path, the least first.
func Asc(path string) Order { return Order{path, 1} }

// Desc returns an order by a path, the greatest first.
func Desc(path string) Order { return Order{path, -1} }

// sorting is written as a map from path to direction whose order counts.
type sorting []Order

// MarshalJSON writes the paths in their order.
func (s sorting) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	for i, order := range s {
		entry, err := wire.Marshal(map[string]int{order.path: order.direction})
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(entry[1 : len(entry)-1])
	}
	return []byte("{" + out.String() + "}"), nil
}

// Query asks for a page of documents.
type Query struct {
	Filter Filter
	Sort   []Order // none: by id, which is the order of creation
	Cursor string  // of the page before, with the same filter and sort; "" for the first
	Limit  int     // 1 to 1000; 0: 50
}

type name struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
}

type document[T any] struct {
	Document Document[T] `json:"document"`
}

// Create stores a new document and returns its id.
func (c Collection[T]) Create(data T) (id string, err error) {
	response, err := host.Call[struct {
		ID string `json:"id"`
	}](host.DocsCreate, struct {
		Collection string `json:"collection"`
		Data       T      `json:"data"`
	}{string(c), data})
	return response.ID, err
}

// Get returns the document with an id; found is false when there is none.
func (c Collection[T]) Get(id string) (doc Document[T], found bool, err error) {
	response, err := host.Call[struct {
		Document *Document[T] `json:"document"`
	}](host.DocsGet, name{string(c), id})
	if err != nil || response.Document == nil {
		return doc, false, err
	}
	return *response.Document, true, nil
}

// Find returns a page of the documents that match a query.
func (c Collection[T]) Find(query Query) (Page[T], error) {
	return host.Call[Page[T]](host.DocsFind, c.request(query, false))
}

// find is the request of docs.find.
type find struct {
	Collection string  `json:"collection"`
	Filter     Filter  `json:"filter,omitempty"`
	Sort       sorting `json:"sort,omitempty"`
	Cursor     string  `json:"cursor,omitzero"`
	Limit      int     `json:"limit,omitzero"`
	Explain    bool    `json:"explain,omitzero"`
}

func (c Collection[T]) request(query Query, explain bool) find {
	return find{string(c), query.Filter, query.Sort, query.Cursor, query.Limit, explain}
}

// All iterates over all documents that match a query, page by page, and stops after an error. Limit
// is the size of a page.
func (c Collection[T]) All(query Query) iter.Seq2[Document[T], error] {
	return host.Pages(func(cursor string) ([]Document[T], string, error) {
		if cursor != "" {
			query.Cursor = cursor
		}
		page, err := c.Find(query)
		return page.Items, page.Cursor, err
	})
}

// Count returns how many documents match a filter.
func (c Collection[T]) Count(filter Filter) (int64, error) {
	response, err := host.Call[struct {
		Count int64 `json:"count"`
	}](host.DocsCount, struct {
		Collection string `json:"collection"`
		Filter     Filter `json:"filter,omitempty"`
	}{string(c), filter})
	return response.Count, err
}

// Explained tells how the documents of a query are found.
type Explained struct {
	Plan   string `json:"plan"`   // "index", "terms" (by the values in the filter), "ids" (in their order) or "all"
	Path   string `json:"path"`   // that the index is on, "" without one
	Range  bool   `json:"range"`  // the index was asked for a range of the filter
	Sort   bool   `json:"sort"`   // the index has the order of the sort
	Looked int    `json:"looked"` // how many documents were looked at
}

// Explain tells how [Collection.Find] finds the documents of a query.
func (c Collection[T]) Explain(query Query) (Explained, error) {
	response, err := host.Call[struct {
		Explain Explained `json:"explain"`
	}](host.DocsFind, c.request(query, true))
	return response.Explain, err
}

// Index is an index on a path of the documents of a collection.
type Index struct {
	Path  string `json:"path"`
	State string `json:"state"` // "building" or "ready": then it is used
	Built int64  `json:"built"` // documents that have been put into it while it was built
}

// Index has a path into the data indexed, unless it is, and returns the index. Ranges and orders of it are then
// found without looking at all documents.
func (c Collection[T]) Index(path string) (Index, error) {
	response, err := host.Call[struct {
		Index Index `json:"index"`
	}](host.DocsIndex, struct {
		Collection string `json:"collection"`
		Path       string `json:"path"`
	}{string(c), path})
	return response.Index, err
}

// Indexes lists the indexes of the collection in the order of their paths.
func (c Collection[T]) Indexes() ([]Index, error) {
	response, err := host.Call[struct {
		Items []Index `json:"items"`
	}](host.DocsIndexes, struct {
		Collection string `json:"collection"`
	}{string(c)})
	return response.Items, err
}

// Update replaces the data of a document.
func (c Collection[T]) Update(id string, data T) (Document[T], error) {
	return c.change(host.DocsUpdate, id, data, nil)
}

// UpdateIf replaces the data of a document that is at the given version. The error for one at
// another version is a conflict.
func (c Collection[T]) UpdateIf(id string, version int64, data T) (Document[T], error) {
	return c.change(host.DocsUpdate, id, data, &version)
}

// Patch merges a map or a struct into the data of a document: null removes a field, maps are
// merged, anything else replaces what was there (RFC 7396).
func (c Collection[T]) Patch(id string, patch any) (Document[T], error) {
	return c.change(host.DocsPatch, id, patch, nil)
}

// PatchIf is [Collection.Patch] of a document that is at the given version, else a conflict.
func (c Collection[T]) PatchIf(id string, version int64, patch any) (Document[T], error) {
	return c.change(host.DocsPatch, id, patch, &version)
}

func (c Collection[T]) change(operation host.Operation, id string, data any, version *int64) (Document[T], error) {
	response, err := host.Call[document[T]](operation, struct {
		name
		Data      any    `json:"data"`
		IfVersion *int64 `json:"if_version,omitzero"`
	}{name{string(c), id}, data, version})
	return response.Document, err
}

// Delete removes a document; found is false when there was none.
func (c Collection[T]) Delete(id string) (found bool, err error) {
	response, err := host.Call[struct {
		Found bool `json:"found"`
	}](host.DocsDelete, name{string(c), id})
	return response.Found, err
}
