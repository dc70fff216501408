package syntax

// switchStmt parses switch subject { cases }.
func (p *parser) switchStmt(st settings) *Switch {
	s := &Switch{node: node{p.next().pos}}
	st, ok := p.upAt(st, s.Position)
	if !ok {
		return nil
	}
	if s.Subject = p.expr(st); s.Subject == nil {
		return nil
	}
	switch t := p.next(); t.kind {
	case tokLBrace:
	case tokError:
		p.lexError(&t)
		return nil
	default:
		p.missing(t.pos, tokLBrace, "to start a switch block")
		return nil
	}

	const toEnd = "to end this switch block"
	ranges := false
	defaultPos := Position{}
	for {
		t := p.peek()
		c := &SwitchCase{Position: t.pos}
		switch {
		case t.kind == tokRBrace:
			p.next()
			return s
		case t.kind == tokEOF:
			p.missing(t.pos, tokRBrace, toEnd)
			return nil
		case s.Default != nil:
			p.fail(defaultPos, msgDefaultNotLast)
			return nil
		case t.kind == tokUnderscore:
			defaultPos = p.next().pos
			if t := p.peek(); t.kind == tokIf {
				p.fail(t.pos, msgDefaultGuard)
				return nil
			}
		default:
			if !p.casePatterns(st, c) {
				return nil
			}
		}

		switch t := p.next(); t.kind {
		case tokArrow:
		case tokError:
			p.lexError(&t)
			return nil
		default:
			p.missing(t.pos, tokArrow, "in this switch case")
			return nil
		}
		needComma := true
		if st.flags&exprOnly != 0 {
			c.Body = p.expr(st)
		} else if stmt := p.stmt(st); stmt != nil {
			c.Body = stmtExpr(stmt)
			needComma = !selfTerminated(stmt)
		}
		if c.Body == nil {
			return nil
		}
		if c.Patterns == nil {
			s.Default = c.Body
		} else {
			if !p.literals(c.Patterns, &ranges) {
				return nil
			}
			s.Cases = append(s.Cases, c)
		}

		switch t := p.peek(); {
		case t.kind == tokComma:
			p.next()
		case t.kind == tokRBrace:
		case t.kind == tokEOF:
			p.missing(t.pos, tokRParen, toEnd)
			return nil
		case t.kind == tokError:
			p.lexError(t)
			return nil
		case needComma:
			p.missing(t.pos, tokComma, "to separate the items in this switch block")
			return nil
		}
	}
}

// casePatterns parses pattern | pattern if guard.
func (p *parser) casePatterns(st settings, c *SwitchCase) bool {
	for {
		outer := p.fn.noPipe
		p.fn.noPipe = true
		x := p.expr(st)
		p.fn.noPipe = outer
		if x == nil {
			return p.fail(p.err.Position, "Expecting literal expression")
		}
		c.Patterns = append(c.Patterns, x)
		if !p.accept(tokPipe) {
			break
		}
	}
	if !p.accept(tokIf) {
		return true
	}
	c.Guard = p.condition(st)
	return c.Guard != nil
}

// literals checks a case's patterns. ranges says whether a range that is not empty has been seen.
func (p *parser) literals(patterns []Expr, ranges *bool) bool {
	for _, x := range patterns {
		if !isPattern(x) {
			return p.fail(x.Start(), "Expecting a literal expression")
		}
		switch x := x.(type) {
		case *Binary:
			*ranges = *ranges || !isEmptyRange(x)
		case *IntLit, *FloatLit:
			if *ranges {
				return p.fail(x.Start(), msgNumberAfterRange)
			}
		}
	}
	return true
}
