package routing

import (
	"strings"

	"github.com/picloud/picloud/host/store"
)

// Match is a route found for a request.
type Match struct {
	Route store.Route
	entry *entry
	path  string
}

// Params returns the decoded segments by the names of the route's parameters; nil unless the route
// is a param route.
func (m Match) Params() map[string]string {
	if m.entry == nil || m.Route.PathKind != store.PathParam {
		return nil
	}
	params := make(map[string]string, len(m.entry.segments)-m.entry.literals)
	rest := m.path[1:]
	for _, pattern := range m.entry.segments {
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		if isParam(pattern) {
			params[pattern[1:]] = decodeSegment(segment)
		}
	}
	return params
}

// Rest returns what a prefix route matched beyond its prefix, in the form of [CleanPath]; "" for
// other routes.
func (m Match) Rest() string {
	if m.entry == nil || m.Route.PathKind != store.PathPrefix {
		return ""
	}
	return m.path[len(m.Route.Path)-len("*"):]
}

// Resolution is what becomes of a request.
type Resolution struct {
	Match
	Found    bool
	Path     string   // in the form of [CleanPath]
	Reserved bool     // the path belongs to PiCloud, whatever routes say
	Allow    []string // where nothing is found: the methods with which something would be, in the order of [Methods]
}

// Resolve returns what becomes of a request with this method, Host header and path, as they were
// sent. The error is that of [CleanPath].
func (t *Table) Resolve(method, host, rawPath string) (Resolution, error) {
	path, err := CleanPath(rawPath)
	if err != nil {
		return Resolution{}, err
	}
	r := Resolution{Path: path}
	if reserved[firstSegment(path)] {
		r.Reserved = true
		return r, nil
	}
	if r.Match, r.Found = t.Match(method, host, path); !r.Found {
		r.Allow = t.Allow(host, path)
	}
	return r, nil
}

// Match returns the route that answers a request with this method, Host header and path, which is
// in the form of [CleanPath].
func (t *Table) Match(method, host, path string) (Match, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	host = cleanHost(host)
	e := t.find(method, host, path)
	if e == nil {
		return Match{}, false
	}
	return Match{Route: e.route, entry: e, path: path}, true
}

// Allow returns the methods with which [Table.Match] would find a route for this host and path, in
// the order of [Methods].
func (t *Table) Allow(host, path string) []string {
	var allowed []string
	for _, method := range Methods {
		if _, ok := t.Match(method, host, path); ok {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

func (t *Table) find(method, host, path string) *entry {
	appID, claimed := t.answering(host)
	wanted := asked{method, appID}
	if !claimed {
		return t.any.find(wanted, path)
	}
	if p := t.strict[host]; p != nil {
		if e := p.find(wanted, path); e != nil {
			return e
		}
	}
	if len(t.wildcard) > 0 {
		// From the left, so that the longest wildcard comes first. A host has at most 253 bytes
		// (RFC 1035), which bounds the tries.
		for i := 1; i < len(host) && len(host) <= 254; i++ {
			if host[i] != '.' {
				continue
			}
			if p := t.wildcard[host[i:]]; p != nil {
				if e := p.find(wanted, path); e != nil {
					return e
				}
			}
		}
	}
	return t.any.find(wanted, path)
}

// asked is what a route must be for, beside the path: a method, and an app or [anyApp].
type asked struct{ method, appID string }

func (p *paths) find(wanted asked, path string) *entry {
	if e := p.exact[path].pick(wanted); e != nil {
		return e
	}
	if e := p.tree.findParam(wanted, path[1:]); e != nil {
		return e
	}
	return p.tree.findPrefix(wanted, path[1:])
}

// findParam returns the param route for what remains of the path. At each segment it tries the
// literal before the parameter, so that it finds the route with most leading literals first.
func (n *node) findParam(wanted asked, rest string) *entry {
	segment, rest, more := strings.Cut(rest, "/")
	for _, next := range [...]*node{n.literal[segment], n.param} {
		if next == nil || next == n.param && segment == "" {
			continue
		}
		var e *entry
		if more {
			e = next.findParam(wanted, rest)
		} else {
			e = next.ends.pick(wanted)
		}
		if e != nil {
			return e
		}
	}
	return nil
}

func (n *node) findPrefix(wanted asked, rest string) *entry {
	best := n.prefix.pick(wanted)
	for {
		segment, after, more := strings.Cut(rest, "/")
		if n = n.literal[segment]; n == nil || !more {
			return best
		}
		if e := n.prefix.pick(wanted); e != nil {
			best = e
		}
		rest = after
	}
}

// pick returns the oldest route that is made for the method. Without one it is the oldest made for
// GET where the method is HEAD, and then the oldest made for any method.
func (es entries) pick(wanted asked) *entry {
	var get, any *entry
	for _, e := range es {
		if wanted.appID != anyApp && e.route.AppID != wanted.appID {
			continue
		}
		switch e.route.Method {
		case wanted.method:
			return e
		case "GET":
			if get == nil && wanted.method == "HEAD" {
				get = e
			}
		case "":
			if any == nil {
				any = e
			}
		}
	}
	if get != nil {
		return get
	}
	return any
}
