package routing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func TestParseInfersKinds(t *testing.T) {
	for _, c := range []struct {
		method, host, path string
		want               store.Route
	}{
		{"", "", "/", store.Route{Path: "/", PathKind: store.PathExact, HostKind: store.HostAny}},
		{"get", "", "/greet", store.Route{Method: "GET", Path: "/greet", PathKind: store.PathExact, HostKind: store.HostAny}},
		{"ANY", "*", "/greet/", store.Route{Path: "/greet/", PathKind: store.PathExact, HostKind: store.HostAny}},
		{"POST", "API.Example.com.", "/users/:id", store.Route{Method: "POST", Host: "api.example.com", Path: "/users/:id", PathKind: store.PathParam, HostKind: store.HostStrict}},
		{"", "*.example.com", "/hooks/*", store.Route{Host: "*.example.com", Path: "/hooks/*", PathKind: store.PathPrefix, HostKind: store.HostWildcard}},
		{"", "München.de", "/", store.Route{Host: "xn--mnchen-3ya.de", Path: "/", PathKind: store.PathExact, HostKind: store.HostStrict}},
		{"", "[::1]", "/*", store.Route{Host: "[::1]", Path: "/*", PathKind: store.PathPrefix, HostKind: store.HostStrict}},
		{"", "localhost", "/v1:batch", store.Route{Host: "localhost", Path: "/v1:batch", PathKind: store.PathExact, HostKind: store.HostStrict}},
		{"", "", "/menü/日本", store.Route{Path: "/menü/日本", PathKind: store.PathExact, HostKind: store.HostAny}},
		{"", "", "/apis", store.Route{Path: "/apis", PathKind: store.PathExact, HostKind: store.HostAny}},
	} {
		got, err := Parse(c.method, c.host, "", c.path, "")
		require.NoError(t, err, "%+v", c)
		assert.Equal(t, c.want, got)
		_, err = Parse(c.method, c.host, c.want.HostKind, c.path, c.want.PathKind)
		assert.NoError(t, err, "kinds given as inferred: %+v", c)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, method, host, hostKind, path, pathKind, field, says string }{
		{name: "method", method: "FETCH", path: "/", field: "method", says: "must be one of GET"},
		{name: "no slash", path: "greet", field: "path", says: "begin with /"},
		{name: "empty", path: "", field: "path", says: "begin with /"},
		{name: "double slash", path: "/a//b", field: "path", says: "//"},
		{name: "query", path: "/a?b", field: "path", says: "'?'"},
		{name: "encoded", path: "/a%20b", field: "path", says: "percent-encoding"},
		{name: "dots", path: "/a/../b", field: "path", says: ".."},
		{name: "control", path: "/a\nb", field: "path", says: "control"},
		{name: "utf8", path: "/a\xff", field: "path", says: "UTF-8"},
		{name: "long", path: "/" + strings.Repeat("a", MaxPathBytes), field: "path", says: "2048"},
		{name: "deep", path: strings.Repeat("/a", MaxSegments+1), field: "path", says: "64 segments, got 65"},
		{name: "star inside", path: "/a*b", field: "path", says: "*"},
		{name: "star in the middle", path: "/a/*/b", field: "path", says: "last segment"},
		{name: "param and prefix", path: "/:a/*", field: "path", says: "both"},
		{name: "nameless param", path: "/a/:", field: "path", says: "parameter"},
		{name: "bad param", path: "/a/:1x", field: "path", says: "parameter"},
		{name: "same param", path: "/:a/:a", field: "path", says: "twice"},
		{name: "reserved api", path: "/api/x", field: "path", says: "reserved"},
		{name: "reserved health", path: "/healthz", field: "path", says: "reserved"},
		{name: "reserved metrics", path: "/metrics/x", field: "path", says: "reserved"},
		{name: "reserved prefix", path: "/admin/*", field: "path", says: "reserved"},
		{name: "reserved realtime", path: "/realtime", field: "path", says: "reserved"},
		{name: "port", host: "a.com:80", path: "/", field: "host", says: "port"},
		{name: "star host", host: "a.*.com", path: "/", field: "host", says: "first label"},
		{name: "empty label", host: "a..com", path: "/", field: "host", says: "labels"},
		{name: "bare wildcard", host: "*.", path: "/", field: "host"},
		{name: "no such name", host: "a b.de", path: "/", field: "host", says: "IDNA"},
		{name: "bad ipv6", host: "[::1", path: "/", field: "host", says: "IPv6"},
		{name: "other host kind", host: "a.com", hostKind: "wildcard", path: "/", field: "host_kind", says: "strict"},
		{name: "other path kind", path: "/users/:id", pathKind: "exact", field: "path_kind", says: "param"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.method, c.host, store.HostKind(c.hostKind), c.path, store.PathKind(c.pathKind))
			require.Equal(t, fault.Invalid, fault.Of(err), "got %v", err)
			assert.Equal(t, c.field, fault.From(err).Field)
			assert.Contains(t, err.Error(), c.says)
		})
	}
}

func TestCleanPath(t *testing.T) {
	for _, c := range []struct {
		raw, want string
		err       error
	}{
		{"/", "/", nil},
		{"/a/b", "/a/b", nil},
		{"/men%C3%BC", "/menü", nil},
		{"/a%2fb", "/a%2Fb", nil},
		{"/100%25", "/100%25", nil},
		{"/%252F", "/%252F", nil},
		{"/a..b/.c", "/a..b/.c", nil},
		{"//", "//", nil},
		{"/a%2", "", ErrPathEscape},
		{"/a%zz", "", ErrPathEscape},
		{"/a%00", "", ErrPathControl},
		{"/a%ff", "", ErrPathUTF8},
		{"/a/%2e%2e/b", "", ErrPathDots},
		{"/./a", "", ErrPathDots},
		{"a", "", ErrPathSlash},
		{"", "", ErrPathSlash},
		{"*", "", ErrPathSlash},
	} {
		got, err := CleanPath(c.raw)
		assert.Equal(t, c.err, err, "CleanPath(%q)", c.raw)
		assert.Equal(t, c.want, got, "CleanPath(%q)", c.raw)
	}
}
