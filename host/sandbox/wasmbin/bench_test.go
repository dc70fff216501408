package wasmbin

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
)

// BenchmarkCalls is what it costs to count the stack, in a function that does nothing but call
// itself: fib(25), 250,000 calls.
func BenchmarkCalls(b *testing.B) {
	wasm := functionModule(1, []byte{
		opLocalGet, 0, opI32Const, 2, opI32LtS, opIf, 0x7f, opLocalGet, 0, opElse,
		opLocalGet, 0, opI32Const, 1, opI32Sub, opLocalGet, 1, opCall, 0,
		opLocalGet, 0, opI32Const, 2, opI32Sub, opLocalGet, 1, opCall, 0, opI32Add, opEnd,
	})
	m, err := Parse(wasm)
	require.NoError(b, err)
	m, err = m.Metered(1 << 20)
	require.NoError(b, err)
	for _, c := range []struct {
		name string
		wasm []byte
	}{{"not counted", wasm}, {"counted", m.encode(nil)}} {
		b.Run(c.name, func(b *testing.B) {
			runtime := wazero.NewRuntimeWithConfig(b.Context(), wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
			defer runtime.Close(b.Context())
			instance, err := runtime.Instantiate(b.Context(), c.wasm)
			require.NoError(b, err)
			for b.Loop() {
				if _, err := instance.ExportedFunction("0").Call(b.Context(), 25, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
