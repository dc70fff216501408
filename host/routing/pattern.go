// Package routing finds the route that answers an HTTP request. A route binds a host, a path and a
// method to a script; a [Table] holds the routes of all apps in memory.
//
// # Paths
//
// A route's path is one of
//
//	exact    /greet        this path
//	param    /users/:id    :name stands for one segment that is not empty
//	prefix   /hooks/*      everything below /hooks/; not /hooks itself
//
// A trailing slash counts: /greet and /greet/ are two paths. Route paths are written decoded
// ("/menü", not "/men%C3%BC"). A request's path is decoded before it is compared, except that an
// encoded slash or percent sign stays encoded (%2F, %25), so that "/a%2Fb" has one segment; see
// [CleanPath].
//
// # Hosts
//
// A host is empty for any host, a name for that host (strict), or *.example.com for every name
// below example.com at whatever depth (wildcard). Case, port and a trailing dot are ignored. See
// package domains.
//
// A host belongs to the app that has claimed it, and only that app's routes answer there: those of the
// host and those for any host. On a host that no app has claimed, routes for any host answer, of all
// apps or of one, as the [Unclaimed] rule says; a route of a named host answers nowhere else than on
// hosts of its app.
//
// # Precedence
//
// Of the routes whose host, path and method match, the one with
//
//  1. the strict host, then the longest wildcard, then any host;
//  2. the exact path, then a param path, then a prefix path;
//  3. among param paths, more literal segments before the first parameter;
//     among prefix paths, the longer prefix;
//  4. among routes of the same path, whatever their parameters are called, the method that is named,
//     before any.
//
// Two routes of one app that are still equal conflict if one request could match both.
// [Table.Conflict] finds them; they are not allowed to exist. Routes of different apps may be
// equal, and meet on hosts that nobody has claimed. Then, from left to right, a literal segment goes
// before a parameter, and finally the older route goes first.
//
// A GET route matches HEAD requests too, after a route made for HEAD.
package routing

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of a route.
const (
	MaxPathBytes = 2048
	MaxSegments  = 64
)

// Methods that a route can be bound to.
var Methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// reserved are the first segments that belong to PiCloud on every host.
var reserved = map[string]bool{
	"api": true, "admin": true, "healthz": true, "readyz": true, "version": true, "metrics": true, "realtime": true,
}

// wrong refuses a part of a route: "method", "host", "host_kind", "path" or "path_kind".
func wrong(field, value, reason string) error {
	return &fault.Error{
		Code: fault.Invalid, Text: fmt.Sprintf("%s %q %s", field, value, reason),
		Field: field, Reason: reason, Value: value,
	}
}

// Parse checks and normalises a route as a person wrote it. In the result Method, Host, HostKind,
// Path and PathKind are set, the rest is empty. A kind that is "" is inferred; one that is given
// must agree with the host or path. The error is [fault.Invalid] and names the part.
func Parse(method, host string, hostKind store.HostKind, path string, pathKind store.PathKind) (store.Route, error) {
	var r store.Route
	var err error
	if r.Method, err = parseMethod(method); err != nil {
		return store.Route{}, err
	}
	if r.Host, r.HostKind, err = parseHost(host); err != nil {
		return store.Route{}, err
	}
	if hostKind != "" && hostKind != r.HostKind {
		return store.Route{}, wrong("host_kind", string(hostKind), fmt.Sprintf("does not fit: host %q is of kind %s", host, r.HostKind))
	}
	if r.PathKind, err = parsePath(path); err != nil {
		return store.Route{}, err
	}
	if pathKind != "" && pathKind != r.PathKind {
		return store.Route{}, wrong("path_kind", string(pathKind), fmt.Sprintf("does not fit: path %q is of kind %s", path, r.PathKind))
	}
	r.Path = path
	return r, nil
}

func parseMethod(method string) (string, error) {
	upper := strings.ToUpper(method)
	if upper == "" || upper == "ANY" || upper == "*" {
		return "", nil
	}
	for _, m := range Methods {
		if upper == m {
			return m, nil
		}
	}
	return "", wrong("method", method, "must be one of "+strings.Join(Methods, ", ")+", or empty for any")
}

func parseHost(host string) (string, store.HostKind, error) {
	if host == "" || host == "*" {
		return "", store.HostAny, nil
	}
	name, wildcard, err := domains.Parse(host)
	switch {
	case err != nil:
		return "", "", err
	case wildcard:
		return name, store.HostWildcard, nil
	}
	return name, store.HostStrict, nil
}

func parsePath(path string) (store.PathKind, error) {
	fail := func(reason string) (store.PathKind, error) { return "", wrong("path", path, reason) }
	switch {
	case !strings.HasPrefix(path, "/"):
		return fail("must begin with /")
	case len(path) > MaxPathBytes:
		return "", wrong("path", path[:32]+"...", fmt.Sprintf("must not be longer than %d bytes, got %d", MaxPathBytes, len(path)))
	case strings.Contains(path, "//"):
		return fail("must not contain //")
	case !utf8.ValidString(path):
		return fail("must be valid UTF-8")
	}
	if i := strings.IndexFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f }); i >= 0 {
		return fail("must not contain control characters")
	}
	if i := strings.IndexAny(path, "?#%\\"); i >= 0 {
		reason := fmt.Sprintf("must not contain %q", path[i])
		if path[i] == '%' {
			reason += ": write the characters themselves, not their percent-encoding"
		}
		return fail(reason)
	}
	segments := strings.Split(path[1:], "/")
	if len(segments) > MaxSegments {
		return fail(fmt.Sprintf("must not have more than %d segments, got %d", MaxSegments, len(segments)))
	}
	if reserved[segments[0]] {
		return fail("is reserved: /" + segments[0] + " belongs to PiCloud")
	}
	kind := store.PathExact
	names := map[string]bool{}
	for i, segment := range segments {
		switch {
		case segment == "." || segment == "..":
			return fail("must not have . or .. as a segment")
		case segment == "*" && i == len(segments)-1:
			if kind == store.PathParam {
				return fail("cannot have both parameters and a final *")
			}
			kind = store.PathPrefix
		case strings.Contains(segment, "*"):
			return fail("may have a * only as its whole last segment")
		case strings.HasPrefix(segment, ":"):
			name := segment[1:]
			if !isName(name) {
				return fail(fmt.Sprintf("has a parameter %q that is not a letter or underscore followed by letters, digits and underscores", segment))
			}
			if names[name] {
				return fail(fmt.Sprintf("names the parameter %q twice", segment))
			}
			names[name] = true
			kind = store.PathParam
		}
	}
	return kind, nil
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
