// Command fastgen writes fast_gen.go of package vm: the dispatch loop for the common path. The
// loop repeats the arithmetic of integers and floats for each form of operand, because a call
// would cost more than the work. Here each operator stands once, in the tables below; what is
// peculiar to one instruction is in fast.go.tmpl.
//
// Run it by "go generate ./plugins/rhai/vm".
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"os"
	"text/template"
)

// Integer is how an arithmetic operator works on the integers x and y.
type Integer struct {
	Result string // may be named by When as s
	When   string // when the result is right; what remains is left to the slow path
	Before bool   // When is asked before: the result would cost too much, or fail
}

// Arithmetic is an operator on two numbers. The ways on integers are tried in order.
type Arithmetic struct {
	Name    string // of the opcode, and of the operator in package syntax
	Integer []Integer
	Float   string // of the floats x and y; "": left to the slow path
}

var arithmetic = []Arithmetic{
	{"Add", []Integer{{Result: "x + y", When: "(x^s)&(y^s) >= 0"}}, "x + y"},
	{"Sub", []Integer{{Result: "x - y", When: "(x^y)&(x^s) >= 0"}}, "x - y"},
	{"Mul", []Integer{{Result: "x * y", When: "x == int64(int32(x)) && y == int64(int32(y))", Before: true}}, "x * y"},
	// Division of 32 bits is faster. The divisors 0 and -1 can fail.
	{"Div", []Integer{
		{Result: "uint32(x) / uint32(y)", When: "uint64(x|y)>>32 == 0 && y != 0", Before: true},
		{Result: "x / y", When: "y > 0", Before: true},
	}, "x / y"},
	{"Mod", []Integer{
		{Result: "uint32(x) % uint32(y)", When: "uint64(x|y)>>32 == 0 && y != 0", Before: true},
		{Result: "x % y", When: "y > 0", Before: true},
	}, ""},
}

// Comparison is an operator on two integers. Floats and texts are compared by a function.
type Comparison struct {
	Name     string
	Operator string
	Inverse  string
	While    []string // how a loop can end with it: "" with a register, "I" with an integer
}

var comparisons = []Comparison{
	{"Eq", "==", "!=", nil},
	{"Ne", "!=", "==", []string{"I"}},
	{"Lt", "<", ">=", []string{"", "I"}},
	{"Le", "<=", ">", []string{""}},
	{"Gt", ">", "<=", []string{"", "I"}},
	{"Ge", ">=", "<", []string{"I"}},
}

//go:embed fast.go.tmpl
var loop string

func generate() ([]byte, error) {
	t, err := template.New("fast.go.tmpl").Parse(loop)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]any{"Arithmetic": arithmetic, "Comparisons": comparisons}); err != nil {
		return nil, err
	}
	return format.Source(out.Bytes())
}

func main() {
	source, err := generate()
	if err == nil {
		err = os.WriteFile("fast_gen.go", source, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fastgen:", err)
		os.Exit(1)
	}
}
