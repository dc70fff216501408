package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func testTransactions(t *testing.T, s subject) {
	// create makes an app with a script and a route, as the first start does.
	create := func(tx store.Store, slug string) error {
		app, err := tx.Apps().Create(s.ctx, store.App{Slug: slug})
		if err != nil {
			return err
		}
		script, err := tx.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "hello", Kind: abi.KindEndpoint})
		if err != nil {
			return err
		}
		if err := tx.Scripts().SetImports(s.ctx, script.ID, []string{"m"}); err != nil {
			return err
		}
		if _, err := tx.Routes().Create(s.ctx, anyRoute(script, "/hello")); err != nil {
			return err
		}
		return tx.Executions().Record(s.ctx, []store.Execution{execution(script, "in "+slug, start, "x")})
	}

	t.Run("all", func(t *testing.T) {
		require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error {
			if err := create(tx, "kept"); err != nil {
				return err
			}
			_, err := tx.Apps().GetBySlug(s.ctx, "kept")
			return err // what was done is seen inside
		}))
		app, err := s.Apps().GetBySlug(s.ctx, "kept")
		require.NoError(t, err)
		routes, err := s.Routes().ByApp(s.ctx, app.ID)
		require.NoError(t, err)
		require.Len(t, routes, 1)
	})

	t.Run("or nothing", func(t *testing.T) {
		before, err := s.Revisions().Generation(s.ctx)
		require.NoError(t, err)
		refusal := errors.New("changed my mind")
		err = s.InTx(s.ctx, func(tx store.Store) error {
			require.NoError(t, create(tx, "dropped"))
			return refusal
		})
		require.Equal(t, refusal, err)
		_, err = s.Apps().GetBySlug(s.ctx, "dropped")
		notFound(t, err, "app")
		_, err = s.Executions().Get(s.ctx, "in dropped")
		notFound(t, err, "execution")
		after, err := s.Revisions().Generation(s.ctx)
		require.NoError(t, err)
		require.Equal(t, before, after)
	})

	t.Run("nothing after a panic", func(t *testing.T) {
		require.Panics(t, func() {
			_ = s.InTx(s.ctx, func(tx store.Store) error {
				require.NoError(t, create(tx, "panicked"))
				panic("oh")
			})
		})
		_, err := s.Apps().GetBySlug(s.ctx, "panicked")
		notFound(t, err, "app")
		s.app(t, "after-panic") // the store still works
	})

	t.Run("nothing after the context ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(s.ctx)
		err := s.InTx(ctx, func(tx store.Store) error {
			if _, err := tx.Apps().Create(ctx, store.App{Slug: "cancelled"}); err != nil {
				return err
			}
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.Apps().GetBySlug(s.ctx, "cancelled")
		notFound(t, err, "app")
	})

	t.Run("goes on after a conflict and a miss", func(t *testing.T) {
		require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error {
			_, err := tx.Apps().Create(s.ctx, store.App{Slug: "kept"})
			conflictOn(t, err, "slug")
			_, err = tx.Apps().Get(s.ctx, "nowhere")
			notFound(t, err, "app")
			return create(tx, "recovered")
		}))
		_, err := s.Apps().GetBySlug(s.ctx, "recovered")
		require.NoError(t, err)
	})

	t.Run("one inside another", func(t *testing.T) {
		refusal := errors.New("no")
		require.Equal(t, refusal, s.InTx(s.ctx, func(tx store.Store) error {
			require.NoError(t, tx.InTx(s.ctx, func(tx store.Store) error { return create(tx, "inner") }))
			require.NoError(t, tx.Close())
			return refusal
		}))
		_, err := s.Apps().GetBySlug(s.ctx, "inner")
		notFound(t, err, "app")
	})

	t.Run("exclude each other", func(t *testing.T) {
		app := s.app(t, "counted")
		require.NoError(t, errors.Join(all(8, func(i int) error {
			return s.InTx(s.ctx, func(tx store.Store) error {
				page, err := tx.Scripts().List(s.ctx, app.ID, store.PageRequest{})
				if err != nil {
					return err
				}
				// Two that see the same count would use the same name.
				name := fmt.Sprintf("number-%d", len(page.Items))
				_, err = tx.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: name, Kind: abi.KindEndpoint})
				return err
			})
		})...))
	})
}

func conflictOn(t testing.TB, err error, field string) {
	t.Helper()
	require.Equal(t, fault.Conflict, fault.Of(err))
	require.Equal(t, field, fault.From(err).Field)
}

func testCascades(t *testing.T, s subject) {
	app := s.app(t, "doomed")
	one, two := s.script(t, app, "one"), s.script(t, app, "two")
	user := s.user(t, "leaver")
	for _, script := range []store.Script{one, two} {
		s.route(t, script, "/"+script.Name)
		require.NoError(t, s.Scripts().SetImports(s.ctx, script.ID, []string{"m"}))
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{execution(script, "of "+script.Name, start, "x")}))
	}
	require.NoError(t, s.Apps().SetMember(s.ctx, app.ID, user.ID, store.RoleEditor))
	_, err := s.Sessions().Create(s.ctx, store.Session{TokenHash: "h", UserID: user.ID, ExpiresAt: start.AddDate(1, 0, 0)})
	require.NoError(t, err)
	key, err := s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, Name: "k", KeyHash: "k"})
	require.NoError(t, err)

	gone := func(script store.Script) {
		t.Helper()
		routes, err := s.Routes().ByScript(s.ctx, script.ID)
		require.NoError(t, err)
		require.Empty(t, routes)
		imports, err := s.Scripts().Imports(s.ctx, script.ID)
		require.NoError(t, err)
		require.Empty(t, imports)
		_, err = s.Executions().Get(s.ctx, "of "+script.Name)
		notFound(t, err, "execution")
		logs, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: script.ID})
		require.NoError(t, err)
		require.Empty(t, logs.Items)
	}
	require.NoError(t, s.Scripts().Delete(s.ctx, one.ID))
	s.remove(t, store.MaxBatch, nil)
	gone(one)
	_, err = s.Executions().Get(s.ctx, "of two")
	require.NoError(t, err)

	require.NoError(t, s.Users().Delete(s.ctx, user.ID))
	_, err = s.Sessions().Get(s.ctx, "h", start)
	notFound(t, err, "session")
	_, err = s.APIKeys().Get(s.ctx, key.ID)
	notFound(t, err, "api key")
	members, err := s.Apps().Members(s.ctx, app.ID)
	require.NoError(t, err)
	require.Empty(t, members)

	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	_, err = s.Scripts().Get(s.ctx, two.ID)
	notFound(t, err, "script")
	s.remove(t, store.MaxBatch, nil)
	gone(two)
}
