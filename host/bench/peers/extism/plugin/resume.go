//go:build resume

package main

// resume does nothing; that it is exported lets the host keep the memory as it is after
// initialisation.
//
//go:wasmexport picloud_resume
func resume() {}
