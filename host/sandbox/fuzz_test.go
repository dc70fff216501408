package sandbox

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/compiler"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// FuzzUpload uploads modules, which are compiled in processes of their own, and runs those that are
// accepted: whatever is wrong with one is never our fault.
func FuzzUpload(f *testing.F) {
	for _, file := range []string{"../bench/peers/extism/plugin.wasm", "../../examples/plugin-c/avatar.wasm", "../../examples/plugin-assemblyscript/limiter.wasm"} {
		wasm, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(wasm)
	}
	for _, script := range []Script{answering("1"), pluginScript(wasmtest.Recursive()), pluginScript(wasmtest.RecursiveWithLargeFrames())} {
		wasm, err := script.Wasm(f.Context())
		require.NoError(f, err)
		f.Add(wasm)
	}
	self, err := os.Executable()
	require.NoError(f, err)
	s, err := newSandbox(f.Context(), Config{
		CacheDir: f.TempDir(), CacheBytes: 64 << 20, Logger: slog.New(slog.DiscardHandler),
		CompileCommand: []string{self, "compile"}, CompileBounds: compiler.Bounds{CPU: 2 * time.Second, MemoryMB: 256},
	}, toyWasm)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close(context.Background())) })
	f.Fuzz(func(t *testing.T, wasm []byte) {
		script := pluginScript(wasm)
		script.ID = "" // never kept
		script.Limits = abi.Limits{TimeoutMS: 100, MemoryMB: 16}
		ours := func(err error) bool {
			var known *abi.ScriptError
			return err != nil && (!errors.As(err, &known) || known.Code == abi.CodeInternal)
		}
		_, err := s.Validate(t.Context(), script)
		require.False(t, ours(err), "%v", err)
		if err != nil {
			return
		}
		_, err = s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
		require.False(t, ours(err), "%v", err)
	})
}
