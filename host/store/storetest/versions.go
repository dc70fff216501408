package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// versions lists the numbers of the kept versions of a script.
func (s subject) versions(t testing.TB, scriptID string) (numbers []int64) {
	t.Helper()
	page, err := s.Scripts().Versions(s.ctx, scriptID, store.PageRequest{Limit: store.MaxPageSize})
	require.NoError(t, err)
	require.Empty(t, page.Next)
	return project(page.Items, func(v store.ScriptVersion) int64 { return v.Version })
}

// down are the numbers from one down to another.
func down(from, to int64) (numbers []int64) {
	for n := from; n >= to; n-- {
		numbers = append(numbers, n)
	}
	return numbers
}

func testVersions(t *testing.T, s subject) {
	app := s.app(t, "versions")

	t.Run("what a script was", func(t *testing.T) {
		script, err := s.Scripts().Create(s.ctx, store.Script{
			AppID: app.ID, Name: "first", Kind: abi.KindModule, Source: "fn é() {}", Limits: abi.Limits{MemoryMB: 8}, ReadOnly: true,
		})
		require.NoError(t, err)
		one := store.ScriptVersion{
			ScriptID: script.ID, Version: 1, Name: "first", Kind: abi.KindModule, Source: "fn é() {}", Limits: abi.Limits{MemoryMB: 8}, ReadOnly: true,
			Size: 10, CreatedAt: kept(s.clock.Now()),
		}
		got, err := s.Scripts().Version(s.ctx, script.ID, 1)
		require.NoError(t, err)
		require.Equal(t, one, got)

		s.clock.advance(time.Second)
		by := store.WithDeed(s.ctx, store.NewDeed(store.AuditEntry{Actor: store.ActorKey, UserID: "u", Username: "ada", KeyID: "k"}))
		changed, err := s.Scripts().Update(by, script.ID, store.ScriptChange{Name: new("second"), Source: new("fn b() {}"), Limits: &abi.Limits{}, ReadOnly: new(false)})
		require.NoError(t, err)
		two := store.ScriptVersion{
			ScriptID: script.ID, Version: 2, Name: "second", Kind: abi.KindModule, Source: "fn b() {}", Size: 9, CreatedAt: changed.UpdatedAt,
			UserID: "u", Username: "ada", KeyID: "k",
		}
		restored, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: &one.Source, RestoredFrom: 1})
		require.NoError(t, err)
		three := store.ScriptVersion{
			ScriptID: script.ID, Version: 3, Name: "second", Kind: abi.KindModule, Source: one.Source, Size: 10, CreatedAt: restored.UpdatedAt, RestoredFrom: 1,
		}
		for _, want := range []store.ScriptVersion{one, two, three} {
			got, err := s.Scripts().Version(s.ctx, script.ID, want.Version)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		one.Source, two.Source, three.Source = "", "", ""
		require.Equal(t, []store.ScriptVersion{three, two, one}, collect(t, 2, func(page store.PageRequest) (store.Page[store.ScriptVersion], error) {
			return s.Scripts().Versions(s.ctx, script.ID, page)
		}))
	})

	t.Run("the newest are kept", func(t *testing.T) {
		script, other := s.script(t, app, "many"), s.script(t, app, "other")
		for n := range store.KeptVersions - 1 {
			_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new(fmt.Sprint(n + 2))})
			require.NoError(t, err)
		}
		require.Equal(t, down(50, 1), s.versions(t, script.ID))
		for _, oldest := range []int64{2, 3} {
			_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{})
			require.NoError(t, err)
			require.Equal(t, down(oldest+49, oldest), s.versions(t, script.ID))
			_, err = s.Scripts().Version(s.ctx, script.ID, oldest-1)
			notFound(t, err, "version")
			got, err := s.Scripts().Version(s.ctx, script.ID, oldest)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(oldest), got.Source)
		}
		require.Equal(t, down(1, 1), s.versions(t, other.ID))
	})

	t.Run("what fails leaves none", func(t *testing.T) {
		script := s.script(t, app, "unchanged")
		_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{ExpectVersion: 7})
		require.Equal(t, fault.Stale, fault.Of(err))
		undone := errors.New("undone")
		require.ErrorIs(t, s.InTx(s.ctx, func(tx store.Store) error {
			_, err := tx.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new("2")})
			require.NoError(t, err)
			return undone
		}), undone)
		require.Equal(t, down(1, 1), s.versions(t, script.ID))
	})

	t.Run("concurrent updates", func(t *testing.T) {
		script := s.script(t, app, "contended")
		require.NoError(t, errors.Join(all(8, func(i int) error {
			_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new(fmt.Sprint(i))})
			return err
		})...))
		require.Equal(t, down(9, 1), s.versions(t, script.ID))
		now, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		newest, err := s.Scripts().Version(s.ctx, script.ID, 9)
		require.NoError(t, err)
		require.Equal(t, now.Source, newest.Source)
	})

	t.Run("they go with the script", func(t *testing.T) {
		script := s.script(t, app, "deleted")
		require.NoError(t, s.Scripts().Delete(s.ctx, script.ID))
		s.remove(t, store.MaxBatch, nil)
		require.Empty(t, s.versions(t, script.ID))
		elsewhere := s.app(t, "deleted")
		script = s.script(t, elsewhere, "deleted")
		require.NoError(t, s.Apps().Delete(s.ctx, elsewhere.ID))
		s.remove(t, store.MaxBatch, nil)
		require.Empty(t, s.versions(t, script.ID))
	})

	t.Run("missing", func(t *testing.T) {
		script := s.script(t, app, "missing")
		for _, n := range []int64{-1, 0, 2, 1 << 62} {
			_, err := s.Scripts().Version(s.ctx, script.ID, n)
			notFound(t, err, "version")
		}
		_, err := s.Scripts().Version(s.ctx, "nothing", 1)
		notFound(t, err, "version")
		_, err = s.Scripts().VersionWasm(s.ctx, script.ID, 1)
		notFound(t, err, "wasm module")
		require.Empty(t, s.versions(t, "nothing"))
		_, err = s.Scripts().Versions(s.ctx, script.ID, store.PageRequest{Cursor: "of another listing"})
		require.Equal(t, store.ErrInvalidCursor, err)
	})
}

func testVersionsOfPlugins(t *testing.T, s subject) {
	app := s.app(t, "plugins")
	one, two := []byte("\x00asm one"), []byte("\x00asm two, longer")
	script := s.plugin(t, app, "plugin", one)
	changed, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Wasm: two})
	require.NoError(t, err)
	renamed, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Name: new("renamed")})
	require.NoError(t, err)
	page, err := s.Scripts().Versions(s.ctx, script.ID, store.PageRequest{})
	require.NoError(t, err)
	require.Equal(t, []store.ScriptVersion{
		{ScriptID: script.ID, Version: 3, Name: "renamed", Kind: abi.KindPlugin, Size: 16, WasmSHA256: changed.WasmSHA256, CreatedAt: renamed.UpdatedAt},
		{ScriptID: script.ID, Version: 2, Name: "plugin", Kind: abi.KindPlugin, Size: 16, WasmSHA256: changed.WasmSHA256, CreatedAt: changed.UpdatedAt},
		{ScriptID: script.ID, Version: 1, Name: "plugin", Kind: abi.KindPlugin, Size: 8, WasmSHA256: script.WasmSHA256, CreatedAt: script.UpdatedAt},
	}, page.Items)
	for n, want := range map[int64][]byte{1: one, 2: two, 3: two} {
		module, err := s.Scripts().VersionWasm(s.ctx, script.ID, n)
		require.NoError(t, err)
		require.Equal(t, want, module.Data)
	}
	hashes, err := s.Scripts().WasmHashes(s.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{changed.WasmSHA256}, hashes, "of what plugins have now")

	// Of a version that is not kept any more the module is gone, unless another one has it.
	other := s.plugin(t, app, "other", one)
	for range store.KeptVersions - 2 {
		_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{})
		require.NoError(t, err)
	}
	_, err = s.Scripts().VersionWasm(s.ctx, script.ID, 1)
	notFound(t, err, "wasm module")
	s.hasWasm(t, other, one)
}

// VersionsOfOldScripts makes scripts, as there were before versions were kept, has the migration done
// again, and checks that each has its present version, and a plugin its module for as long as it is there.
func VersionsOfOldScripts(t *testing.T, db store.Store, migrate func() error) {
	s := subject{Store: db, ctx: t.Context()}
	app := s.app(t, "old")
	script := s.script(t, app, "script")
	script, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new(`"ä"`), Limits: &abi.Limits{MemoryMB: 8}, ReadOnly: new(true)})
	require.NoError(t, err)
	plugin := s.plugin(t, app, "plugin", []byte("\x00asm before"))
	plugin, err = s.Scripts().Update(s.ctx, plugin.ID, store.ScriptChange{Wasm: []byte("\x00asm")})
	require.NoError(t, err)
	require.NoError(t, migrate())
	for want, script := range map[store.ScriptVersion]store.Script{
		{
			ScriptID: script.ID, Version: 2, Name: "script", Kind: abi.KindEndpoint, Source: `"ä"`, Limits: abi.Limits{MemoryMB: 8}, ReadOnly: true,
			Size: 4, CreatedAt: script.UpdatedAt,
		}: script,
		{
			ScriptID: plugin.ID, Version: 2, Name: "plugin", Kind: abi.KindPlugin, Size: 4, WasmSHA256: plugin.WasmSHA256, CreatedAt: plugin.UpdatedAt,
		}: plugin,
	} {
		require.Equal(t, []int64{2}, s.versions(t, script.ID))
		got, err := s.Scripts().Version(s.ctx, script.ID, 2)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	s.hasWasm(t, plugin, []byte("\x00asm"))
	_, err = s.Scripts().Update(s.ctx, plugin.ID, store.ScriptChange{Wasm: []byte("\x00asm after")})
	require.NoError(t, err)
	module, err := s.Scripts().VersionWasm(s.ctx, plugin.ID, 2)
	require.NoError(t, err)
	require.Equal(t, plugin.WasmSHA256, module.SHA256)
	require.NoError(t, s.Scripts().Delete(s.ctx, plugin.ID))
	s.remove(t, store.MaxBatch, nil)
}
