package syntax

// boolean fails on a literal that is no boolean where one is needed.
func (p *parser) boolean(x Expr) bool {
	found := ""
	switch x := x.(type) {
	case *UnitLit:
		found = "()"
	case *Closure:
		if len(x.Captures) > 0 {
			return true
		}
		found = "Fn"
	case *IntLit:
		found = "a number"
	case *FloatLit:
		found = "a floating-point number"
	case *CharLit:
		found = "a character"
	case *StringLit, *Interpolation:
		found = "a string"
	case *ArrayLit:
		found = "an array"
	case *MapLit:
		found = "an object map"
	default:
		return true
	}
	return p.fail(x.Start(), "Expecting a boolean expression, not "+found)
}

// iterable fails on a literal that for cannot walk through.
func (p *parser) iterable(x Expr) bool {
	found := ""
	switch x.(type) {
	case *UnitLit:
		found = "()"
	case *BoolLit:
		found = "a boolean"
	case *IntLit:
		found = "a number"
	case *FloatLit:
		found = "a floating-point number"
	case *CharLit:
		found = "a character"
	case *MapLit:
		found = "an object map"
	default:
		return true
	}
	return p.fail(x.Start(), "Expecting an iterable value, not "+found)
}

// indexable fails on an index that can never be right for the literal before it.
func (p *parser) indexable(base, index Expr) bool {
	wants := ""
	switch base.(type) {
	case *MapLit:
		wants = "Object map expects string index"
	case *IntLit, *ArrayLit, *StringLit, *Interpolation:
		wants = "Array, string or bit-field expects integer index"
	default:
		return true
	}
	_, isMap := base.(*MapLit)
	found := ""
	switch x := index.(type) {
	case *IntLit:
		if !isMap {
			return true
		}
		found = "a number"
	case *StringLit, *Interpolation:
		if isMap {
			return true
		}
		wants = "Array, string or bit-field expects numeric index"
		found = "a string"
	case *FloatLit:
		found = "a float"
	case *CharLit:
		found = "a character"
	case *UnitLit:
		found = "()"
	case *BoolLit:
		found = "a boolean"
	case *Binary:
		if x.Op != OpAnd && x.Op != OpOr {
			return true
		}
		found = "a boolean"
	default:
		return true
	}
	return p.fail(index.Start(), wants+", not "+found)
}

// assignable fails on a target that cannot be assigned to. pos is the operator's.
func (p *parser) assignable(target Expr, op Operator, pos Position) bool {
	switch x := target.(type) {
	case *This:
		return true
	case *Variable:
		if x.binding > 0 && p.names.stack[x.binding-1].constant {
			return p.fail(x.Position, "Cannot assign to constant "+x.Name)
		}
		return true
	case *Property, *MethodCall, *Index:
		return p.assignableChain(x)
	case *Binary:
		switch x.Op {
		case OpAnd, OpOr, OpCoalesce:
			if op == OpNone {
				return p.fail(pos, msgAssignTypo)
			}
		}
	}
	if isConstant(target) {
		return p.fail(target.Start(), msgAssignConstant)
	}
	return p.fail(target.Pos(), msgAssignExpression)
}

// assignableChain looks for the first method call in a chain, then at what the chain begins with.
func (p *parser) assignableChain(x Expr) bool {
	var method *MethodCall
	for {
		switch link := x.(type) {
		case *Property:
			x = link.Base
			continue
		case *Index:
			x = link.Base
			continue
		case *MethodCall:
			method = link
			x = link.Base
			continue
		}
		break
	}
	if method != nil {
		return p.fail(method.Name.Position, msgAssignExpression)
	}
	switch x.(type) {
	case *Variable, *This:
		return true
	}
	return p.fail(x.Pos(), msgAssignExpression)
}

// isConstant reports whether the expression is a literal through and through.
func isConstant(x Expr) bool {
	switch x := x.(type) {
	case *UnitLit, *BoolLit, *IntLit, *FloatLit, *CharLit, *StringLit:
		return true
	case *Closure:
		return len(x.Captures) == 0
	case *ArrayLit:
		return allConstant(x.Elems)
	case *MapLit:
		return allConstant(x.Values)
	}
	return false
}

func allConstant(list []Expr) bool {
	for _, x := range list {
		if !isConstant(x) {
			return false
		}
	}
	return true
}

// isPattern reports whether a switch case may have this value: a constant, a range of
// integers, or Fn("name").
func isPattern(x Expr) bool {
	switch x := x.(type) {
	case *Binary:
		if x.Op != OpRange && x.Op != OpRangeInclusive {
			return false
		}
		_, left := x.Left.(*IntLit)
		_, leftUnit := x.Left.(*UnitLit)
		_, right := x.Right.(*IntLit)
		_, rightUnit := x.Right.(*UnitLit)
		return left && (right || rightUnit || x.Right == nil) || leftUnit && right
	case *Call:
		if x.Name != "Fn" || len(x.Path) > 0 || len(x.Args) != 1 {
			return false
		}
		name, ok := x.Args[0].(*StringLit)
		return ok && IsFunctionName(name.Value)
	}
	return isConstant(x)
}

// isEmptyRange reports whether a pattern is a range that holds nothing. An open end makes none
// empty, but one that begins at the largest integer.
func isEmptyRange(x *Binary) bool {
	from, to := int64(0), int64(1<<63-1)
	if l, ok := x.Left.(*IntLit); ok {
		from = l.Value
	}
	if r, ok := x.Right.(*IntLit); ok {
		to = r.Value
	}
	if x.Op == OpRange {
		return from >= to
	}
	return from > to
}
