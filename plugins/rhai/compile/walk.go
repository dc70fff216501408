package compile

import "github.com/picloud/picloud/plugins/rhai/syntax"

// walk calls visit for a node and, where it answers true, for the nodes within.
// It does not enter the bodies of closures.
func walk(n any, visit func(n any) bool) {
	switch n := n.(type) {
	case nil:
		return
	case *syntax.Block:
		if n == nil {
			return
		}
	}
	if !visit(n) {
		return
	}
	exprs := func(list []syntax.Expr) {
		for _, e := range list {
			walk(e, visit)
		}
	}
	switch n := n.(type) {
	case *syntax.Interpolation:
		exprs(n.Parts)
	case *syntax.ArrayLit:
		exprs(n.Elems)
	case *syntax.MapLit:
		exprs(n.Values)
	case *syntax.Call:
		exprs(n.Args)
	case *syntax.Unary:
		walk(n.Operand, visit)
	case *syntax.Binary:
		walk(n.Left, visit)
		walk(n.Right, visit)
	case *syntax.Property:
		walk(n.Base, visit)
	case *syntax.MethodCall:
		walk(n.Base, visit)
		exprs(n.Args)
	case *syntax.Index:
		walk(n.Base, visit)
		walk(n.Index, visit)
	case *syntax.StmtExpr:
		walk(n.Stmt, visit)
	case *syntax.Block:
		for _, s := range n.Stmts {
			walk(s, visit)
		}
	case *syntax.ExprStmt:
		walk(n.Expr, visit)
	case *syntax.Let:
		walk(n.Value, visit)
	case *syntax.Assign:
		walk(n.Target, visit)
		walk(n.Value, visit)
	case *syntax.If:
		walk(n.Cond, visit)
		walk(n.Then, visit)
		walk(n.Else, visit)
	case *syntax.Switch:
		walk(n.Subject, visit)
		for _, c := range n.Cases {
			exprs(c.Patterns)
			walk(c.Guard, visit)
			walk(c.Body, visit)
		}
		walk(n.Default, visit)
	case *syntax.While:
		walk(n.Cond, visit)
		walk(n.Body, visit)
	case *syntax.DoLoop:
		walk(n.Body, visit)
		walk(n.Cond, visit)
	case *syntax.For:
		walk(n.Subject, visit)
		walk(n.Body, visit)
	case *syntax.Break:
		walk(n.Value, visit)
	case *syntax.Return:
		walk(n.Value, visit)
	case *syntax.Throw:
		walk(n.Value, visit)
	case *syntax.Try:
		walk(n.Body, visit)
		walk(n.Catch, visit)
	case *syntax.Import:
		walk(n.Path, visit)
	}
}

// captures lists the names that closures in a body capture.
func (c *compiler) captures(body []syntax.Stmt) map[string]bool {
	var names map[string]bool
	for _, s := range body {
		walk(s, func(n any) bool {
			if closure, ok := n.(*syntax.Closure); ok {
				if names == nil {
					names = map[string]bool{}
				}
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
func mayAssign(e syntax.Expr) bool {
	found := false
	walk(e, func(n any) bool {
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
		return !found
	})
	return found
}

// dynamic reports whether a body has an eval or a name!() call of its own.
func (c *compiler) dynamic(body []syntax.Stmt) bool {
	found := false
	for _, s := range body {
		walk(s, func(n any) bool {
			if call, ok := n.(*syntax.Call); ok && len(call.Path) == 0 && (call.CaptureScope || call.Name == "eval" && len(call.Args) == 1) {
				found = true
			}
			return !found && !c.stopped()
		})
	}
	return found
}

// usesTags reports whether a script attaches tags to values anywhere.
func (c *compiler) usesTags(ast *syntax.Program) bool {
	found := false
	var visit func(n any) bool
	body := func(stmts []syntax.Stmt) {
		for _, s := range stmts {
			walk(s, visit)
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
