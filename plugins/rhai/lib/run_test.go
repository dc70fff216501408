package lib

import (
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/compile"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// silentHost drops what is printed. Its time stands still.
type silentHost struct{}

func (silentHost) Print(string)          {}
func (silentHost) Debug(_, _ string)     {}
func (silentHost) Sleep(int64) *vm.Error { return nil }
func (silentHost) MonotonicNow() int64   { return 0 }
func (silentHost) Yield()                {}

// run runs a script under limits (the default for those not set) and returns its value
// and how many operations it took. text is a string that the script sees under this
// name.
func run(tb testing.TB, script, text string, limits abi.Limits) (vm.Value, int64, *vm.Error) {
	tb.Helper()
	ast, err := syntax.Parse(script, syntax.Options{})
	if err != nil {
		tb.Fatalf("%s\n%v", script, err)
	}
	program, failure := compile.Program(ast, Standard(), []string{"text"}, nil)
	if failure != nil {
		tb.Fatalf("%s\n%v", script, failure)
	}
	t := vm.NewThread(program, silentHost{}, limits.Or(abi.DefaultLimits), nil, 1)
	v, raised := t.Run(vm.String(text))
	return v, t.Operations(), raised
}
