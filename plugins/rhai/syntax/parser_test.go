package syntax

import (
	"strings"
	"testing"
)

// parseExpr parses a script that is one expression.
func parseExpr(t *testing.T, script string) Expr {
	t.Helper()
	prog, err := Parse(script, Options{})
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	if len(prog.Body) != 1 {
		t.Fatalf("%s: %d statements, want 1", script, len(prog.Body))
	}
	stmt, ok := prog.Body[0].(*ExprStmt)
	if !ok {
		t.Fatalf("%s: a %T, want an expression", script, prog.Body[0])
	}
	return stmt.Expr
}

// Columns as Rhai's Expr::position and Expr::start_position return them.
func TestExpressionPositions(t *testing.T) {
	for _, c := range []struct {
		script     string
		pos, start int32
	}{
		{"  a", 3, 3},
		{"a + b", 3, 3},
		{"a + b * c", 3, 3},
		{"a * b + c", 7, 7},
		{"a && b", 3, 1},
		{"a && b && c", 3, 1},
		{"a + b || c", 7, 3},
		{"x ?? y ?? z", 3, 1},
		{"a in b", 3, 3},
		{"a !in b", 3, 3},
		{"1..2", 2, 2},
		{"..2", 1, 1},
		{"-a", 1, 1},
		{"- 5", 1, 1},
		{"+ 5", 3, 3},
		{"!a", 1, 1},
		{"f(x)", 1, 1},
		{"m::n::f(x)", 7, 7},
		{"m::n::v", 7, 1},
		{"a.b", 2, 1},
		{"a.b.c", 2, 1},
		{"a.b.f().c[1]", 2, 1},
		{"f(1).g", 5, 1},
		{"a[0][1]", 2, 1},
		{"(a.b)[0]", 3, 2},
		{"m::v.p", 5, 1},
		{"(a + b)", 4, 4},
		{"[1, 2]", 1, 1},
		{" #{}", 2, 2},
		{" `a${b}`", 2, 2},
		{" |x| x", 2, 2},
	} {
		x := parseExpr(t, c.script)
		if got := x.Pos(); got != (Position{1, c.pos}) {
			t.Errorf("%s: position %v, want column %d", c.script, got, c.pos)
		}
		if got := x.Start(); got != (Position{1, c.start}) {
			t.Errorf("%s: starts at %v, want column %d", c.script, got, c.start)
		}
	}
}

func TestStatementPositions(t *testing.T) {
	for _, c := range []struct {
		script string
		column int32
	}{
		{"  let x = 1", 3},
		{"export let x = 1", 8},
		{"export x", 1},
		{"x = 1", 3},
		{"x.y += 1", 5},
		{"a + b", 3},
		{"a && b", 1},
		{" { }", 2},
		{" if a {} else if b {}", 2},
		{" loop { break; }", 2},
		{" do { } while a", 2},
		{" for i in a {}", 2},
		{" switch a {}", 2},
		{" try {} catch {}", 2},
		{" return 1", 2},
		{" throw", 2},
		{` import "a"`, 2},
	} {
		prog, err := Parse(c.script, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.script, err)
			continue
		}
		if got := prog.Body[0].Pos(); got != (Position{1, c.column}) {
			t.Errorf("%s: position %v, want column %d", c.script, got, c.column)
		}
	}
}

// Each link of a chain keeps its own place and question mark.
func TestChainLinks(t *testing.T) {
	x := parseExpr(t, "a?.b?[1].c(2)").(*MethodCall)
	if x.Position != (Position{1, 9}) || x.Name.Position != (Position{1, 10}) || len(x.Args) != 1 || x.Elvis {
		t.Errorf("method: %+v", x)
	}
	index := x.Base.(*Index)
	if index.Position != (Position{1, 5}) || index.Elvis {
		t.Errorf("index before a dot keeps its place and loses its question mark: %+v", index)
	}
	if prop := index.Base.(*Property); prop.Position != (Position{1, 2}) || !prop.Elvis || prop.Name.Name != "b" {
		t.Errorf("property: %+v", prop)
	}

	for script, want := range map[string][2]bool{ // of the inner and the outer index
		"a?[0][1]":  {false, false},
		"a[0]?[1]":  {true, true},
		"a?[0]?[1]": {true, true},
		"a[0][1]":   {false, false},
	} {
		outer := parseExpr(t, script).(*Index)
		if got := [2]bool{outer.Base.(*Index).Elvis, outer.Elvis}; got != want {
			t.Errorf("%s: question marks %v, want %v", script, got, want)
		}
	}
	if kept := parseExpr(t, "(a?[0]).b").(*Property).Base.(*Index); !kept.Elvis {
		t.Error("(a?[0]).b: the parentheses keep the question mark")
	}
}

func TestCaptures(t *testing.T) {
	captures := func(x *Closure) string {
		var names []string
		for _, c := range x.Captures {
			names = append(names, c.Name+"@"+formatInt(int64(c.Position.Column)))
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct{ script, want string }{
		{"|| 1", ""},
		{"|x| x", ""},
		{"|x| x + y", "y@9"},
		{"|x| y + x + y + z", "y@5 z@17"},
		{"|| a.b.c", "a@4"},           // properties are no variables
		{"|| f(a)", "a@6"},            // nor are called names,
		{"|| a.f(b)", "a@4 b@8"},      //
		{"|| m::v + m::f(a)", "a@16"}, // nor what is in a module
		{"|| f.call(1)", "f@4"},
		{"|| #{a: b}", "b@9"},
		{"|| { let a = a; a }", "a@14"}, // the value comes before the name
		{"|| { let a = 1; a }", ""},
		{"|| { { let a = 1; } a }", "a@21"},
		{"|| for i in a { b += i }", "a@13 b@17"},
		{"|| for (i, j) in a { i + j }", "a@18"},
		{"|| try { a } catch (e) { e }", "a@10"},
		{"|| { try { } catch (e) { } e }", "e@28"},
		{"|| |x| x + a", "a@12"},      // through the inner closure
		{"|a| |x| x + a", ""},         // which takes it from the outer one
		{"|| [|| a, || a, a]", "a@8"}, // once each
		{"|| [|x| a, |a| a, b]", "a@9 b@19"},
		{"|| `${a}`", "a@7"},
		{"|| this.x", ""},
	} {
		x, ok := parseExpr(t, c.script).(*Closure)
		if !ok {
			t.Errorf("%s: no closure", c.script)
			continue
		}
		if got := captures(x); got != c.want {
			t.Errorf("%s: captures %q, want %q", c.script, got, c.want)
		}
	}

	// The inner closures of || [|| a, || a, a].
	outer := parseExpr(t, "|| [|| a, || a, a]").(*Closure)
	list := outer.Func.Body.Stmts[0].(*ExprStmt).Expr.(*ArrayLit)
	for i, want := range []string{"a@8", "a@14"} {
		if got := captures(list.Elems[i].(*Closure)); got != want {
			t.Errorf("inner closure %d captures %q, want %q", i, got, want)
		}
	}

	// A script function is no variable, from its definition on.
	prog, err := Parse("let x = || g + h; fn g() {} let y = || g + h;", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"g@12 h@16", "h@44"} {
		if got := captures(prog.Body[i].(*Let).Value.(*Closure)); got != want {
			t.Errorf("closure %d captures %q, want %q", i, got, want)
		}
	}
}

func TestFunctions(t *testing.T) {
	prog, err := Parse(`
/// Adds.
/// Really.
private fn add(a, b) { a + b }
// no doc comment
fn int.double() { this * 2 }
/** Block. */
fn "My Type".name() { }
`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	type summary struct {
		name, thisType, comments string
		params                   int
		private                  bool
		position                 Position
	}
	want := []summary{
		{"add", "", "/// Adds.\n/// Really.", 2, true, Position{4, 9}},
		{"double", "i64", "", 0, false, Position{6, 1}},
		{"name", "My Type", "/** Block. */", 0, false, Position{8, 1}},
	}
	if len(prog.Functions) != len(want) {
		t.Fatalf("%d functions, want %d", len(prog.Functions), len(want))
	}
	for i, f := range prog.Functions {
		got := summary{f.Name, f.ThisType, strings.Join(f.Comments, "\n"), len(f.Params), f.Private, f.Position}
		if got != want[i] {
			t.Errorf("function %d: %+v, want %+v", i, got, want[i])
		}
	}
}

// What the text of eval and parse_json may hold, in Rhai's words.
func TestModes(t *testing.T) {
	for _, c := range []struct {
		mode         Mode
		source, want string
	}{
		{Eval, "  let x = 1; x  ", ""},
		{Eval, "   ", ""},
		{Eval, "\u2003 1 +", "Script is incomplete (line 1, position 4)"},
		{Eval, "fn q() { 1 } q()", msgNestedFunction},
		{Eval, "|x| x + 1", msgNestedFunction},
		{Eval, "break;", "Break statement should only be used inside a loop (line 1, position 1)"},
		{JSON, `{"a": [1, -2.5e3, true, null, {"b": "c"}]}`, ""},
		{JSON, `[1, 2]`, ""},
		{JSON, ``, "Script is incomplete (line 1, position 1)"},
		{JSON, `{"a": 1`, "Expecting '}' to end this object map literal (line 1, position 8)"},
		{JSON, `{"a": 1} trailing`, "Unexpected 'trailing' (line 1, position 10)"},
		{JSON, `{"a": 1} 1e300`, "Unexpected '1e300' (line 1, position 10)"},
		{JSON, `{"a": 1} "text"`, `Unexpected '"text"' (line 1, position 10)`},
		{JSON, `#{"a": 1}`, "Invalid symbol encountered: '#{' (line 1, position 1)"},
		{JSON, `{"a": ()}`, "Invalid symbol encountered: '()' (line 1, position 7)"},
		{JSON, "{\"a\": `b${1}`}", "Invalid symbol encountered: 'interpolated string' (line 1, position 7)"},
		{JSON, `{a: 1}`, "Expecting name of a property (line 1, position 2)"},
		{JSON, `{"s": "a\/b"}`, `Invalid escape sequence: '\/' (line 1, position 10)`},
		{JSON, `{"dup": 1, "dup": 2}`, "Duplicated property for object map literal: dup (line 1, position 12)"},
		{JSON, `while true`, "Unexpected 'while' (line 1, position 1)"},
	} {
		_, err := Parse(c.source, Options{Mode: c.mode})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("mode %d, %s: %q, want %q", c.mode, c.source, got, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name, script string
		opts         Options
		want         string
	}{
		{"string", `"12345"`, Options{MaxStringSize: 5}, ""},
		{"string", ` "123456"`, Options{MaxStringSize: 5}, "Length of string exceeds the maximum limit (5) (line 1, position 2)"},
		{"text", "`12${a}345678`", Options{MaxStringSize: 5}, "Length of string exceeds the maximum limit (5) (line 1, position 7)"},
		{"raw", `#"123456"#`, Options{MaxStringSize: 5}, "Length of string exceeds the maximum limit (5) (line 1, position 1)"},
		{"array", "[1, 2]", Options{MaxArraySize: 3}, ""},
		{"array", "[1, 2, 3]", Options{MaxArraySize: 3}, "Size of array literal exceeds the maximum limit (3) (line 1, position 9)"},
		{"map", "#{a: 1, b: 2}", Options{MaxMapSize: 2}, ""},
		{"map", "#{a: 1, b: 2, c: 3}", Options{MaxMapSize: 2}, "Number of properties in object map literal exceeds the maximum limit (2) (line 1, position 18)"},
		{"parentheses", strings.Repeat("(", 31) + "1" + strings.Repeat(")", 31), Options{}, ""},
		{"parentheses", strings.Repeat("(", 32) + "1" + strings.Repeat(")", 32), Options{}, msgTooDeep + " (line 1, position 32)"},
		{"in a function", "fn f() { " + strings.Repeat("(", 14) + "1" + strings.Repeat(")", 14) + " }", Options{}, ""},
		{"in a function", "fn f() { " + strings.Repeat("(", 15) + "1" + strings.Repeat(")", 15) + " }", Options{}, msgTooDeep + " (line 1, position 24)"},
		{"asked for more", strings.Repeat("(", 100) + "1" + strings.Repeat(")", 100), Options{ExprDepth: 203}, ""},
	} {
		_, err := Parse(c.script, c.opts)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A megabyte of anything ends in an error or a tree, soon and without deep recursion.
func TestHugeSources(t *testing.T) {
	check := func(unit string, size int, deep bool) {
		t.Helper()
		source := strings.Repeat(unit, size/len(unit))
		for _, depth := range []int{0, 10 * MaxDepth} {
			_, err := Parse(source, Options{ExprDepth: depth, FunctionExprDepth: depth})
			if got := err != nil && strings.HasPrefix(err.Error(), msgTooDeep); got != deep {
				t.Errorf("%s...: too deep is %v, want %v (%v)", unit, got, deep, err)
			}
		}
	}
	for _, unit := range []string{
		"(", "[", "- ", "!", "{", "#{a:", "|x| ", "|| {", "if x {", "if x {} else ", "x[", "x.", "x?.y", "f(", "1 + ", "1 ** ", "a && ",
		"`${", "[1][0]", "switch x { 1 => ", "x ?? return ", "try {", "1|", "while x {", "do {", "for i in x {", "x.f(", "x = if x {",
	} {
		check(unit, 1<<20, true)
	}
	for _, unit := range []string{
		"a::", ";", "/*", "//", "#", "\\", "\"", "'", "`", "x;", "[1],", "\n", "private ", "fn f() { ", "return ", "loop { break ", "1_", "1e", "\r",
	} {
		check(unit, 1<<17, false)
	}
}

// Many names must not make the parser slow: it has no operation limit.
func TestManyNames(t *testing.T) {
	const n = 20_000
	repeat := func(format func(name string) string) string {
		var b strings.Builder
		for i := range int64(n) {
			b.WriteString(format("n" + formatInt(i)))
		}
		return b.String()
	}
	for name, script := range map[string]string{
		"variables":  repeat(func(s string) string { return "let " + s + " = m" + s + ";" }),
		"captures":   "|| [" + repeat(func(s string) string { return s + "," }) + "]",
		"twice":      "|| [|| [" + repeat(func(s string) string { return s + "," }) + "]," + repeat(func(s string) string { return s + "," }) + "]",
		"keys":       "#{" + repeat(func(s string) string { return s + ": 1," }) + "}",
		"parameters": "fn f(" + repeat(func(s string) string { return s + "," }) + "z) {}",
		"functions":  repeat(func(s string) string { return "fn " + s + "() {}" }),
		"cases":      "switch x {" + repeat(func(s string) string { return "\"" + s + "\" => 1," }) + "}",
		"path":       repeat(func(s string) string { return s + "::" }) + "f()",
	} {
		if _, err := Parse(script, Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoUTF8(t *testing.T) {
	for source, want := range map[string]string{
		"\xff":            "Unexpected '\uFFFD' (line 1, position 1)",
		"x \xc3":          "Unexpected '\uFFFD' (line 1, position 3)",
		"\"\\\xff\"":      "Invalid escape sequence: '\\\uFFFD' (line 1, position 3)",
		"\"\\x\xff\"":     "Invalid escape sequence: '\\x\uFFFD' (line 1, position 4)",
		"#\xff":           "'#' is a reserved symbol (line 1, position 1)",
		"##\xff":          "Unexpected '\uFFFD' (line 1, position 1)",
		"let a = 'a\xe2'": "Invalid character: 'a\uFFFD' (line 1, position 9)",
	} {
		_, err := Parse(source, Options{})
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", source, err, want)
		}
	}
	for source, want := range map[string]string{"\"a\xffb\"": "a\uFFFDb", "`\xe4\xb8`": "\uFFFD\uFFFD", "#\"\xff\"#": "\uFFFD"} {
		if got := parseExpr(t, source).(*StringLit).Value; got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}

func TestIsReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"let": true, "print": true, "+": true, "===": true, "#!": true, "?": true, "_": true, "!in": true, "..=": true, "()": true,
		"foo": false, "": false, " +": false, "1": false, "+ +": false, "# {": false, "\"a\"": false, "é": false, "exit": false, "__": false,
	} {
		if got := IsReserved(name); got != want {
			t.Errorf("IsReserved(%q) is %v", name, got)
		}
		if IsFunctionName(name) != (name == "foo" || name == "exit") {
			t.Errorf("IsFunctionName(%q) is %v", name, IsFunctionName(name))
		}
	}
}
