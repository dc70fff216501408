//go:build linux && !portable

package plugin

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// TestFailedPluginsKeepNoMemory: an instance that fails while it is made gives its
// memory back, though wazero does not close what it could not make.
func TestFailedPluginsKeepNoMemory(t *testing.T) {
	p := &wasmProgram{wasmtest.Program{Memory: &wasmbin.Limits{Min: 1}}}
	clock := p.imports("wasi_snapshot_preview1", "clock_time_get") // so that it is initialised each time
	p.handle()
	p.Start = int(p.Function("", nil, wasmtest.I32(0), wasmtest.I64(1), wasmtest.I32(0), wasmtest.Call(clock), wasmtest.Drop, wasmtest.Unreachable))
	wasm := p.Bytes()
	b := newBox(t, 32)
	mappings := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		require.NoError(t, err)
		return bytes.Count(maps, []byte("\n"))
	}
	fail := func(times int) {
		for range times {
			_, err := b.run(t.Context(), wasm, abi.Limits{}, idle)
			require.ErrorContains(t, err, "unreachable")
		}
	}
	fail(3)
	before := mappings()
	fail(200)
	assert.Less(t, mappings(), before+100)
}
