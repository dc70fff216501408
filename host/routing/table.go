package routing

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/store"
)

// Table holds the routes of all apps. It is safe for concurrent use.
//
// Routes are added and removed in place, under a lock that readers share. No new table is compiled:
// a new route costs microseconds however many there are, and answers requests as soon as Add
// returns.
type Table struct {
	mu       sync.RWMutex
	strict   map[string]*paths // by host
	wildcard map[string]*paths // by what follows the *, ".example.com"
	any      *paths
	byID     map[string]*entry

	claims    domains.Claims
	unclaimed Unclaimed
}

// Unclaimed is the rule for hosts that no app has claimed.
type Unclaimed struct {
	// Only has the routes of one app answer there; otherwise all apps' do.
	Only  bool
	AppID string // "": of none
}

// paths are the routes of one host pattern.
type paths struct {
	exact map[string]entries
	tree  node // param and prefix paths
	byID  map[string]*entry
}

// node is a place in the tree of path segments.
type node struct {
	literal map[string]*node
	param   *node   // any one segment
	ends    entries // param paths that end here
	prefix  entries // prefix paths whose * comes next
}

// entry is a route ready to be matched.
type entry struct {
	route    store.Route
	segments []string // of the path; of a prefix path without the *
	literals int      // segments before the first parameter
}

// entries are routes that compete for the same requests, the oldest first. They are not changed in place: clones of a
// table share them.
type entries []*entry

func newEntry(route store.Route) *entry {
	e := &entry{route: route, segments: strings.Split(route.Path[1:], "/")}
	if route.PathKind == store.PathPrefix {
		e.segments = e.segments[:len(e.segments)-1]
	}
	for _, segment := range e.segments {
		if isParam(segment) && route.PathKind == store.PathParam {
			break
		}
		e.literals++
	}
	return e
}

func isParam(segment string) bool { return strings.HasPrefix(segment, ":") }

// older compares entries by age; ids are UUIDv7 and break ties of the clock.
func older(a, b *entry) int {
	if c := a.route.CreatedAt.Compare(b.route.CreatedAt); c != 0 {
		return c
	}
	return strings.Compare(a.route.ID, b.route.ID)
}

// NewTable returns a table of routes, as [Parse] and the store return them, and of claims.
func NewTable(routes []store.Route, claims ...store.Domain) *Table {
	t := &Table{}
	t.Replace(routes, claims)
	return t
}

// Clone returns a table with what this one has, which changes without it.
func (t *Table) Clone() *Table {
	t.mu.RLock()
	defer t.mu.RUnlock()
	clone := &Table{
		strict: map[string]*paths{}, wildcard: map[string]*paths{}, any: t.any.clone(), byID: maps.Clone(t.byID),
		claims: t.claims.Clone(), unclaimed: t.unclaimed,
	}
	for host, p := range t.strict {
		clone.strict[host] = p.clone()
	}
	for host, p := range t.wildcard {
		clone.wildcard[host] = p.clone()
	}
	return clone
}

func (p *paths) clone() *paths {
	return &paths{exact: maps.Clone(p.exact), tree: *p.tree.clone(), byID: maps.Clone(p.byID)}
}

func (n *node) clone() *node {
	clone := &node{ends: n.ends, prefix: n.prefix}
	if n.param != nil {
		clone.param = n.param.clone()
	}
	if n.literal != nil {
		clone.literal = make(map[string]*node, len(n.literal))
	}
	for segment, next := range n.literal {
		clone.literal[segment] = next.clone()
	}
	return clone
}

// Replace makes the table hold these routes and claims and no others.
func (t *Table) Replace(routes []store.Route, claims []store.Domain) {
	fresh := &Table{strict: map[string]*paths{}, wildcard: map[string]*paths{}, any: newPaths(), byID: map[string]*entry{}}
	for _, route := range routes {
		fresh.add(route)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.strict, t.wildcard, t.any, t.byID = fresh.strict, fresh.wildcard, fresh.any, fresh.byID
	t.claims = domains.Claims{}
	for _, claim := range claims {
		t.claims.Add(claim)
	}
}

func newPaths() *paths {
	return &paths{exact: map[string]entries{}, byID: map[string]*entry{}}
}

// Add adds a route. It replaces one with the same id.
func (t *Table) Add(route store.Route) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(route.ID)
	t.add(route)
}

func (t *Table) add(route store.Route) {
	e := newEntry(route)
	t.byID[route.ID] = e
	p := t.pathsOf(route.HostKind, route.Host, true)
	p.byID[route.ID] = e
	switch route.PathKind {
	case store.PathExact:
		p.exact[route.Path] = p.exact[route.Path].with(e)
	case store.PathParam:
		n := p.tree.grow(e)
		n.ends = n.ends.with(e)
	case store.PathPrefix:
		n := p.tree.grow(e)
		n.prefix = n.prefix.with(e)
	}
}

// Remove removes the route with an id, if there is one.
func (t *Table) Remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(id)
}

// RemoveIf removes the routes for which gone holds.
func (t *Table) RemoveIf(gone func(store.Route) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, e := range t.byID {
		if gone(e.route) {
			t.remove(id)
		}
	}
}

func (t *Table) remove(id string) {
	e, ok := t.byID[id]
	if !ok {
		return
	}
	delete(t.byID, id)
	p := t.pathsOf(e.route.HostKind, e.route.Host, false)
	delete(p.byID, id)
	if len(p.byID) == 0 {
		switch e.route.HostKind {
		case store.HostStrict:
			delete(t.strict, e.route.Host)
		case store.HostWildcard:
			delete(t.wildcard, e.route.Host[1:])
		default:
			t.any = newPaths()
		}
		return
	}
	if e.route.PathKind == store.PathExact {
		if p.exact[e.route.Path] = p.exact[e.route.Path].without(e); len(p.exact[e.route.Path]) == 0 {
			delete(p.exact, e.route.Path)
		}
		return
	}
	p.tree.prune(e, e.segments)
}

// Len returns the number of routes.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byID)
}

func (t *Table) pathsOf(kind store.HostKind, host string, create bool) *paths {
	m, key := t.strict, host
	switch kind {
	case store.HostStrict:
	case store.HostWildcard:
		m, key = t.wildcard, host[1:]
	default:
		return t.any
	}
	p := m[key]
	if p == nil && create {
		p = newPaths()
		m[key] = p
	}
	return p
}

func (es entries) with(e *entry) entries {
	i, _ := slices.BinarySearchFunc(es, e, older)
	return slices.Concat(es[:i], entries{e}, es[i:])
}

func (es entries) without(e *entry) entries {
	return slices.DeleteFunc(slices.Clone(es), func(other *entry) bool { return other == e })
}

// grow returns the node where e's path ends, and makes the nodes that are missing on the way.
func (n *node) grow(e *entry) *node {
	for _, segment := range e.segments {
		if e.route.PathKind == store.PathParam && isParam(segment) {
			if n.param == nil {
				n.param = &node{}
			}
			n = n.param
			continue
		}
		next := n.literal[segment]
		if next == nil {
			if n.literal == nil {
				n.literal = map[string]*node{}
			}
			next = &node{}
			n.literal[segment] = next
		}
		n = next
	}
	return n
}

// prune removes e below n, and the nodes that become empty; segments are what remains of e's path.
// It reports whether n itself is empty.
func (n *node) prune(e *entry, segments []string) bool {
	switch {
	case len(segments) == 0 && e.route.PathKind == store.PathParam:
		n.ends = n.ends.without(e)
	case len(segments) == 0:
		n.prefix = n.prefix.without(e)
	case e.route.PathKind == store.PathParam && isParam(segments[0]):
		if n.param.prune(e, segments[1:]) {
			n.param = nil
		}
	default:
		if n.literal[segments[0]].prune(e, segments[1:]) {
			delete(n.literal, segments[0])
		}
	}
	return len(n.literal) == 0 && n.param == nil && len(n.ends) == 0 && len(n.prefix) == 0
}
