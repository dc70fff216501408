package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

func testRoutes(t *testing.T, s subject) {
	app := s.app(t, "routes")
	script := s.script(t, app, "handler")

	t.Run("create and find", func(t *testing.T) {
		route, err := s.Routes().Create(s.ctx, store.Route{
			AppID: app.ID, ScriptID: script.ID, Method: "GET", Host: "*.example.com", HostKind: store.HostWildcard,
			Path: "/users/:id", PathKind: store.PathParam, Dispatch: store.DispatchAsync,
		})
		require.NoError(t, err)
		require.Equal(t, store.Route{
			ID: route.ID, AppID: app.ID, ScriptID: script.ID, Method: "GET", Host: "*.example.com", HostKind: store.HostWildcard,
			Path: "/users/:id", PathKind: store.PathParam, Dispatch: store.DispatchAsync, CreatedAt: kept(start),
		}, route)
		got, err := s.Routes().Get(s.ctx, route.ID)
		require.NoError(t, err)
		require.Equal(t, route, got)
	})

	t.Run("policies of its own and of its app", func(t *testing.T) {
		app := s.app(t, "policies")
		policy, other := &store.CORS{Origins: []string{"https://a.example"}, MaxAge: 5}, &store.CORS{Origins: []string{"*"}, Headers: []string{"x-a"}}
		route := s.route(t, s.script(t, app, "handler"), "/policies")
		require.Nil(t, route.Policy())
		changed, err := s.Apps().Update(s.ctx, app.ID, store.AppChange{CORS: policy})
		require.NoError(t, err)
		require.Equal(t, policy, changed.CORS)
		got, err := s.Routes().Get(s.ctx, route.ID)
		require.NoError(t, err)
		require.Equal(t, policy, got.Policy())
		got, err = s.Routes().SetCORS(s.ctx, route.ID, other)
		require.NoError(t, err)
		require.Equal(t, []*store.CORS{other, policy, other}, []*store.CORS{got.CORS, got.AppCORS, got.Policy()})
		of, err := s.Routes().ByApp(s.ctx, app.ID)
		require.NoError(t, err)
		require.Equal(t, []store.Route{got}, of)

		second := anyRoute(s.script(t, app, "second"), "/second")
		second.CORS = other
		second, err = s.Routes().Create(s.ctx, second)
		require.NoError(t, err)
		require.Equal(t, []*store.CORS{other, policy}, []*store.CORS{second.CORS, second.AppCORS})
		got, err = s.Routes().SetCORS(s.ctx, route.ID, nil)
		require.NoError(t, err)
		require.Equal(t, policy, got.Policy())
		changed, err = s.Apps().Update(s.ctx, app.ID, store.AppChange{Name: new("renamed")})
		require.NoError(t, err)
		require.Equal(t, policy, changed.CORS)
		changed, err = s.Apps().Update(s.ctx, app.ID, store.AppChange{CORS: &store.CORS{}})
		require.NoError(t, err)
		require.Nil(t, changed.CORS)
		changed, err = s.Apps().GetBySlug(s.ctx, app.Slug)
		require.NoError(t, err)
		require.Nil(t, changed.CORS)
		_, err = s.Routes().SetCORS(s.ctx, "nothing", other)
		notFound(t, err, "route")
	})

	t.Run("signatures", func(t *testing.T) {
		signature := &store.Signature{Scheme: "stripe", Secret: "key", Tolerance: 60}
		signed := anyRoute(s.script(t, app, "signed"), "/signed")
		signed.Signature = signature
		signed, err := s.Routes().Create(s.ctx, signed)
		require.NoError(t, err)
		got, err := s.Routes().Get(s.ctx, signed.ID)
		require.NoError(t, err)
		require.Equal(t, signature, got.Signature)
		got, err = s.Routes().SetSignature(s.ctx, signed.ID, &store.Signature{Scheme: "github", Secret: "other"})
		require.NoError(t, err)
		require.Equal(t, &store.Signature{Scheme: "github", Secret: "other"}, got.Signature)
		generation, err := s.Revisions().Generation(s.ctx)
		require.NoError(t, err)
		got, err = s.Routes().SetSignature(s.ctx, signed.ID, nil)
		require.NoError(t, err)
		require.Nil(t, got.Signature)
		revisions, _, err := s.Revisions().After(s.ctx, generation)
		require.NoError(t, err)
		require.Equal(t, []store.Revision{{Generation: generation + 1, Resource: store.ResourceRoute, AppID: app.ID, ID: signed.ID}}, revisions)
		_, err = s.Routes().SetSignature(s.ctx, "nothing", signature)
		notFound(t, err, "route")
	})

	t.Run("missing", func(t *testing.T) {
		_, err := s.Routes().Get(s.ctx, "nothing")
		notFound(t, err, "route")
		notFound(t, s.Routes().Delete(s.ctx, "nothing"), "route")
	})

	t.Run("one for a method, host and path", func(t *testing.T) {
		first := s.route(t, script, "/same")
		_, err := s.Routes().Create(s.ctx, anyRoute(script, "/same"))
		conflict(t, err, store.Conflict("route", "path", "/same", first.ID))
		twin := anyRoute(script, "/elsewhere")
		twin.ID = first.ID
		_, err = s.Routes().Create(s.ctx, twin)
		conflict(t, err, store.Conflict("route", "id", first.ID, first.ID))

		other := anyRoute(script, "/same")
		other.Method = "POST"
		_, err = s.Routes().Create(s.ctx, other)
		require.NoError(t, err)
		other.Method, other.Host, other.HostKind = "", "example.com", store.HostStrict
		_, err = s.Routes().Create(s.ctx, other)
		require.NoError(t, err)
		s.route(t, s.script(t, s.app(t, "neighbour"), "handler"), "/same")
	})

	t.Run("only to scripts of its app", func(t *testing.T) {
		foreign := anyRoute(script, "/foreign")
		foreign.AppID = s.app(t, "foreign").ID
		_, err := s.Routes().Create(s.ctx, foreign)
		notFound(t, err, "script")
		foreign = anyRoute(script, "/foreign")
		foreign.ScriptID = "nothing"
		_, err = s.Routes().Create(s.ctx, foreign)
		notFound(t, err, "script")
	})

	t.Run("listing", func(t *testing.T) {
		app := s.app(t, "listing")
		one, two := s.script(t, app, "one"), s.script(t, app, "two")
		c, a, b := s.route(t, one, "/c"), s.route(t, two, "/a"), s.route(t, one, "/b")
		byApp, err := s.Routes().ByApp(s.ctx, app.ID)
		require.NoError(t, err)
		require.Equal(t, []store.Route{a, b, c}, byApp)
		byScript, err := s.Routes().ByScript(s.ctx, one.ID)
		require.NoError(t, err)
		require.Equal(t, []store.Route{b, c}, byScript)
		everything, err := s.Routes().All(s.ctx)
		require.NoError(t, err)
		require.Subset(t, everything, byApp)
		require.IsIncreasing(t, project(everything, func(r store.Route) string { return r.ID }))

		require.NoError(t, s.Routes().Delete(s.ctx, b.ID))
		byScript, err = s.Routes().ByScript(s.ctx, one.ID)
		require.NoError(t, err)
		require.Equal(t, []store.Route{c}, byScript)
	})

	t.Run("required fields", func(t *testing.T) {
		for field, route := range map[string]store.Route{
			"path":      {PathKind: "exact", HostKind: "any", Dispatch: "sync"},
			"path_kind": {Path: "/", HostKind: "any", Dispatch: "sync"},
			"host_kind": {Path: "/", PathKind: "exact", Dispatch: "sync"},
			"dispatch":  {Path: "/", PathKind: "exact", HostKind: "any"},
		} {
			_, err := s.Routes().Create(s.ctx, route)
			invalid(t, err, field, "must not be empty")
		}
	})
}
