package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

func testDomains(t *testing.T, s subject) {
	app, other := s.app(t, "a"), s.app(t, "b")
	claim := func(app store.App, host string) store.Domain {
		claimed, err := s.Domains().Create(s.ctx, store.Domain{AppID: app.ID, Host: host})
		require.NoError(t, err)
		return claimed
	}
	generation, err := s.Revisions().Generation(s.ctx)
	require.NoError(t, err)
	b, star, a := claim(app, "b.example"), claim(app, "*.a.example"), claim(app, "a.example")
	require.Equal(t, store.Domain{ID: b.ID, AppID: app.ID, Host: "b.example", CreatedAt: kept(start)}, b)
	revisions, _, err := s.Revisions().After(s.ctx, generation)
	require.NoError(t, err)
	require.Len(t, revisions, 3)
	require.Equal(t, store.Revision{Generation: generation + 1, Resource: store.ResourceDomain, AppID: app.ID, ID: b.ID}, revisions[0])

	got, err := s.Domains().Get(s.ctx, b.ID)
	require.NoError(t, err)
	require.Equal(t, b, got)
	_, err = s.Domains().Get(s.ctx, "nothing")
	notFound(t, err, "domain")

	for _, taker := range []store.App{app, other} {
		_, err = s.Domains().Create(s.ctx, store.Domain{AppID: taker.ID, Host: "b.example"})
		conflict(t, err, store.Conflict("domain", "host", "b.example", b.ID))
	}
	_, err = s.Domains().Create(s.ctx, store.Domain{ID: b.ID, AppID: app.ID, Host: "new.example"})
	conflict(t, err, store.Conflict("domain", "id", b.ID, b.ID))
	_, err = s.Domains().Create(s.ctx, store.Domain{AppID: "nothing", Host: "new.example"})
	notFound(t, err, "app")
	_, err = s.Domains().Create(s.ctx, store.Domain{AppID: app.ID})
	invalid(t, err, "host", "must not be empty")

	theirs := claim(other, "c.a.example")
	page, err := s.Domains().List(s.ctx, app.ID, store.PageRequest{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []store.Domain{star, a}, page.Items)
	page, err = s.Domains().List(s.ctx, app.ID, store.PageRequest{Limit: 2, Cursor: page.Next})
	require.NoError(t, err)
	require.Equal(t, store.Page[store.Domain]{Items: []store.Domain{b}}, page)
	n, err := s.Domains().Count(s.ctx, app.ID)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	all, err := s.Domains().All(s.ctx)
	require.NoError(t, err)
	require.Equal(t, []store.Domain{star, a, b, theirs}, all)

	require.NoError(t, s.Domains().Delete(s.ctx, b.ID))
	notFound(t, s.Domains().Delete(s.ctx, b.ID), "domain")
	claim(other, "b.example")
	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	all, err = s.Domains().All(s.ctx)
	require.NoError(t, err)
	require.Len(t, all, 2, "an app's claims go with it")
}

// DomainsOfOldRoutes makes routes of named hosts, as there were before there were claims, has the
// migration done again, and checks that each host is claimed by the app that had a route of it first.
func DomainsOfOldRoutes(t *testing.T, s store.Store, migrate func() error) {
	want := map[string]string{}
	for _, slug := range []string{"first", "second"} {
		app, err := s.Apps().Create(t.Context(), store.App{Slug: slug, Name: slug})
		require.NoError(t, err)
		script, err := s.Scripts().Create(t.Context(), store.Script{AppID: app.ID, Name: "s", Kind: abi.KindEndpoint, Source: "1"})
		require.NoError(t, err)
		for _, host := range []string{"", "both.example", "*." + slug + ".example", "127.0.0.1"} {
			for _, path := range []string{"/a", "/b"} {
				_, err := s.Routes().Create(t.Context(), store.Route{
					AppID: app.ID, ScriptID: script.ID, Host: host, HostKind: store.HostStrict, Path: path, PathKind: store.PathExact, Dispatch: store.DispatchSync,
				})
				require.NoError(t, err)
			}
			if _, taken := want[host]; !taken && host != "" {
				want[host] = app.ID
			}
		}
	}
	require.NoError(t, migrate())
	claims, err := s.Domains().All(t.Context())
	require.NoError(t, err)
	app, err := s.Apps().GetBySlug(t.Context(), "first")
	require.NoError(t, err)
	_, err = s.Domains().Create(t.Context(), store.Domain{AppID: app.ID, Host: "made.later.example"})
	require.NoError(t, err)
	untold, err := s.Domains().Untold(t.Context())
	require.NoError(t, err)
	require.Equal(t, claims, untold, "those of the migration")
	untold, err = s.Domains().Untold(t.Context())
	require.NoError(t, err)
	require.Empty(t, untold, "they are told of once")
	got := map[string]string{}
	for _, claim := range claims {
		got[claim.Host] = claim.AppID
	}
	require.Equal(t, want, got)
}
