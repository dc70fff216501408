//go:build wasip1 && !tinygo

// Package snapshot lets the host keep the memory that a plugin has after its
// initialisation and begin each execution from it, which spares every execution the
// start of Go's runtime and of the plugin's packages. Import it for that alone:
//
//	import _ "github.com/picloud/picloud/guest-sdk/snapshot"
//
// What then repeats in each execution are the functions of math/rand and
// math/rand/v2 that have no source of their own, hash/maphash.MakeSeed and the order in
// which maps are gone through: Go's runtime cannot be given a new seed. The bytes of
// crypto/rand and the clock are the host's, and do not. Plugins made by TinyGo are kept
// without this package, and repeat nothing of that.
package snapshot

// resume is called first in each execution; there is nothing to do.
//
//go:wasmexport picloud_resume
func resume() {}
