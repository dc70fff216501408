package plugin

import (
	"testing"

	"github.com/picloud/picloud/abi"
)

// BenchmarkRun is a whole execution of plugins: one that does nothing, which is what
// wazero, Extism and the sandbox cost, and one of the SDK that answers a few strings.
func BenchmarkRun(b *testing.B) {
	for name, wasm := range map[string][]byte{
		"nothing": new(wasmProgram).handle(),
		"sdk":     randomPlugin,
	} {
		b.Run(name, func(b *testing.B) {
			box := newBox(b, 32)
			for b.Loop() {
				if _, err := box.run(b.Context(), wasm, abi.Limits{}, idle); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
