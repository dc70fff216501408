package api

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
	app := s.app("app")
	script := s.script("app", "s", `"hi"`)
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
	s.refused(s.admin(s.token, "DELETE", "routes/"+route.ID, ""), 404, "", "route not found")
	s.refused(s.admin(s.token, "GET", "routes/"+route.ID, ""), 404, "", "route not found")
}

func TestRoutesRefuse(t *testing.T) {
	s := newSite(t)
	s.app("app")
	script := s.script("app", "s", "1")
	first := s.route(script, "GET", "/users/:id")
	create := func(body string) answer { return s.admin(s.token, "POST", "scripts/"+script.ID+"/routes", body) }
	p := s.refused(create(`{"path":"/users/:name"}`), 409, "body.path", "GET /users/:id ("+first.ID+")")
	assert.Equal(t, first.ID, p.Other)
	s.refused(create(`{"method":"GET","path":"/users/:id"}`), 409, "body.path", first.ID)
	s.refused(create(`{"path":"users"}`), 422, "body.path", "begin with /")
	s.refused(create(`{"path":"/api/x"}`), 422, "body.path", "reserved")
	s.refused(create(`{"path":"/healthz"}`), 422, "body.path", "reserved")
	s.refused(create(`{"path":"/a//b"}`), 422, "body.path", "//")
	s.refused(create(`{"path":"/a","path_kind":"prefix"}`), 422, "body.path_kind", "is of kind exact")
	s.refused(create(`{"path":"/a","path_kind":"regex"}`), 422, "body.path_kind", "one of")
	s.refused(create(`{"path":"/a","host":"a b"}`), 422, "body.host", "letters")
	s.refused(create(`{"path":"/a","method":"FETCH"}`), 422, "body.method", "must be one of")
	s.refused(create(`{"path":"/a","dispatch":"async"}`), 422, "body.dispatch", "one of")
	s.refused(create(`{"path":""}`), 422, "body.path", "length")
	s.refused(create(`{}`), 422, "body", "path")
	s.refused(create(`{"path":"/a","methods":["GET"]}`), 422, "body.methods", "unexpected property")
	s.refused(s.admin(s.token, "POST", "scripts/nope/routes", `{"path":"/a"}`), 404, "", "script not found")

	module := do[wire.Script](s, "POST", "apps/app/scripts", wire.ScriptCreate{Name: "lib", Kind: "module", Source: "const ONE = 1;"}, 201)
	s.refused(s.admin(s.token, "POST", "scripts/"+module.ID+"/routes", `{"path":"/a"}`), 422, "path.id", "module")
	s.refused(s.admin(s.token, "PUT", "scripts/"+script.ID, `{"kind":"module"}`), 409, "body.kind", "routes")
}

func TestRouteOfTwoApps(t *testing.T) {
	s := newSite(t)
	s.app("one")
	s.app("two")
	s.route(s.script("one", "s", `"one"`), "GET", "/same")
	later := s.route(s.script("two", "s", `"two"`), "", "/same")
	assert.Contains(t, later.Warning, "another app")
	assert.Equal(t, "one", string(s.fetch("GET", "/same", "").body), "the older answers")
	assert.Equal(t, "two", string(s.fetch("POST", "/same", "").body))
	match := do[wire.RouteMatched](s, "POST", "apps/two/routes:match", `{"path":"/same"}`, 200)
	assert.False(t, match.Matched)
	assert.True(t, match.Other)
	assert.Nil(t, match.Route, "another app's route is not shown")
}

func TestMatchRoute(t *testing.T) {
	s := newSite(t)
	s.app("app")
	script := s.script("app", "s", "1")
	param, prefix := s.route(script, "GET", "/users/:id"), s.route(script, "", "/hooks/*")
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
	s.refused(s.admin(s.token, "POST", "apps/app/routes:match", `{"path":"nope"}`), 422, "body.path", "begin with /")
	s.refused(s.admin(s.token, "POST", "apps/app/routes:match", `{"path":"/a%zz"}`), 422, "body.path", "percent-encoding")
}

func TestOneOfManyEqualRoutesWins(t *testing.T) {
	s := newSite(t)
	s.app("app")
	script := s.script("app", "s", "1")
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = s.admin(s.token, "POST", "scripts/"+script.ID+"/routes", fmt.Sprintf(`{"path":"/race/:p%d"}`, i)).StatusCode
		})
	}
	wg.Wait()
	assert.Equal(t, 1, strings.Count(fmt.Sprint(statuses), "201"), "%v", statuses)
	assert.Equal(t, 7, strings.Count(fmt.Sprint(statuses), "409"), "%v", statuses)
}
