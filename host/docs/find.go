package docs

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// MaxPageBytes bounds the data of the documents in a page of [Service.Find]. A page that reaches it
// ends there, with at least one document.
const MaxPageBytes = 8 << 20

// Query asks for documents of a collection.
type Query struct {
	Filter msgp.Raw // a map; absent: every document
	Sort   msgp.Raw // a map of path to 1 or -1, or an array of such pairs; absent: by id
	Cursor string   // Next of the page before, of the same sort; "" for the first
	Limit  int      // 1 to store.MaxPageSize; 0: store.DefaultPageSize
}

// search is a query that has been read.
type search struct {
	filter all
	sort   sorting
	after  *place // nil: from the start
	limit  int
	store.DocumentQuery
}

func newSearch(appID, collection string, query Query) (q search, err error) {
	if err := store.CheckCollection(collection); err != nil {
		return q, err
	}
	if q.filter, err = parseFilter(query.Filter); err != nil {
		return q, err
	}
	if q.sort, err = parseSort(query.Sort); err != nil {
		return q, err
	}
	if q.limit = query.Limit; q.limit == 0 {
		q.limit = store.DefaultPageSize
	}
	if q.limit < 0 || q.limit > store.MaxPageSize {
		return q, fault.Refuse("limit", "must be between 1 and %d, got %d", store.MaxPageSize, q.limit)
	}
	if query.Cursor != "" {
		after, err := q.sort.read(query.Cursor)
		if err != nil {
			return q, err
		}
		q.after = &after
	}
	q.DocumentQuery = store.DocumentQuery{AppID: appID, Collection: collection, Terms: narrow(q.filter, newTerms(appID, collection))}
	if len(q.filter) > 0 {
		q.Match = q.filter.match
	}
	return q, nil
}

// Find returns a page of the documents that match.
func (s *Service) Find(ctx context.Context, appID, collection string, query Query) (store.Page[store.Document], error) {
	q, err := newSearch(appID, collection, query)
	if err != nil {
		return store.Page[store.Document]{}, err
	}
	if len(q.sort.keys) == 0 {
		return s.findByID(ctx, q)
	}
	return s.findSorted(ctx, q)
}

// Count returns the number of documents that match a filter, without one of all there are.
func (s *Service) Count(ctx context.Context, appID, collection string, filter msgp.Raw) (count int64, err error) {
	q, err := newSearch(appID, collection, Query{Filter: filter})
	if err != nil {
		return 0, err
	}
	if len(q.filter) == 0 {
		return s.store.Count(ctx, appID, collection)
	}
	_, err = s.store.Scan(ctx, q.DocumentQuery, func(store.Document) error {
		count++
		return nil
	})
	return count, err
}

// maxChunk bounds the documents that are read at once where only some may be wanted.
const maxChunk = 20_000

var errEnough = errors.New("enough documents")

// findByID reads documents in the order of their ids, more and more at once, until there are enough
// that match.
func (s *Service) findByID(ctx context.Context, q search) (store.Page[store.Document], error) {
	var page store.Page[store.Document]
	page.Items = []store.Document{}
	size := 0
	if q.after != nil {
		q.After = q.after.id
	}
	for q.DocumentQuery.Limit = q.limit + 1; ; q.DocumentQuery.Limit = min(4*q.DocumentQuery.Limit, maxChunk) {
		looked, err := s.store.Scan(ctx, q.DocumentQuery, func(doc store.Document) error {
			size += len(doc.Data)
			if n := len(page.Items); n == q.limit || n > 0 && size > MaxPageBytes {
				page.Next = q.sort.cursor(place{id: page.Items[n-1].ID})
				return errEnough
			}
			doc.Data = bytes.Clone(doc.Data)
			page.Items = append(page.Items, doc)
			return nil
		})
		switch {
		case errors.Is(err, errEnough), err == nil && looked.Documents < q.DocumentQuery.Limit:
			return page, nil
		case err != nil:
			return store.Page[store.Document]{}, err
		}
		q.After = looked.Last
	}
}

// inline is the size in bytes up to which a document stays in memory while all documents are looked
// at for the first in an order; a longer one is read again when it turns out to be among them.
const inline = MaxPageBytes / (store.MaxPageSize + 1)

// candidate is a document that may be in a page.
type candidate struct {
	store.Document
	place place
	size  int // of its data, which is nil if longer than inline
}

// findSorted looks at all documents and keeps the first in the order.
func (s *Service) findSorted(ctx context.Context, q search) (store.Page[store.Document], error) {
	first := make([]candidate, 0, q.limit+2) // in order
	_, err := s.store.Scan(ctx, q.DocumentQuery, func(doc store.Document) error {
		here := q.sort.place(&doc)
		if q.after != nil && q.sort.compare(here, *q.after) <= 0 {
			return nil
		}
		at, _ := slices.BinarySearchFunc(first, here, func(c candidate, p place) int { return q.sort.compare(c.place, p) })
		if at > q.limit {
			return nil // behind the page and the one that tells of a next
		}
		c := candidate{Document: doc, place: here, size: len(doc.Data)}
		if c.Data = nil; c.size <= inline {
			c.Data = bytes.Clone(doc.Data)
		}
		if first = slices.Insert(first, at, c); len(first) > q.limit+1 {
			first = first[:q.limit+1]
		}
		return nil
	})
	if err != nil {
		return store.Page[store.Document]{}, err
	}
	return s.fill(ctx, q, first)
}

// fill makes a page of candidates. There is one too many of them if there is a next page.
func (s *Service) fill(ctx context.Context, q search, first []candidate) (store.Page[store.Document], error) {
	page := store.Page[store.Document]{Items: []store.Document{}}
	size := 0
	for i, c := range first {
		if size += c.size; i == q.limit || i > 0 && size > MaxPageBytes {
			page.Next = q.sort.cursor(first[i-1].place)
			break
		}
		if c.Data == nil {
			whole, err := s.store.Get(ctx, store.DocumentKey{AppID: q.AppID, Collection: q.Collection, ID: c.ID})
			if fault.Of(err) == fault.NotFound {
				continue // gone in the meantime
			}
			if err != nil {
				return store.Page[store.Document]{}, err
			}
			c.Document = whole
		}
		page.Items = append(page.Items, c.Document)
	}
	return page, nil
}
