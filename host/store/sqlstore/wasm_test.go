//go:build unix

package sqlstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
	"github.com/picloud/picloud/host/store/sqlstore"
)

// TestModulesGoWithTheirPlugins looks into the table of modules: one is there once as long as a
// kept version of a plugin has it, however the last one was lost.
func TestModulesGoWithTheirPlugins(t *testing.T) {
	ctx := context.Background()
	for name, open := range map[string]func(t *testing.T) (store.Store, error){
		"sqlite": func(t *testing.T) (store.Store, error) {
			return sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
		},
		"postgres": func(t *testing.T) (store.Store, error) {
			return postgres.Open(ctx, postgres.Config{URL: pgtest.URL(t)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := open(t)
			require.NoError(t, err)
			defer s.Close()
			there := func(want ...string) {
				t.Helper()
				got, err := sqlstore.WasmModules(ctx, s)
				require.NoError(t, err)
				require.Equal(t, append([]string{}, want...), got)
			}
			short, long := []byte("\x00asm"), []byte("\x00asm and more")
			app, err := s.Apps().Create(ctx, store.App{Slug: "plugins"})
			require.NoError(t, err)
			create := func(in store.Store, name string, wasm []byte) (store.Script, error) {
				return in.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: name, Kind: abi.KindPlugin, Wasm: wasm})
			}
			replace := func(script store.Script, wasm []byte) {
				t.Helper()
				_, err := s.Scripts().Update(ctx, script.ID, store.ScriptChange{Wasm: wasm})
				require.NoError(t, err)
			}

			a, err := create(s, "a", short)
			require.NoError(t, err)
			first := a.WasmSHA256
			b, err := create(s, "b", short)
			require.NoError(t, err)
			there(first)
			replace(a, long)
			a, err = s.Scripts().Get(ctx, a.ID)
			require.NoError(t, err)
			second := a.WasmSHA256
			there(first, second)
			for range store.KeptVersions - 1 { // which leave the first version
				replace(b, long)
			}
			there(first, second)
			require.NoError(t, s.Scripts().Delete(ctx, a.ID))
			_, err = s.Deletions().Remove(ctx, store.MaxBatch)
			require.NoError(t, err)
			there(first, second)
			replace(b, long)
			there(second)
			require.NoError(t, s.Scripts().Delete(ctx, b.ID))
			_, err = s.Deletions().Remove(ctx, store.MaxBatch)
			require.NoError(t, err)
			there()

			// What is refused leaves nothing, also in a transaction that goes on.
			_, err = create(s, "c", long)
			require.NoError(t, err)
			require.NoError(t, s.InTx(ctx, func(tx store.Store) error {
				_, err := create(tx, "c", short)
				require.Equal(t, fault.Conflict, fault.Of(err))
				return nil
			}))
			there(second)
			undone := errors.New("undone")
			require.ErrorIs(t, s.InTx(ctx, func(tx store.Store) error {
				_, err := create(tx, "d", short)
				require.NoError(t, err)
				return undone
			}), undone)
			there(second)

			_, err = create(s, "e", long)
			require.NoError(t, err)
			_, err = create(s, "f", short)
			require.NoError(t, err)
			there(first, second)
			require.NoError(t, s.Apps().Delete(ctx, app.ID))
			_, err = s.Deletions().Remove(ctx, store.MaxBatch)
			require.NoError(t, err)
			there()
		})
	}
}
