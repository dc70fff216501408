package rhai_test

import (
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// TestEvalAgain: a text that has been evaluated before means and counts the same as a new one.
func TestEvalAgain(t *testing.T) {
	tests := []struct{ name, again, new, want string }{
		{"expression", "let n = 1; for i in 0..100 { n = eval(`n + 7 % 5 `); } n", "let n = 1; for i in 0..100 { n = eval(`n + 7 % 5${if i % 2 == 0 { ' ' } else { '\t' }}`); } n", "201"},
		{"variables", "let s = 0; for i in 0..50 { eval(`let x = i * 2; s += x;`); } s", "", "2450"},
		{"shadowing", "let x = 1; let l = []; for i in 0..3 { eval(`let x = x + 1;`); l += x; } l", "", "[2, 2, 2]"},
		{"one in the other", "let n = 0; for i in 0..4 { eval(\"eval(`n += i;`); n += 1;\"); } n", "", "10"},
		{"in a function", "fn f(a, b) { eval(`a - b`) } [f(1, 2), f(5, 3), f(9, 1)]", "", "[-1, 2, 8]"},
		{"constants", "let l = []; for i in 0..2 { let a = eval(`[1, 2]`); a.push(i); l += [a]; } l", "", "[[1, 2, 0], [1, 2, 1]]"},
		{"errors", "let l = []; for i in 0..3 { try { eval(`throw i;`) } catch (e) { l += e } } l", "", "[0, 1, 2]"},
	}
	for _, test := range tests {
		if got, _ := evaluate(t, test.again); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		if test.new == "" {
			continue
		}
		if got, _ := evaluate(t, test.new); got != test.want {
			t.Errorf("%s, other texts: got %s, want %s", test.name, got, test.want)
		}
	}
	// The second hundred costs what the first has, but for a rest of an operation.
	_, first := evaluate(t, "for i in 0..100 { eval(`1 + 2 * i; [i, i];`) }")
	_, both := evaluate(t, "for i in 0..200 { eval(`1 + 2 * i; [i, i];`) }")
	_, none := evaluate(t, "for i in 0..0 { eval(`1 + 2 * i; [i, i];`) }")
	if d := both - none - 2*(first-none); d < -1 || d > 1 {
		t.Errorf("100 evals of a text count %d operations, 200 %d, none %d", first, both, none)
	}
}

// evaluate runs a script and returns its value and how many operations it took.
func evaluate(t *testing.T, script string) (value string, operations int64) {
	t.Helper()
	program, err := rhai.Compile(script)
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	thread := vm.NewThread(program, silent{&conformance.Recorder{}}, abi.DefaultLimits, nil, 1)
	rhai.Prepare(thread)
	v, err := thread.Run()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return vm.Debug(v), thread.Operations()
}
