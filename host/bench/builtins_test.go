package main

import (
	"strings"
	"testing"

	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// TestBuiltinsComplete finds functions of the library that nobody measures.
func TestBuiltinsComplete(t *testing.T) {
	const left = " debug elapsed exit get_fn_metadata_list print sleep timestamp " // what they do lies outside of the engine
	var all strings.Builder
	for _, b := range builtins {
		all.WriteString(b.code + "\n")
	}
	lib.Standard().Functions(func(f *vm.Native) {
		if !strings.Contains(left, " "+f.Name+" ") && !strings.Contains(all.String(), f.Name+"(") {
			t.Errorf("no built-in of the table calls %s", f.Name)
		}
	})
}
