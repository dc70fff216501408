package rhai_test

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// shared makes an array that has 2 to the power of 60 parts and takes little memory.
const shared = "let a = [1]; for i in 0..60 { a = [a, a]; } "

// longKey makes a map and the name of a property that takes its time to be found.
const longKey = "let m = #{}; let s = ``; s.pad(1000000, 'x'); m[s] = #{}; "

// TestLimits runs hostile scripts under the default limits. Each must end at a limit, soon
// and without taking much memory on the way.
func TestLimits(t *testing.T) {
	const (
		operations = "max_operations"
		levels     = "max_call_levels"
		text       = "max_string_size"
		array      = "max_array_size"
		blob       = "max_blob_size"
		object     = "max_map_size"
	)
	tests := []struct {
		name   string
		script string
		limit  string // that ends it; several, any of which may, are separated by a space
	}{
		{"loop", "loop {}", operations},
		{"while", "while true {}", operations},
		{"do", "do {} while true", operations},
		{"for", "for i in 0..9223372036854775807 {}", operations},
		{"for over an open range", "for i in (0..) {}", operations},
		{"for over a stepped range", "for i in range(0, 9223372036854775807, 1) {}", operations},
		{"for over floats", "for i in range(0.0, 1e300, 1e-3) {}", operations},
		{"loop in a catch", "loop { try { throw 1; } catch { continue; } }", operations},
		{"loop of an empty eval", `loop { eval(""); }`, operations},
		{"nested loops", "for i in 0..100000 { for j in 0..100000 { for k in 0..100000 {} } }", operations},
		{"empty switch", "loop { switch 1 { 1 => (), _ => () } }", operations},

		{"recursion", "fn f(n) { f(n + 1) } f(0)", levels},
		{"two functions", "fn f() { g() } fn g() { f() } f()", levels},
		{"methods", "fn f() { this.f() } 1.f()", levels},
		{"closures by themselves", "let f = |f| call(f, f); call(f, f)", levels},
		{"pointers", `fn f() { Fn("f").call() } f()`, levels},
		{"natives calling back", "fn f(x) { [1].map(f) } f(1)", levels},
		{"sort calling back", "fn f(a, b) { [2, 1].sort(f); 0 } f(1, 2)", ""}, // Rhai's sort swallows errors
		{"for_each calling back", "fn f() { [1].for_each(|| f()) } f()", levels},
		{"reduce calling back", "fn f(a, b) { [1, 2].reduce(f) } f(1, 2)", levels},
		{"eval within eval", `let s = "eval(s)"; eval(s)`, levels},
		{"map of closures", "let m = #{}; m.f = || this.f(); m.f()", levels},
		{"fan out", "fn f(n) { if n > 0 { f(n - 1); f(n - 1); f(n - 1); } } f(40)", operations},

		{"string doubling", `let s = "x"; loop { s += s; }`, text},
		{"string added to itself", `let s = "x"; loop { s = s + s; }`, text},
		{"interpolation", "let s = `x`; loop { s = `${s}${s}`; }", text},
		{"string pad", `let s = ""; s.pad(9223372036854775807, 'x')`, text},
		{"string pad by a string", `let s = ""; s.pad(9223372036854775807, "xyz")`, text},
		{"replace", `let s = "aaaaaaaaaa"; loop { s.replace("a", "aaaaaaaaaa"); }`, text},
		{"slice assigned", `let s = "xx"; loop { s[0..0] = s; }`, text},
		{"array as text", `let a = []; a.pad(90000, "0123456789abcdef"); a.to_string()`, text},
		{"array as JSON", `let m = #{a: []}; m.a.pad(90000, "0123456789abcdef"); m.to_json()`, text},
		{"blob as text", "blob(99999).to_string() + blob(99999).to_string() + blob(99999).to_string() + blob(99999).to_string() + blob(99999).to_string() + blob(99999).to_string()", text},
		{"many small replacements", `let s = ""; s.pad(1000000, 'x'); loop { s.replace("x", "y"); s.replace("y", "x"); }`, operations},
		{"many searches", `let s = ""; s.pad(1000000, 'x'); loop { s.index_of("xy"); }`, operations},
		{"many comparisons", `let s = ""; s.pad(1000000, 'x'); let r = s; r[999999] = 'y'; loop { if s == r { break; } }`, operations},
		{"many upper cases", `let s = ""; s.pad(1000000, 'x'); loop { s.to_upper(); }`, operations},
		{"many characters", `let s = ""; s.pad(500000, 'é'); loop { s[400000]; }`, operations},
		{"many slices", `let s = ""; s.pad(500000, 'é'); loop { let r = s[1..499999]; }`, operations},
		{"many splits", `let s = ""; s.pad(99999, "x,"); loop { s.split(","); }`, operations},
		{"many hexadecimal texts", `let b = blob(99999); loop { b.to_string(); }`, operations},
		{"split into characters", `let s = ""; s.pad(1000000, 'x'); s.to_chars()`, array},
		{"split", `let s = ""; s.pad(1000000, ','); s.split(",")`, array},
		{"string to blob", `let s = ""; s.pad(1000000, ','); loop { s.to_blob(); }`, operations},

		{"array doubling", "let a = [1]; loop { a += a; }", array},
		{"array added to itself", "let a = [1]; loop { a = a + a; }", array},
		{"array append", "let a = [1]; loop { a.append(a); }", array},
		{"array push", "let a = []; loop { a.push(1); }", array},
		{"array += item", "let a = []; loop { a += 1; }", array},
		{"array insert", "let a = []; loop { a.insert(0, 1); }", array + " " + operations},
		{"array splice", "let a = [1]; loop { a.splice(0, 0, a); }", array},
		{"array pad", "let a = []; a.pad(9223372036854775807, 0)", array},
		{"array in itself", "let a = [1]; loop { a.push(a); }", array + " " + operations},
		{"array of a range", "(0..9223372036854775807).to_array()", ""},
		{"blob", "blob(9223372036854775807)", blob},
		{"blob pad", "let b = blob(); b.pad(9223372036854775807, 0)", blob},
		{"blob doubling", "let b = blob(1); loop { b += b; }", blob},
		{"blob append", "let b = blob(1); loop { b.append(b); }", blob},
		{"blob push", "let b = blob(10485760); loop { b.push(1); }", blob},
		{"many sorts", "let a = []; a.pad(99999, 0); loop { a.sort(); }", operations},
		{"sort by a script", "let a = []; a.pad(99999, 0); loop { a.sort(|x, y| x - y); }", operations},
		{"many reversals", "let a = []; a.pad(99999, 0); loop { a.reverse(); }", operations},
		{"many copies", "let a = []; a.pad(99999, 0); loop { let b = a; b[0] = 1; }", operations},
		{"many extracts", "let a = []; a.pad(99999, 0); loop { a.extract(1..99998); }", operations},
		{"many searches of arrays", "let a = []; a.pad(99999, 0); loop { 1 in a; }", operations},
		{"many shifts", "let a = []; a.pad(99999, 0); loop { a.push(a.shift()); }", operations},
		{"many dedups", "let a = []; a.pad(99999, 0); loop { let b = a; b.dedup(); }", operations},
		{"map callbacks", "let a = []; a.pad(99999, 0); loop { a.map(|x| x); }", operations},
		{"retain", "let a = []; a.pad(99999, 0); loop { a.retain(|x| true); }", operations},
		{"zip", "let a = []; a.pad(99999, 0); loop { a.zip(a, |x, y| x); }", operations},

		{"map", "let m = #{}; let i = 0; loop { m[i.to_string()] = i; i += 1; }", object + " " + operations},
		{"map mixin", "let m = #{}; for i in 0..1000 { m[i.to_string()] = i; } loop { let n = m; n.mixin(m); }", operations},
		{"map sum", "let m = #{}; for i in 0..1000 { m[i.to_string()] = i; } loop { let n = m + m; }", operations},
		{"map keys", "let m = #{}; for i in 0..1000 { m[i.to_string()] = i; } loop { m.keys(); }", operations},
		{"map values", "let m = #{}; for i in 0..1000 { m[i.to_string()] = i; } loop { m.values(); }", operations},
		{"map copies", "let m = #{}; for i in 0..1000 { m[i.to_string()] = i; } loop { let n = m; n.a = 1; }", operations},
		{"map to JSON", "let m = #{}; for i in 0..1000 { m[i.to_string()] = i; } loop { m.to_json(); }", operations},
		{"JSON to map", "let m = #{}; for i in 0..1000 { m[`k${i}`] = i; } let s = m.to_json(); loop { parse_json(s); }", operations},

		{"shared compared", shared + "a == a", operations},
		{"shared compared to its like", shared + strings.ReplaceAll(shared, "a", "b") + "a == b", ""},
		{"shared in an array", shared + "[1] == [a]; a in [a, a]", operations},
		{"shared as text", shared + "a.to_string()", text},
		{"shared printed", shared + "print(a)", text},
		{"shared as debug text", shared + "a.to_debug()", text},
		{"shared in a text", shared + "`${a}`", text},
		{"shared as JSON", shared + "#{a: a}.to_json()", text},
		{"shared thrown", shared + "throw a", ""},
		{"shared searched", shared + "a.contains(1)", ""},
		{"shared sorted", shared + "a.sort()", ""},
		{"shared without duplicates", shared + "a.dedup()", ""},
		{"interpolation of a long text", "let s = ``; s.pad(1000000, 'x'); loop { let r = `${s}!`; }", operations},
		{"a long key: read", longKey + "loop { m[s]; }", operations},
		{"a long key: written", longKey + "loop { m[s] = 1; }", operations},
		{"a long key: in", longKey + "loop { s in m; }", operations},
		{"a long key: get", longKey + "loop { m.get(s); }", operations},
		{"a long key: set", longKey + "loop { m.set(s, 1); }", operations},
		{"a long key: contains", longKey + "loop { m.contains(s); }", operations},
		{"a long key: remove", longKey + "loop { m.remove(s); }", operations},
		{"a long key: of a part", longKey + "loop { m[s].x = 1; }", operations},
		{"a long text: switch", longKey + "loop { switch s { `a` => 1, _ => 2 } }", operations},
		{"a long text: starts_with", longKey + "loop { s.starts_with(s); }", operations},
		{"a long text: ends_with", longKey + "loop { s.ends_with(s); }", operations},
		{"a long text: parse_float", longKey + "loop { try { parse_float(s); } catch {} }", operations},
		{"a long text: parse_int", longKey + "loop { try { parse_int(s); } catch {} }", operations},
		{"many sorts of different types", "let a = []; a.pad(99998, 0); a.push(`x`); loop { try { a.sort(); } catch {} }", operations},
		{"long interpolation", "let a = []; a.pad(90000, \"0123456789\"); loop { let s = `${a}`; }", operations + " " + text},
		{"curried without end", `let f = Fn("f"); loop { f = f.curry(f); }`, operations},
		{"curried with more and more", `let f = Fn("f"); loop { f = f.curry(1); }`, operations},
		{"closures sharing a variable", "let a = []; loop { let f = || a; a = [f]; }", operations},
		{"thrown again and again", "fn f() { throw 1 } loop { try { f() } catch (e) { } }", operations},
		{"many evals", `loop { eval("let x = 1; x + 1"); }`, operations},
		{"one long eval", `let s = "0"; loop { s += "+0"; eval(s); }`, ""},
		{"variables of evals", `loop { eval("let x = 1;"); }`, operations},
		{"many function pointers", `loop { Fn("abs"); }`, operations},
		{"many prints", `let s = ""; s.pad(1000000, 'x'); loop { print(s); }`, operations},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err, took, allocated := hostile(t, test.script)
			if took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			if allocated > 1<<30 {
				t.Errorf("allocated %d MiB", allocated>>20)
			}
			got := ""
			if err != nil {
				got = err.Limit
			}
			if test.limit != "" && (got == "" || !strings.Contains(test.limit, got)) {
				t.Errorf("ended by limit %q, want %q: %v", got, test.limit, err)
			}
		})
	}
}

// TestLongEval: compiling a long eval gives the host its turn, and ends when it is interrupted.
func TestLongEval(t *testing.T) {
	for _, text := range []string{"1 + 2;", "[1, x]; ", "/* a comment */", "`text`; ", "if a { b } "} {
		script := "let s = ``; s.pad(600000, `" + strings.ReplaceAll(text, "`", "``") + "`); print(s.len()); eval(s);"
		program, err := rhai.Compile(script)
		if err != nil {
			t.Fatal(err)
		}
		host := turns{}
		thread := vm.NewThread(program, &host, abi.Limits{MaxOperations: 1 << 30}.Or(abi.DefaultLimits), &host.interrupt, 1)
		rhai.Prepare(thread)
		if _, err = thread.Run(); err == nil || err.Variant != vm.ErrorTerminated {
			t.Errorf("eval of %q, interrupted: got %v", text, err)
		}
	}
}

// turns is a host that interrupts a script at the fifth turn it gets after a print.
type turns struct {
	silent
	printed   bool
	yields    int
	interrupt uint32
}

func (h *turns) Print(string) { h.printed = true }

func (h *turns) Yield() {
	if h.printed {
		if h.yields++; h.yields == 5 {
			h.interrupt = abi.InterruptCancel
		}
	}
}

func hostile(t *testing.T, script string) (err *vm.Error, took time.Duration, allocated uint64) {
	program, err := rhai.Compile(script)
	if err != nil {
		t.Fatal(err)
	}
	// What does not end in time is interrupted, as in a server.
	var interrupt uint32
	watch := time.AfterFunc(10*time.Second, func() { atomic.StoreUint32(&interrupt, abi.InterruptTimeout) })
	defer watch.Stop()
	thread := vm.NewThread(program, silent{&conformance.Recorder{}}, abi.DefaultLimits, &interrupt, 1)
	rhai.Prepare(thread)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	v, err := thread.Run()
	if err == nil {
		vm.Debug(v)
	}
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	return err, took, after.TotalAlloc - before.TotalAlloc
}

// silent is a host that keeps nothing.
type silent struct{ *conformance.Recorder }

func (silent) Print(string) {}
