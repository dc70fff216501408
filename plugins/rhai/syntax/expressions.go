package syntax

// expr parses an expression.
func (p *parser) expr(st settings) Expr {
	st.pos = p.peek().pos
	st, ok := p.up(st)
	if !ok {
		return nil
	}
	x := p.unary(st)
	if x == nil {
		return nil
	}
	return p.binary(st, 1, x)
}

// exprUp parses an expression one level deeper.
func (p *parser) exprUp(st settings) Expr {
	st, ok := p.up(st)
	if !ok {
		return nil
	}
	return p.expr(st)
}

// unary parses an operand with the signs before it.
func (p *parser) unary(st settings) Expr {
	t := p.peek()
	if p.stops(t) {
		p.unexpected(t)
		return nil
	}
	st.pos = t.pos

	var op Operator
	switch t.kind {
	case tokMinus, tokUnaryMinus:
		op = OpNeg
	case tokPlus, tokUnaryPlus:
		op = OpPos
	case tokBang:
		op = OpNot
	case tokEOF:
		p.fail(t.pos, msgIncomplete)
		return nil
	default:
		return p.primary(st)
	}
	p.next()
	inner, ok := p.up(st)
	if !ok {
		return nil
	}
	x := p.unary(inner)
	if x == nil {
		return nil
	}
	if folded := foldSign(op, x, st.pos); folded != nil {
		return folded
	}
	return &Unary{node: node{st.pos}, Op: op, Operand: x}
}

// foldSign applies a sign to a number. It is nil when there is nothing to fold.
func foldSign(op Operator, x Expr, pos Position) Expr {
	switch x := x.(type) {
	case *IntLit:
		switch {
		case op == OpPos:
			return x
		case op == OpNeg && x.Value == -x.Value && x.Value != 0: // the smallest integer has no opposite
			return &FloatLit{node: node{pos}, Value: -float64(x.Value)}
		case op == OpNeg:
			return &IntLit{node: node{pos}, Value: -x.Value}
		}
	case *FloatLit:
		switch op {
		case OpPos:
			return x
		case OpNeg:
			return &FloatLit{node: node{pos}, Value: -x.Value}
		}
	}
	return nil
}

// stops reports whether the token ends the expression where the parser is.
func (p *parser) stops(t *token) bool { return p.fn.noPipe && t.kind == tokPipe }

// badOperator fails on a reserved symbol where an operator might stand.
func (p *parser) badOperator(t *token) bool {
	if t.kind == tokReserved && !isIdentifier(t.text) {
		p.fail(t.pos, "Unknown operator: '"+t.text+"'")
		return true
	}
	return false
}

// binary parses the operators after an operand that bind tighter than those of the precedence
// parent.
func (p *parser) binary(st settings, parent uint8, root Expr) Expr {
	st.pos = root.Pos()
	for {
		t := p.peek()
		if p.stops(t) {
			return root
		}
		if p.badOperator(t) {
			return nil
		}
		precedence := tokens[t.kind].precedence
		bindRight := t.kind == tokPower
		if precedence < parent || precedence == parent && !bindRight {
			return root
		}
		op, pos := tokens[t.kind].binary, t.pos
		p.next()

		right, open := p.rightOperand(st, op)
		if right == nil && !open {
			return nil
		}
		t = p.peek()
		if p.badOperator(t) {
			return nil
		}
		// What follows an open end has no precedence, so that right is there.
		if next := tokens[t.kind].precedence; next > precedence || next == precedence && bindRight {
			inner, ok := p.up(st)
			if !ok {
				return nil
			}
			if right = p.binary(inner, precedence, right); right == nil {
				return nil
			}
		}
		var ok bool
		if st, ok = p.up(st); !ok {
			return nil
		}
		st.pos = pos
		if op == OpAnd || op == OpOr {
			if !p.boolean(root) || !p.boolean(right) {
				return nil
			}
		}
		root = &Binary{node: node{chainPos(op, root, pos)}, Op: op, Left: root, Right: right}
	}
}

// chainPos returns the position of an operator's node. Rhai keeps a && b && c as one
// node where the first && stands; so it does with || and ??.
func chainPos(op Operator, left Expr, pos Position) Position {
	if op == OpAnd || op == OpOr || op == OpCoalesce {
		if l, ok := left.(*Binary); ok && l.Op == op {
			return l.Position
		}
	}
	return pos
}

// rightOperand parses what follows an operator. A range may be open: no operand, and no error.
func (p *parser) rightOperand(st settings, op Operator) (x Expr, open bool) {
	switch op {
	case OpCoalesce:
		switch p.peek().kind {
		case tokBreak, tokContinue, tokReturn, tokThrow:
			stmt := p.stmt(st)
			if stmt == nil {
				return nil, false
			}
			return stmtExpr(stmt), false
		}
	case OpRange, OpRangeInclusive:
		switch p.peek().kind {
		case tokRBracket, tokRParen, tokRBrace, tokComma, tokSemicolon, tokArrow:
			return nil, true
		}
	}
	return p.unary(st), false
}

// stmtExpr makes a statement an expression.
func stmtExpr(stmt Stmt) Expr {
	if x, ok := stmt.(*ExprStmt); ok {
		return x.Expr
	}
	return &StmtExpr{node: node{stmt.Pos()}, Stmt: stmt}
}

// primary parses an operand with its calls, indexes and properties.
func (p *parser) primary(st settings) Expr {
	t := p.peek()
	st.pos = t.pos

	var x Expr
	switch t.kind {
	case tokUnit:
		p.next()
		x = &UnitLit{node{st.pos}}
	case tokInt:
		x = &IntLit{node: node{st.pos}, Value: int64(p.next().number)}
	case tokFloat:
		x = &FloatLit{node: node{st.pos}, Value: p.next().float()}
	case tokChar:
		x = &CharLit{node: node{st.pos}, Value: rune(p.next().number)}
	case tokString:
		x = &StringLit{node: node{st.pos}, Value: p.next().text}
	case tokTrue, tokFalse:
		x = &BoolLit{node: node{st.pos}, Value: p.next().kind == tokTrue}
	case tokRange, tokRangeInclusive:
		// An open start. The operator stays for binary to find.
		x = &IntLit{node: node{st.pos}}
	case tokLParen:
		x = p.parenthesized(st)
	case tokLBrace, tokIf, tokSwitch:
		x = p.stmtOperand(st, t.kind)
	case tokWhile, tokLoop, tokDo, tokFor:
		if st.flags&loopExpr == 0 {
			p.unexpected(t)
			return nil
		}
		x = p.stmtOperand(st, t.kind)
	case tokPipe, tokOr:
		x = p.closure(st)
	case tokText:
		x = p.interpolation(st)
	case tokLBracket:
		if inner, ok := p.up(st); ok {
			x = p.array(inner)
		}
	case tokMapStart:
		if inner, ok := p.up(st); ok {
			x = p.objectMap(inner)
		}
	case tokIdent:
		x = p.variable()
	case tokReserved:
		x = p.reservedOperand(st)
	case tokError:
		failed := p.next()
		p.lexError(&failed)
		return nil
	case tokEOF:
		p.fail(t.pos, msgIncomplete)
		return nil
	default:
		p.unexpected(t)
		return nil
	}
	if x == nil {
		return nil
	}
	return p.postfix(st, x)
}

func (p *parser) parenthesized(st settings) Expr {
	p.next()
	x := p.exprUp(st)
	if x == nil {
		return nil
	}
	switch t := p.next(); t.kind {
	case tokRParen:
		return x
	case tokError:
		p.lexError(&t)
	default:
		p.missing(t.pos, tokRParen, "for a matching ( in this expression")
	}
	return nil
}

// stmtOperand parses a statement that stands for a value.
func (p *parser) stmtOperand(st settings, k kind) Expr {
	inner, ok := p.up(st)
	if !ok {
		return nil
	}
	var stmt Stmt
	switch k {
	case tokLBrace:
		stmt = asStmt(p.block(inner))
	case tokIf:
		stmt = asStmt(p.ifStmt(inner))
	case tokSwitch:
		stmt = asStmt(p.switchStmt(inner))
	case tokDo:
		stmt = asStmt(p.doLoop(inner))
	case tokFor:
		stmt = asStmt(p.forLoop(inner))
	default:
		stmt = asStmt(p.while(inner))
	}
	if stmt == nil {
		return nil
	}
	return &StmtExpr{node: node{stmt.Pos()}, Stmt: stmt}
}

// variable parses a name. Names of calls and paths are no uses of variables.
func (p *parser) variable() Expr {
	t := p.next()
	v := &Variable{node: node{t.pos}, Name: t.text}
	switch p.peek().kind {
	case tokLParen, tokUnit, tokBang, tokDoubleColon:
	default:
		v.binding = p.use(t.text, t.pos)
	}
	return v
}

// reservedOperand parses this and the built-in functions with reserved names.
func (p *parser) reservedOperand(st settings) Expr {
	t := p.next()
	switch p.peek().kind {
	case tokLParen, tokUnit, tokBang:
		if lookup(t.text).callable {
			return &Variable{node: node{t.pos}, Name: t.text}
		}
	}
	switch {
	case t.text != "this":
		p.reserved(t.pos, t.text)
	case st.flags&inFunction == 0:
		p.fail(t.pos, "'this' can only be used in functions")
	default:
		return &This{node{t.pos}}
	}
	return nil
}
