package docs

import (
	"bytes"
	"context"
	"errors"

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
	asked  Query
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
	q.asked = query
	q.DocumentQuery = store.DocumentQuery{AppID: appID, Collection: collection, Terms: narrow(q.filter, newTerms(appID, collection))}
	if len(q.filter) > 0 {
		q.Match = q.filter.match
	}
	return q, nil
}

// Find returns a page of the documents that match.
func (s *Service) Find(ctx context.Context, appID, collection string, query Query) (store.Page[store.Document], error) {
	page, _, err := s.Explain(ctx, appID, collection, query)
	return page, err
}

// Explain is Find that also tells how the documents were found.
func (s *Service) Explain(ctx context.Context, appID, collection string, query Query) (page store.Page[store.Document], how Explained, err error) {
	q, err := newSearch(appID, collection, query)
	if err != nil {
		return page, how, err
	}
	if q.after != nil && len(q.sort.keys) == 0 {
		q.After = q.after.id
	}
	for {
		p, err := s.plan(ctx, &q, false)
		if err != nil {
			return page, how, err
		}
		how = p.explain(&q)
		if len(q.sort.keys) == 0 {
			page, err = s.findByID(q, s.source(ctx, &q, p, &how.Looked))
		} else {
			page, err = s.findSorted(ctx, q, p, &how)
		}
		if !s.gone(appID, p, err) {
			return page, how, err
		}
	}
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
	for {
		p, err := s.plan(ctx, &q, true)
		if err != nil {
			return 0, err
		}
		count = 0
		err = s.all(ctx, &q, p, new(int), func(store.Document) error {
			count++
			return nil
		})
		if !s.gone(appID, p, err) {
			return count, err
		}
	}
}

// all visits all documents that match, in any order.
func (s *Service) all(ctx context.Context, q *search, p *plan, looked *int, visit func(store.Document) error) error {
	if p == nil {
		got, err := s.store.Scan(ctx, q.DocumentQuery, visit)
		*looked += got.Documents
		return err
	}
	next := s.source(ctx, q, p, looked)
	for more := true; more; {
		var err error
		if more, err = next(maxRange, visit); err != nil {
			return err
		}
	}
	return nil
}

// maxChunk bounds the documents that are read at once where only some may be wanted.
const maxChunk = 20_000

var (
	errEnough = errors.New("enough documents")
	errTooFar = errors.New("too many documents were looked at")
)

// findByID reads documents in the order of their ids, more and more at once, until there are enough
// that match.
func (s *Service) findByID(q search, next source) (store.Page[store.Document], error) {
	var page store.Page[store.Document]
	page.Items = []store.Document{}
	size := 0
	for limit := q.limit + 1; ; limit = min(4*limit, maxChunk) {
		more, err := next(limit, func(doc store.Document) error {
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
		case errors.Is(err, errEnough), err == nil && !more:
			return page, nil
		case err != nil:
			return store.Page[store.Document]{}, err
		}
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

// findSorted keeps the first in the order of all documents, or of those that an index finds.
func (s *Service) findSorted(ctx context.Context, q search, p *plan, how *Explained) (store.Page[store.Document], error) {
	found := q.first()
	if p != nil && p.walk {
		err := s.findWalking(ctx, &q, p, found, &how.Looked)
		if err == nil {
			return s.fill(ctx, q, found.docs)
		}
		if !errors.Is(err, errTooFar) {
			return store.Page[store.Document]{}, err
		}
		s.far.add(p, &q)
		found, p = q.first(), nil
		looked := how.Looked
		*how = p.explain(&q)
		how.Looked = looked
	}
	err := s.all(ctx, &q, p, &how.Looked, func(doc store.Document) error {
		found.add(doc, q.sort.place(&doc))
		return nil
	})
	if err != nil {
		return store.Page[store.Document]{}, err
	}
	return s.fill(ctx, q, found.docs)
}

// findWalking looks at the documents without a place in an index, and then at the others in its order,
// until no more can be among the first. It takes several statements, so a document that gets another place in
// the meantime may come again, when the first counts, or not at all.
func (s *Service) findWalking(ctx context.Context, q *search, p *plan, found *first, looked *int) error {
	seen := map[string]bool{}
	add := func(doc store.Document, here place) {
		if !seen[doc.ID] && (q.Match == nil || q.Match(&doc)) {
			seen[doc.ID] = true
			found.add(doc, here)
		}
	}
	unplaced, err := s.store.Unplaced(ctx, p.DocumentIndex, func(doc store.Document) error {
		add(doc, q.sort.place(&doc))
		return nil
	})
	if *looked += unplaced; err != nil {
		return err
	}
	next := s.walk(ctx, q, p, looked)
	for limit := q.limit + 2; ; limit = min(4*limit, maxChunk) {
		more, err := next(limit, func(doc store.Document) error {
			here := q.sort.place(&doc)
			if found.behind(here) {
				return errEnough
			}
			add(doc, here)
			return nil
		})
		switch {
		case errors.Is(err, errEnough), err == nil && !more:
			return nil
		case err != nil:
			return err
		case *looked > s.maxWalk:
			return errTooFar
		}
	}
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
