//go:build wasip1 && !tinygo

// Package snapshot lets the host keep the memory that a plugin has after its initialisation and
// begin each execution from it. That spares every execution the start of Go's runtime and of the
// plugin's packages. Import it for that alone:
//
//	import _ "github.com/picloud/picloud/guest-sdk/snapshot"
//
// Some randomness then repeats in each execution, because Go's runtime cannot be given a new seed:
// the functions of math/rand and math/rand/v2 that have no source of their own,
// hash/maphash.MakeSeed and the order of iteration over maps. The bytes of crypto/rand and the
// clock are the host's, and do not repeat. The memory of plugins made by TinyGo is kept without
// this package, and nothing repeats.
package snapshot

// resume is called first in each execution; there is nothing to do.
//
//go:wasmexport picloud_resume
func resume() {}
