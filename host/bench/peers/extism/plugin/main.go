//go:build tinygo

// Command plugin is the Extism plugin that the benchmark's peer runs. Built by
// "make bench-plugin".
package main

import "github.com/extism/go-pdk"

//go:wasmexport handle
func handle() int32 {
	pdk.OutputString(`{"message":"Hello, world!"}`)
	return 0
}

func main() {}
