//go:build tinygo || wasip1

// Command plugin is the Extism plugin that the benchmark and its peer run. "make bench-plugin"
// builds it with TinyGo, the benchmark with Go's own compiler.
package main

import "github.com/extism/go-pdk"

//go:wasmexport handle
func handle() int32 {
	pdk.OutputString(`{"message":"Hello, world!"}`)
	return 0
}

func main() {}
