package docs

import (
	"bytes"
	"context"
	"hash/maphash"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// The ways to find documents, as [Explained] names them.
const (
	PlanIndex = "index" // by an index on a path
	PlanTerms = "terms" // by the values that the filter asks for, which all documents are found by, unless many have them
	PlanIDs   = "ids"   // in the order of ids, until there are enough
	PlanAll   = "all"   // all documents of the collection are looked at
)

// Explained tells how a query was answered.
type Explained struct {
	Plan   string // PlanIndex, PlanTerms, PlanIDs or PlanAll
	Path   string // that the index is on; "" without one
	Range  bool   // the index was asked for a range of the filter
	Sort   bool   // the index has the order of the sort
	Looked int    // documents that were looked at
}

// Bounds of what an index is asked.
const (
	// maxRange is the number of documents in a range, with those that have no place, from which on it does not help to
	// find them.
	maxRange = 5000
	// fewInRange is the number up to which a range is looked at before an index that has the order.
	fewInRange = 500
	// maxWalk is how many documents are looked at in the order of an index; if there are not enough among
	// these it is quicker to look at all.
	maxWalk = 20_000
)

// plan is how an index is used.
type plan struct {
	index
	span
	narrowed bool
	walk     bool // it has the order of the sort
}

// plan chooses an index for a search; nil: none helps. unordered is a search for all that match.
func (s *Service) plan(ctx context.Context, q *search, unordered bool) (*plan, error) {
	known, err := s.indexes(ctx, q.AppID, q.Collection)
	if err != nil || len(known) == 0 {
		return nil, err
	}
	var walk *plan
	var ranges []plan
	for _, in := range known {
		if in.State != store.IndexReady {
			continue
		}
		p := plan{index: in}
		p.span, p.narrowed = q.filter.spanAt(in.path)
		if p.narrowed {
			ranges = append(ranges, p) // without the order, if too many have no place in it
		}
		if !unordered && len(q.sort.keys) > 0 && q.sort.keys[0].envelope == "" && q.sort.keys[0].path.equal(in.path) {
			p.walk = true
			walk = &p
		}
	}
	if walk == nil && len(ranges) == 0 {
		return nil, nil
	}
	if len(q.Terms) > 0 {
		if rare, err := s.store.Rare(ctx, q.Terms); err != nil || rare {
			return nil, err
		}
	}
	if walk != nil && s.far.is(walk, q) {
		walk = nil
	}
	most := maxRange
	if walk != nil {
		unplaced, err := s.store.CountIndex(ctx, walk.ID, everything.from, everything.from, maxRange)
		if err != nil {
			return nil, err
		}
		if unplaced >= maxRange {
			walk = nil
		} else {
			most = fewInRange
		}
	}
	var best *plan
	fewest := most
	for i, p := range ranges {
		if walk != nil && p.ID == walk.ID {
			continue // it has the range, too
		}
		n, err := s.store.CountIndex(ctx, p.ID, p.from, p.to, most)
		if err != nil {
			return nil, err
		}
		if n < fewest {
			best, fewest = &ranges[i], n
		}
	}
	if best == nil {
		best = walk
	}
	return best, nil
}

// far are the queries for which it was too far to go in the order of an index: for a while they are answered without.
type far struct {
	now     func() time.Time
	queries *lru.Cache[farQuery, time.Time] // when it was found out
}

type farQuery struct {
	index int64
	asked uint64 // a hash of the filter and the sort: of two that are taken for one, one takes longer
}

// Bounds of what is kept: queries, and for how long.
const (
	maxFar = 10_000
	farFor = time.Minute
)

var farSeed = maphash.MakeSeed()

func newFar() *far {
	queries, err := lru.New[farQuery, time.Time](maxFar)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &far{time.Now, queries}
}

func (f *far) query(p *plan, q *search) farQuery {
	var h maphash.Hash
	h.SetSeed(farSeed)
	_, _ = h.Write(q.asked.Filter)
	_ = h.WriteByte(0)
	_, _ = h.Write(q.asked.Sort)
	return farQuery{p.ID, h.Sum64()}
}

func (f *far) add(p *plan, q *search) { f.queries.Add(f.query(p, q), f.now()) }

func (f *far) is(p *plan, q *search) bool {
	at, found := f.queries.Get(f.query(p, q))
	return found && f.now().Sub(at) < farFor
}

// explain is what is told of a search that goes by a plan.
func (p *plan) explain(q *search) Explained {
	switch {
	case p != nil:
		return Explained{Plan: PlanIndex, Path: p.Path, Range: p.narrowed, Sort: p.walk}
	case len(q.Terms) > 0:
		return Explained{Plan: PlanTerms}
	case len(q.sort.keys) == 0:
		return Explained{Plan: PlanIDs}
	}
	return Explained{Plan: PlanAll}
}

// A source visits documents that match, more at each call, about as many as limit of those it looks at,
// and reports whether there are more.
type source func(limit int, visit func(store.Document) error) (more bool, err error)

// source is where the documents of a search come from in the order of their ids.
func (s *Service) source(ctx context.Context, q *search, p *plan, looked *int) source {
	if p == nil {
		query := q.DocumentQuery
		return func(limit int, visit func(store.Document) error) (bool, error) {
			query.Limit = limit
			got, err := s.store.Scan(ctx, query, visit)
			query.After = got.Last
			*looked += got.Documents
			return got.Documents == limit, err
		}
	}
	return s.entries(ctx, q, store.IndexQuery{Index: p.DocumentIndex, From: p.from, To: p.to, Order: store.IndexByID, AfterID: q.After}, looked)
}

// walk is where the documents of a search come from that have a place in an index, in the order of that,
// from the place on that the search goes on from.
func (s *Service) walk(ctx context.Context, q *search, p *plan, looked *int) source {
	query := store.IndexQuery{Index: p.DocumentIndex, From: p.from, To: p.to, Order: store.IndexUp}
	if q.sort.signs[0] < 0 {
		query.Order = store.IndexDown
	}
	if q.after != nil {
		key := q.after.values[0].key()
		inside := bytes.Compare(key, p.from) >= 0 && bytes.Compare(key, p.to) < 0
		switch {
		case !inside: // it is the place of a document with several values
		case len(q.sort.keys) == 1:
			query.AfterKey, query.AfterID = key, q.after.id
		case query.Order == store.IndexUp:
			query.From = key
		default:
			query.To = append(key, 0)
		}
	}
	return s.entries(ctx, q, query, looked)
}

// entries is a source of what a query of an index finds.
func (s *Service) entries(ctx context.Context, q *search, query store.IndexQuery, looked *int) source {
	return func(limit int, visit func(store.Document) error) (bool, error) {
		query.Limit = limit
		got, err := s.store.ScanIndex(ctx, query, func(doc store.Document) error {
			if q.Match != nil && query.Order == store.IndexByID && !q.Match(&doc) {
				return nil
			}
			return visit(doc)
		})
		query.AfterKey, query.AfterID = got.Key, got.ID
		*looked += got.Documents
		return got.More, err
	}
}

// gone reports whether a search has met an index that is gone, and is to be made again.
func (s *Service) gone(appID string, p *plan, err error) bool {
	if p == nil || fault.Of(err) != fault.NotFound {
		return false
	}
	s.known.forget(appID)
	return true
}

// first are the first documents in an order that have been seen, one more than a page has.
type first struct {
	q    *search
	docs []candidate
}

func (q *search) first() *first { return &first{q, make([]candidate, 0, q.limit+2)} }

// full reports whether no more documents are wanted but such that are before one of these.
func (f *first) full() bool { return len(f.docs) > f.q.limit }

// add keeps a document that matches if it is among the first.
func (f *first) add(doc store.Document, here place) {
	q := f.q
	if q.after != nil && q.sort.compare(here, *q.after) <= 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(f.docs, here, func(c candidate, p place) int { return q.sort.compare(c.place, p) })
	if at > q.limit {
		return // behind the page and the one that tells of a next
	}
	c := candidate{Document: doc, place: here, size: len(doc.Data)}
	if c.Data = nil; c.size <= inline {
		c.Data = bytes.Clone(doc.Data)
	}
	if f.docs = slices.Insert(f.docs, at, c); len(f.docs) > q.limit+1 {
		f.docs = f.docs[:q.limit+1]
	}
}

// behind reports whether neither a document in a place nor any that an index has after it is wanted.
func (f *first) behind(here place) bool {
	if !f.full() {
		return false
	}
	last := f.docs[f.q.limit].place
	if len(here.values) == 1 {
		return f.q.sort.compare(here, last) > 0
	}
	return here.values[0].compare(last.values[0])*f.q.sort.signs[0] > 0
}
