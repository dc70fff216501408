package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// owner is the app that answers /x on a host, as a node has it.
func (n node) owner(host string) string {
	found, _ := n.Routes().Match("GET", host, "/x")
	return found.Route.AppID
}

// What one node claims and gives back, another knows within a second, and of two that claim the same at
// once one is refused.
func TestClaimsOnTwoNodes(t *testing.T) {
	nodes := onPostgres(t, 2)
	here, there := nodes[0], nodes[1]
	watcher := there.Watcher()
	watcher.Start()
	defer func() { require.NoError(t, watcher.Stop(context.Background())) }()
	follows := func(host, appID string) {
		t.Helper()
		require.Equal(t, appID, here.owner(host))
		require.Eventually(t, func() bool { return there.owner(host) == appID }, 10*time.Second, time.Millisecond)
	}
	one, two := here.app(t, "one"), here.app(t, "two")
	for _, app := range []store.App{one, two} {
		_, err := here.route(t, here.script(t, app, "s", "1"), "GET", "/x")
		require.NoError(t, err)
	}
	follows("a.example", one.ID)
	claim, err := here.ClaimDomain(t.Context(), two.ID, "*.example", "")
	require.NoError(t, err)
	follows("a.example", two.ID)
	_, err = there.ClaimDomain(t.Context(), one.ID, "a.example", "")
	assert.Equal(t, fault.Conflict, fault.Of(err))
	require.NoError(t, there.ReleaseDomain(t.Context(), claim.ID))
	require.Equal(t, one.ID, there.owner("a.example"))
	require.Eventually(t, func() bool { require.NoError(t, here.look(t.Context())); return here.owner("a.example") == one.ID }, 10*time.Second, time.Millisecond)

	claims := make(chan error, 2)
	for i, app := range []store.App{one, two} {
		go func() {
			_, err := nodes[i].ClaimDomain(t.Context(), app.ID, "race.example", "")
			claims <- err
		}()
	}
	first, second := <-claims, <-claims
	if first != nil {
		first, second = second, first
	}
	require.NoError(t, first)
	assert.Equal(t, fault.Conflict, fault.Of(second), "%v", second)
}

// Where the operator wants it, the app default alone answers on hosts of nobody, whichever app that is.
func TestUnclaimedHosts(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		c, err := New(t.Context(), Config{Store: n.store, Executions: n.executions, Logger: slog.New(slog.DiscardHandler), UnclaimedHosts: UnclaimedDefault})
		require.NoError(t, err)
		n.Catalog = c
		other := n.app(t, "other")
		_, err = n.route(t, n.script(t, other, "s", "1"), "GET", "/x")
		require.NoError(t, err)
		assert.Equal(t, "", n.owner("a.example"), "there is no app default yet")
		app := n.app(t, DefaultApp)
		_, err = n.route(t, n.script(t, app, "s", "1"), "GET", "/x")
		require.NoError(t, err)
		assert.Equal(t, app.ID, n.owner("a.example"))
		_, err = n.ClaimDomain(t.Context(), other.ID, "a.example", "")
		require.NoError(t, err)
		assert.Equal(t, []string{other.ID, app.ID}, []string{n.owner("a.example"), n.owner("b.example")})
		_, err = n.RenameApp(t.Context(), app.ID, "renamed")
		require.NoError(t, err)
		assert.Equal(t, app.ID, n.owner("b.example"), "its old slug leads to it")
		require.NoError(t, n.ReleaseAlias(t.Context(), app.ID, DefaultApp))
		assert.Equal(t, "", n.owner("b.example"))
		_, err = n.RenameApp(t.Context(), other.ID, DefaultApp)
		require.NoError(t, err)
		assert.Equal(t, other.ID, n.owner("b.example"))
		require.NoError(t, n.DeleteApp(t.Context(), other.ID))
		assert.Equal(t, "", n.owner("b.example"))
	})
}

// An app claims so many hosts and no more.
func TestClaimsAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "app")
		require.NoError(t, n.store.InTx(t.Context(), func(tx store.Store) error {
			for i := range domains.MaxPerApp {
				if _, err := tx.Domains().Create(t.Context(), store.Domain{AppID: app.ID, Host: fmt.Sprintf("h%d.example", i)}); err != nil {
					return err
				}
			}
			return nil
		}))
		_, err := n.ClaimDomain(t.Context(), app.ID, "one.more.example", "")
		assert.Equal(t, fault.Invalid, fault.Of(err))
		assert.EqualError(t, err, "host: would be more than the 1000 that an app may claim")
	})
}

// The first start after hosts came to be claimed tells, once, which of them other apps' routes do not answer on
// any more.
func TestTakenHostsAreTold(t *testing.T) {
	for _, kind := range eachtest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			ctx, database := t.Context(), eachtest.Of(t, kind)
			db, err := database.Open(nil)
			require.NoError(t, err)
			n, raw := newNode(t, db), database.SQL()
			shop, blog := n.app(t, "shop"), n.app(t, "blog")
			script := n.script(t, shop, "s", "1")
			named := store.Route{AppID: shop.ID, ScriptID: script.ID, HostKind: store.HostStrict, Host: "shop.example", Path: "/a", PathKind: store.PathExact, Dispatch: store.DispatchSync}
			route, err := n.store.Routes().Create(ctx, named)
			require.NoError(t, err)
			for _, claim := range []store.Domain{{ID: route.ID, AppID: shop.ID, Host: "shop.example"}, {AppID: shop.ID, Host: "later.example"}} { // the first as the migration makes it
				_, err := n.store.Domains().Create(ctx, claim)
				require.NoError(t, err)
			}
			migrated := func() { // as an upgrade leaves it
				_, err := raw.ExecContext(ctx, "UPDATE meta SET value = 0 WHERE name = 'claims_told'")
				require.NoError(t, err)
			}
			start := func() string {
				var log strings.Builder
				_, err := New(ctx, Config{Store: n.store, Executions: n.executions, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				require.NoError(t, err)
				return log.String()
			}
			_, err = n.route(t, script, "GET", "/mine")
			require.NoError(t, err)
			migrated()
			require.NotContains(t, start(), "shop.example", "all routes are the app's own")
			for _, path := range []string{"/x", "/y"} {
				_, err = n.route(t, n.script(t, blog, "s"+path[1:], "1"), "GET", path)
				require.NoError(t, err)
			}
			require.NotContains(t, start(), "shop.example", "whoever is told nothing is not asked again")
			migrated()
			got := start()
			require.NotContains(t, start(), "shop.example", "it is told once")
			require.Contains(t, got, "shop.example (claimed by app "+shop.ID+": 2 routes of others)")
			require.NotContains(t, got, "later.example")
			require.Equal(t, 1, strings.Count(got, "level=WARN"), got)
		})
	}
}
