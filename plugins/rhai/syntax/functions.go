package syntax

import "strconv"

// signature tells script functions apart.
type signature struct {
	name, thisType string
	params         int
}

// functionDef parses [private] fn name(params) { body } at global level.
func (p *parser) functionDef(st settings) Stmt {
	start := p.peek().pos
	docs := append([]string(nil), p.scanner.docs...)
	private := p.accept(tokPrivate)
	t := p.next()
	switch {
	case t.kind != tokFn:
		p.missing(t.pos, tokFn, "following 'private'")
		return nil
	case st.flags&globalLevel == 0:
		p.fail(start, msgNestedFunction)
		return nil
	}
	f := &Function{Private: private, Comments: docs, Position: t.pos}

	outer := p.enter(false)
	ok := p.functionRest(settings{
		pos:   t.pos,
		max:   depth(p.opts.FunctionExprDepth, DefaultFunctionExprDepth),
		flags: inFunction | loopExpr | st.flags&quotedKeys,
	}, f)
	p.exit(outer)
	if !ok {
		return nil
	}
	sig := signature{f.Name, f.ThisType, len(f.Params)}
	if p.defined[sig] {
		p.fail(t.pos, duplicateFunction(f))
		return nil
	}
	if p.defined == nil {
		p.defined = make(map[signature]bool)
	}
	p.defined[sig] = true
	id := p.names.id(f.Name)
	p.names.symbols[id].function = true
	p.program.Functions = append(p.program.Functions, f)
	return &Noop{node{t.pos}}
}

func duplicateFunction(f *Function) string {
	params := " parameters"
	count := "no"
	switch n := len(f.Params); n {
	case 0:
	case 1:
		count, params = "1", " parameter"
	default:
		count = strconv.Itoa(n)
	}
	return "Function " + f.Name + " with " + count + params + " already exists"
}

// functionRest parses what follows fn.
func (p *parser) functionRest(st settings, f *Function) bool {
	st, ok := p.up(st)
	if !ok {
		return false
	}
	t := p.next()
	switch next := p.peek(); {
	case (t.kind == tokIdent || t.kind == tokString) && next.kind == tokDot:
		p.next()
		f.ThisType = thisType(t.text)
		t = p.next()
	case t.kind == tokString:
		return p.missing(next.pos, tokDot, "after the type name for 'this'")
	}
	switch t.kind {
	case tokIdent:
		f.Name = t.text
	case tokReserved:
		return p.reserved(t.pos, t.text)
	default:
		return p.fail(t.pos, msgFunctionName)
	}

	switch t := p.next(); t.kind {
	case tokUnit:
	case tokLParen:
		if !p.accept(tokRParen) && !p.params(f, tokRParen) {
			return false
		}
	default:
		return p.fail(t.pos, "Expecting parameters for function "+f.Name)
	}
	if t := p.peek(); t.kind != tokLBrace {
		return p.fail(t.pos, "Expecting body statement block for function "+f.Name)
	}
	f.Body = p.block(st)
	return f.Body != nil
}

// thisType returns what type_of does for a value of a type.
func thisType(name string) string {
	switch name {
	case "int":
		return "i64"
	case "float":
		return "f64"
	}
	return name
}

// params parses the parameters of a function or closure, with what closes them.
func (p *parser) params(f *Function, end kind) bool {
	for {
		switch t := p.next(); {
		case t.kind == end:
			return true
		case t.kind == tokIdent:
			if p.declared(t.text) {
				return p.fail(t.pos, "Duplicated parameter "+t.text+" for function "+f.Name)
			}
			p.names.declare(t.text, false)
			f.Params = append(f.Params, Ident{t.text, t.pos})
		case t.kind == tokError:
			return p.lexError(&t)
		case t.kind == tokReserved:
			return p.reserved(t.pos, t.text)
		case tokens[t.kind].keyword:
			return p.fail(t.pos, msgVariable)
		case end == tokPipe:
			return p.missing(t.pos, end, "to close the parameters list of anonymous function or closure")
		default:
			return p.missing(t.pos, end, "to close the parameters list of function '"+f.Name+"'")
		}

		switch t := p.next(); {
		case t.kind == end:
			return true
		case t.kind == tokComma:
		case t.kind == tokError:
			return p.lexError(&t)
		case end == tokPipe:
			return p.missing(t.pos, tokComma, "to separate the parameters of anonymous function")
		default:
			return p.missing(t.pos, tokComma, "to separate the parameters of function '"+f.Name+"'")
		}
	}
}

// closure parses |params| body.
func (p *parser) closure(st settings) Expr {
	x := &Closure{node: node{st.pos}, Func: &Function{Position: st.pos}}
	outer := p.enter(true)
	ok := p.closureRest(st, x.Func)
	x.Captures = p.exit(outer)
	if !ok {
		return nil
	}
	return x
}

func (p *parser) closureRest(st settings, f *Function) bool {
	if p.next().kind != tokOr && !p.accept(tokPipe) && !p.params(f, tokPipe) {
		return false
	}
	st.flags = inFunction | loopExpr | st.flags&(quotedKeys|exprOnly)
	st, ok := p.up(st)
	if !ok {
		return false
	}
	body := p.stmt(st)
	if body == nil {
		return false
	}
	f.Body = asBlock(body)
	return true
}

// asBlock returns the statement as a block of its own.
func asBlock(stmt Stmt) *Block {
	switch s := stmt.(type) {
	case *Block:
		return s
	case *Noop:
		return &Block{node: s.node, End: s.Position}
	}
	return &Block{node: node{stmt.Pos()}, Stmts: []Stmt{stmt}}
}
