package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// openBeside opens a store on a database of its own, and the database beside it.
func openBeside(t *testing.T) (store.Store, *sql.DB) {
	t.Helper()
	url := pgtest.URL(t)
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return s, db
}

// plugins is an app of plugins, and a look into its database.
type plugins struct {
	store.Store
	db  *sql.DB
	app store.App
}

func newPlugins(t *testing.T) plugins {
	t.Helper()
	s, db := openBeside(t)
	app, err := s.Apps().Create(t.Context(), store.App{Slug: "app"})
	require.NoError(t, err)
	return plugins{s, db, app}
}

func (p plugins) create(ctx context.Context, in store.Store, name, module string) (store.Script, error) {
	return in.Scripts().Create(ctx, store.Script{AppID: p.app.ID, Name: name, Kind: abi.KindPlugin, Wasm: []byte(module)})
}

// modules counts those that are kept, whoever has them.
func (p plugins) modules(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, p.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM wasm_modules`).Scan(&n))
	return n
}

// whileRemoving commits a transaction after a removal of what is deleted has begun and waits for it, and returns when both
// have ended.
func (p plugins) whileRemoving(t *testing.T, change func(tx store.Store) error) {
	t.Helper()
	removed := make(chan error, 1)
	require.NoError(t, p.InTx(t.Context(), func(tx store.Store) error {
		if err := change(tx); err != nil {
			return err
		}
		go func() {
			_, err := p.Deletions().Remove(t.Context(), store.MaxBatch)
			removed <- err
		}()
		for waits := false; !waits; {
			select {
			case err := <-removed:
				return fmt.Errorf("the removal did not wait for the change: %v", err)
			case <-time.After(time.Millisecond):
			}
			err := p.db.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
			if err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, <-removed)
}

// A plugin is given a module just as the last other one that had it is removed: it has it.
func TestAModuleIsGivenWhileItsLastPluginIsRemoved(t *testing.T) {
	p := newPlugins(t)
	gone, err := p.create(t.Context(), p, "gone", "\x00asm")
	require.NoError(t, err)
	require.NoError(t, p.Scripts().Delete(t.Context(), gone.ID))
	var script store.Script
	p.whileRemoving(t, func(tx store.Store) error {
		script, err = p.create(t.Context(), tx, "new", "\x00asm")
		return err
	})
	module, err := p.Scripts().Wasm(t.Context(), script.ID)
	require.NoError(t, err)
	require.Equal(t, "\x00asm", string(module.Data))
}

// Of the last two versions with a module one is removed with its plugin, while the other becomes too old: the
// module goes.
func TestAModuleGoesThoughItsLastVersionsGoTogether(t *testing.T) {
	p := newPlugins(t)
	gone, err := p.create(t.Context(), p, "gone", "\x00asm")
	require.NoError(t, err)
	old, err := p.create(t.Context(), p, "old", "\x00asm")
	require.NoError(t, err)
	update := func(in store.Store) error {
		_, err := in.Scripts().Update(t.Context(), old.ID, store.ScriptChange{Wasm: []byte("\x00asm and more")})
		return err
	}
	for range store.KeptVersions - 1 { // which leave the first version
		require.NoError(t, update(p))
	}
	require.NoError(t, p.Scripts().Delete(t.Context(), gone.ID))
	require.Equal(t, 2, p.modules(t))
	p.whileRemoving(t, update)
	require.Equal(t, 1, p.modules(t))
}

// Several nodes' worth of uploads and deletions of one module, while what is deleted is removed, all succeed, and leave
// nothing.
func TestPluginsComeAndGoWhileOthersAreRemoved(t *testing.T) {
	p := newPlugins(t)
	var coming, removing sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		coming.Go(func() {
			for j := range 30 {
				script, err := p.create(t.Context(), p, fmt.Sprintf("p%d-%d", i, j), "\x00asm")
				if err == nil {
					err = p.Scripts().Delete(t.Context(), script.ID)
				}
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	ended := make(chan struct{})
	var removed error
	removing.Go(func() {
		for last := false; !last; {
			select {
			case <-ended:
				last = true
			default:
			}
			_, err := p.Deletions().Remove(t.Context(), store.MaxBatch)
			removed = errors.Join(removed, err)
		}
	})
	coming.Wait()
	close(ended)
	removing.Wait()
	require.NoError(t, errors.Join(append(errs, removed)...))
	require.Zero(t, p.modules(t))
}
