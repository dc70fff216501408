package main

import (
	"fmt"
	"strings"
)

// A program's text is that of its modules, each behind a line with its name, and then the script's
// behind an empty one:
//
//	//:: m1
//	fn f() { 1 }
//	//::
//	import "m1" as m1; m1::f()
const mark = "//::"

// divide takes a program's text apart.
func divide(program string) (script string, modules map[string]string) {
	modules = map[string]string{}
	for strings.HasPrefix(program, mark+" ") {
		head, rest, _ := strings.Cut(program[len(mark)+1:], "\n")
		source, after, ok := strings.Cut(rest, "\n"+mark)
		if !ok {
			return program, nil
		}
		modules[head] = source
		program = strings.TrimPrefix(mark+after, mark+"\n")
	}
	return program, modules
}

// imported is a module in sight.
type imported struct {
	alias     string
	fns       []definition
	constants []variable // that it exports
}

// module is the text of a module that may import those before it. The functions for types that it
// defines are found everywhere.
func (g *generator) module(number int) *node {
	vars, fns, imports, globals := g.vars, g.fns, g.imports, g.globals
	g.vars, g.fns, g.imports, g.globals = nil, nil, nil, nil
	g.prefix, g.this = fmt.Sprint("m", number), unit
	var parts []*node
	for n, before := range imports {
		if g.chance(0.4) {
			before.alias = fmt.Sprint("up", n+1)
			g.imports = append(g.imports, before)
			parts = append(parts, stmt(fmt.Sprintf("import \"m%d\" as %s;", n+1, before.alias)))
		}
	}
	m := imported{alias: g.prefix}
	for range g.IntN(3) {
		c := variable{name: strings.ToUpper(g.fresh(g.prefix + "k")), kind: g.constantKind()}
		head := "const "
		if g.chance(0.8) {
			head = "export const "
			m.constants = append(m.constants, c)
		}
		parts = append(parts, stmt(head+c.name+" = ", g.expr(c.kind, 1), ";"))
		g.globals = append(g.globals, c)
	}
	for range 1 + g.IntN(3) {
		parts = append(parts, g.definition())
	}
	m.fns = g.fns
	g.prefix = ""
	g.vars, g.fns, g.imports, g.globals = vars, fns, append(imports, m), globals
	return text(mark+fmt.Sprintf(" m%d\n", number), join("\n", parts), "\n")
}

func (g *generator) constantKind() kind {
	return pick(g, array, array, object, object, str, integer, float)
}

// qualified is a constant of the script or of a module, reached by its path.
func (g *generator) qualified() (path string, k kind) {
	var paths []string
	var kinds []kind
	for _, v := range g.globals {
		paths, kinds = append(paths, "global::"+v.name), append(kinds, v.kind)
	}
	for _, m := range g.imports {
		for _, v := range m.constants {
			paths, kinds = append(paths, m.alias+"::"+v.name), append(kinds, v.kind)
		}
	}
	if len(paths) == 0 {
		return "", unit
	}
	i := g.IntN(len(paths))
	return paths[i], kinds[i]
}

// constantRead makes use of a qualified constant, but not of its whole value: in Rhai the mark that it
// is one goes with that.
func (g *generator) constantRead() *node {
	path, k := g.qualified()
	if path == "" {
		return nil
	}
	switch {
	case k == array && g.chance(0.6):
		return expr(path, "[", g.index(), "]")
	case k == object && g.chance(0.6):
		return expr(path, ".", g.key())
	case k == array || k == str:
		return expr(path, pick(g, ".len()", ".is_empty()", ".len"))
	case k == integer || k == float:
		return expr("(", path, pick(g, " + ", " * ", " - "), g.expr(k, 1), ")")
	}
	return expr(pick(g, "type_of(", "to_string("), path, ")")
}

// constantChange tries to change a qualified constant.
func (g *generator) constantChange() *node {
	path, k := g.qualified()
	if path == "" {
		return g.print()
	}
	switch g.IntN(7) {
	case 0:
		return stmt(path, pick(g, " = ", " += "), g.expr(k, 1), ";")
	case 1:
		if len(g.methods) > 0 {
			m := g.methods[g.IntN(len(g.methods))]
			return stmt(path, "."+m.name+"(", text(commas(g.arguments(m.params, 1, false))...), ");")
		}
	case 2:
		return stmt("push(", path, ", ", g.expr(anything, 1), ");")
	}
	target, k := g.deeper(expr(path), k, 0.5)
	switch {
	case k == array && g.chance(0.5):
		return stmt(target, pick(g, ".push(1);", ".pop();", ".sort();", ".clear();", ".reverse();"))
	case k == object && g.chance(0.3):
		return stmt(target, pick(g, ".clear();", `.remove("a");`, ".keys();"))
	case k == str && g.chance(0.5):
		return stmt(target, pick(g, ".trim();", ".make_upper();", ".clear();", `.split(",");`))
	}
	if target.String() == path {
		target = expr(path, "[", g.index(), "]")
		if k == object {
			target = expr(path, ".", pick(g, "a", "b", "c"))
		}
	}
	return stmt(target, pick(g, " = ", " += "), g.expr(g.anyKind(), 1), ";")
}

// deep is a function that calls itself so often that the limit is near, and a call of it.
func (g *generator) deep() (function, call *node) {
	name := g.fresh("deep")
	again, least := "", 56
	switch g.IntN(8) {
	case 0:
		again, least = "[n].map(|x| "+name+"(x - 1))[0]", 26
	case 1:
		again, least = "[n - 1].map(\""+name+"\")[0]", 17
	case 2:
		again = "Fn(\"" + name + "\").call(n - 1)"
	case 3:
		again = "call(Fn(\"" + name + "\"), n - 1)"
	case 4:
		again, least = "eval(`"+name+"(${n - 1})`)", 26
	case 5:
		again = "if (n - 1) in 0 { 1 } else { 2 }"
	default:
		again = name + "(n - 1)"
	}
	g.within++
	vars := g.vars
	g.vars = nil
	g.declare("n", integer, false)
	g.vars[0].counter = true
	end := g.expr(g.shownKind(), 3)
	g.vars = vars
	g.within--
	head := "fn " + name + "(n) { if n <= 0 { "
	if strings.Contains(again, " in ") {
		name, head = "contains", "fn contains(c, n) { if n <= 0 { "
		return stmt(head, end, "; true } else { (n - 1) in 0 } }"), stmt(fmt.Sprintf("%d in 0", least+g.IntN(11)))
	}
	return stmt(head, end, " } else { "+again+" } }"), stmt(fmt.Sprintf("%s(%d)", name, least+g.IntN(11)))
}
