package syntax

import (
	"math"
	"strings"
	"testing"
)

// shape writes an expression with all its parentheses.
func shape(x Expr) string {
	list := func(xs []Expr) string {
		var parts []string
		for _, x := range xs {
			parts = append(parts, shape(x))
		}
		return strings.Join(parts, ", ")
	}
	elvis := func(e bool) string {
		if e {
			return "?"
		}
		return ""
	}
	path := func(idents []Ident) string {
		text := ""
		for _, i := range idents {
			text += i.Name + "::"
		}
		return text
	}
	switch x := x.(type) {
	case nil:
		return ""
	case *IntLit:
		return formatInt(x.Value)
	case *FloatLit:
		t := token{kind: tokFloat}
		t.number = math.Float64bits(x.Value)
		return t.describe()
	case *StringLit:
		return `"` + x.Value + `"`
	case *CharLit:
		return "'" + string(x.Value) + "'"
	case *Variable:
		return path(x.Path) + x.Name
	case *ArrayLit:
		return "[" + list(x.Elems) + "]"
	case *Call:
		bang := ""
		if x.CaptureScope {
			bang = "!"
		}
		return path(x.Path) + x.Name + bang + "(" + list(x.Args) + ")"
	case *Unary:
		return "(" + x.Op.String() + shape(x.Operand) + ")"
	case *Binary:
		return "(" + shape(x.Left) + " " + x.Op.String() + " " + shape(x.Right) + ")"
	case *Property:
		return shape(x.Base) + elvis(x.Elvis) + "." + x.Name.Name
	case *MethodCall:
		return shape(x.Base) + elvis(x.Elvis) + "." + x.Name.Name + "(" + list(x.Args) + ")"
	case *Index:
		return shape(x.Base) + elvis(x.Elvis) + "[" + shape(x.Index) + "]"
	case *StmtExpr:
		switch s := x.Stmt.(type) {
		case *Return:
			return "return " + shape(s.Value)
		case *Block:
			var parts []string
			for _, stmt := range s.Stmts {
				parts = append(parts, shape(stmt.(*ExprStmt).Expr))
			}
			return "{" + strings.Join(parts, "; ") + "}"
		}
	case *Interpolation:
		return "`" + list(x.Parts) + "`"
	}
	return "???"
}

func TestShapes(t *testing.T) {
	for script, want := range map[string]string{
		"a + b * c - d":                  "((a + (b * c)) - d)",
		"a * b + c":                      "((a * b) + c)",
		"a - b - c":                      "((a - b) - c)",
		"a ** b ** c":                    "(a ** (b ** c))",
		"-a ** b":                        "((-a) ** b)",
		"-2 ** 2":                        "(-2 ** 2)",
		"!a && b":                        "((!a) && b)",
		"a << b + c":                     "((a << b) + c)",
		"a | b & c ^ d":                  "((a | (b & c)) ^ d)",
		"a || b && c":                    "(a || (b && c))",
		"a == b & c":                     "((a == b) & c)",
		"a < b == c > d":                 "((a < b) == (c > d))",
		"a in b == c":                    "((a in b) == c)",
		"a !in b && c":                   "((a !in b) && c)",
		"a ?? b + c ?? d":                "((a ?? (b + c)) ?? d)",
		"a ?? return b":                  "(a ?? return b)",
		"a..b + 1":                       "(a .. (b + 1))",
		"[a.., ..b, ..=c, ..]":           "[(a .. ), (0 .. b), (0 ..= c), (0 .. )]",
		"a.b.c(d)[e].f":                  "a.b.c(d)[e].f",
		"-a.b":                           "(-a.b)",
		"!a[0]":                          "(!a[0])",
		"(a)(b)":                         "a(b)",
		"(a + b).c":                      "(a + b).c",
		"m::n::f!(a)":                    "???",
		"m::n::f(a).b":                   "m::n::f(a).b",
		"f!(a)":                          "f!(a)",
		"a?.b?[0]":                       "a?.b?[0]",
		"a - 1":                          "(a - 1)",
		"a -1":                           "(a - 1)",
		"f(-1, - 1, +1, -a)":             "f(-1, -1, 1, (-a))",
		"- -9223372036854775808":         "9.223372036854776e18",
		"0x_ff + 0b1_0 + 0o17":           "((255 + 2) + 15)",
		"1.5e3 + 1. + 2E-1":              "((1500.0 + 1.0) + 0.2)",
		"5.abs()":                        "5.abs()",
		"`a${b}c${d; e}`":                "`\"a\", {b}, \"c\", {d; e}`",
		"``":                             `""`,
		"\"a\"\"b\\x41\\u00e9\\\n   c\"": `"a"bAé  c"`, // less the space up to the quote
		"##\"a\"#b\"##":                  `"a"#b"`,
		"`\na``b\\n`":                    "\"a`b\\n\"",
		"'\\''":                          "'''",
		"\"a\r\nb":                       "???",
	} {
		prog, err := Parse(script, Options{})
		got := "???"
		if err == nil {
			got = shape(prog.Body[0].(*ExprStmt).Expr)
		}
		if got != want {
			t.Errorf("%q: %s, want %s (%v)", script, got, want, err)
		}
	}
}

func TestIncomplete(t *testing.T) {
	for script, want := range map[string]bool{
		"1 +":        true,
		"f(1,":       true,
		"fn f() {":   true,
		"[1, 2":      true,
		"#{a: 1":     true,
		"if x":       true,
		"switch x {": true,
		"`text":      true,
		"`a${b} c":   true,
		"\"text":     false, // more lines cannot mend it
		"1 + )":      false,
		"let":        true,
		"5 5":        false,
	} {
		_, err := Parse(script, Options{})
		parseErr, ok := err.(*ParseError)
		if !ok || parseErr.Incomplete != want {
			t.Errorf("%s: %+v, want incomplete %v", script, parseErr, want)
		}
	}
}
