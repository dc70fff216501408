//go:build tinygo || wasm

package elementary

// fma returns x*y + z, rounded once. WebAssembly has no instruction for it.
func fma(x, y, z float64) float64 { return fused(x, y, z) }
