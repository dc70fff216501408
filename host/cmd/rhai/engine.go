package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// engine runs scripts, in this process or in the sandbox.
type engine interface {
	// outcome runs a script, which may import modules, with the limits of the golden cases.
	outcome(ctx context.Context, script string, modules map[string]string) conformance.Outcome
	// measure gives the shortest of several compilations and runs.
	measure(ctx context.Context, script string, runs int) (compile, eval time.Duration, err error)
	close()
}

func newEngine(ctx context.Context, sandbox bool) (engine, error) {
	if sandbox {
		return newSandboxed(ctx)
	}
	return native{}, nil
}

// native runs scripts in this process.
type native struct{}

func (native) close() {}

func (native) outcome(_ context.Context, script string, modules map[string]string) conformance.Outcome {
	return conformance.Native(script, modules)
}

// benchLimits let any workload finish.
func benchLimits() abi.Limits {
	l := conformance.Limits
	l.MaxOperations = 1 << 62
	return l
}

func (native) measure(_ context.Context, script string, runs int) (compile, eval time.Duration, err error) {
	for i := range runs {
		start := time.Now()
		p, verr := rhai.Compile(script)
		compiled := time.Now()
		if verr != nil {
			return 0, 0, describe(script, verr)
		}
		t := vm.NewThread(p, &conformance.Recorder{}, benchLimits(), nil, 1)
		rhai.Prepare(t)
		_, verr = t.Run()
		done := time.Now()
		if verr != nil {
			return 0, 0, describe(script, verr)
		}
		if i == 0 || compiled.Sub(start) < compile {
			compile = compiled.Sub(start)
		}
		if i == 0 || done.Sub(compiled) < eval {
			eval = done.Sub(compiled)
		}
	}
	return compile, eval, nil
}

// console prints what scripts print.
type console struct{ start time.Time }

func (console) Print(text string) { fmt.Println(text) }
func (console) Debug(text, at string) {
	fmt.Fprintf(os.Stderr, "%s | %s\n", at, text)
}
func (console) Yield() {}
func (console) Sleep(nanoseconds int64) *vm.Error {
	time.Sleep(time.Duration(nanoseconds))
	return nil
}
func (c console) MonotonicNow() int64 { return int64(time.Since(c.start)) }

// describe shows an error with the source line it is in and a caret below.
func describe(source string, err *vm.Error) error {
	return fmt.Errorf("error: %s%s", err.Error(), excerpt(source, err.Position))
}

func excerpt(source string, at syntax.Position) string {
	lines := strings.Split(source, "\n")
	if !at.IsKnown() || int(at.Line) > len(lines) {
		return ""
	}
	line := strings.TrimRight(lines[at.Line-1], "\r")
	var pad strings.Builder
	for i, r := range []rune(line) {
		if i >= int(at.Column)-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		pad.WriteRune(r)
	}
	return fmt.Sprintf("\n%5d | %s\n      | %s^", at.Line, line, pad.String())
}
