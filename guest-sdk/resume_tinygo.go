//go:build tinygo && wasip1

package sdk

import "unsafe"

// The host keeps a plugin's memory after initialisation and begins each execution from it, if the
// plugin takes care that no execution repeats the random numbers of another. All random numbers of
// TinyGo come from two functions of wasi-libc, which keep state in memory; these two take their
// place and ask the host. The state that the runtime has of its own is made anew when an execution
// begins.

//go:wasmimport wasi_snapshot_preview1 random_get
func randomGet(to unsafe.Pointer, size uint32) (errno uint32)

//export arc4random_buf
func arc4randomBuf(to unsafe.Pointer, size uint) {
	if randomGet(to, uint32(size)) != 0 {
		panic("the host has no random bytes")
	}
}

//export arc4random
func arc4random() (n uint32) {
	arc4randomBuf(unsafe.Pointer(&n), 4)
	return n
}

//go:linkname seedRuntime runtime.initRand
func seedRuntime()

//go:wasmexport picloud_resume
func resume() { seedRuntime() }
