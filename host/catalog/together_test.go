package catalog

import (
	"context"
	"errors"
	"testing"

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
