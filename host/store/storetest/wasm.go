package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func (s subject) plugin(t testing.TB, app store.App, name string, wasm []byte) store.Script {
	t.Helper()
	script, err := s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: name, Kind: abi.KindPlugin, Wasm: wasm})
	require.NoError(t, err)
	return script
}

// hasWasm checks what module a plugin has.
func (s subject) hasWasm(t testing.TB, script store.Script, want []byte) {
	t.Helper()
	sum := sha256.Sum256(want)
	hash := hex.EncodeToString(sum[:])
	require.Equal(t, hash, script.WasmSHA256)
	require.EqualValues(t, len(want), script.WasmSize)
	got, err := s.Scripts().Wasm(s.ctx, script.ID)
	require.NoError(t, err)
	require.Equal(t, hash, got.SHA256)
	require.True(t, bytes.Equal(want, got.Data), "the module came back with %d bytes of %d", len(got.Data), len(want))
}

func testWasm(t *testing.T, s subject) {
	app := s.app(t, "plugins")
	one, two := []byte("\x00asm one"), []byte("\x00asm two \x00\xff")

	t.Run("create and find", func(t *testing.T) {
		script := s.plugin(t, app, "first", one)
		require.Equal(t, store.Script{
			ID: script.ID, AppID: app.ID, Name: "first", Kind: abi.KindPlugin, Version: 1, CreatedAt: kept(start), UpdatedAt: kept(start),
			WasmSHA256: script.WasmSHA256, WasmSize: 8,
		}, script, "without the bytes")
		s.hasWasm(t, script, one)
		byID, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		require.Equal(t, script, byID)
		byName, err := s.Scripts().GetByName(s.ctx, app.ID, "first")
		require.NoError(t, err)
		require.Equal(t, script, byName)
		page, err := s.Scripts().List(s.ctx, app.ID, store.PageRequest{})
		require.NoError(t, err)
		require.Equal(t, []store.Script{script}, page.Items)
	})

	t.Run("missing", func(t *testing.T) {
		for _, id := range []string{"nothing", "", "\x00", s.script(t, app, "endpoint").ID} {
			_, err := s.Scripts().Wasm(s.ctx, id)
			notFound(t, err, "wasm module")
		}
	})

	t.Run("one module of several", func(t *testing.T) {
		here, there := s.plugin(t, app, "here", one), s.plugin(t, s.app(t, "elsewhere"), "there", one)
		require.Equal(t, here.WasmSHA256, there.WasmSHA256)
		require.NoError(t, s.Scripts().Delete(s.ctx, here.ID))
		s.hasWasm(t, there, one)
		_, err := s.Scripts().Wasm(s.ctx, here.ID)
		notFound(t, err, "wasm module")
	})

	t.Run("hashes of all modules", func(t *testing.T) {
		script := s.plugin(t, app, "listed", []byte("\x00asm listed"))
		hashes, err := s.Scripts().WasmHashes(s.ctx)
		require.NoError(t, err)
		require.Contains(t, hashes, script.WasmSHA256)
		require.NoError(t, s.Scripts().Delete(s.ctx, script.ID))
		hashes, err = s.Scripts().WasmHashes(s.ctx)
		require.NoError(t, err)
		require.NotContains(t, hashes, script.WasmSHA256)
	})

	t.Run("replace", func(t *testing.T) {
		script := s.plugin(t, app, "changing", one)
		s.clock.advance(time.Second)
		replaced, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Wasm: two, ExpectVersion: 1})
		require.NoError(t, err)
		require.EqualValues(t, 2, replaced.Version)
		s.hasWasm(t, replaced, two)
		renamed, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Name: new("renamed")})
		require.NoError(t, err)
		s.hasWasm(t, renamed, two)
		same, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Wasm: two})
		require.NoError(t, err)
		s.hasWasm(t, same, two)

		_, err = s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Wasm: one, ExpectVersion: 1})
		require.Equal(t, fault.Stale, fault.Of(err))
		s.hasWasm(t, same, two)
	})

	t.Run("concurrent replacements", func(t *testing.T) {
		script := s.plugin(t, app, "contended", one)
		require.NoError(t, errors.Join(all(8, func(i int) error {
			_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Wasm: [][]byte{one, two}[i%2]})
			return err
		})...))
		got, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		data, err := s.Scripts().Wasm(s.ctx, script.ID)
		require.NoError(t, err)
		s.hasWasm(t, got, data.Data)
	})

	t.Run("only of plugins", func(t *testing.T) {
		plugin, endpoint := s.plugin(t, app, "plugin", one), s.script(t, app, "script")
		_, err := s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "x", Kind: abi.KindPlugin})
		invalid(t, err, "wasm", "a plugin must have a module")
		_, err = s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "x", Kind: abi.KindEndpoint, Wasm: one})
		invalid(t, err, "wasm", "only a plugin has a module")
		_, err = s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "x", Kind: abi.KindPlugin, Wasm: one, Source: "1"})
		invalid(t, err, "source", "a plugin has no source")
		for _, c := range []struct {
			script        store.Script
			change        store.ScriptChange
			field, reason string
		}{
			{plugin, store.ScriptChange{Source: new("1")}, "source", "a plugin has no source"},
			{plugin, store.ScriptChange{Kind: new(abi.KindEndpoint)}, "wasm", "only a plugin has a module"},
			{endpoint, store.ScriptChange{Kind: new(abi.KindPlugin)}, "wasm", "a plugin must have a module"},
			{endpoint, store.ScriptChange{Wasm: one}, "wasm", "only a plugin has a module"},
		} {
			_, err := s.Scripts().Update(s.ctx, c.script.ID, c.change)
			invalid(t, err, c.field, c.reason)
			got, err := s.Scripts().Get(s.ctx, c.script.ID)
			require.NoError(t, err)
			require.Equal(t, c.script, got)
		}
	})

	t.Run("16 MiB", func(t *testing.T) {
		large := make([]byte, 16<<20)
		rand.NewChaCha8([32]byte{}).Read(large)
		s.hasWasm(t, s.plugin(t, app, "large", large), large)
	})

	t.Run("the context has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		_, err := s.Scripts().Wasm(ctx, "x")
		require.EqualError(t, err, "read wasm module: storage failed")
		require.ErrorIs(t, err, context.Canceled)
	})
}
