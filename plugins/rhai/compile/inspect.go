package compile

import "github.com/picloud/picloud/plugins/rhai/syntax"

// What the compiler asks of a tree before it writes code for it.

// captures lists the names that closures in a body capture.
func (c *compiler) captures(body []syntax.Stmt) map[string]bool {
	var names map[string]bool
	for _, s := range body {
		syntax.Walk(s, func(n any) bool {
			if closure, ok := n.(*syntax.Closure); ok {
				if names == nil {
					names = map[string]bool{}
				}
				c.count(len(closure.Captures))
				for _, id := range closure.Captures {
					names[id.Name] = true
				}
			}
			return !c.stopped()
		})
	}
	return names
}

// mayAssign reports whether evaluating e may change a local variable: then an operand
// to its left must be copied before.
func (c *compiler) mayAssign(e syntax.Expr) bool {
	found := false
	syntax.Walk(e, func(n any) bool {
		switch n := n.(type) {
		case *syntax.StmtExpr, *syntax.MethodCall, *syntax.Closure:
			found = true
		case *syntax.Call:
			if len(n.Args) > 0 {
				switch n.Args[0].(type) {
				case *syntax.Variable, *syntax.This:
					found = true
				}
			}
			if n.Name == "eval" || n.CaptureScope {
				found = true
			}
		}
		return !found && !c.stopped()
	})
	return found
}

// dynamic reports whether a body has an eval or a name!() call of its own, and whether it has one or
// otherwise looks for variables at run time.
func (c *compiler) dynamic(body []syntax.Stmt) (dynamic, looks bool) {
	for _, s := range body {
		syntax.Walk(s, func(n any) bool {
			if call, ok := n.(*syntax.Call); ok && len(call.Path) == 0 {
				dynamic = dynamic || call.CaptureScope || call.Name == "eval" && len(call.Args) == 1
				looks = looks || dynamic || call.Name == "is_def_var"
			}
			return !dynamic && !c.stopped()
		})
	}
	return dynamic, looks
}

// usesTags reports whether a script attaches tags to values anywhere.
func (c *compiler) usesTags(ast *syntax.Program) bool {
	found := false
	var visit func(n any) bool
	body := func(stmts []syntax.Stmt) {
		for _, s := range stmts {
			syntax.Walk(s, visit)
		}
	}
	visit = func(n any) bool {
		switch n := n.(type) {
		case *syntax.MethodCall:
			found = found || n.Name.Name == "set_tag"
		case *syntax.Call:
			found = found || n.Name == "set_tag"
		case *syntax.Property:
			found = found || n.Name.Name == "tag"
		case *syntax.Closure:
			body(n.Func.Body.Stmts)
		}
		return !found && !c.stopped()
	}
	body(ast.Body)
	for _, fn := range ast.Functions {
		body(fn.Body.Stmts)
	}
	return found
}

// hasClosures reports whether there is a closure among statements.
func (c *compiler) hasClosures(body []syntax.Stmt) bool {
	found := false
	for _, s := range body {
		syntax.Walk(s, func(n any) bool {
			_, ok := n.(*syntax.Closure)
			found = found || ok
			return !found && !c.stopped()
		})
	}
	return found
}

// mentions reports whether a variable of that name occurs in a body.
func (c *compiler) mentions(body []syntax.Stmt, name string) bool {
	found := false
	for _, s := range body {
		syntax.Walk(s, func(n any) bool {
			if v, ok := n.(*syntax.Variable); ok && v.Name == name && len(v.Path) == 0 {
				found = true
			}
			return !found && !c.stopped()
		})
	}
	return found
}
