package lib

import (
	"fmt"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// yieldingHost counts how often it gets its turn, and writes an interrupt word
// when it has had it so often.
type yieldingHost struct {
	silentHost
	yields, until int
	interrupt     uint32
}

func (h *yieldingHost) Yield() {
	if h.yields++; h.yields == h.until {
		h.interrupt = abi.InterruptCancel
	}
}

func (h *yieldingHost) run(t *testing.T, script string) (vm.Value, *vm.Error) {
	t.Helper()
	limits := abi.Limits{MaxOperations: 1 << 40, MaxStringSize: 8 << 20, MaxArraySize: 1 << 20, MaxMapSize: 1 << 20}
	v, _, raised := runOn(t, h, script, limits, &h.interrupt)
	return v, raised
}

// TestLongWorkYields: what works long gives the host its turn in between, and ends there when
// it is interrupted.
func TestLongWorkYields(t *testing.T) {
	const (
		text  = `let s = ""; s.pad(1000000, 'a');`
		array = `let a = []; a.pad(200000, [1]);`
		props = `let m = #{}; for i in 0..50000 { m["k" + i] = i; }`
	)
	for _, test := range []struct {
		setup, work string
		yields      int // at least
	}{
		{text, `s.to_upper()`, 50},
		{`let s = ""; s.pad(300000, 'Σ');`, `s.to_lower()`, 200},
		{text, `s.to_debug()`, 25},
		{text + `let m = #{s: s};`, `m.to_json()`, 25},
		{`let s = ""; s.pad(300000, '"'); let m = #{s: s};`, `m.to_json()`, 8},
		{`let s = "{\"a\":\""; s.pad(1000000, 'x'); s += "\"}";`, `parse_json(s)`, 10},
		{`let s = "{"; s.pad(1000000, ' '); s += "}";`, `parse_json(s)`, 10},
		{`let s = "{\"a\":[1"; s.pad(1000000, ",1+1"); s += "]}";`, `parse_json(s)`, 100},
		{`let b = blob(1000000, 65);`, `b.as_string()`, 10},
		{`let b = blob(1000000, 255);`, `b.as_string()`, 40},
		{array, `let b = a; b[0] = 1;`, 5},
		{array, `a + a`, 10},
		{array, `a.extract(0)`, 5},
		{array, `a.order(|x, y| 0)`, 20},
		{``, `let a = []; a.pad(1000000, 1);`, 10},
		{props, `let c = m; c.x = 1;`, 5},
		{props, `m + #{x: 1}`, 5},
		{props, `let c = #{}; c.mixin(m);`, 10},
		{props, `let c = #{}; c.fill_with(m);`, 10},
	} {
		before := yieldingHost{}
		if _, err := before.run(t, test.setup); err != nil {
			t.Fatalf("%s\n%v", test.setup, err)
		}
		script := test.setup + "\n" + test.work
		whole := yieldingHost{}
		if _, err := whole.run(t, script); err != nil {
			t.Errorf("%s\n%v", script, err)
			continue
		}
		yields := whole.yields - before.yields
		if yields < test.yields {
			t.Errorf("%s\nyields %d times, want %d", script, yields, test.yields)
		}
		stopped := yieldingHost{until: before.yields + yields/2 + 1}
		if _, err := stopped.run(t, script); err == nil || err.Variant != vm.ErrorTerminated {
			t.Errorf("%s\ninterrupted: got %v", script, err)
		} else if stopped.yields > stopped.until {
			t.Errorf("%s\ninterrupted at yield %d, ended at %d", script, stopped.until, stopped.yields)
		}
	}
}

// TestReadersCostNoCopy: a method that only reads a container of which there is a copy counts as
// if there were none, and leaves the copy as it is.
func TestReadersCostNoCopy(t *testing.T) {
	const array, blob = `let a = []; a.pad(100000, 1); let b = a;`, `let a = blob(100000, 1); let b = a;`
	for _, call := range []struct{ setup, code string }{
		{array, `a.get(5)`}, {array, `a.extract(0, 3)`}, {array, `a.extract(1..2)`},
		{array, `a.clear()`}, {array, `a.take()`}, {array, `a.set_tag(1)`},
		{blob, `a.extract(0, 3)`}, {blob, `a.clear()`},
		{`let a = #{}; for i in 0..1000 { a["k" + i] = i; } let b = a;`, `a.clear()`},
	} {
		_, without, err := run(t, call.setup, "", abi.Limits{MaxOperations: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		_, with, err := run(t, call.setup+call.code+";", "", abi.Limits{MaxOperations: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		if with > without+10 {
			t.Errorf("%s %s counts %d operations", call.setup, call.code, with-without)
		}
		kept, _, err := run(t, call.setup+call.code+"; b == "+strings.ReplaceAll("{ SETUP b }", "SETUP", call.setup), "", abi.Limits{MaxOperations: 1 << 30})
		if err != nil || kept.Kind() != vm.KindBool || !kept.AsBool() {
			t.Errorf("%s %s changes the copy: %s, %v", call.setup, call.code, vm.Debug(kept), err)
		}
	}
}

// TestCopies: each of two copies of a container can be changed in any way without the other one
// changing, also when it takes several steps to copy it.
func TestCopies(t *testing.T) {
	for _, n := range []int{1, 3, 5000, 20_000} {
		for _, test := range []struct{ make, change string }{
			{`for i in 0..N { x.push([i]); }`, `x[N / 2][0] = -1`},
			{`for i in 0..N { x.push([i]); }`, `x.push(1)`},
			{`for i in 0..N { x.push([i]); }`, `x += [1, 2]`},
			{`for i in 0..N { x.push([i]); }`, `x.append(x)`},
			{`for i in 0..N { x.push([i]); }`, `x.splice(0, 0, x)`},
			{`for i in 0..N { x.push([i]); }`, `x.for_each(|| this[0] = -1)`},
			{`for i in 0..N { x.push([i]); }`, `x.map(|| this[0] = -1)`},
			{`x = #{}; for i in 0..N { x["k" + i] = [i]; }`, `x.k0[0] = -1`},
			{`x = #{}; for i in 0..N { x["k" + i] = [i]; }`, `x.remove("k0")`},
			{`x = #{}; for i in 0..N { x["k" + i] = [i]; }`, `x += #{y: 1}`},
			{`x = #{}; for i in 0..N { x["k" + i] = [i]; } x.keys();`, `x.mixin(#{y: 1, z: 2}); x.keys()`},
			{`x = #{}; for i in 0..N { x["k" + i] = [i]; }`, `x.map(|k| this[0] = -1)`},
			{`x = blob(N, 7);`, `x[0] = 1`},
			{`x = blob(N, 7);`, `x.push(1)`},
		} {
			script := fmt.Sprintf(`const N = %d; let x = []; %s let same = x.to_string(); let y = x; %s; [x.to_string() != same, y.to_string() == same]`, n, test.make, test.change)
			v, _, err := run(t, script, "", abi.Limits{MaxOperations: 1 << 30, MaxStringSize: 1 << 30})
			if got := vm.Debug(v); err != nil || got != "[true, true]" {
				t.Errorf("%s\ngot %s, %v", script, got, err)
			}
		}
	}
}
