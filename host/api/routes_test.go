package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func TestRoutes(t *testing.T) {
	s := newSite(t)
	app := s.App("app")
	script := s.Script("app", "s", `"hi"`)
	s.Refused(s.Admin(s.Token, "POST", "scripts/"+script.ID+"/routes", `{"path":"/","host":"*.example.com"}`), 409, "body.host", "is not claimed by the app")
	do[wire.Domain](s, "POST", "apps/"+app.ID+"/domains", `{"host":"*.example.com"}`, 201)
	route := do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", `{"method":"get","path":"/users/:id","host":"*.Example.com","dispatch":"sync"}`, 201)
	assert.Equal(t, wire.Route{
		ID: route.ID, AppID: app.ID, ScriptID: script.ID, Method: "GET", Host: "*.example.com", HostKind: "wildcard",
		Path: "/users/:id", PathKind: "param", Dispatch: "sync", CreatedAt: route.CreatedAt,
	}, route)
	assert.Equal(t, route, do[wire.Route](s, "GET", "routes/"+route.ID, nil, 200))
	for _, path := range []string{"apps/app/routes", "scripts/" + script.ID + "/routes"} {
		assert.Equal(t, []wire.Route{route}, do[wire.Page[wire.Route]](s, "GET", path, nil, 200).Items)
	}
	do[any](s, "DELETE", "routes/"+route.ID, nil, 204)
	s.Refused(s.Admin(s.Token, "DELETE", "routes/"+route.ID, ""), 404, "", "route not found")
	s.Refused(s.Admin(s.Token, "GET", "routes/"+route.ID, ""), 404, "", "route not found")
}

func TestRoutesRefuse(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", "1")
	first := s.Route(script, "GET", "/users/:id")
	create := func(body string) answer { return s.Admin(s.Token, "POST", "scripts/"+script.ID+"/routes", body) }
	p := s.Refused(create(`{"method":"GET","path":"/users/:name"}`), 409, "body.path", "GET /users/:id ("+first.ID+")")
	assert.Equal(t, first.ID, p.Other)
	s.Refused(create(`{"method":"GET","path":"/users/:id"}`), 409, "body.path", first.ID)
	s.Refused(create(`{"path":"users"}`), 422, "body.path", "begins with /")
	s.Refused(create(`{"path":"/api/x"}`), 422, "body.path", "reserved")
	s.Refused(create(`{"path":"/healthz"}`), 422, "body.path", "reserved")
	s.Refused(create(`{"path":"/a//b"}`), 422, "body.path", "//")
	s.Refused(create(`{"path":"/a","path_kind":"prefix"}`), 422, "body.path_kind", "is of kind exact")
	s.Refused(create(`{"path":"/a","path_kind":"regex"}`), 422, "body.path_kind", "one of")
	s.Refused(create(`{"path":"/a","host":"a b"}`), 422, "body.host", "letters")
	s.Refused(create(`{"path":"/a","method":"FETCH"}`), 422, "body.method", "must be one of")
	s.Refused(create(`{"path":"/a","dispatch":"later"}`), 422, "body.dispatch", "one of")
	s.Refused(create(`{"path":""}`), 422, "body.path", "at least 1 character")
	s.Refused(create(`{}`), 422, "body.path", "missing")
	s.Refused(create(`{"path":"/a","methods":["GET"]}`), 422, "body.methods", "no such field")
	s.Refused(s.Admin(s.Token, "POST", "scripts/nope/routes", `{"path":"/a"}`), 404, "", "script not found")

	module := do[wire.Script](s, "POST", "apps/app/scripts", wire.ScriptCreate{Name: "lib", Kind: "module", Source: "const ONE = 1;"}, 201)
	s.Refused(s.Admin(s.Token, "POST", "scripts/"+module.ID+"/routes", `{"path":"/a"}`), 422, "path.id", "module")
	s.Refused(s.Admin(s.Token, "PUT", "scripts/"+script.ID, `{"kind":"module"}`), 409, "body.kind", "routes")
}

func TestRouteOfTwoApps(t *testing.T) {
	s := newSite(t)
	s.App("one")
	s.App("two")
	s.Route(s.Script("one", "s", `"one"`), "GET", "/same")
	later := s.Route(s.Script("two", "s", `"two"`), "", "/same")
	assert.Equal(t, "the route GET /same of the app one answers the same requests first", later.Warning)
	assert.Equal(t, "one", string(s.Fetch("GET", "/same", "").Content), "the older answers")
	assert.Equal(t, "two", string(s.Fetch("POST", "/same", "").Content))
	match := do[wire.RouteMatched](s, "POST", "apps/two/routes:match", `{"path":"/same"}`, 200)
	assert.False(t, match.Matched)
	assert.True(t, match.Other)
	assert.Nil(t, match.Route, "another app's route is not shown")

	equal := s.Route(s.Script("two", "equal", `"two"`), "GET", "/same")
	assert.Contains(t, equal.Warning, "of the app one", "the newer of two equal ones takes nothing")
	assert.Equal(t, "one", string(s.Fetch("GET", "/same", "").Content))
}

// The method decides between routes of the same path, and nothing but the reserved paths is
// reserved.
func TestRoutesSideBySide(t *testing.T) {
	s := newSite(t)
	s.App("app")
	s.Route(s.Script("app", "any", `"any"`), "", "/x")
	s.Route(s.Script("app", "get", `"get"`), "GET", "/x")
	assert.Equal(t, "get", string(s.Fetch("GET", "/x", "").Content))
	assert.Equal(t, "any", string(s.Fetch("POST", "/x", "").Content))
	for _, path := range []string{"/apiary", "/api-docs/:x", "/administrator", "/versions", "/metrics2", "/realtime2/*"} {
		s.Route(s.Script("app", "s"+strings.NewReplacer("/", "", ":", "", "*", "", "-", "").Replace(path), `"own"`), "GET", path)
		request := strings.NewReplacer(":x", "7", "*", "7").Replace(path)
		assert.Equal(t, "own", string(s.Fetch("GET", request, "").Content), request)
		assert.True(t, do[wire.RouteMatched](s, "POST", "apps/app/routes:match", wire.RouteMatch{Path: request}, 200).Matched, request)
	}
}

func TestMatchRoute(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", "1")
	param, prefix := s.Route(script, "GET", "/users/:id"), s.Route(script, "", "/hooks/*")
	match := func(body string) wire.RouteMatched {
		return do[wire.RouteMatched](s, "POST", "apps/app/routes:match", body, 200)
	}
	got := match(`{"path":"/users/a%2Fb","host":"x.com:80"}`)
	require.NotNil(t, got.Route)
	assert.Equal(t, param.ID, got.Route.ID)
	assert.Equal(t, map[string]string{"id": "a/b"}, got.Params)
	got = match(`{"method":"PUT","path":"/hooks/a/b"}`)
	assert.Equal(t, prefix.ID, got.Route.ID)
	assert.Equal(t, "a/b", got.Rest)
	assert.Equal(t, wire.RouteMatched{Allow: []string{"GET", "HEAD"}}, match(`{"method":"PUT","path":"/users/7"}`))
	assert.Equal(t, wire.RouteMatched{}, match(`{"path":"/hooks"}`))
	assert.Equal(t, wire.RouteMatched{}, match(`{"path":"/api/v1/x"}`), "reserved")
	s.Refused(s.Admin(s.Token, "POST", "apps/app/routes:match", `{"path":"nope"}`), 422, "body.path", "begins with /")
	s.Refused(s.Admin(s.Token, "POST", "apps/app/routes:match", `{"path":"/a%zz"}`), 422, "body.path", "path: has an invalid percent-encoding")
}

// What a new route would be refused for is told before it is made, and is what it is refused for.
func TestMatchRouteTellsOfConflicts(t *testing.T) {
	s := newSite(t)
	s.App("app")
	s.App("other")
	script, other := s.Script("app", "s", "1"), s.Script("other", "s", "1")
	there := s.Route(script, "GET", "/x/:a/b")
	s.Route(script, "POST", "/exact")
	s.Route(other, "GET", "/theirs")
	for _, test := range []struct {
		new      string
		conflict bool
	}{
		{`{"method":"GET","path":"/x/:a/:b"}`, true}, // though an example of it, /x/x/x, is answered by none
		{`{"path":"/x/:z/b"}`, false},                // the method decides between equal paths
		{`{"method":"head","path":"/x/:a/:b"}`, true},
		{`{"method":"POST","path":"/x/:a/:b"}`, false},
		{`{"method":"GET","path":"/:x/y/b"}`, false}, // fewer literals lead
		{`{"method":"GET","path":"/x/y/b"}`, false},
		{`{"method":"POST","path":"/exact"}`, true},
		{`{"method":"GET","path":"/theirs"}`, false}, // of another app
	} {
		got := do[wire.RouteMatched](s, "POST", "apps/app/routes:match", `{"path":"/x/x/x","new":`+test.new+`}`, 200)
		assert.False(t, got.Matched)
		assert.Equal(t, test.conflict, got.Conflict != nil, test.new)
		made := s.Admin(s.Token, "POST", "scripts/"+script.ID+"/routes", test.new)
		if test.conflict {
			p := s.Refused(made, 409, "body.path", "conflicts with")
			assert.Equal(t, p.Other, got.Conflict.ID, test.new)
			continue
		}
		do[any](s, "DELETE", "routes/"+decoded[wire.Route](s, made, 201).ID, nil, 204)
	}
	assert.Equal(t, there.ID, do[wire.RouteMatched](s, "POST", "apps/app/routes:match", `{"path":"/x/1/b","new":{"method":"GET","path":"/x/:c/b"}}`, 200).Conflict.ID)
	s.Refused(s.Admin(s.Token, "POST", "apps/app/routes:match", `{"path":"/x","new":{"path":"/x/:"}}`), 422, "body.new.path", "")
	s.Refused(s.Admin(s.Token, "POST", "apps/app/routes:match", `{"path":"/x","new":{"path":"/x","host":"a b"}}`), 422, "body.new.host", "")
	s.Refused(s.Admin(s.Token, "POST", "apps/app/routes:match", `{"path":"/x","new":{"path":"/x","method":"FETCH"}}`), 422, "body.new.method", "")
}

func TestOneOfManyEqualRoutesWins(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", "1")
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = s.Admin(s.Token, "POST", "scripts/"+script.ID+"/routes", fmt.Sprintf(`{"path":"/race/:p%d"}`, i)).StatusCode
		})
	}
	wg.Wait()
	assert.Equal(t, 1, strings.Count(fmt.Sprint(statuses), "201"), "%v", statuses)
	assert.Equal(t, 7, strings.Count(fmt.Sprint(statuses), "409"), "%v", statuses)
}
