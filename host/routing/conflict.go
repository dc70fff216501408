package routing

import (
	"cmp"
	"slices"

	"github.com/picloud/picloud/host/store"
)

// Conflict returns a route of the same app that could match the same request as route at the same
// precedence. A route does not conflict with itself, the one with the same id.
func (t *Table) Conflict(route store.Route) (store.Route, bool) {
	e := newEntry(route)
	return t.overlap(route, func(other *entry) bool {
		return other.route.AppID == route.AppID && (other.route.Method == route.Method || !samePath(e, other))
	})
}

// samePath reports whether two routes of a host and of one kind have the same path, whatever its
// parameters are called. The method then decides between them.
func samePath(a, b *entry) bool {
	return slices.EqualFunc(a.segments, b.segments, func(x, y string) bool {
		return x == y || a.route.PathKind == store.PathParam && isParam(x) && isParam(y)
	})
}

// Shadow returns a route of another app that answers at least some of the requests route is made
// for, at the same precedence: being older, or by its method.
func (t *Table) Shadow(route store.Route) (store.Route, bool) {
	e := newEntry(route)
	return t.overlap(route, func(other *entry) bool {
		return other.route.AppID != route.AppID && goesBefore(other, e)
	})
}

func (t *Table) overlap(route store.Route, wanted func(*entry) bool) (store.Route, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := t.pathsOf(route.HostKind, route.Host, false)
	if p == nil {
		return store.Route{}, false
	}
	e := newEntry(route)
	search := func(es entries) *entry {
		for _, other := range es {
			if other.route.ID != route.ID && methodsMeet(e, other) && wanted(other) {
				return other
			}
		}
		return nil
	}
	var found *entry
	switch route.PathKind {
	case store.PathExact:
		found = search(p.exact[route.Path])
	case store.PathParam:
		found = p.tree.overlap(e.segments, e.literals, search)
	case store.PathPrefix:
		n := &p.tree
		for _, segment := range e.segments {
			if n = n.literal[segment]; n == nil {
				return store.Route{}, false
			}
		}
		found = search(n.prefix)
	}
	if found == nil {
		return store.Route{}, false
	}
	return found.route, true
}

// methodsMeet reports whether one request's method could match both routes.
func methodsMeet(a, b *entry) bool {
	x, y := a.route.Method, b.route.Method
	return x == "" || y == "" || x == y || x == "GET" && y == "HEAD" || x == "HEAD" && y == "GET"
}

// overlap searches the param routes below n for one that matches a path the segments also match,
// and that has as many leading literals.
func (n *node) overlap(segments []string, literals int, search func(entries) *entry) *entry {
	if len(segments) == 0 {
		return search(n.ends)
	}
	var next []*node
	switch {
	case literals > 0: // the same literals must lead
		next = append(next, n.literal[segments[0]])
	case literals == 0: // here both have their first parameter
		next = append(next, n.param)
	case isParam(segments[0]):
		for segment, child := range n.literal {
			if segment != "" { // which no parameter matches
				next = append(next, child)
			}
		}
		next = append(next, n.param)
	default:
		next = append(next, n.literal[segments[0]])
		if segments[0] != "" {
			next = append(next, n.param)
		}
	}
	for _, child := range next {
		if child == nil {
			continue
		}
		if found := child.overlap(segments[1:], literals-1, search); found != nil {
			return found
		}
	}
	return nil
}

func (e *entry) isParam(i int) bool {
	return e.route.PathKind == store.PathParam && isParam(e.segments[i])
}

// goesBefore reports whether a answers what both match on their host.
func goesBefore(a, b *entry) bool {
	if c := precedence(a, b); c != 0 {
		return c > 0
	}
	return older(a, b) < 0
}

// precedence compares which of two routes answers what both match on their host; 0 where only their
// age decides.
func precedence(a, b *entry) int {
	rank := map[store.PathKind]int{store.PathExact: 2, store.PathParam: 1, store.PathPrefix: 0}
	if c := cmp.Compare(rank[a.route.PathKind], rank[b.route.PathKind]); c != 0 {
		return c
	}
	if a.route.PathKind == store.PathPrefix && len(a.segments) != len(b.segments) {
		return cmp.Compare(len(a.segments), len(b.segments))
	}
	for i := range a.segments {
		switch x, y := a.isParam(i), b.isParam(i); {
		case x && !y:
			return -1
		case !x && y:
			return 1
		}
	}
	switch x, y := a.route.Method, b.route.Method; {
	case x == y:
		return 0
	case y == "", x == "HEAD" && y == "GET":
		return 1
	}
	return -1
}
