package routing

import "github.com/picloud/picloud/host/store"

// Conflict returns a route of the same app that could match the same request as route at the same
// precedence. A route does not conflict with itself, the one with the same id.
func (t *Table) Conflict(route store.Route) (store.Route, bool) {
	return t.overlap(route, func(other *entry) bool { return other.route.AppID == route.AppID })
}

// Shadow returns an older route of another app that answers at least some of the requests route is
// made for, at the same precedence.
func (t *Table) Shadow(route store.Route) (store.Route, bool) {
	e := newEntry(route)
	return t.overlap(route, func(other *entry) bool {
		return other.route.AppID != route.AppID && older(other, e) < 0
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
			if other.route.ID != route.ID && methodsMeet(route.Method, other.route.Method) && wanted(other) {
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

func methodsMeet(a, b string) bool { return a == "" || b == "" || a == b }

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
