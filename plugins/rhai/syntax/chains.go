package syntax

// postfix parses the calls, indexes and properties that follow an operand.
func (p *parser) postfix(st settings, x Expr) Expr {
	// run is what the indexes stand on that were parsed last, nil when something else was.
	var run Expr
	// captured is the place of a method call with ! that ends the chain.
	var captured Position
	for {
		t := p.peek()
		v, isVariable := x.(*Variable)
		switch t.kind {
		case tokLBracket, tokElvisBracket:
			elvis := t.kind == tokElvisBracket
			st.pos = t.pos
			p.next()
			inner, ok := p.up(st)
			if !ok {
				return nil
			}
			run = x
			if x = p.indexes(inner, x, elvis); x == nil {
				return nil
			}
			captured = Position{}
			continue

		case tokDot, tokElvis:
			elvis := t.kind == tokElvis
			st.pos = t.pos
			dot := t.pos
			p.next()
			// A dot after an index makes Rhai forget the question mark before the index.
			if run != nil {
				forgetElvis(x, run)
			}
			run = nil
			if x, st, captured = p.member(st, x, elvis, dot); x == nil {
				return nil
			}
			continue

		case tokLParen, tokUnit, tokBang:
			if !isVariable {
				break
			}
			bang := t.kind == tokBang
			open := p.next()
			if bang {
				if len(v.Path) > 0 {
					p.moduleBang(open.pos)
					return nil
				}
				if open, bang = p.argumentsStart(); !bang {
					return nil
				}
			}
			st.pos = v.Position
			args, ok := p.arguments(st, v.Name, open.kind == tokUnit)
			if !ok {
				return nil
			}
			x = &Call{node: node{v.Position}, Path: v.Path, Name: v.Name, Args: args, CaptureScope: bang}
			continue

		case tokDoubleColon:
			if !isVariable {
				break
			}
			st.pos = t.pos
			p.next()
			name, ok := p.name()
			if !ok {
				return nil
			}
			x = &Variable{
				node: node{name.Position},
				Path: append(v.Path, Ident{v.Name, v.Position}),
				Name: name.Name,
			}
			continue
		}
		if captured.IsKnown() {
			p.fail(captured, msgMethodCapture)
			return nil
		}
		return x
	}
}

// moduleBang fails on a::b!.
func (p *parser) moduleBang(pos Position) {
	switch p.peek().kind {
	case tokLParen, tokUnit:
		p.fail(pos, "Unexpected '!'")
	default:
		p.fail(pos, "'!' cannot be used to call module functions")
	}
}

// argumentsStart takes what must follow the ! of a call.
func (p *parser) argumentsStart() (token, bool) {
	switch t := p.peek(); t.kind {
	case tokLParen, tokUnit:
		return p.next(), true
	default:
		return token{}, p.missing(t.pos, tokLParen, "to start arguments list of function call")
	}
}

// member parses the property or method after a dot. The settings it returns are
// those of the rest of the chain, a level deeper. The position is that of the
// name of a method called with !.
func (p *parser) member(st settings, base Expr, elvis bool, dot Position) (Expr, settings, Position) {
	none := Position{}
	t := p.peek()
	switch {
	case t.kind == tokIdent:
	case t.kind == tokReserved && lookup(t.text).method:
	case t.kind == tokReserved:
		p.reserved(t.pos, t.text)
		return nil, st, none
	default:
		p.fail(t.pos, msgProperty)
		return nil, st, none
	}
	st, ok := p.up(st)
	if !ok {
		return nil, st, none
	}
	word := p.next()
	name := Ident{word.text, word.pos}
	st.pos = word.pos

	switch t := p.peek(); {
	case t.kind == tokLParen || t.kind == tokUnit || t.kind == tokBang:
	case word.kind == tokReserved:
		p.reserved(word.pos, word.text)
		return nil, st, none
	case t.kind == tokDoubleColon:
		p.fail(t.pos, "Invalid symbol encountered: '::'")
		return nil, st, none
	default:
		return &Property{node: node{dot}, Base: base, Name: name, Elvis: elvis}, st, none
	}
	open := p.next()
	bang := open.kind == tokBang
	if bang {
		if open, ok = p.argumentsStart(); !ok {
			return nil, st, none
		}
	}
	args, ok := p.arguments(st, name.Name, open.kind == tokUnit)
	if !ok {
		return nil, st, none
	}
	call := &MethodCall{node: node{dot}, Base: base, Name: name, Args: args, Elvis: elvis}
	if bang {
		return call, st, name.Position
	}
	return call, st, none
}

// arguments parses the arguments of a call, behind the opening parenthesis. none: behind the
// closing one, too.
func (p *parser) arguments(st settings, name string, none bool) ([]Expr, bool) {
	if none {
		return nil, true
	}
	switch t := p.peek(); t.kind {
	case tokEOF:
		return nil, p.openArguments(t.pos, name)
	case tokError:
		return nil, p.lexError(t)
	case tokRParen:
		p.next()
		return nil, true
	}
	st, ok := p.up(st)
	if !ok {
		return nil, false
	}
	var args []Expr
	for {
		if p.peek().kind != tokRParen {
			x := p.expr(st)
			if x == nil {
				return nil, false
			}
			args = append(args, x)
		}
		switch t := p.peek(); t.kind {
		case tokRParen:
			p.next()
			return args, true
		case tokComma:
			p.next()
		case tokEOF:
			return nil, p.openArguments(t.pos, name)
		case tokError:
			return nil, p.lexError(t)
		default:
			return nil, p.missing(t.pos, tokComma, "to separate the arguments to function call '"+name+"'")
		}
	}
}

func (p *parser) openArguments(pos Position, name string) bool {
	return p.missing(pos, tokRParen, "to close the arguments list of this function call '"+name+"'")
}

// indexes parses one index after the other. The first bracket is taken, st.pos is its place.
func (p *parser) indexes(st settings, base Expr, elvis bool) Expr {
	first := true
	for {
		index := p.exprUp(st)
		if index == nil {
			return nil
		}
		if first && !p.indexable(base, index) {
			return nil
		}
		first = false

		switch t := p.peek(); t.kind {
		case tokRBracket:
			p.next()
		case tokError:
			p.lexError(t)
			return nil
		default:
			p.missing(t.pos, tokRBracket, "for a matching [ in this index expression")
			return nil
		}
		x := &Index{node: node{st.pos}, Base: base, Index: index, Elvis: elvis}
		t := p.peek()
		if t.kind != tokLBracket && t.kind != tokElvisBracket {
			return x
		}
		// With another index after it Rhai looks at that one's question mark.
		elvis = t.kind == tokElvisBracket
		x.Elvis = elvis
		base = x
		st.pos = t.pos
		p.next()
		var ok bool
		if st, ok = p.up(st); !ok {
			return nil
		}
	}
}

// forgetElvis makes plain indexes of those that stand on base.
func forgetElvis(x, base Expr) {
	for x != base {
		index, ok := x.(*Index)
		if !ok {
			return
		}
		index.Elvis = false
		x = index.Base
	}
}
