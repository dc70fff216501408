package routing

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// route reads "METHOD host/path" with * for any method and nothing for any host.
func route(t testing.TB, id, app, method, host, path string) store.Route {
	t.Helper()
	r, err := Parse(method, host, "", path, "")
	require.NoError(t, err)
	r.ID, r.AppID, r.ScriptID = id, app, "script of "+id
	return r
}

func claim(app, host string) store.Domain {
	return store.Domain{ID: "claim of " + host, AppID: app, Host: host}
}

func TestMatchPrecedence(t *testing.T) {
	table := NewTable([]store.Route{
		route(t, "any-prefix", "a", "", "", "/*"),
		route(t, "hooks", "a", "", "", "/hooks/*"),
		route(t, "hooks-github", "a", "POST", "", "/hooks/github/*"),
		route(t, "user", "a", "", "", "/users/:id"),
		route(t, "me", "a", "GET", "", "/users/me"),
		route(t, "posts", "a", "", "", "/users/:id/posts"),
		route(t, "me-tab", "a", "", "", "/users/me/:tab"),
		route(t, "root-param", "a", "", "", "/:section/me/posts"),
		route(t, "strict", "a", "", "api.example.com", "/users/*"),
		route(t, "wild", "a", "", "*.example.com", "/users/:id"),
		route(t, "wilder", "a", "", "*.eu.example.com", "/users/*"),
		route(t, "get", "a", "GET", "", "/page"),
		route(t, "head", "a", "HEAD", "", "/only-head"),
		route(t, "get-beside-head", "a", "GET", "", "/only-head"),
		route(t, "empty-end", "a", "", "", "/list/:id/"),
	}, claim("a", "*.example.com"))
	for _, c := range []struct {
		method, host, path, want string
		params                   map[string]string
		rest                     string
	}{
		{"GET", "x", "/", "any-prefix", nil, ""},
		{"GET", "x", "/hooks", "any-prefix", nil, "hooks"},
		{"GET", "x", "/hooks/", "hooks", nil, ""},
		{"GET", "x", "/hooks/a/b", "hooks", nil, "a/b"},
		{"GET", "x", "/hooks/github/push", "hooks", nil, "github/push"},
		{"POST", "x", "/hooks/github/push", "hooks-github", nil, "push"},
		{"GET", "x", "/users/me", "me", nil, ""},
		{"POST", "x", "/users/me", "user", map[string]string{"id": "me"}, ""},
		{"GET", "x", "/users/7%2F8%25", "user", map[string]string{"id": "7/8%"}, ""},
		{"GET", "x", "/users/", "any-prefix", nil, "users/"},
		{"GET", "x", "/users/me/posts", "me-tab", map[string]string{"tab": "posts"}, ""},
		{"GET", "x", "/users/7/posts", "posts", map[string]string{"id": "7"}, ""},
		{"GET", "x", "/groups/me/posts", "root-param", map[string]string{"section": "groups"}, ""},
		{"GET", "api.example.com", "/users/me", "strict", nil, "me"},
		{"GET", "API.example.com.:8080", "/users/me", "strict", nil, "me"},
		{"GET", "api.example.com", "/page", "get", nil, ""},
		{"GET", "www.example.com", "/users/me", "wild", map[string]string{"id": "me"}, ""},
		{"GET", "a.eu.example.com", "/users/me", "wilder", nil, "me"},
		{"GET", "eu.example.com", "/users/me", "wild", map[string]string{"id": "me"}, ""},
		{"GET", "example.com", "/users/me", "me", nil, ""},
		{"GET", "[::1]:8080", "/page", "get", nil, ""},
		{"HEAD", "x", "/page", "get", nil, ""},
		{"HEAD", "x", "/only-head", "head", nil, ""},
		{"GET", "x", "/only-head", "get-beside-head", nil, ""},
		{"DELETE", "x", "/page", "any-prefix", nil, "page"},
		{"GET", "x", "/list/3/", "empty-end", map[string]string{"id": "3"}, ""},
		{"GET", "x", "/list//", "any-prefix", nil, "list//"},
	} {
		m, ok := table.Match(c.method, c.host, c.path)
		name := fmt.Sprintf("%s %s %s", c.method, c.host, c.path)
		require.True(t, ok, name)
		assert.Equal(t, c.want, m.Route.ID, name)
		assert.Equal(t, c.params, m.Params(), name)
		assert.Equal(t, c.rest, m.Rest(), name)
	}
}

func TestMatchNothing(t *testing.T) {
	table := NewTable([]store.Route{
		route(t, "1", "a", "GET", "", "/a"), route(t, "2", "a", "POST", "b.com", "/a/:id"),
	}, claim("a", "b.com"))
	for _, path := range []string{"/", "/a/", "/b", "/a/1", "/A"} {
		_, ok := table.Match("GET", "b.com", path)
		assert.False(t, ok, path)
	}
	assert.Equal(t, []string{"GET", "HEAD"}, table.Allow("b.com", "/a"))
	assert.Equal(t, []string{"POST"}, table.Allow("b.com", "/a/1"))
	assert.Empty(t, table.Allow("c.com", "/a/1"))
}

func TestConflict(t *testing.T) {
	for _, c := range []struct {
		a, b     [3]string // method, host, path
		conflict bool
	}{
		{[3]string{"GET", "", "/a"}, [3]string{"GET", "", "/a"}, true},
		{[3]string{"GET", "", "/a"}, [3]string{"", "", "/a"}, false}, // the method decides
		{[3]string{"GET", "", "/a/:x"}, [3]string{"", "", "/a/:y"}, false},
		{[3]string{"GET", "", "/:x/a"}, [3]string{"", "", "/:y/:z"}, true},
		{[3]string{"GET", "", "/a"}, [3]string{"POST", "", "/a"}, false},
		{[3]string{"GET", "", "/a"}, [3]string{"HEAD", "", "/a"}, false},
		{[3]string{"", "", "/a"}, [3]string{"", "a.com", "/a"}, false},
		{[3]string{"", "*.a.com", "/a"}, [3]string{"", "*.a.com", "/a"}, true},
		{[3]string{"", "*.a.com", "/a"}, [3]string{"", "*.b.com", "/a"}, false},
		{[3]string{"", "", "/a/b"}, [3]string{"", "", "/a/:x"}, false},
		{[3]string{"", "", "/a/:x"}, [3]string{"", "", "/a/:y"}, true},
		{[3]string{"", "", "/a/:x"}, [3]string{"", "", "/:y/a"}, false},
		{[3]string{"", "", "/:x/a"}, [3]string{"", "", "/:y/b"}, false},
		{[3]string{"", "", "/:x/a"}, [3]string{"", "", "/:y/:z"}, true},
		{[3]string{"", "", "/:x/a/:z"}, [3]string{"", "", "/:y/:w/b"}, true},
		{[3]string{"", "", "/:x/"}, [3]string{"", "", "/:y/:z"}, false},
		{[3]string{"", "", "/:x/b"}, [3]string{"", "", "/:y"}, false},
		{[3]string{"", "", "/a/*"}, [3]string{"", "", "/a/*"}, true},
		{[3]string{"", "", "/a/*"}, [3]string{"", "", "/a/b/*"}, false},
		{[3]string{"", "", "/a/*"}, [3]string{"", "", "/a/:x"}, false},
		{[3]string{"", "", "/*"}, [3]string{"POST", "", "/*"}, false},
	} {
		a := route(t, "first", "app", c.a[0], c.a[1], c.a[2])
		b := route(t, "second", "app", c.b[0], c.b[1], c.b[2])
		for _, pair := range [][2]store.Route{{a, b}, {b, a}} {
			table := NewTable(pair[:1])
			other, got := table.Conflict(pair[1])
			assert.Equal(t, c.conflict, got, "%v, then %v", pair[0], pair[1])
			if got {
				assert.Equal(t, pair[0].ID, other.ID)
			}
			pair[1].AppID = "another app"
			_, got = table.Conflict(pair[1])
			assert.False(t, got, "routes of two apps do not conflict")
			if pair[1].CreatedAt = time.Unix(1, 0); pair[0].Method == pair[1].Method && pair[0].Path == pair[1].Path {
				_, got = table.Shadow(pair[1])
				assert.Equal(t, c.conflict, got, "the older answers: %v, then %v", pair[0], pair[1])
			}
		}
	}
	_, got := NewTable([]store.Route{route(t, "1", "app", "", "", "/a")}).Conflict(route(t, "1", "app", "", "", "/a"))
	assert.False(t, got, "a route is not in its own way")
}

func TestOlderRouteOfAnotherAppGoesFirst(t *testing.T) {
	young := route(t, "young", "a", "", "", "/x")
	old := route(t, "old", "b", "", "", "/x")
	young.CreatedAt, old.CreatedAt = time.Unix(2, 0), time.Unix(1, 0)
	table := NewTable([]store.Route{young, old})
	m, _ := table.Match("GET", "", "/x")
	assert.Equal(t, "old", m.Route.ID)
	table.Remove("old")
	m, _ = table.Match("GET", "", "/x")
	assert.Equal(t, "young", m.Route.ID)
}

func TestAddAndRemoveLeaveNothingBehind(t *testing.T) {
	table := NewTable(nil, claim("a", "a.com"), claim("a", "*.a.com"))
	paths := []string{"/a", "/a/:x", "/a/:x/c", "/a/*", "/*", "/:y"}
	for _, host := range []string{"", "a.com", "*.a.com"} {
		for _, path := range paths {
			r := route(t, host+path, "a", "", host, path)
			table.Add(r)
			table.Add(r) // once more changes nothing
		}
	}
	require.Equal(t, 3*len(paths), table.Len())
	table.RemoveIf(func(r store.Route) bool { return r.Path != "/a/*" })
	m, ok := table.Match("GET", "b.a.com", "/a/b")
	require.True(t, ok)
	assert.Equal(t, "*.a.com/a/*", m.Route.ID)
	table.RemoveIf(func(store.Route) bool { return true })
	table.Remove("unknown")
	assert.Equal(t, NewTable(nil).any, table.any)
	assert.Empty(t, table.strict)
	assert.Empty(t, table.wildcard)
	assert.Empty(t, table.byID)
}

// A clone has what the table has, and neither has what changes in the other.
func TestClone(t *testing.T) {
	routes := randomRoutes(rand.New(rand.NewPCG(5, 5)), 200)
	claims := []store.Domain{claim("one", "x.com"), claim("two", "*.x.com")}
	same := func(want, got *Table) {
		t.Helper()
		require.Equal(t, want.Len(), got.Len())
		for _, host := range []string{"", "x.com", "a.x.com", "b.x.com", "b.a.x.com"} {
			for _, path := range []string{"/", "/a", "/b/", "/a/b", "/c/c", "/a/b/c", "/b/a/c/a"} {
				a, found := want.Match("GET", host, path)
				b, ok := got.Match("GET", host, path)
				require.Equal(t, found, ok, "%s%s", host, path)
				require.Equal(t, a.Route, b.Route, "%s%s", host, path)
			}
			a, claimed := want.ClaimOf(host)
			b, ok := got.ClaimOf(host)
			require.Equal(t, claimed, ok, host)
			require.Equal(t, a, b, host)
		}
	}
	all, half := NewTable(routes, claims...), NewTable(routes[100:], claims[1:]...)
	for _, table := range []*Table{all, half} {
		table.SetUnclaimed(Unclaimed{Only: true, AppID: "two"})
	}
	table := all.Clone()
	same(all, table)
	clone := table.Clone()
	for _, route := range routes[:100] {
		clone.Remove(route.ID)
	}
	clone.Release(claims[0].ID)
	same(half, clone)
	same(all, table)
	for _, route := range routes[:100] {
		clone.Add(route)
		table.Remove(route.ID)
	}
	clone.Claim(claims[0])
	table.Release(claims[0].ID)
	same(all, clone)
	same(half, table)
}

func BenchmarkClone(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		routes := make([]store.Route, n)
		for i := range routes {
			path := [...]string{"/exact/%d", "/param/%d/:id", "/prefix/%d/*"}[i%3]
			routes[i] = route(b, fmt.Sprintf("%06d", i), fmt.Sprint("app", i/20), "", "", fmt.Sprintf(path, i))
		}
		table := NewTable(routes)
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			for b.Loop() {
				table.Clone()
			}
		})
	}
}
