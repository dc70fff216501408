package lib

import (
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
	looks     int
	onLook    func(looks int)
}

func (h *tickingHost) Print(text string)     { h.lines = append(h.lines, text) }
func (h *tickingHost) Debug(text, at string) { h.lines = append(h.lines, at+" "+text) }
func (h *tickingHost) MonotonicNow() int64 {
	h.looks++
	if h.onLook != nil {
		h.onLook(h.looks)
	}
	h.now += h.tick
	return h.now
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
		asleep int64 // at least, and at most a tick more
		err    string
	}{
		{"sleep(2)", 2 * second, ""},
		{"sleep(0.25)", second / 4, ""},
		{"sleep(0)", 0, ""},
		{"sleep(-1)", 0, ""},
		{"sleep(0.0/0.0)", 0, ""},
		{"sleep(1.0/0.0)", 0, ""},
		{"sleep(11)", 10 * second, "Too many operations"}, // of 10 µs each
		{"sleep(1e300)", 10 * second, "Too many operations"},
		{"sleep(9223372036854775807)", 10 * second, "Too many operations"},
	}
	for _, test := range tests {
		host := &tickingHost{tick: 1e6}
		_, _, err := runOn(t, host, test.script, abi.Limits{}, nil)
		got := ""
		if err != nil {
			got = err.Text
		}
		if got != test.err || host.now < test.asleep || host.now > test.asleep+test.asleep/100+2*host.tick {
			t.Errorf("%s: slept %d ns with error %q, want %d ns and %q", test.script, host.now, got, test.asleep, test.err)
		}
	}

	interrupt := uint32(0)
	host := &tickingHost{tick: 1e6}
	host.onLook = func(looks int) {
		if looks == 100 {
			interrupt = 1
		}
	}
	if _, _, err := runOn(t, host, "sleep(3)", abi.Limits{}, &interrupt); err == nil || err.Variant != vm.ErrorTerminated || host.looks > 101 {
		t.Errorf("interrupted: got %v after %d looks at the clock", err, host.looks)
	}
	if _, _, err := runOn(t, &tickingHost{}, "sleep(3)", abi.Limits{MaxOperations: 1000}, nil); err == nil || err.Text != "Too many operations" {
		t.Errorf("with a clock that stands still: got %v", err)
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
