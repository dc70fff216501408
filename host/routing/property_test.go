package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/store"
)

// rank returns how well a route matches a request, more first: the precedence of the package
// documentation, written down as it reads.
func rank(r store.Route, method, host, path string) (rank []int, matches bool) {
	if r.Method != "" && r.Method != method && !(method == "HEAD" && r.Method == "GET") {
		return nil, false
	}
	switch {
	case r.HostKind == store.HostAny:
		rank = append(rank, 0)
	case r.HostKind == store.HostStrict && host == r.Host:
		rank = append(rank, 1000)
	case r.HostKind == store.HostWildcard && strings.HasSuffix(host, r.Host[1:]) && len(host) >= len(r.Host):
		rank = append(rank, len(r.Host))
	default:
		return nil, false
	}
	switch r.PathKind {
	case store.PathExact:
		return append(rank, 3, 0), path == r.Path
	case store.PathPrefix:
		return append(rank, 1, len(r.Path)), strings.HasPrefix(path, strings.TrimSuffix(r.Path, "*"))
	}
	pattern, request := strings.Split(r.Path, "/"), strings.Split(path, "/")
	if len(pattern) != len(request) {
		return nil, false
	}
	leading := 0
	for i := range pattern {
		if strings.HasPrefix(pattern[i], ":") {
			if request[i] == "" {
				return nil, false
			}
		} else if request[i] != pattern[i] {
			return nil, false
		} else if leading == i {
			leading++
		}
	}
	return append(rank, 2, leading), true
}

// tieBreak returns the order of what rank leaves equal, more first.
func tieBreak(r store.Route, method string) (order []int) {
	for segment := range strings.SplitSeq(r.Path, "/") {
		if strings.HasPrefix(segment, ":") && r.PathKind == store.PathParam {
			order = append(order, 0)
		} else {
			order = append(order, 1)
		}
	}
	switch r.Method {
	case method:
		return append(order, 2)
	case "":
		return append(order, 0)
	}
	return append(order, 1) // GET, which answers HEAD
}

// owner returns the app that a host belongs to, by the longest of the claims that cover it.
func owner(claims []store.Domain, host string) (appID string, claimed bool) {
	best := ""
	for _, c := range claims {
		if domains.Covers(c.Host, host) && (c.Host == host || best != host && len(c.Host) > len(best)) {
			best, appID, claimed = c.Host, c.AppID, true
		}
	}
	return appID, claimed
}

// plain tries every route. Ids are in the order of age.
func plain(routes []store.Route, claims []store.Domain, method, host, path string) (id string) {
	var best []int
	app, claimed := owner(claims, host)
	for _, r := range routes {
		if claimed && r.AppID != app || !claimed && r.HostKind != store.HostAny {
			continue
		}
		if rank, ok := rank(r, method, host, path); ok {
			if rank = append(rank, tieBreak(r, method)...); id == "" || slices.Compare(rank, best) > 0 {
				id, best = r.ID, rank
			}
		}
	}
	return id
}

func pickOne[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomPath(r *rand.Rand, segment func() string) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString("/" + segment())
	}
	return b.String()
}

func randomRoutes(r *rand.Rand, n int) []store.Route {
	var routes []store.Route
	for len(routes) < n {
		name := 0
		path := randomPath(r, func() string {
			if r.IntN(3) == 0 {
				name++
				return fmt.Sprintf(":p%d", name)
			}
			return pickOne(r, "a", "b", "c")
		})
		if r.IntN(4) == 0 {
			path += pickOne(r, "/*", "/")
		}
		route, err := Parse(pickOne(r, "", "GET", "POST", "HEAD"), pickOne(r, "", "", "x.com", "a.x.com", "*.x.com", "*.a.x.com"), "", path, "")
		if err != nil {
			continue // a parameter before a *
		}
		route.ID, route.AppID = fmt.Sprintf("%04d", len(routes)), pickOne(r, "one", "two")
		routes = append(routes, route)
	}
	return routes
}

func FuzzMatchAgreesWithPrecedence(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := randomRoutes(r, 1+r.IntN(40))
		table := NewTable(nil)
		var routes []store.Route
		for _, route := range all { // built as the API builds it
			if _, conflict := table.Conflict(route); !conflict {
				table.Add(route)
				routes = append(routes, route)
			}
		}
		for i := 0; i < len(routes); i++ { // and some are removed again
			if r.IntN(5) == 0 {
				table.Remove(routes[i].ID)
				routes = append(routes[:i], routes[i+1:]...)
			}
		}
		var claims []store.Domain
		for i, host := range []string{"x.com", "a.x.com", "*.x.com", "*.a.x.com"} {
			if r.IntN(3) > 0 {
				claim := store.Domain{ID: fmt.Sprint(i), AppID: pickOne(r, "one", "two"), Host: host}
				table.Claim(claim)
				if r.IntN(5) == 0 {
					table.Release(claim.ID)
				} else {
					claims = append(claims, claim)
				}
			}
		}
		for range 100 {
			path := randomPath(r, func() string { return pickOne(r, "a", "b", "c", "d", "") })
			host := pickOne(r, "x.com", "a.x.com", "b.x.com", "b.a.x.com", "y.com", "")
			method := pickOne(r, "GET", "POST", "HEAD", "PUT")
			want := plain(routes, claims, method, host, path)
			got, _ := table.Match(method, host, path)
			if got.Route.ID != want {
				t.Fatalf("seed %d: %s %q %s: got route %q, want %q of %v with %v", seed, method, host, path, got.Route.ID, want, routes, claims)
			}
		}
	})
}

// Two routes of an app conflict exactly when some request ranks them equal.
func TestConflictIsExact(t *testing.T) {
	var paths []string
	var walk func(string, int)
	walk = func(path string, left int) {
		for _, segment := range []string{"a", "b", "c", ""} {
			if paths = append(paths, path+"/"+segment); left > 0 && segment != "" {
				walk(path+"/"+segment, left-1)
			}
		}
	}
	walk("", 3)
	r := rand.New(rand.NewPCG(7, 7))
	conflicts := 0
	for range 3000 {
		pair := randomRoutes(r, 2)
		pair[0].AppID, pair[1].AppID = "one", "one"
		if r.IntN(4) > 0 {
			pair[1].Host, pair[1].HostKind = pair[0].Host, pair[0].HostKind
		}
		if pair[0].Method != pair[1].Method && samePath(newEntry(pair[0]), newEntry(pair[1])) {
			continue // equal but for the method, which decides
		}
		var tie string
		for _, method := range []string{"GET", "POST", "HEAD"} {
			for _, host := range []string{"x.com", "a.x.com", "b.a.x.com"} {
				for _, path := range paths {
					a, okA := rank(pair[0], method, host, path)
					if b, okB := rank(pair[1], method, host, path); okA && okB && slices.Equal(a, b) {
						tie = method + " " + host + path
					}
				}
			}
		}
		if _, conflict := NewTable(pair[:1]).Conflict(pair[1]); conflict != (tie != "") {
			t.Fatalf("%v and %v: conflict %v, but they are equal on request %q", pair[0], pair[1], conflict, tie)
		}
		if tie != "" {
			conflicts++
		}
	}
	require.Greater(t, conflicts, 10, "the generator must make conflicts")
}

func TestConcurrentUse(t *testing.T) {
	table := NewTable(nil)
	r := rand.New(rand.NewPCG(3, 3))
	routes := randomRoutes(r, 64)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 500 {
				route := routes[(i*16+n)%len(routes)]
				table.Add(route)
				if m, ok := table.Match("GET", "a.x.com", "/a/b"); ok {
					m.Params()
				}
				table.Remove(route.ID)
			}
		})
	}
	wg.Wait()
	require.Zero(t, table.Len())
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 100, 1_000, 10_000, 100_000} {
		routes := make([]store.Route, n)
		for i := range routes {
			path := [...]string{"/exact/%d", "/param/%d/:id", "/prefix/%d/*"}[i%3]
			routes[i] = route(b, fmt.Sprintf("%06d", i), "a", "", "", fmt.Sprintf(path, i))
		}
		table := NewTable(routes)
		for _, kind := range []struct{ name, path string }{
			{"exact", fmt.Sprintf("/exact/%d", n/2/3*3)},
			{"param", fmt.Sprintf("/param/%d/7", n/2/3*3+1)},
			{"prefix", fmt.Sprintf("/prefix/%d/a/b", n/2/3*3+2)},
		} {
			b.Run(fmt.Sprintf("%s/routes=%d", kind.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, ok := table.Match("GET", "example.com:8080", kind.path); !ok {
						b.Fatal("no match")
					}
				}
			})
		}
	}
}
