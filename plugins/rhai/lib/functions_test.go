package lib

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// rustKinds are the types in the list of Rhai's functions that scripts have values of.
// The others (integers of other sizes, 32-bit floats and ranges of them) a default engine never
// makes.
var rustKinds = map[string]vm.Kind{
	"()": vm.KindUnit, "bool": vm.KindBool, "i64": vm.KindInt, "f64": vm.KindFloat, "u8": vm.KindU8, "char": vm.KindChar,
	"string": vm.KindString, "array": vm.KindArray, "map": vm.KindMap, "blob": vm.KindBlob, "Fn": vm.KindFn,
	"range": vm.KindRange, "range=": vm.KindRangeInclusive, "std::ops::Range<i64>": vm.KindRange,
	"timestamp": vm.KindTimestamp, "Dynamic": vm.KindAny,
}

// sample is an expression of each kind.
var sample = map[vm.Kind]string{
	vm.KindString: `"a"`, vm.KindInt: "1", vm.KindFloat: "1.0", vm.KindArray: "[]", vm.KindBlob: "blob()", vm.KindFn: `Fn("abs")`,
	vm.KindRange: "(1..2)", vm.KindRangeInclusive: "(1..=2)", vm.KindTimestamp: "timestamp()", vm.KindAny: "true",
	vm.KindU8: `{ let x = (); for b in blob(1) { x = b; } x }`,
}

// signature is a line of the list: a function, an operator, or with the prefixes get$ and
// set$ a property.
type signature struct {
	name    string
	params  []vm.Kind
	byValue bool // the first parameter is not a reference
	known   bool // scripts have values of all of these types
}

func parseSignature(line string) (s signature) {
	open := strings.Index(line[1:], "(") + 1
	if strings.HasPrefix(line, "!(") { // an operator in front of the list
		open = 1
	}
	s.name, s.known, s.byValue = line[:open], true, true
	params := line[open+1:]
	if end := strings.Index(params, ") -> "); end >= 0 {
		params = params[:end]
	} else {
		params = params[:len(params)-1]
	}
	if params == "" {
		return s
	}
	for i, p := range strings.Split(params, ", ") {
		_, kind, _ := strings.Cut(p, ": ")
		if i == 0 && strings.HasPrefix(kind, "&mut ") {
			s.byValue = false
		}
		k, ok := rustKinds[strings.TrimPrefix(kind, "&mut ")]
		s.params = append(s.params, k)
		s.known = s.known && ok
	}
	return s
}

func readSignatures(t *testing.T) (list []signature) {
	file, err := os.Open("../conformance/functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		list = append(list, parseSignature(lines.Text()))
	}
	if len(list) < 800 {
		t.Fatalf("only %d functions in the list", len(list))
	}
	return list
}

// notListed are the functions that the list of Rhai's does not have, or not by their types.
var notListed = []string{
	"type_of",  // part of the language there
	"to_int",   // the list leaves out the types of most overloads
	"to_float", // likewise
}

// TestEveryFunction compares the library with the list of the real engine's functions: each
// overload for types that scripts have must exist, and no other.
func TestEveryFunction(t *testing.T) {
	overloads := map[string][]*vm.Native{}
	Standard().Functions(func(n *vm.Native) { overloads[n.Name] = append(overloads[n.Name], n) })
	expected := map[*vm.Native]bool{}
	thread := vm.NewThread(&vm.Program{Native: Standard()}, silentHost{}, abi.DefaultLimits, nil, 1)

	for _, s := range readSignatures(t) {
		switch {
		case !s.known || slices.Contains(notListed, s.name):
		case strings.HasPrefix(s.name, "get$"):
			script := "let x = " + sample[s.params[0]] + "; x." + s.name[len("get$"):]
			if _, _, err := run(t, script, "", abi.Limits{}); err != nil {
				t.Errorf("%s: %v", script, err)
			}
		case strings.HasPrefix(s.name, "set$"):
			script := "let x = " + sample[s.params[0]] + "; x." + s.name[len("set$"):] + " = " + sample[s.params[1]]
			if _, _, err := run(t, script, "", abi.Limits{}); err != nil {
				t.Errorf("%s: %v", script, err)
			}
		case !syntax.IsFunctionName(s.name) && s.name != "print" && s.name != "debug":
			operatorExists(t, thread, s)
		default:
			n := overload(overloads[s.name], s.params)
			if n == nil {
				t.Errorf("missing: %s %v", s.name, s.params)
				continue
			}
			expected[n] = true
			if n.Mutates && s.byValue {
				t.Errorf("%s %v changes its first argument, Rhai's does not", s.name, s.params)
			}
		}
	}
	for name, list := range overloads {
		for _, n := range list {
			if !expected[n] && !slices.Contains(notListed, name) {
				t.Errorf("not in Rhai: %s %v", name, n.Params)
			}
		}
	}
}

// overload finds the one that accepts all values of the kinds.
func overload(list []*vm.Native, params []vm.Kind) *vm.Native {
	for _, n := range list {
		accepts := func(want, have vm.Kind) bool { return want == have || want == vm.KindAny }
		if slices.EqualFunc(n.Params, params, accepts) {
			return n
		}
	}
	return nil
}

// operatorExists evaluates an operator with a value of each of its types.
func operatorExists(t *testing.T, thread *vm.Thread, s signature) {
	values := make([]vm.Value, len(s.params))
	for i, k := range s.params {
		switch k {
		case vm.KindUnit:
		case vm.KindU8:
			values[i] = vm.U8(1)
		case vm.KindTimestamp:
			values[i] = vm.Timestamp(1)
		case vm.KindBool, vm.KindAny:
			values[i] = vm.Bool(true)
		case vm.KindChar:
			values[i] = vm.Char('a')
		case vm.KindMap:
			values[i] = vm.NewMapValue(vm.NewMap(0))
		default:
			v, _, err := run(t, sample[k], "", abi.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", sample[k], err)
			}
			values[i] = v
		}
	}
	for op := syntax.OpAdd; op <= syntax.OpPos; op++ {
		var err *vm.Error
		switch {
		case len(values) == 1 && op >= syntax.OpNot && op.String() == s.name:
			_, err = thread.Unary(op, values[0])
		case len(values) == 2 && op < syntax.OpNot && op.String() == s.name:
			_, err = thread.Binary(op, values[0], values[1])
		case len(values) == 2 && op < syntax.OpEq && op.String()+"=" == s.name:
			err = thread.OpAssign(op, &values[0], values[1])
		default:
			continue
		}
		if err != nil {
			t.Errorf("%s %v: %v", s.name, s.params, err)
		}
		return
	}
	t.Errorf("no operator %s", s.name)
}
