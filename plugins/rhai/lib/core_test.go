package lib

import (
	"math"
	"slices"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/compile"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// tickingHost keeps what is printed. Its clock moves on by tick nanoseconds at each
// look.
type tickingHost struct {
	lines     []string
	now, tick int64
	asleep    func() // while it sleeps
}

func (h *tickingHost) Print(text string)     { h.lines = append(h.lines, text) }
func (h *tickingHost) Debug(text, at string) { h.lines = append(h.lines, at+" "+text) }
func (h *tickingHost) MonotonicNow() int64 {
	h.now += h.tick
	return h.now
}
func (h *tickingHost) Sleep(nanoseconds int64) *vm.Error {
	h.now += nanoseconds
	if h.asleep != nil {
		h.asleep()
	}
	return nil
}
func (h *tickingHost) Yield() {}

func runOn(t *testing.T, host vm.Host, script string, limits abi.Limits, interrupt *uint32) (vm.Value, int64, *vm.Error) {
	t.Helper()
	ast, err := syntax.Parse(script, syntax.Options{})
	if err != nil {
		t.Fatalf("%s\n%v", script, err)
	}
	program, failure := compile.Program(ast, Standard(), nil, nil)
	if failure != nil {
		t.Fatalf("%s\n%v", script, failure)
	}
	thread := vm.NewThread(program, host, limits.Or(abi.DefaultLimits), interrupt, 1)
	v, raised := thread.Run()
	return v, thread.Operations(), raised
}

func TestPrint(t *testing.T) {
	host := &tickingHost{}
	script := `print(); print("a\n"); print(1e14); print(["b", 'c', ()]);` + "\n" + `debug("a\n"); debug(); debug(-0.0)`
	if _, _, err := runOn(t, host, script, abi.Limits{}, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"", "a\n", "1e14", `["b", c, ()]`, `2:1 "a\n"`, "2:15 ", "2:24 -0.0"}
	if !slices.Equal(host.lines, want) {
		t.Errorf("got %q, want %q", host.lines, want)
	}
}

// TestTextLimits: text is not made longer than a string may be, however little memory
// the value takes.
func TestTextLimits(t *testing.T) {
	value := `let a = [1]; for i in 0..40 { a = [a, a]; } `
	for _, use := range []string{"print(a)", "debug(a)", "a.to_string()", "a.to_debug()", "`${a}`", `"" + a`, `a + ""`, `let s = ""; s += a;`} {
		host := &tickingHost{}
		_, _, err := runOn(t, host, value+use, abi.Limits{MaxStringSize: 10_000}, nil)
		if err == nil || err.Text != "Length of string too large" || len(host.lines) > 0 {
			t.Errorf("%s: got %v", use, err)
		}
	}
	if _, _, err := runOn(t, &tickingHost{}, `let a = [1]; for i in 0..200 { a = [a]; } print(a)`, abi.Limits{}, nil); err == nil || err.Text != "Nesting of value too large" {
		t.Errorf("nested: got %v", err)
	}
}

func TestSleep(t *testing.T) {
	const second = 1e9
	tests := []struct {
		script string
		asleep int64 // nanoseconds
	}{
		{"sleep(2)", 2 * second},
		{"sleep(0.25)", second / 4},
		{"sleep(0)", 0},
		{"sleep(-1)", 0},
		{"sleep(0.0/0.0)", 0},
		{"sleep(1.0/0.0)", 0},
		{"sleep(1e300)", math.MaxInt64},
		{"sleep(9223372036854775807)", math.MaxInt64},
	}
	for _, test := range tests {
		host := &tickingHost{}
		if _, _, err := runOn(t, host, test.script, abi.Limits{MaxOperations: 1000}, nil); err != nil || host.now != test.asleep {
			t.Errorf("%s: slept %d ns with error %v, want %d ns", test.script, host.now, err, test.asleep)
		}
	}

	// Interrupted while it sleeps.
	interrupt := uint32(0)
	host := &tickingHost{asleep: func() { interrupt = 1 }}
	if _, _, err := runOn(t, host, "sleep(3); print(1)", abi.Limits{}, &interrupt); err == nil || err.Variant != vm.ErrorTerminated || len(host.lines) > 0 {
		t.Errorf("interrupted: got %v, printed %v", err, host.lines)
	}
}

func TestTime(t *testing.T) {
	tests := []struct{ script, want string }{
		{`let t = timestamp(); t.elapsed`, "0.5"},
		{`let t = timestamp(); elapsed(t)`, "0.5"},
		{`let t = timestamp(); timestamp() - t`, "0.5"},
		{`let t = timestamp(); (t + 2) - t`, "2.0"},
		{`let t = timestamp() + 10; t.elapsed`, "Time-stamp is later than now"},
		{`let t = timestamp(); t += 0.25; t -= 1; timestamp() > t`, "true"},
	}
	for _, test := range tests {
		v, _, err := runOn(t, &tickingHost{tick: 5e8}, test.script, abi.Limits{}, nil)
		got := vm.Display(v)
		if err != nil {
			got = err.Text
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.script, got, test.want)
		}
	}
}
