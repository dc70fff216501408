// Package lib is Rhai's standard library: the functions and properties of the
// packages that a default engine has. The operators are in package vm.
package lib

import (
	"sync"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Standard returns the whole library. It is built once and must not be changed.
func Standard() *vm.Library { return standard() }

var standard = sync.OnceValue(func() *vm.Library {
	l := vm.NewLibrary()
	registerCore(l)
	registerDebug(l)
	registerNumbers(l)
	registerMinMax(l)
	registerMath(l)
	registerBits(l)
	registerRanges(l)
	registerFnPtrs(l)
	registerMetadata(l)
	registerTime(l)
	registerStrings(l)
	registerCharacters(l)
	registerArrays(l)
	registerBlobs(l)
	registerMaps(l)
	registerJSON(l)
	return l
})
