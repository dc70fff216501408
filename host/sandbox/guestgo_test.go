//go:build guestgo

package sandbox

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/region"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tinylib/msgp/msgp"
)

// TestGuestFromGo builds the guest with Go's own compiler and runs scripts in
// it: the source must depend on no quirk of TinyGo. Go's runtime keeps state in
// WebAssembly globals that it does not export, so there are no images of this
// guest; each script gets an instance of its own.
func TestGuestFromGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "../../plugins/rhai/guest")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	wasm, err := os.ReadFile(path)
	require.NoError(t, err)

	ctx := t.Context()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, runtime)
	require.NoError(t, instantiateImports(ctx, runtime))
	compiled, err := runtime.CompileModule(ctx, wasm)
	require.NoError(t, err)

	newGoSlot := func() *slot {
		memory := region.New()
		module, err := runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, memory), compiled,
			wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
		require.NoError(t, err)
		t.Cleanup(func() { module.Close(ctx) })
		s := &slot{
			module: module, region: memory, memory: module.Memory(), base: new(baseImage),
			buffer: module.ExportedFunction("buffer"), load: module.ExportedFunction("load"), run: module.ExportedFunction("run"),
		}
		s.base.interrupt, err = s.address(ctx, module.ExportedFunction("interrupt_address"))
		require.NoError(t, err)
		s.base.trap, err = s.address(ctx, module.ExportedFunction("trap_address"))
		require.NoError(t, err)
		return s
	}
	for _, c := range []struct {
		source string
		limits abi.Limits
		want   any
		code   abi.ErrorCode
	}{
		{source: fib + "fib(15)", want: int64(610)},
		{source: `let a = []; for i in 0..1000 { a.push("x" + i); } print(a.len()); a[999]`, want: "x999"},
		{source: "let x = ;", code: abi.CodeScriptInvalid},
		{source: "loop {}", code: abi.CodeLimitExceeded},
		{source: "loop {}", limits: abi.Limits{MaxOperations: 1 << 40, TimeoutMS: 50}, code: abi.CodeTimeout},
	} {
		limits := c.limits.Or(abi.DefaultLimits)
		e, err := gate.New(1, slog.New(slog.DiscardHandler)).Enter(ctx, gate.Request{Limits: limits, World: NewWorld(echo)})
		require.NoError(t, err)
		s := newGoSlot()
		var loaded abi.LoadResult
		require.NoError(t, s.call(e, s.load, &abi.LoadRequest{Source: c.source, Limits: limits}, loaded.UnmarshalMsg))
		var answer abi.RunResult
		if answer.Error = loaded.Error; answer.Error == nil {
			inv := new(abi.Invocation).Append(nil, abi.ReadsAll)
			require.NoError(t, s.call(e, s.run, &abi.RunRequest{Invocation: inv}, answer.Decode))
		}
		if c.code != "" {
			require.NotNil(t, answer.Error, c.source)
			assert.Equal(t, c.code, answer.Error.Code, answer.Error.Message)
			continue
		}
		require.Nil(t, answer.Error, c.source)
		got, _, err := msgp.ReadIntfBytes(answer.Value)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, c.source)
	}
}
