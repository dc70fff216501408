package rhai_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

func TestModules(t *testing.T) {
	shapes := map[string]string{
		"shapes": `
			import "units" as u;
			export const SIDES = 4;
			const SECRET = 7;
			fn area(w, h) { scale(w * h) }
			fn scale(x) { u::to_cm(x) * global::SECRET / global::SECRET }
			private fn hidden() { 1 }
			fn each(list) { list.map(|x| scale(x)) }
			fn name() { ctx.name }`,
		"units": `export const CM = 100; fn to_cm(x) { x * global::CM }`,
	}
	deep := map[string]string{}
	for i := range 10 {
		deep["m"+string(rune('0'+i))] = `import "m` + string(rune('1'+i)) + `" as next;`
	}
	tests := []struct {
		name    string
		modules map[string]string
		script  string
		want    string // in debug form, or part of the error
	}{
		{"function", shapes, `import "shapes" as s; s::area(2, 3)`, `600`},
		{"constant", shapes, `import "shapes" as s; s::SIDES`, `4`},
		{"constant that is not exported", shapes, `import "shapes" as s; s::SECRET`, `Variable not found: s::SECRET (line 1, position 23)`},
		{"private function", shapes, `import "shapes" as s; s::hidden()`, `Function not found: s::hidden () (line 1, position 26)`},
		{"module of a module", shapes, `import "shapes" as s; s::u::to_cm(1)`, `100`},
		{"closure in a module", shapes, `import "shapes" as s; s::each([1, 2])`, `[100, 200]`},
		{"ctx in a module", shapes, `import "shapes" as s; s::name()`, `"test"`},
		{"ctx changed in a module", map[string]string{"a": `fn f() { ctx.name.make_upper(); ctx.name } fn g() { ctx.name }`}, `import "a" as a; [a::f(), a::g(), ctx.name]`, `["TEST", "test", "test"]`},
		{"constant changed by a method", map[string]string{"a": `export const L = [1];`}, `import "a" as a; a::L.push(2); a::L`, `Non-pure method 'push' cannot be called on constant (line 1, position 23)`},
		{"closure into a module", shapes, `import "shapes" as s; import "units" as u; fn run(f) { f.call(2) } run(|x| u::to_cm(x))`, `200`},
		{"error in a module", map[string]string{"a": "fn f() {\n g() }\nfn g() { 1 / 0 }"}, `import "a" as a; a::f()`,
			"Division by zero: 1 / 0 @ 'a'\nin call to function 'g' (from 'a') @ 'a' (line 2, position 2)\nin call to function 'f' (from 'a') (line 1, position 21)"},
		{"in a function", shapes, `import "units" as u; fn f(x) { u::to_cm(x) } f(2)`, `200`},
		{"its scope is the block", shapes, `{ import "units" as u; u::to_cm(1); } u::to_cm(2)`, `Module not found: u (line 1, position 39)`},
		{"twice, under two names", shapes, `import "units" as a; import "units" as b; a::CM + b::CM`, `200`},
		{"assignment to a constant", shapes, `import "units" as a; a::CM = 1`, `Cannot modify constant CM`},
		{"in a loop", shapes, `let n = 0; for i in 0..3 { import "units" as u; n += u::CM; } n`, `300`},
		{"unknown module", shapes, `let x = 1; import "nope" as n;`, `Module not found: nope (line 1, position 19)`},
		{"name that is no literal", shapes, `let x = "units"; import x as n;`, `must be a string literal that is not empty (line 1, position 25)`},
		{"cycle", map[string]string{"a": `import "b" as b;`, "b": `import "a" as a;`}, `import "a" as a;`, `Import cycle: a -> b -> a`},
		{"too deep", deep, `import "m0" as m;`, `Imports nested more than 8 deep: m0 -> m1`},
		{"not a module", map[string]string{"a": `print("hi");`}, `import "a" as a;`,
			"A module may contain only constants, functions and imports (line 1, position 1)\nin module 'a' (line 1, position 8)"},
		{"does not parse", map[string]string{"a": "\nfn f( {"}, `import "a" as a;`, "(line 2, position 7)\nin module 'a' (line 1, position 8)"},
		{"error in its constants", map[string]string{"a": `export const X = [1][3];`}, `import "a" as a;`,
			"Array index 3 out of bounds: only 1 element in array (line 1, position 22)\nin module 'a' (line 1, position 8)"},
		{"many paths to one module", diamonds(7), `import "d0" as d;`, `()`},
		{"log is no import", nil, `math::sin(1)`, `Module not found: math (line 1, position 1)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := runLinked(test.script, test.modules)
			if !strings.Contains(got, test.want) {
				t.Errorf("%s\n got %s\nwant %s", test.script, got, test.want)
			}
		})
	}
}

// diamonds returns n levels of modules. Each imports the next one 30 times.
func diamonds(n int) map[string]string {
	modules := map[string]string{}
	for i := range n {
		modules["d"+strconv.Itoa(i)] = strings.Repeat(`import "d`+strconv.Itoa(i+1)+"\" as d;", 30)
	}
	modules["d"+strconv.Itoa(n)] = "const X = 1;"
	return modules
}

// runLinked runs a script with modules; ctx is #{name: "test"}.
func runLinked(script string, modules map[string]string) string {
	compiler := rhai.Compiler{Library: lib.Standard(), Variables: []string{"ctx"}}
	p, err := compiler.Script(script)
	if err != nil {
		return err.Error()
	}
	err = compiler.Link(p, rhai.Modules{Source: func(name string) (string, bool) { text, ok := modules[name]; return text, ok }})
	if err != nil {
		return err.Error()
	}
	ctx := vm.NewMap(1)
	ctx.Set("name", vm.String("test"))
	t := vm.NewThread(p, &conformance.Recorder{}, conformance.Limits, nil, 1)
	rhai.Prepare(t)
	v, err := t.Run(vm.NewMapValue(ctx))
	if err != nil {
		return err.Error()
	}
	return vm.Debug(v)
}
