package main

import (
	"fmt"
)

// expr returns an expression of a type, as far as that can be told, ready to be an operand.
func (g *generator) expr(k kind, depth int) *node {
	g.size--
	if g.chance(g.wild) || k == anything {
		k = g.anyKind()
	}
	if k == function && g.eval {
		k = integer
	}
	if depth <= 0 || g.size < 0 || g.nested() || g.chance(0.2) {
		return g.simple(k)
	}
	depth--
	g.nest++
	defer func() { g.nest-- }()
	switch g.IntN(16) {
	case 0, 1:
		return g.simple(k)
	case 2, 3:
		if n := g.native(k, depth); n != nil {
			return n
		}
	case 4:
		return g.call(k, depth)
	case 5:
		return g.compound(k, depth)
	case 6:
		return g.infix(pick(g, unit, k), " ?? ", k, depth)
	case 7:
		if n := g.part(k, depth); n != nil {
			return n
		}
	case 8:
		if n := g.constantRead(); n != nil {
			return n
		}
	}
	return g.operation(k, depth)
}

// simple returns a variable or a literal.
func (g *generator) simple(k kind) *node {
	if g.this == k && k != unit && g.chance(0.5) {
		return expr("this")
	}
	if v := g.variable(k); v != nil && g.chance(0.65) {
		return expr(v.name)
	}
	if g.wild > 0 && g.chance(0.01) {
		if g.within > 0 && g.chance(0.5) {
			return expr(pick(g, "a", "b", "x")) // the caller's, where it shares its variables
		}
		return expr("nowhere")
	}
	return g.literal(k)
}

func (g *generator) literal(k kind) *node {
	switch k {
	case boolean:
		return expr(pick(g, "true", "false"))
	case integer:
		if g.chance(0.06) {
			return expr(pick(g, "9223372036854775807", "-9223372036854775808", "0xff", "0b1010", "0o17", "1_000", "4294967296", "64", "63", "255"))
		}
		return expr(g.smallNumber())
	case float:
		return expr(pick(g, "0.0", "1.0", "-1.5", "2.5", "0.1", "1e3", "1e16", "1e-7", "3.14159", "-0.0", "123456.789", "100.0"))
	case char:
		return expr(pick(g, "'a'", "'b'", "'Z'", "'0'", "' '", "'é'", "'∈'", `'\n'`))
	case str:
		return g.stringLiteral()
	case array:
		var items []*node
		same := g.anyKind()
		for range g.IntN(4) {
			if same != array || g.chance(0.5) {
				if g.chance(0.2) {
					same = g.anyKind()
				}
				items = append(items, g.expr(same, 1))
			}
		}
		return expr("[", join(", ", items), "]")
	case object:
		var items []*node
		for range g.IntN(4) {
			key := pick(g, "a", "b", "c", `"x y"`, "len", "name")
			known := false
			for _, i := range items {
				known = known || i.parts[0] == key+": "
			}
			if !known {
				items = append(items, text(key+": ", g.expr(anything, 1)))
			}
		}
		return expr("#{", join(", ", items), "}")
	case blob:
		return expr(pick(g, "blob()", "blob(2)", "blob(3, 7)", "blob(9, 0x41)", `"héllo".to_blob()`, "blob(1, 300)"))
	case span:
		return expr("(", g.rangeLiteral(), ")")
	case function:
		if !g.eval && g.chance(0.8) {
			return g.closure(-1)
		}
		return g.pointer()
	}
	return expr("()")
}

func (g *generator) smallNumber() string { return fmt.Sprint(g.IntN(11) - 3) }

func (g *generator) stringLiteral() *node {
	if !g.eval && g.chance(0.2) {
		n := expr("`")
		for range 1 + g.IntN(3) {
			n.parts = append(n.parts, pick(g, "", "x", " ", "é=", "\n"), "${", g.expr(g.shownKind(), 1), "}")
		}
		n.parts = append(n.parts, "`")
		return n
	}
	return expr(pick(g, `""`, `"a"`, `"abc"`, `"hello"`, `"x y z"`, `"héé∈"`, `"a,b,,c"`, `"42"`, `" -7 "`, `"2.5"`, `"tab\tq\"uote"`, `"aaa"`, `"{\"a\": [1, null]}"`, `"len"`))
}

// rangeLiteral returns a short range.
func (g *generator) rangeLiteral() *node {
	from := g.IntN(6) - 1
	to := from + g.IntN(5) - 1
	op := pick(g, "..", "..=")
	if g.chance(0.1) {
		if v := g.variable(integer); v != nil && v.counter {
			return expr("0" + op + v.name)
		}
	}
	return expr(fmt.Sprint(max(from, -1)), op, fmt.Sprint(to))
}

func (g *generator) index() *node {
	if g.chance(0.7) {
		return expr(pick(g, "0", "0", "1", "1", "2", "-1", "-2", "7"))
	}
	return g.expr(integer, 1)
}

func (g *generator) key() string { return pick(g, "a", "a", "b", "c", "name", "len") }

func (g *generator) keyExpr() *node {
	if g.chance(0.7) {
		return expr(pick(g, `"a"`, `"b"`, `"x y"`, `"c"`))
	}
	return g.expr(str, 1)
}

// closure returns a function expression; params below 0: any number of them.
func (g *generator) closure(params int) *node {
	if params < 0 {
		params = g.IntN(3)
	}
	loops, ends, this, n, old := g.loops, g.ends, g.this, len(g.vars), g.vars
	outer := make([]variable, n)
	copy(outer, g.vars)
	g.vars = nil
	for _, v := range outer {
		if !v.pinned && !g.evals && g.chance(0.8) {
			v.captured = true
			g.vars = append(g.vars, v)
		}
	}
	g.ends, g.this = false, unit
	g.within++
	if params == 0 && g.chance(0.4) {
		g.this = g.anyKind()
	}
	var names []*node
	for i := range params {
		name := pick(g, "p", "q", "r", "a", "x")
		for _, have := range names {
			if have.parts[0] == name {
				name = fmt.Sprint("p", i)
			}
		}
		names = append(names, text(name))
		g.declare(name, pick(g, integer, integer, anything, str), false)
	}
	head := text("|", text(commas(names)...), "| ")
	body := text(g.expr(anything, 2))
	if g.chance(0.35) {
		statements := g.statements(1)
		statements = append(statements, g.returning(g.anyKind()))
		body = text("{\n", join("\n", statements), "\n}")
	}
	g.within--
	g.loops, g.ends, g.this = loops, ends, this
	g.vars = old
	for i := range g.vars {
		if !g.vars[i].pinned {
			g.vars[i].captured = true
		}
	}
	return expr(head, body)
}

// pointer returns a function pointer by name.
func (g *generator) pointer() *node {
	name := pick(g, "abs", "len", "to_upper", "max", "missing", "push", "f", "up")
	if len(g.fns) > 0 && g.chance(0.7) {
		name = g.fns[g.IntN(len(g.fns))].name
		if g.chance(0.3) && !g.evals {
			return expr(name)
		}
	}
	n := expr(`Fn("` + name + `")`)
	if g.chance(0.3) {
		n = expr(n, ".curry(", g.expr(anything, 1), ")")
	}
	return n
}

// arguments returns values for parameters; small: numbers decide how much work is done.
func (g *generator) arguments(params []kind, depth int, small bool) []*node {
	var args []*node
	for _, k := range params {
		switch {
		case k == integer && small && g.chance(0.8):
			args = append(args, expr(g.smallNumber()))
		case k == integer && small:
			args = append(args, expr(pick(g, "64", "-64", "100", "13", "65")))
		case k == function && !g.eval:
			args = append(args, g.closure(1+g.IntN(2)))
		case k == function:
			args = append(args, g.pointer())
		case k == span:
			args = append(args, g.rangeLiteral())
		case k == anything:
			args = append(args, g.expr(g.shownKind(), depth))
		default:
			args = append(args, g.expr(k, depth))
		}
	}
	return args
}

// native calls a standard function that returns the type.
func (g *generator) native(k kind, depth int) *node {
	list := byResult[k]
	if len(list) == 0 || g.chance(0.2) {
		list = byResult[anything]
	}
	if len(list) == 0 {
		return nil
	}
	f := list[g.IntN(len(list))]
	args := g.arguments(f.params, depth, true)
	if len(args) > 0 && f.params[0] == integer {
		args[0] = g.expr(integer, depth)
		if f.name == "range" || f.name == "blob" {
			args[0] = expr(g.smallNumber())
		}
	}
	if len(args) == 0 {
		return expr(f.name + "()")
	}
	first := args[0]
	if f.property {
		return expr("(", first, ")."+f.name)
	}
	if g.chance(0.7) && f.name != "blob" && f.name != "range" {
		if len(first.parts) == 1 && g.chance(0.7) {
			return expr(first, pick(g, ".", ".", ".", "?.")+f.name+"(", text(commas(args[1:])...), ")")
		}
		return expr("(", first, ")."+f.name+"(", text(commas(args[1:])...), ")")
	}
	return expr(f.name+"(", text(commas(args)...), ")")
}

// call calls a script function, a method of the script or a function pointer.
func (g *generator) call(k kind, depth int) *node {
	if len(g.methods) > 0 && g.chance(0.3) {
		m := g.methods[g.IntN(len(g.methods))]
		return expr("(", g.expr(m.this, depth), ")."+m.name+"(", text(commas(g.arguments(m.params, depth, false))...), ")")
	}
	var fits []definition
	for _, f := range g.fns {
		if f.result == k || k == anything || g.chance(0.3) {
			fits = append(fits, f)
		}
	}
	if len(fits) > 0 && g.chance(0.7) {
		f := fits[g.IntN(len(fits))]
		params := f.params
		if g.wild > 0 && g.chance(0.05) {
			params = append(params[:len(params):len(params)], integer)
		}
		bang := ""
		if g.chance(0.05) {
			bang = "!"
			if g.chance(0.5) {
				return expr("call!(Fn(\""+f.name+"\")", text(prepended(g.arguments(params, depth, false))...), ")")
			}
		}
		return expr(f.name+bang+"(", text(commas(g.arguments(params, depth, false))...), ")")
	}
	if len(g.imports) > 0 && g.chance(0.6) {
		m := g.imports[g.IntN(len(g.imports))]
		if len(m.fns) > 0 {
			f := m.fns[g.IntN(len(m.fns))]
			return expr(m.alias+"::"+f.name+"(", text(commas(g.arguments(f.params, depth, false))...), ")")
		}
	}
	switch g.IntN(8) {
	case 0:
		return expr("type_of(", g.expr(anything, depth), ")")
	case 1:
		return expr(pick(g, `is_def_var("a")`, `is_def_var("nowhere")`, `is_def_fn("f", 1)`, `is_def_fn("g", 2)`))
	case 2:
		if v := g.variable(anything); v != nil {
			return expr(pick(g, "is_shared("+v.name+")", v.name+".is_shared()"))
		}
	case 3, 4, 5:
		if v := g.variable(function); v != nil {
			args := g.arguments(make([]kind, g.IntN(3)), depth, false)
			if g.chance(0.3) {
				return expr("call(", text(commas(append([]*node{expr(v.name)}, args...))...), ")")
			}
			if g.chance(0.2) {
				return expr("(", g.expr(anything, depth), ").call(", text(commas(append([]*node{expr(v.name)}, args...))...), ")")
			}
			return expr(v.name+".call(", text(commas(args)...), ")")
		}
	case 6:
		if v := g.variable(anything); v != nil && !g.eval {
			return expr(v.name+".call(", g.closure(0), ")")
		}
	}
	return g.simple(k)
}

// compound returns a statement used as an expression, mostly in brackets: a chain cannot go on
// behind all of them.
func (g *generator) compound(k kind, depth int) *node {
	n := g.statementExpr(k, depth)
	if len(n.parts) > 1 && g.chance(0.8) {
		return expr("(", n, ")")
	}
	return n
}

func (g *generator) statementExpr(k kind, depth int) *node {
	switch g.IntN(5) {
	case 0:
		return expr("if ", g.expr(boolean, depth), " { ", g.expr(k, depth), " } else { ", g.expr(k, depth), " }")
	case 1:
		return g.switchOn(func() *node { return g.expr(k, depth) })
	case 2:
		return scope(g, func() *node {
			body := g.statements(0)
			return expr("{\n", join("\n", body), "\n", stmt(g.expr(k, depth)), "\n}")
		})
	case 3:
		if g.loops < 2 {
			i := g.fresh("i")
			return expr("{ let "+i+" = 0; loop { "+i+" += 1; if "+i+" > "+fmt.Sprint(g.IntN(4))+" { break ", g.expr(k, depth), "; } } }")
		}
	case 4:
		if g.loops < 2 {
			return scope(g, func() *node {
				i := g.fresh("i")
				g.vars = append(g.vars, variable{name: i, kind: integer, counter: true})
				return expr("for "+i+" in ", g.rangeLiteral(), " { if ", g.expr(boolean, depth), " { break ", g.expr(k, depth), "; } }")
			})
		}
	}
	return g.simple(k)
}

// part reads an element or property of something.
func (g *generator) part(k kind, depth int) *node {
	root, from := g.place(k)
	if root == nil {
		return nil
	}
	if len(root.parts) == 1 && from == k {
		return root
	}
	return root
}

// infix returns l op r, often without the brackets that would keep it together.
func (g *generator) infix(l kind, op string, r kind, depth int) *node {
	if g.chance(0.4) {
		return expr("(", g.expr(l, depth), op, g.expr(r, depth), ")")
	}
	return expr(g.expr(l, depth), op, g.expr(r, depth))
}

// operation applies operators or builds a value.
func (g *generator) operation(k kind, depth int) *node {
	both := func(op string, l, r kind) *node { return g.infix(l, " "+op+" ", r, depth) }
	number := pick(g, integer, integer, float)
	switch k {
	case boolean:
		switch g.IntN(6) {
		case 0:
			return expr("!", g.expr(boolean, depth))
		case 1:
			return both(pick(g, "&&", "||", "&", "|", "^"), boolean, boolean)
		case 2:
			return g.membership(depth)
		case 3:
			same := g.anyKind()
			if same == function {
				same = integer
			}
			return both(pick(g, "==", "!="), same, same)
		}
		same := pick(g, integer, integer, float, str, char)
		return both(pick(g, "<", "<=", ">", ">=", "==", "!="), same, pick(g, same, same, same, float, integer))
	case integer:
		switch g.IntN(7) {
		case 0:
			return expr("-(", g.expr(integer, depth), ")")
		case 1:
			return both(pick(g, "<<", ">>", "&", "|", "^"), integer, integer)
		case 2:
			return expr("(", g.expr(integer, depth), " ** "+pick(g, "0", "1", "2", "3", "-1")+")")
		}
		return both(pick(g, "+", "-", "*", "/", "%"), integer, integer)
	case float:
		return both(pick(g, "+", "-", "*", "/", "%", "**"), pick(g, float, number), float)
	case str:
		switch g.IntN(4) {
		case 0:
			return both("+", str, g.shownKind())
		case 1:
			return both("+", g.shownKind(), str)
		case 2:
			return both("-", str, pick(g, str, char))
		}
		return expr("(", g.expr(str, depth), ")[", g.rangeLiteral(), "]")
	case char:
		return expr("(", g.expr(str, depth), ")[", g.index(), "]")
	case array:
		return both("+", array, array)
	case object:
		return both("+", object, object)
	case blob:
		return both("+", blob, blob)
	}
	return g.literal(k)
}

// prepended are further arguments, each behind a comma.
func prepended(nodes []*node) []any {
	var out []any
	for _, n := range nodes {
		out = append(out, ", ", n)
	}
	return out
}

// membership returns a test with in.
func (g *generator) membership(depth int) *node {
	op := pick(g, " in ", " in ", " !in ")
	if g.chance(0.4) {
		k := pick(g, integer, str, char, float, array)
		container := pick(g, array, array, str, object)
		return expr("(", g.expr(k, depth), op, g.expr(container, depth), ")")
	}
	switch g.IntN(4) {
	case 0:
		return expr("(", g.constant(pick(g, str, char)), op, g.expr(str, depth), ")")
	case 1:
		return expr("(", g.constant(str), op, g.expr(object, depth), ")")
	case 2:
		return expr("(", g.constant(integer), op, "(", g.rangeLiteral(), "))")
	}
	k := pick(g, unit, boolean, integer, float, char, str, array)
	return expr("(", g.constant(k), op, g.expr(array, depth), ")")
}

// constant returns a literal that a switch can have as a case.
func (g *generator) constant(k kind) *node {
	switch k {
	case array:
		return expr(pick(g, "[]", "[1]", "[1, 2]", `["a"]`))
	case str:
		return expr(pick(g, `""`, `"a"`, `"abc"`, `"hello"`))
	}
	return g.literal(k)
}
