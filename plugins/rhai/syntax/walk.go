package syntax

// Walk calls visit for a node and, where that returns true, for the nodes within.
// It does not enter the bodies of closures.
func Walk(n any, visit func(n any) bool) {
	switch n := n.(type) {
	case nil:
		return
	case *Block:
		if n == nil {
			return
		}
	}
	if !visit(n) {
		return
	}
	exprs := func(list []Expr) {
		for _, e := range list {
			Walk(e, visit)
		}
	}
	switch n := n.(type) {
	case *Interpolation:
		exprs(n.Parts)
	case *ArrayLit:
		exprs(n.Elems)
	case *MapLit:
		exprs(n.Values)
	case *Call:
		exprs(n.Args)
	case *Unary:
		Walk(n.Operand, visit)
	case *Binary:
		Walk(n.Left, visit)
		Walk(n.Right, visit)
	case *Property:
		Walk(n.Base, visit)
	case *MethodCall:
		Walk(n.Base, visit)
		exprs(n.Args)
	case *Index:
		Walk(n.Base, visit)
		Walk(n.Index, visit)
	case *StmtExpr:
		Walk(n.Stmt, visit)
	case *Block:
		for _, s := range n.Stmts {
			Walk(s, visit)
		}
	case *ExprStmt:
		Walk(n.Expr, visit)
	case *Let:
		Walk(n.Value, visit)
	case *Assign:
		Walk(n.Target, visit)
		Walk(n.Value, visit)
	case *If:
		Walk(n.Cond, visit)
		Walk(n.Then, visit)
		Walk(n.Else, visit)
	case *Switch:
		Walk(n.Subject, visit)
		for _, c := range n.Cases {
			exprs(c.Patterns)
			Walk(c.Guard, visit)
			Walk(c.Body, visit)
		}
		Walk(n.Default, visit)
	case *While:
		Walk(n.Cond, visit)
		Walk(n.Body, visit)
	case *DoLoop:
		Walk(n.Body, visit)
		Walk(n.Cond, visit)
	case *For:
		Walk(n.Subject, visit)
		Walk(n.Body, visit)
	case *Break:
		Walk(n.Value, visit)
	case *Return:
		Walk(n.Value, visit)
	case *Throw:
		Walk(n.Value, visit)
	case *Try:
		Walk(n.Body, visit)
		Walk(n.Catch, visit)
	case *Import:
		Walk(n.Path, visit)
	}
}
