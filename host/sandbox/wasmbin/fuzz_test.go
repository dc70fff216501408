package wasmbin_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"github.com/picloud/picloud/host/sandbox/wasmbin"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// FuzzModule: no module makes the host fail, and one that is accepted
// compiles after it was rewritten if it compiles at all.
func FuzzModule(f *testing.F) {
	p := wasmtest.Program{Memory: &wasmbin.Limits{Min: 1, Max: 2, Bounded: true}, Data: "abc"}
	p.Import("extism:host/env", "alloc", wasmbin.Signature{Params: []byte{0x7e}, Results: []byte{0x7e}})
	p.Function("handle", []byte{0x7f}, wasmtest.I64(1), wasmtest.Call(0), wasmtest.Drop, wasmtest.I32(0))
	f.Add(p.Bytes())
	f.Add(append(p.Bytes(), 0, 1, 0))
	small, err := os.ReadFile("../../bench/peers/extism/plugin.wasm")
	require.NoError(f, err)
	f.Add(small)
	f.Fuzz(func(t *testing.T, wasm []byte) {
		m, err := wasmbin.Parse(wasm)
		if err != nil {
			return
		}
		rewritten := map[string][]byte{"with globals": m.WithGlobals()}
		if m.Restorable() {
			rewritten["initialized"] = m.Initialized(make([]uint64, len(m.Globals)), m.MinPages(), []string{"_initialize"})
		}
		counted, notCounted := m.Metered(1 << 20)
		if notCounted == nil {
			rewritten["metered"] = counted.WithGlobals()
		}
		for how, wasm := range rewritten {
			_, err := wasmbin.Parse(wasm)
			require.NoError(t, err, how)
		}

		r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
		defer r.Close(t.Context())
		if _, err := r.CompileModule(t.Context(), wasm); err != nil {
			return
		}
		require.NoError(t, notCounted, "code that compiles can be counted")
		for how, wasm := range rewritten {
			_, err = r.CompileModule(t.Context(), wasm)
			require.NoError(t, err, how)
		}
	})
}
