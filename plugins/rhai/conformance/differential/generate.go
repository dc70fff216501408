package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes one program. All programs end: loops count up to a small number in a
// variable that nothing else assigns to, and functions call only those made before them
// or themselves with a smaller number.
type generator struct {
	*rand.Rand
	wild    float64 // how often a value of an unsuitable type stands somewhere
	vars    []variable
	fns     []definition
	methods []definition
	imports []imported
	globals []variable // constants that global:: reaches
	prefix  string     // of the names of functions, in a module
	hidden  int        // names that no program text refers to
	loops   int        // around this place, within the function
	ends    bool       // a break here would leave a loop of ours
	within  int        // functions and closures around this place
	eval    bool       // no closures here
	evals   bool       // the program may have evals, and then no bare names of functions, see rules.go
	this    kind       // what this is bound to; unit: nothing
	size    int        // nodes left to make
	nest    int        // levels around this place
}

// variable is one that can be seen.
type variable struct {
	name     string
	kind     kind
	constant bool
	counter  bool // of a loop: nothing may assign to it
	pinned   bool // not to be captured, see rules.go
	captured bool
}

// definition is a script function.
type definition struct {
	name   string
	params []kind
	result kind
	this   kind // of a method
}

// generate makes the program of a number: always the same for a seed.
func generate(seed, number uint64) *node {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, number))}
	g.wild = []float64{0, 0.02, 0.02, 0.15}[g.IntN(4)]
	g.evals = g.chance(0.3)
	g.size = 40 + g.IntN(200)
	program := text()
	if g.chance(0.3) {
		for i := range 1 + g.IntN(3) {
			program.parts = append(program.parts, g.module(i+1))
		}
		program.parts = append(program.parts, mark+"\n")
	}
	var parts []*node
	for range g.IntN(4) {
		g.globals = append(g.globals, variable{name: strings.ToUpper(g.fresh("g")), kind: g.constantKind()})
	}
	for range g.IntN(4) {
		parts = append(parts, g.definition())
	}
	g.this = unit
	for i, m := range g.imports {
		parts = append(parts, stmt(fmt.Sprintf("import \"m%d\" as %s;", i+1, m.alias)))
	}
	for _, v := range g.globals {
		if g.chance(0.85) {
			parts = append(parts, stmt("const "+v.name+" = ", g.literal(v.kind), ";"))
		}
	}
	for range 2 + g.IntN(10) {
		parts = append(parts, g.topLevel())
	}
	if g.chance(0.08) {
		function, call := g.deep()
		parts = append(parts, function, call)
	} else {
		parts = append(parts, g.final())
	}
	program.parts = append(program.parts, join("\n", parts))
	return program
}

// topLevel returns a statement that mostly catches its own errors, so that the program goes on.
func (g *generator) topLevel() *node {
	if g.chance(0.45) {
		return g.let()
	}
	if g.chance(0.6) {
		name := g.fresh("e")
		body := g.block(3)
		return stmt("try ", body, " catch ("+name+") { print("+name+"); }")
	}
	return g.statement(3)
}

// final shows what has become of all variables.
func (g *generator) final() *node {
	var shown []*node
	seen := map[string]bool{}
	for i := len(g.vars) - 1; i >= 0; i-- {
		if v := g.vars[i]; !seen[v.name] {
			seen[v.name] = true
			shown = append(shown, text(v.name))
		}
	}
	return stmt(expr("[", join(", ", shown), "]"))
}

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// nested reports whether the parser, which counts levels, would soon refuse to go deeper.
func (g *generator) nested() bool {
	if g.within > 0 {
		return g.nest > 5
	}
	return g.nest > 11
}

// fresh returns a name that is used in no other place.
func (g *generator) fresh(prefix string) string {
	g.hidden++
	return fmt.Sprint(prefix, g.hidden)
}

// name returns one for a new variable: few, so that they shadow each other where they can.
func (g *generator) name() string {
	if g.evals && !g.eval {
		return g.fresh(pick(g, "a", "b", "x"))
	}
	return pick(g, "a", "b", "c", "d", "x", "y", "z", "v", "w")
}

// anyKind returns a type, the frequent ones more often.
func (g *generator) anyKind() kind {
	return pick(g, integer, integer, integer, str, str, array, array, object, object, float, boolean, char, blob, span, unit, function)
}

// shownKind returns the type of a value that becomes a part of a text: no function, whose name is
// another one in each engine.
func (g *generator) shownKind() kind {
	for {
		if k := g.anyKind(); k != function {
			return k
		}
	}
}

// scope makes what a function makes in a scope of its own.
func scope[T any](g *generator, f func() T) T {
	n := len(g.vars)
	out := f()
	g.vars = g.vars[:n]
	return out
}

func (g *generator) declare(name string, k kind, constant bool) {
	g.vars = append(g.vars, variable{name: name, kind: k, constant: constant})
}

// visible lists the variables that a name leads to and that fit.
func (g *generator) visible(fits func(v *variable) bool) []*variable {
	var out []*variable
	seen := map[string]bool{}
	for i := len(g.vars) - 1; i >= 0; i-- {
		v := &g.vars[i]
		if !seen[v.name] && fits(v) {
			out = append(out, v)
		}
		seen[v.name] = true
	}
	return out
}

func (g *generator) variable(k kind) *variable {
	list := g.visible(func(v *variable) bool { return v.kind == k || k == anything })
	if len(list) == 0 {
		return nil
	}
	return list[g.IntN(len(list))]
}

// definition returns a script function or method.
func (g *generator) definition() *node {
	vars, nest := g.vars, g.nest
	g.vars, g.nest = nil, 0
	g.within++
	defer func() { g.vars, g.nest = vars, nest; g.within--; g.this = unit }()

	d := definition{name: g.prefix + pick(g, "f", "g", "h", "k") + pick(g, "", "1", "2"), this: unit}
	head := "fn "
	if g.chance(0.35) {
		d.this = g.anyKind()
		d.name = pick(g, "up", "area", "tell", "bump") + g.prefix
		if typed := typeNames[d.this]; typed != "" && (g.prefix != "" || g.chance(0.4)) {
			head += typed + "."
		}
	}
	if g.chance(0.05) && d.this == unit {
		head = "private " + head
	}
	g.this = d.this
	var params []*node
	for i := range g.IntN(4) {
		k := g.anyKind()
		name := string(rune('p' + i))
		g.declare(name, k, false)
		d.params = append(d.params, k)
		params = append(params, text(name))
	}
	for _, have := range append(g.fns, g.methods...) {
		if have.name == d.name && len(have.params) == len(d.params) {
			return stmt("")
		}
	}
	d.result = g.anyKind()
	if g.chance(0.2) && d.this == unit {
		return g.recursive(d)
	}
	body := g.statements(2)
	body = append(body, g.returning(d.result))
	if d.this != unit {
		g.methods = append(g.methods, d)
	} else {
		g.fns = append(g.fns, d)
	}
	return stmt(head+d.name+"(", text(commas(params)...), ") {\n", join("\n", body), "\n}")
}

// recursive returns a function that calls itself with a smaller number.
func (g *generator) recursive(d definition) *node {
	d.name = g.fresh(g.prefix + "rec")
	d.params = []kind{integer}
	g.vars = nil
	g.declare("n", integer, false)
	g.vars[0].counter = true
	base := g.expr(d.result, 2)
	g.declare("r", d.result, false)
	body := g.statements(2)
	body = append(body, g.returning(d.result))
	g.fns = append(g.fns, d)
	return stmt("fn "+d.name+"(n) {\nif n <= 0 || n > 6 { return ", base, "; }\nlet r = "+d.name+"(n - 1);\n", join("\n", body), "\n}")
}

func (g *generator) returning(k kind) *node {
	if g.chance(0.3) {
		return stmt("return ", g.expr(k, 2), ";")
	}
	return stmt(g.expr(k, 2))
}

var typeNames = [kinds]string{boolean: "bool", integer: "i64", float: "f64", char: "char", str: "string", array: "array", object: "map", blob: "blob"}

func commas(nodes []*node) []any {
	var out []any
	for i, n := range nodes {
		if i > 0 {
			out = append(out, ", ")
		}
		out = append(out, n)
	}
	return out
}
