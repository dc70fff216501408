package rhai_test

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// repeat joins n texts; N in one stands for its number.
func repeat(n int, text string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(text, "N", strconv.Itoa(i)))
	}
	return b.String()
}

// constructs are programs that grow in one way each.
var constructs = []struct {
	name string
	text func(n int) string
}{
	{"statements", func(n int) string { return repeat(n, "x(N);\n") }},
	{"empty statements", func(n int) string { return strings.Repeat(";", n) }},
	{"empty blocks", func(n int) string { return strings.Repeat("{}", n) }},
	{"white space", func(n int) string { return strings.Repeat(" \n", n) }},
	{"line comments", func(n int) string { return strings.Repeat("// comment\n", n) }},
	{"doc comments", func(n int) string { return strings.Repeat("/// comment\n", n) + "fn f() {}" }},
	{"doc comments of functions", func(n int) string { return repeat(n, "/// comment\nfn fN() {}\n") }},
	{"nested comments", func(n int) string { return strings.Repeat("/*", n) + strings.Repeat("*/", n) }},
	{"comments of stars", func(n int) string { return "/*" + strings.Repeat("*", n) + "/" }},
	{"unicode", func(n int) string { return `"` + strings.Repeat("é漢🦀", n) + `"` }},
	{"escapes", func(n int) string { return `"` + strings.Repeat(`\u00e9\n`, n) + `"` }},
	{"doubled quotes", func(n int) string { return `"` + strings.Repeat(`""`, n) + `"` }},
	{"long lines joined", func(n int) string { return `"` + strings.Repeat("x\\\n   ", n) + `"` }},
	{"hashes", func(n int) string {
		return strings.Repeat("#", n) + `"x` + strings.Repeat(`"#`, n) + `"` + strings.Repeat("#", n)
	}},
	{"a long name", func(n int) string { return "let " + strings.Repeat("x", n) + " = 1;" }},
	{"a long number", func(n int) string { return "let x = " + strings.Repeat("1", n) + ";" }},
	{"a long fraction", func(n int) string { return "let x = 0." + strings.Repeat("1", n) + ";" }},
	{"a number with underscores", func(n int) string { return "let x = 1" + strings.Repeat("_", n) + ";" }},
	{"strings", func(n int) string { return repeat(n, "\"text N\";\n") }},
	{"interpolated parts", func(n int) string { return "`" + repeat(n, "a${N}") + "`" }},
	{"interpolated strings", func(n int) string { return repeat(n, "`a${N}b`;") }},
	{"numbers", func(n int) string { return repeat(n, "N; N.5;") }},
	{"array items", func(n int) string { return "[" + repeat(n, "N, ") + "]" }},
	{"array items of variables", func(n int) string { return "let x = 1; [" + repeat(n, "x, ") + "]" }},
	{"array items, the last no literal, nested", func(n int) string {
		return strings.Repeat("[", 20) + repeat(n, "N, ") + "x" + strings.Repeat("]", 20)
	}},
	{"map properties", func(n int) string { return "#{" + repeat(n, "aN: N, ") + "}" }},
	{"map properties of variables", func(n int) string { return "let x = 1; #{" + repeat(n, "aN: x, ") + "}" }},
	{"nested maps", func(n int) string { return repeat(n/10, strings.Repeat("#{a: ", 20)+"x"+strings.Repeat("}", 20)+";") }},
	{"operators", func(n int) string { return repeat(n/50, "1"+strings.Repeat(" + x", 50)+";") }},
	{"nested operators", func(n int) string { return repeat(n/20, strings.Repeat("x + (", 20)+"x"+strings.Repeat(")", 20)+";") }},
	{"nested parentheses", func(n int) string { return repeat(n/25, strings.Repeat("(", 25)+"x"+strings.Repeat(")", 25)+";") }},
	{"nested operators around an array", func(n int) string {
		return "let x = 1; " + strings.Repeat("x + (", 15) + "[" + repeat(n, "N, ") + "x]" + strings.Repeat(")", 15)
	}},
	{"signs", func(n int) string { return repeat(n/50, strings.Repeat("-", 1)+strings.Repeat("!", 50)+"x;") }},
	{"logic", func(n int) string { return repeat(n/20, "if x"+strings.Repeat(" && x", 20)+" {}\n") }},
	{"alternatives", func(n int) string { return repeat(n/20, "if x"+strings.Repeat(" || x", 20)+" {}\n") }},
	{"coalescing", func(n int) string { return repeat(n/20, "x"+strings.Repeat(" ?? x", 20)+";\n") }},
	{"variables", func(n int) string { return repeat(n, "let xN = N;\n") }},
	{"variables, all used", func(n int) string {
		return repeat(n, "let xN = N;\n") + repeat(n, "xN;\n")
	}},
	{"variables of one name", func(n int) string { return repeat(n, "let x = N;\n") }},
	{"the first of many variables", func(n int) string {
		return "let y = 1;" + repeat(n, "let xN = y;\n") + repeat(n, "y;\n")
	}},
	{"constants", func(n int) string { return repeat(n, "const XN = N;\n") + "fn f() { global::X0 } f()" }},
	{"unknown variables", func(n int) string { return repeat(n, "xN;\n") }},
	{"global names", func(n int) string { return "fn f() {" + repeat(n, "global::xN;\n") + "}" }},
	{"qualified names", func(n int) string { return repeat(n, "m::xN; m::fN();\n") }},
	{"a long path", func(n int) string { return repeat(n, "m::") + "x; " + repeat(n, "m::") + "f();" }},
	{"assignments", func(n int) string { return "let x = 0;" + repeat(n, "x = N; x += N; x *= N;\n") }},
	{"assignments to parts", func(n int) string { return "let x = 0;" + repeat(n, "x.aN = N; x[N] = N; x.a.b[N] += N;\n") }},
	{"assignments to this", func(n int) string { return "fn f() {" + repeat(n, "this.aN = N; this += N;\n") + "}" }},
	{"properties", func(n int) string { return "let x = 0;" + repeat(n/20, "x"+strings.Repeat(".a", 20)+";\n") }},
	{"indexes", func(n int) string { return "let x = 0;" + repeat(n/20, "x"+strings.Repeat("[0]", 20)+";\n") }},
	{"methods", func(n int) string { return "let x = 0;" + repeat(n/20, "x"+strings.Repeat(".f(1)", 20)+";\n") }},
	{"maybe", func(n int) string { return "let x = 0;" + repeat(n/20, "x"+strings.Repeat("?.a", 20)+";\n") }},
	{"arguments", func(n int) string { return "f(" + repeat(n, "N, ") + ")" }},
	{"calls", func(n int) string { return "fn f(x) { x } " + repeat(n, "f(N);\n") }},
	{"native calls", func(n int) string { return repeat(n, "abs(N);\n") }},
	{"nested calls", func(n int) string { return repeat(n/20, strings.Repeat("abs(", 20)+"1"+strings.Repeat(")", 20)+";") }},
	{"functions", func(n int) string { return repeat(n, "fn fN(x) { x + N }\n") }},
	{"private functions", func(n int) string { return repeat(n, "private fn fN(x) { x + N }\n") }},
	{"functions that call the next", func(n int) string { return repeat(n, "fn fN(x) { fN(x) }\n") }},
	{"typed functions of one name", func(n int) string { return repeat(n, "fn \"tN\".f() { this }\n") }},
	{"typed functions of one name, called", func(n int) string {
		return repeat(n, "fn \"tN\".f() { this }\n") + "fn f() { 1 } " + repeat(n, "f();\n")
	}},
	{"functions of one name", func(n int) string {
		var b strings.Builder
		for params, all := 0, 0; all < n; params++ {
			b.WriteString("fn f(" + repeat(params, "aN, ") + ") { 1 }\n")
			all += params
		}
		return b.String() + repeat(n, "f();\n")
	}},
	{"parameters", func(n int) string { return "fn f(" + repeat(n, "aN, ") + ") { a0 }" }},
	{"closures", func(n int) string { return repeat(n, "|x| x + N;\n") }},
	{"closures of a capture", func(n int) string { return "let y = 1;" + repeat(n, "|x| x + y;\n") }},
	{"a closure of many captures", func(n int) string {
		return repeat(n, "let xN = N;\n") + "|| [" + repeat(n, "xN, ") + "]"
	}},
	{"nested closures of many captures", func(n int) string {
		return repeat(n, "let xN = N;\n") + strings.Repeat("|| ", 10) + "[" + repeat(n, "xN, ") + "]"
	}},
	{"many closures of captures each", func(n int) string {
		return repeat(n, "let xN = N;\n") + repeat(n, "|| xN;\n")
	}},
	{"blocks", func(n int) string { return repeat(n, "{ let x = N; x }\n") }},
	{"nested blocks", func(n int) string { return repeat(n/10, strings.Repeat("{", 10)+"x;"+strings.Repeat("}", 10)) }},
	{"ifs", func(n int) string { return "let x = 1;" + repeat(n, "if x == N { x } else { N }\n") }},
	{"else ifs", func(n int) string { return repeat(n/20, "if x {}"+strings.Repeat(" else if x {}", 20)+" else {}\n") }},
	{"whiles", func(n int) string { return "let x = 1;" + repeat(n, "while x < N { x += 1 }\n") }},
	{"loops", func(n int) string { return repeat(n, "loop { break N; }\n") }},
	{"dos", func(n int) string { return "let x = 1;" + repeat(n, "do { x += 1 } until x > N;\n") }},
	{"fors", func(n int) string { return repeat(n, "for i in 0..N { i }\n") }},
	{"breaks", func(n int) string { return "loop {" + strings.Repeat("break;\n", n) + "}" }},
	{"continues", func(n int) string { return "for i in 0..1 {" + strings.Repeat("continue;\n", n) + "}" }},
	{"returns", func(n int) string { return "fn f() {" + repeat(n, "return N;\n") + "}" }},
	{"throws", func(n int) string { return repeat(n, "throw N;\n") }},
	{"tries", func(n int) string { return repeat(n, "try { f(N) } catch (e) { e }\n") }},
	{"nested tries", func(n int) string {
		return repeat(n/10, strings.Repeat("try {", 10)+"x"+strings.Repeat("} catch {}", 10))
	}},
	{"switch cases", func(n int) string { return "switch x {" + repeat(n, "N => 1,\n") + "}" }},
	{"switch cases of floats", func(n int) string { return "switch x {" + repeat(n, "N.5 => 1,\n") + "}" }},
	{"switch cases of texts", func(n int) string { return "switch x {" + repeat(n, "\"tN\" => 1,\n") + "}" }},
	{"switch cases of arrays", func(n int) string { return "switch x {" + repeat(n, "[N] => 1,\n") + "}" }},
	{"switch cases of maps", func(n int) string { return "switch x {" + repeat(n, "#{a: N} => 1,\n") + "}" }},
	{"switch cases of long arrays", func(n int) string {
		return "switch x {" + repeat(n/100, "["+strings.Repeat("1,", 100)+"N] => 1,\n") + "}"
	}},
	{"switch cases of one value", func(n int) string { return "switch x {" + repeat(n, "1 if x == N => 1,\n") + "}" }},
	{"switch ranges", func(n int) string { return "switch x {" + repeat(n, "N..=N => 1,\n") + "}" }},
	{"switch cases, used", func(n int) string { return "let x = 1; let y = switch x {" + repeat(n, "N => N,\n") + "};" }},
	{"switch alternatives", func(n int) string { return "switch x {" + repeat(n, "N | ") + "1 => 1 }" }},
	{"switch alternatives with a guard", func(n int) string {
		return "let y = 1; switch x {" + repeat(n, "N | ") + "1 if " + strings.Repeat("y + ", 40) + "y == 1 => 1 }"
	}},
	{"switch alternatives with a long guard", func(n int) string {
		return "let y = 1; switch x {" + repeat(n, "N | ") + "1 if [" + repeat(n, "y, ") + "] == y => 1 }"
	}},
	{"switches", func(n int) string { return repeat(n, "switch x { 1 => N, _ => 2 }\n") }},
	{"imports", func(n int) string { return repeat(n, "import \"mN\" as mN;\n") }},
	{"imports of one", func(n int) string { return repeat(n, "import \"m\" as m;\n") }},
	{"imports in blocks", func(n int) string { return repeat(n, "{ import \"m\" as m; }\n") }},
	{"exports", func(n int) string { return repeat(n, "export const XN = N;\n") }},
	{"exports of one", func(n int) string { return "let x = 1;" + repeat(n, "export x as yN;\n") }},
	{"evals", func(n int) string { return repeat(n, "eval(\"N\");\n") }},
	{"evals that see variables", func(n int) string {
		return repeat(n, "let xN = N;\n") + repeat(n, "eval(\"xN\");\n")
	}},
	{"variables looked up at run time", func(n int) string {
		return "eval(\"\"); " + repeat(n, "let xN = N;\n") + repeat(n, "xN;\n")
	}},
	{"is_def_var", func(n int) string {
		return repeat(n, "let xN = N;\n is_def_var(\"xN\");\n")
	}},
	{"name!()", func(n int) string { return "fn f() { 1 } " + repeat(n, "f!();\n") }},
	{"name!() among functions", func(n int) string {
		return repeat(n, "fn fN() { 1 }\n") + repeat(n, "fN!();\n")
	}},
	{"name!() that see variables", func(n int) string {
		return "fn f() { 1 } " + repeat(n, "let xN = N; f!();\n")
	}},
	{"function pointers", func(n int) string { return "fn f() { 1 } " + repeat(n, "Fn(\"f\").call(); f; call(f); curry(f, 1);\n") }},
	{"tags", func(n int) string { return repeat(n, "let x = 1; x.tag = N;\n") }},
}

// The sizes to compare: as many of what grows, and so many times more.
const (
	small  = 600
	larger = 16
)

// TestCompilingIsLinear: what compiling a program counts grows as the program does, and so does the
// time it takes.
func TestCompilingIsLinear(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	onThread(func(clock func() time.Duration) {
		compile := func(text string) (operations int64, took time.Duration) {
			for i := range 2 {
				budget := vm.NewBudget(1<<40, nil, func() {})
				start := clock()
				_, err := (&rhai.Compiler{Library: lib.Standard(), Budget: &budget}).Script(text)
				if d := clock() - start; i == 0 || d < took {
					took = d
				}
				if err != nil {
					t.Errorf("%.60s: %v", text, err)
					return 1, took
				}
				operations = budget.Operations()
			}
			return max(operations, 1), took
		}
		for _, c := range constructs {
			runtime.GC()
			few, fewTook := compile(c.text(small))
			many, manyTook := compile(c.text(larger * small))
			if got := float64(many) / float64(few); few > 20 && (got > larger*1.3 || got < larger/3) {
				t.Errorf("%s: %d operations, %.1f times as many as for a text %d times shorter", c.name, many, got, larger)
			}
			// Quadratic work takes 256 times as long.
			if got := float64(manyTook) / float64(fewTook); got > 5*larger && manyTook > time.Millisecond {
				t.Errorf("%s: takes %v, %.1f times as long as a text %d times shorter", c.name, manyTook, got, larger)
			}
			if perOperation := manyTook / time.Duration(many); perOperation > 20*time.Microsecond {
				t.Errorf("%s: an operation takes %v", c.name, perOperation)
			}
		}
	})
}

// TestCompilingStops: compiling lets the host have its turn, and ends when it is interrupted.
func TestCompilingStops(t *testing.T) {
	for _, c := range constructs {
		text := c.text(4 * small)
		yields, until := 0, -1
		var interrupt uint32
		compile := func() *vm.Error {
			yields = 0
			budget := vm.NewBudget(1<<40, &interrupt, func() {
				if yields++; yields == until {
					interrupt = abi.InterruptCancel
				}
			})
			_, err := (&rhai.Compiler{Library: lib.Standard(), Budget: &budget}).Script(text)
			return err
		}
		if err := compile(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if until = yields / 2; until == 0 {
			continue // it ends before
		}
		err := compile()
		if err == nil || err.Variant != vm.ErrorTerminated || yields != until {
			t.Errorf("%s: interrupted at yield %d, ends after %d with %v", c.name, until, yields, err)
		}
	}
}

// walks are scripts whose code makes the machine look for something among n others, in a loop.
var walks = []struct {
	name   string
	script func(n int) string
}{
	{"a handler among others", func(n int) string {
		return repeat(n, "try { } catch { }\n") + "loop { try { throw 1 } catch { } }" + repeat(n, "try { } catch { }\n")
	}},
	{"the position of an error", func(n int) string {
		return "let a = [0];" + repeat(n, "a[0] = 1;\n") + "loop { try { a[1] = 1; } catch { } }"
	}},
	{"a name that an eval defined", func(n int) string {
		return repeat(n, "eval(`let xN = 1;`);\n") + "let y = 1; loop { y; x0; }"
	}},
	{"a name that evals defined often", func(n int) string {
		return "let x = 0;" + repeat(n, "eval(`let y = 1;`);\n") + "loop { x; y; }"
	}},
	{"an eval among variables", func(n int) string {
		return repeat(n, "let xN = N;\n") + `loop { eval("x0"); }`
	}},
	{"an eval among functions", func(n int) string {
		return repeat(n, "fn fN() { N }\n") + `loop { eval("f0()"); }`
	}},
	{"is_def_var", func(n int) string { return repeat(n, "let xN = N;\n") + `loop { is_def_var("x0"); }` }},
	{"is_def_fn", func(n int) string {
		return repeat(n, "fn \"tN\".f() { N }\n") + `loop { is_def_fn("t0", "f", 0); }`
	}},
	{"a method among those of other types", func(n int) string {
		return repeat(n, "fn \"tN\".f() { N }\n") + "fn int.f() { 1 } loop { 1.f(); }"
	}},
	{"a pointer to one of many functions", func(n int) string {
		return repeat(n, "fn \"tN\".f() { N }\n") + `fn f() { 1 } let p = Fn("f"); loop { p.call(); }`
	}},
	{"a case among others", func(n int) string {
		return "loop { switch () {" + repeat(n, "N => 1, \"tN\" => 2, N.5 => 3,") + " () => 4 } }"
	}},
	{"a case among arrays", func(n int) string {
		return "let x = [0, 0]; loop { switch x {" + repeat(n, "[N, 1] => 1,") + " _ => 4 } }"
	}},
	{"a module among others", func(n int) string {
		return `import "m" as m;` + repeat(n, `import "m" as mN;`) + " loop { m::f(); }"
	}},
	{"a module that is not there", func(n int) string {
		return repeat(n, `import "m" as mN;`) + " loop { try { m::f(); } catch { } }"
	}},
	{"a method among modules", func(n int) string {
		return repeat(n, `import "typed" as mN;`) + " loop { 'c'.f(); }"
	}},
	{"functions of modules in turn", func(n int) string {
		return repeat(n, `import "m" as mN;`) + `import "many" as a; import "more" as b; loop { a::f(); b::f(); }`
	}},
	{"a method among modules of modules", func(n int) string { return `import "d0" as d; loop { try { 'c'.f(); } catch { } }` }},
}

// TestWalksAreCounted: an operation of a running script takes no longer in a program with much in
// it, or it is counted as more.
func TestWalksAreCounted(t *testing.T) {
	onThread(func(clock func() time.Duration) {
		perOperation := func(script string, n int) time.Duration {
			modules := diamonds(6)
			modules["d6"] = `fn int.f() { 1 }`
			modules["m"] = "fn f() { 1 }"
			modules["typed"] = "fn f() { 1 } fn int.f() { 1 } fn char.f() { 1 }"
			modules["many"] = repeat(n, `import "m" as mN;`) + " fn f() { 1 }"
			modules["more"] = modules["many"]
			compiler := rhai.Compiler{Library: lib.Standard()}
			p, err := compiler.Script(script)
			if err == nil {
				err = compiler.Link(p, rhai.Modules{Source: func(name string) (string, bool) { text, ok := modules[name]; return text, ok }})
			}
			if err != nil {
				t.Fatalf("%.60s: %v", script, err)
			}
			const operations = 200_000
			limits := abi.Limits{MaxOperations: operations}.Or(conformance.Limits)
			thread := vm.NewThread(p, &conformance.Recorder{}, limits, nil, 1)
			rhai.Prepare(thread)
			start := clock()
			if _, err := thread.Run(); err == nil || err.Limit != "max_operations" {
				t.Errorf("%.60s: ended by %v", script, err)
			}
			return (clock() - start) / operations
		}
		for _, w := range walks {
			few, many := perOperation(w.script(small), small), perOperation(w.script(larger*small), larger*small)
			if many > 8*max(few, 100) {
				t.Errorf("%s: an operation takes %v, and %v among %d times as many", w.name, few, many, larger)
			}
			if many > 5*time.Microsecond {
				t.Errorf("%s: an operation takes %v", w.name, many)
			}
		}
	})
}

// TestLongCodePolls: code without loops and calls of script functions lets the host have its turn,
// and counts, too.
func TestLongCodePolls(t *testing.T) {
	for name, script := range map[string]string{
		"statements": "fn f() {" + strings.Repeat("abs(-1);", 20_000) + "} loop { f(); }",
		"an array":   "loop { [" + strings.Repeat("abs(-1), ", 20_000) + "]; }",
		"ranges":     "let x = 'c'; loop { switch x {" + strings.Repeat("1..2 => 1,", 20_000) + "} }",
		"properties": "let x = #{a: 1}; loop { " + strings.Repeat("x.a = 1;", 20_000) + " }",
	} {
		p, err := rhai.Compile(script)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		host := &counting{}
		thread := vm.NewThread(p, host, abi.Limits{MaxOperations: 100_000}.Or(conformance.Limits), nil, 1)
		if _, err := thread.Run(); err == nil || err.Limit != "max_operations" {
			t.Errorf("%s: ended by %v", name, err)
		}
		if host.yields < 100 {
			t.Errorf("%s: yields %d times only", name, host.yields)
		}
	}
}

// counting is a host that counts the turns it gets.
type counting struct {
	silent
	yields int
}

func (h *counting) Yield() { h.yields++ }

// BenchmarkCompile compiles 10,000 of each construct.
func BenchmarkCompile(b *testing.B) {
	for _, c := range constructs {
		b.Run(c.name, func(b *testing.B) {
			text := c.text(10_000)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := rhai.Compile(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
