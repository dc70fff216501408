package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// Changes made together see one another, and nobody else sees them before all are made: of those that are
// not, neither the database nor the memory of any node has anything.
func TestTogether(t *testing.T) {
	for name, open := range map[string]func(*testing.T) []node{
		"sqlite":   func(t *testing.T) []node { n := onSQLite(t); return []node{n} },
		"postgres": func(t *testing.T) []node { return onPostgres(t, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			nodes := open(t)
			n := nodes[0]
			app := n.app(t, "shop")
			fill := func(ctx context.Context, part *Catalog) error {
				module := store.Script{AppID: app.ID, Name: "prices", Kind: abi.KindModule, Source: "fn of(x) { x }"}
				if _, err := part.CreateScript(ctx, module); err != nil {
					return err
				}
				script, err := part.CreateScript(ctx, store.Script{AppID: app.ID, Name: "cart", Kind: abi.KindEndpoint, Source: `import "prices" as p; p::of(1)`})
				if err != nil {
					return err
				}
				if _, err := part.ClaimDomain(ctx, app.ID, "shop.example", ""); err != nil {
					return err
				}
				route, err := routing.Parse("GET", "shop.example", "", "/cart", "")
				if err != nil {
					return err
				}
				route.Dispatch = store.DispatchSync
				if _, _, err := part.CreateRoute(ctx, script, route); err != nil {
					return err
				}
				// The same once more is in the way of what is not committed yet.
				if _, _, err := part.CreateRoute(ctx, script, route); fault.Of(err) != fault.Conflict {
					return errors.New("a route that conflicts with one of the same transaction is taken")
				}
				found, err := n.Routes().Resolve("GET", "shop.example", "/cart")
				if err != nil || found.Found {
					return errors.New("a route that is not committed answers")
				}
				return nil
			}
			resolves := func(n node) bool {
				t.Helper()
				require.NoError(t, n.look(t.Context()))
				found, err := n.Routes().Resolve("GET", "shop.example", "/cart")
				require.NoError(t, err)
				return found.Found
			}
			enough := errors.New("enough")
			deed := func() context.Context {
				return store.WithDeed(t.Context(), store.NewDeed(store.AuditEntry{Actor: store.ActorSystem, Action: "test", Outcome: store.OutcomeDone}))
			}
			err := n.Together(deed(), func(_ context.Context, _ store.Store, part *Catalog) error {
				require.NoError(t, fill(deed(), part))
				return enough
			})
			require.ErrorIs(t, err, enough)
			for _, n := range nodes {
				assert.False(t, resolves(n), "a route that was not made answers")
			}
			_, err = n.store.Scripts().GetByName(t.Context(), app.ID, "cart")
			require.Equal(t, fault.NotFound, fault.Of(err))
			recorded := func() int {
				page, err := n.store.Audit().List(t.Context(), store.AuditQuery{Action: "test"})
				require.NoError(t, err)
				return len(page.Items)
			}
			require.Zero(t, recorded(), "what was not made is in the record")

			require.NoError(t, n.Together(deed(), func(_ context.Context, _ store.Store, part *Catalog) error {
				if err := fill(deed(), part); err != nil { // one deed: the first change is its
					return err
				}
				_, err := part.CreateScript(deed(), store.Script{AppID: app.ID, Name: "other", Kind: abi.KindEndpoint, Source: "1"})
				return err
			}))
			for _, n := range nodes {
				assert.True(t, resolves(n), "a route that was made does not answer")
			}
			assert.Equal(t, 2, recorded()-1, "each deed within has an entry, and what follows the first of one is the whole's")
		})
	}
}

// Changes made together that take too long are none, and others have their turn.
func TestTogetherIsBounded(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "shop")
		n.within = 50 * time.Millisecond
		err := n.Together(t.Context(), func(ctx context.Context, _ store.Store, part *Catalog) error {
			_, err := part.UpdateApp(ctx, app.ID, store.AppChange{Name: new("renamed")})
			require.NoError(t, err)
			<-ctx.Done()
			_, err = part.UpdateApp(ctx, app.ID, store.AppChange{Name: new("renamed again")})
			return err
		})
		require.Equal(t, fault.Overloaded, fault.Of(err), "%v", err)
		assert.Contains(t, err.Error(), "take longer than 50ms together, so none was made")
		app, err = n.store.Apps().Get(t.Context(), app.ID)
		require.NoError(t, err)
		assert.Equal(t, "shop", app.Name)
		_, err = n.UpdateApp(t.Context(), app.ID, store.AppChange{Name: new("renamed")})
		require.NoError(t, err)
	})
}

// counting counts how often the routes of an app, or all, are read.
type counting struct {
	store.Store
	reads *int
}

func (c counting) Routes() store.Routes { return countingRoutes{c.Store.Routes(), c.reads} }

func (c counting) InTx(ctx context.Context, fn func(store.Store) error) error {
	return c.Store.InTx(ctx, func(tx store.Store) error { return fn(counting{tx, c.reads}) })
}

type countingRoutes struct {
	store.Routes
	reads *int
}

func (r countingRoutes) ByApp(ctx context.Context, appID string) ([]store.Route, error) {
	*r.reads++
	return r.Routes.ByApp(ctx, appID)
}

func (r countingRoutes) All(ctx context.Context) ([]store.Route, error) {
	*r.reads++
	return r.Routes.All(ctx)
}

// An app that is changed many times together has its routes read again once, after the commit, and those of others
// are not read.
func TestTogetherFollowsOnce(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "shop")
		script := n.script(t, app, "cart", "1")
		route, err := routing.Parse("GET", "", "", "/cart", "")
		require.NoError(t, err)
		route.Dispatch = store.DispatchSync
		_, _, err = n.CreateRoute(t.Context(), script, route)
		require.NoError(t, err)
		var reads int
		c, err := New(t.Context(), Config{Store: counting{n.store, &reads}, Executions: n.executions, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		reads = 0
		require.NoError(t, c.Together(t.Context(), func(ctx context.Context, _ store.Store, part *Catalog) error {
			if _, _, err := part.CreateRoute(ctx, script, route); fault.Of(err) != fault.Conflict {
				return fmt.Errorf("a route in the way of one that was there before: %w", err)
			}
			for i := range 20 {
				origin := fmt.Sprintf("https://%d.example", i)
				if _, err := part.UpdateApp(ctx, app.ID, store.AppChange{CORS: &store.CORS{Origins: []string{origin}}}); err != nil {
					return err
				}
				assert.Zero(t, reads)
			}
			return nil
		}))
		assert.Equal(t, 1, reads)
		found, err := c.Routes().Resolve("GET", "", "/cart")
		require.NoError(t, err)
		require.NotNil(t, found.Route.AppCORS)
		assert.Equal(t, []string{"https://19.example"}, found.Route.AppCORS.Origins)
	})
}
