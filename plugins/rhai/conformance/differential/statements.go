package main

import (
	"fmt"
	"strings"
)

// block returns { ... } with a scope of its own.
func (g *generator) block(depth int) *node {
	return scope(g, func() *node {
		return text("{\n", join("\n", g.statements(depth)), "\n}")
	})
}

func (g *generator) statements(depth int) []*node {
	var out []*node
	for range 1 + g.IntN(3) {
		out = append(out, g.statement(depth))
	}
	return out
}

// statement returns one statement of any kind with its end.
func (g *generator) statement(depth int) *node {
	g.size--
	if depth <= 0 || g.size < 0 || g.nested() {
		return pick(g, g.print, g.let, g.assign)()
	}
	depth--
	g.nest += 2
	defer func() { g.nest -= 2 }()
	switch g.IntN(24) {
	case 0, 1, 2:
		return g.let()
	case 3, 4, 5, 6:
		return g.assign()
	case 7, 8:
		return g.print()
	case 9, 10:
		return g.ifElse(depth)
	case 11, 12:
		return g.loop(depth)
	case 13:
		return g.switches(depth)
	case 14:
		return g.try(depth)
	case 15:
		return stmt(g.block(depth))
	case 16, 17, 18:
		return stmt(g.mutation(), ";")
	case 19:
		return g.jump()
	case 20:
		return g.evaluation(depth)
	case 21:
		return g.constantChange()
	default:
		return stmt(g.call(anything, 2), ";")
	}
}

func (g *generator) print() *node {
	k := g.anyKind()
	if g.chance(0.15) {
		return stmt("debug(", g.expr(k, 2), ");")
	}
	return stmt("print(", g.expr(k, 2), ");")
}

func (g *generator) let() *node {
	k := g.anyKind()
	if g.eval && k == function {
		k = integer
	}
	value := g.expr(k, 3)
	name := g.name()
	if g.chance(0.12) {
		g.declare(name, k, true)
		return stmt("const "+name+" = ", value, ";")
	}
	if g.chance(0.03) {
		g.declare(name, unit, false)
		return stmt("let " + name + ";")
	}
	g.declare(name, k, false)
	return stmt("let "+name+" = ", value, ";")
}

var assignOps = [kinds][]string{
	boolean: {"&=", "|=", "^="},
	integer: {"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="},
	float:   {"+=", "-=", "*=", "/=", "%=", "**="},
	str:     {"+=", "+=", "-="},
	char:    {"+="},
	array:   {"+="},
	object:  {"+="},
	blob:    {"+="},
}

// assign changes a variable, an element or a property, mostly to a value of the same type.
func (g *generator) assign() *node {
	k := g.anyKind()
	if g.this == unit && g.within > 0 && g.chance(0.03) {
		return stmt("this ", pick(g, "= ", "+= "), g.expr(k, 1), ";")
	}
	target, k := g.place(k)
	if target == nil {
		return g.let()
	}
	op := "="
	if ops := assignOps[k]; len(ops) > 0 && g.chance(0.5) {
		op = ops[g.IntN(len(ops))]
		if op == "<<=" || op == ">>=" {
			return stmt(target, " "+op+" "+g.smallNumber()+";")
		}
		switch {
		case k == array && g.chance(0.6):
			k = g.anyKind()
		case k == blob:
			k = pick(g, blob, integer, str, char)
		case k == str && op == "+=":
			k = pick(g, str, integer, char, float, unit, boolean, array)
		}
	}
	return stmt(target, " "+op+" ", g.expr(k, 2), ";")
}

// place returns what can be assigned to, and what it holds; nil when there is no variable.
func (g *generator) place(k kind) (*node, kind) {
	fits := func(v *variable) bool {
		return !v.counter && (!v.constant || g.wild > 0 && g.chance(0.3))
	}
	var all []*variable
	if g.chance(0.5) {
		all = g.visible(func(v *variable) bool { return v.kind == k && fits(v) })
	}
	if len(all) == 0 {
		all = g.visible(fits)
	}
	var root *node
	switch {
	case g.this != unit && g.chance(0.4):
		root, k = expr("this"), g.this
	case len(all) == 0:
		return nil, unit
	default:
		v := all[g.IntN(len(all))]
		root, k = expr(v.name), v.kind
	}
	return g.deeper(root, k, 0.7)
}

// deeper goes on from a place into its elements.
func (g *generator) deeper(root *node, k kind, p float64) (*node, kind) {
	for range 4 {
		if !g.chance(p) {
			break
		}
		bracket := "["
		if g.chance(0.08) {
			bracket = "?["
		}
		switch k {
		case array:
			root, k = expr(root, bracket, g.index(), "]"), g.anyKind()
		case object:
			if g.chance(0.7) {
				root = expr(root, pick(g, ".", ".", ".", "?."), g.key())
			} else {
				root = expr(root, bracket, g.keyExpr(), "]")
			}
			k = g.anyKind()
		case str:
			if g.chance(0.3) {
				return expr(root, bracket, g.rangeLiteral(), "]"), str
			}
			return expr(root, bracket, g.index(), "]"), char
		case integer:
			if g.chance(0.5) {
				return root, k
			}
			if g.chance(0.5) {
				return expr(root, bracket, g.rangeLiteral(), "]"), integer
			}
			return expr(root, bracket, g.index(), "]"), boolean
		case blob:
			return expr(root, bracket, g.index(), "]"), integer
		default:
			return root, k
		}
	}
	return root, k
}

func (g *generator) ifElse(depth int) *node {
	n := stmt("if ", g.condition(), " ", g.block(depth))
	for g.chance(0.25) {
		n.parts = append(n.parts, " else if ", g.condition(), " ", g.block(depth))
	}
	if g.chance(0.5) {
		n.parts = append(n.parts, " else ", g.block(depth))
	}
	return n
}

// condition returns a boolean expression that the parser takes for one.
func (g *generator) condition() *node {
	n := g.expr(boolean, 2)
	if s := n.String(); strings.ContainsAny(s[:1], "{[#|(ifs`\"'") && g.chance(0.95) {
		return expr(pick(g, "true == ", "false || ", "true && "), n)
	}
	return n
}

// loop returns a loop of some kind of a few rounds.
func (g *generator) loop(depth int) *node {
	if g.loops >= 2 {
		return g.print()
	}
	loops, ends := g.loops, g.ends
	g.loops, g.ends = g.loops+1, true
	defer func() { g.loops, g.ends = loops, ends }()
	return scope(g, func() *node {
		rounds := fmt.Sprint(1 + g.IntN(4))
		i := g.fresh("i")
		counted := func(head, tail string) *node {
			g.vars = append(g.vars, variable{name: i, kind: integer, counter: true})
			return stmt("let "+i+" = 0;\n"+head+" {\n"+i+" += 1;\n", join("\n", g.statements(depth)), "\n}"+tail)
		}
		switch g.IntN(7) {
		case 0:
			return counted("while "+i+" < "+rounds, "")
		case 1:
			return counted("do", " while "+i+" < "+rounds+";")
		case 2:
			return counted("do", " until "+i+" >= "+rounds+";")
		case 3:
			g.vars = append(g.vars, variable{name: i, kind: integer, counter: true})
			return stmt("let "+i+" = 0;\nloop {\n"+i+" += 1;\nif "+i+" > "+rounds+" { break; }\n", join("\n", g.statements(depth)), "\n}")
		}
		subject, item := g.iterable()
		name := g.name()
		head := name
		if g.chance(0.25) {
			counter := g.name()
			if counter != name {
				head = "(" + name + ", " + counter + ")"
				g.declare(counter, integer, false)
			}
		}
		g.declare(name, item, false)
		return stmt("for "+head+" in ", subject, " {\n", join("\n", g.statements(depth)), "\n}")
	})
}

// iterable returns what for can go through, and what the items are.
func (g *generator) iterable() (*node, kind) {
	if g.chance(g.wild) {
		return g.expr(anything, 2), anything
	}
	switch g.IntN(7) {
	case 0, 1:
		return g.expr(array, 2), g.anyKind()
	case 2:
		return expr("(", g.expr(str, 2), ").chars()"), char
	case 3:
		return g.expr(blob, 2), anything
	case 4:
		return expr(pick(g, "range(0, 7, 3)", "range(5, 0, -2)", "range(0.0, 1.0, 0.25)", "range(1, 4)", "range(0..=4, 2)", "6.bits(1..4)", "5.bits()")), anything
	case 5:
		if v := g.variable(array); v != nil {
			return expr(v.name), g.anyKind()
		}
	}
	return g.rangeLiteral(), integer
}

// jump leaves a loop or the function, or throws.
func (g *generator) jump() *node {
	switch {
	case g.ends && g.chance(0.6):
		word := "break;"
		switch {
		case g.chance(0.3):
			word = "continue;"
		case g.chance(0.1):
			return stmt("if ", g.condition(), " { break ", g.expr(anything, 1), "; }")
		}
		return stmt("if ", g.condition(), " { "+word+" }")
	case g.within > 0 && g.chance(0.5):
		return stmt("if ", g.condition(), " { return ", g.expr(anything, 2), "; }")
	case g.chance(0.5):
		return stmt("if ", g.condition(), " { throw ", g.expr(anything, 2), "; }")
	case g.chance(0.3):
		return stmt("throw ", g.expr(anything, 2), ";")
	}
	return g.print()
}

func (g *generator) try(depth int) *node {
	n := stmt("try ", g.block(depth), " catch ")
	return scope(g, func() *node {
		if g.chance(0.8) {
			name := g.name()
			g.declare(name, anything, false)
			n.parts = append(n.parts, "("+name+") ")
			if g.chance(0.5) {
				n.parts = append(n.parts, stmt("{ print("+name+"); ", join("\n", g.statements(depth)), " }"))
				return n
			}
		}
		if g.chance(0.15) {
			n.parts = append(n.parts, "{\n", join("\n", g.statements(depth)), "\nthrow;\n}")
			return n
		}
		n.parts = append(n.parts, g.block(depth))
		return n
	})
}

func (g *generator) switches(depth int) *node {
	return stmt(g.switchOn(func() *node {
		if g.chance(0.5) {
			return text("{\n", join("\n", scope(g, func() []*node { return g.statements(depth) })), "\n}")
		}
		return g.expr(anything, 1)
	}))
}

// switchOn returns a switch whose arms come from body.
func (g *generator) switchOn(body func() *node) *node {
	k := pick(g, integer, integer, str, char, boolean, float, array, unit)
	var subject *node
	if v := g.variable(k); v != nil && !v.captured && g.chance(0.5) {
		v.pinned = true
		subject = expr(v.name)
	} else {
		subject = expr("[", g.expr(k, 2), "][0]")
	}
	var arms []*node
	ranges, guarded := false, false
	for range g.IntN(5) {
		var patterns []*node
		for range 1 + g.IntN(2) {
			switch {
			case k == integer && !guarded && (ranges || g.chance(0.3)):
				ranges = true
				patterns = append(patterns, g.rangeLiteral())
			case k == integer:
				patterns = append(patterns, expr(fmt.Sprint(g.IntN(8))))
			default:
				patterns = append(patterns, g.constant(k))
			}
		}
		arm := text(join(" | ", patterns))
		if g.chance(0.3) {
			guarded = guarded || !ranges
			arm.parts = append(arm.parts, " if ", g.condition())
		}
		arm.parts = append(arm.parts, " => ", body())
		arms = append(arms, arm)
	}
	if g.chance(0.7) {
		arms = append(arms, text("_ => ", body()))
	}
	return expr("switch ", subject, " {\n", join(",\n", arms), "\n}")
}

// mutation calls a method that changes its receiver.
func (g *generator) mutation() *node {
	k := pick(g, array, array, array, str, object, blob, integer)
	target, got := g.place(k)
	if target == nil || got != k && !g.chance(0.3) {
		if target = nil; g.this == unit {
			if v := g.variable(k); v != nil && !v.counter {
				target = expr(v.name)
			}
		}
	}
	if target == nil {
		target = g.expr(k, 1)
	}
	var fits []native
	for _, f := range standard {
		if f.mutates && len(f.params) > 0 && f.params[0] == k {
			fits = append(fits, f)
		}
	}
	if len(g.methods) > 0 && g.chance(0.3) {
		m := g.methods[g.IntN(len(g.methods))]
		return expr(target, "."+m.name+"(", text(commas(g.arguments(m.params, 2, false))...), ")")
	}
	f := fits[g.IntN(len(fits))]
	args := g.arguments(f.params[1:], 2, true)
	if f.property {
		return expr(target, "."+f.name)
	}
	if g.chance(0.15) {
		return expr(f.name+"(", text(commas(append([]*node{target}, args...))...), ")")
	}
	return expr(target, "."+f.name+"(", text(commas(args)...), ")")
}

// evaluation returns an eval of a text, whose variables stay.
func (g *generator) evaluation(depth int) *node {
	if g.eval || !g.evals {
		return g.print()
	}
	ends, within := g.ends, g.within
	g.eval, g.ends, g.within = true, false, 1
	defer func() { g.eval, g.ends, g.within = false, ends, within }()
	body := join("\n", g.statements(depth))
	source := body.String()
	if strings.Contains(source, "\"#") {
		return g.print()
	}
	if g.chance(0.5) {
		name := g.name()
		g.declare(name, anything, false)
		return stmt("let "+name+` = eval(#"`, body, `"#);`)
	}
	return stmt(`eval(#"`, body, `"#);`)
}
