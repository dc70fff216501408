package syntax

func isNoop(stmt Stmt) bool {
	_, ok := stmt.(*Noop)
	return ok
}

// selfTerminated: no semicolon is needed after the statement.
func selfTerminated(stmt Stmt) bool {
	switch stmt.(type) {
	case *If, *Switch, *While, *For, *Block, *Try:
		return true
	}
	return false
}

// asStmt keeps a nil node a nil statement.
func asStmt[T any, P interface {
	*T
	Stmt
}](s P) Stmt {
	if s == nil {
		return nil
	}
	return s
}

// stmt parses a statement. At the end of the source that is a Noop.
func (p *parser) stmt(st settings) Stmt {
	t := p.peek()
	if t.kind == tokEOF {
		return &Noop{node{t.pos}}
	}
	st.pos = t.pos

	switch t.kind {
	case tokSemicolon:
		p.next()
		return &Noop{node{st.pos}}
	case tokFn, tokPrivate:
		return p.functionDef(st)
	case tokContinue, tokBreak:
		if st.flags&breakable == 0 {
			p.fail(t.pos, msgBreak)
			return nil
		}
		if p.next().kind == tokContinue {
			return &Continue{node{st.pos}}
		}
		value, ok := p.optionalValue(st)
		if !ok {
			return nil
		}
		return &Break{node: node{st.pos}, Value: value}
	case tokReturn, tokThrow:
		p.next()
		isReturn := p.last == tokReturn
		value, ok := p.optionalValue(st)
		switch {
		case !ok:
			return nil
		case isReturn:
			return &Return{node: node{st.pos}, Value: value}
		}
		return &Throw{node: node{st.pos}, Value: value}
	case tokExport:
		if st.flags&globalLevel == 0 {
			p.fail(t.pos, msgNestedExport)
			return nil
		}
	}

	k := t.kind
	st, ok := p.up(st)
	if !ok {
		return nil
	}
	switch k {
	case tokLBrace:
		return asStmt(p.block(st))
	case tokIf:
		return asStmt(p.ifStmt(st))
	case tokSwitch:
		return asStmt(p.switchStmt(st))
	case tokWhile, tokLoop:
		return asStmt(p.while(st))
	case tokDo:
		return asStmt(p.doLoop(st))
	case tokFor:
		return asStmt(p.forLoop(st))
	case tokTry:
		return asStmt(p.try(st))
	case tokLet, tokConst:
		return asStmt(p.let(st, false))
	case tokImport:
		return asStmt(p.importStmt(st))
	case tokExport:
		return p.export(st)
	}
	return p.exprStmt(st)
}

// optionalValue parses the value of break, return or throw. Whatever cannot begin
// an expression means that there is none: the error is forgotten if no token was taken.
func (p *parser) optionalValue(st settings) (Expr, bool) {
	pos := p.peek().pos
	st, ok := p.up(st)
	if !ok {
		return nil, false
	}
	x := p.expr(st)
	if x != nil {
		return x, true
	}
	if p.peek().pos == pos {
		p.err = nil
		return nil, true
	}
	return nil, false
}

// exprStmt parses an expression or an assignment.
func (p *parser) exprStmt(st settings) Stmt {
	st.pos = p.peek().pos
	target := p.expr(st)
	if target == nil {
		return nil
	}
	t := p.peek()
	op := tokens[t.kind].assign
	if t.kind != tokAssign && op == OpNone {
		return &ExprStmt{target}
	}
	st.pos = p.next().pos
	value := p.expr(st)
	if value == nil || !p.assignable(target, op, st.pos) {
		return nil
	}
	return &Assign{node: node{st.pos}, Op: op, Target: target, Value: value}
}

// block parses { statements }.
func (p *parser) block(st settings) *Block {
	t := p.next()
	switch t.kind {
	case tokLBrace:
	case tokError:
		p.lexError(&t)
		return nil
	default:
		p.missing(t.pos, tokLBrace, "to start a statement block")
		return nil
	}
	st, ok := p.upAt(st, t.pos)
	if !ok {
		return nil
	}
	st.flags &^= globalLevel
	b := &Block{node: node{t.pos}}
	depth := len(p.names.stack)

	for {
		t := p.peek()
		if t.kind == tokRBrace {
			break
		}
		if t.kind == tokEOF {
			p.missing(t.pos, tokRBrace, "to terminate this block")
			return nil
		}
		stmt := p.stmt(st)
		if stmt == nil {
			return nil
		}
		if isNoop(stmt) {
			continue
		}
		b.Stmts = append(b.Stmts, stmt)

		t = p.peek()
		switch {
		case t.kind == tokRBrace:
		case t.kind == tokSemicolon:
			p.next()
		case selfTerminated(stmt):
		case t.kind == tokError:
			p.lexError(t)
			return nil
		default:
			p.missing(t.pos, tokSemicolon, "to terminate this statement")
			return nil
		}
	}
	b.End = p.next().pos
	p.names.leave(depth)
	return b
}

// condition parses what if, while and until test.
func (p *parser) condition(st settings) Expr {
	if !p.noBlock() {
		return nil
	}
	x := p.expr(st)
	if x == nil || !p.boolean(x) {
		return nil
	}
	if t := p.peek(); t.kind == tokAssign {
		p.fail(t.pos, msgAssignTypo)
		return nil
	}
	return x
}

// noBlock fails on a block in the place of a condition.
func (p *parser) noBlock() bool {
	if t := p.peek(); t.kind == tokLBrace {
		return p.fail(t.pos, "Expecting a boolean expression")
	}
	return true
}

func (p *parser) ifStmt(st settings) *If {
	s := &If{node: node{p.next().pos}}
	st, ok := p.upAt(st, s.Position)
	if !ok {
		return nil
	}
	if s.Cond = p.condition(st); s.Cond == nil {
		return nil
	}
	if s.Then = p.block(st); s.Then == nil {
		return nil
	}
	if p.accept(tokElse) {
		if p.peek().kind == tokIf {
			s.Else = asStmt(p.ifStmt(st))
		} else {
			s.Else = asStmt(p.block(st))
		}
		if s.Else == nil {
			return nil
		}
	}
	return s
}

// while parses while and loop.
func (p *parser) while(st settings) *While {
	st, ok := p.up(st)
	if !ok {
		return nil
	}
	t := p.next()
	s := &While{node: node{t.pos}}
	if t.kind == tokWhile {
		if s.Cond = p.condition(st); s.Cond == nil {
			return nil
		}
	}
	st.pos = t.pos
	st.flags |= breakable
	if s.Body = p.block(st); s.Body == nil {
		return nil
	}
	return s
}

func (p *parser) doLoop(st settings) *DoLoop {
	s := &DoLoop{node: node{p.next().pos}}
	st, ok := p.upAt(st, s.Position)
	if !ok {
		return nil
	}
	inner := st
	inner.flags |= breakable
	if s.Body = p.block(inner); s.Body == nil {
		return nil
	}
	switch t := p.next(); t.kind {
	case tokWhile:
	case tokUntil:
		s.Until = true
	default:
		p.missing(t.pos, tokWhile, "for the do statement")
		return nil
	}
	if s.Cond = p.condition(st); s.Cond == nil {
		return nil
	}
	return s
}

func (p *parser) forLoop(st settings) *For {
	s := &For{node: node{p.next().pos}}
	st, ok := p.upAt(st, s.Position)
	if !ok || !p.loopNames(s) {
		return nil
	}
	switch t := p.next(); t.kind {
	case tokIn:
	case tokError:
		p.lexError(&t)
		return nil
	default:
		p.missing(t.pos, tokIn, "after the iteration variable")
		return nil
	}
	if !p.noBlock() {
		return nil
	}
	s.Subject = p.expr(st)
	if s.Subject == nil || !p.iterable(s.Subject) {
		return nil
	}
	depth := len(p.names.stack)
	if s.Counter.Name != "" {
		p.names.declare(s.Counter.Name, false)
	}
	p.names.declare(s.Name.Name, false)
	st.flags |= breakable
	if s.Body = p.block(st); s.Body == nil {
		return nil
	}
	p.names.leave(depth)
	return s
}

// loopNames parses name or (name, counter).
func (p *parser) loopNames(s *For) bool {
	var ok bool
	pair := p.accept(tokLParen)
	if s.Name, ok = p.name(); !ok || !pair {
		return ok
	}
	if t := p.peek(); t.kind != tokComma {
		return p.missing(t.pos, tokComma, "after the iteration variable name")
	}
	p.next()
	if s.Counter, ok = p.name(); !ok {
		return false
	}
	if s.Counter.Name == s.Name.Name {
		return p.fail(s.Counter.Position, "Duplicated variable name: "+s.Name.Name)
	}
	if t := p.peek(); t.kind != tokRParen {
		return p.missing(t.pos, tokRParen, "to close the iteration variable")
	}
	p.next()
	return true
}

// let parses let and const.
func (p *parser) let(st settings, export bool) *Let {
	t := p.next()
	st.pos = t.pos
	s := &Let{node: node{t.pos}, Const: t.kind == tokConst, Export: export}
	var ok bool
	if s.Name, ok = p.name(); !ok {
		return nil
	}
	if p.accept(tokAssign) {
		if s.Value = p.exprUp(st); s.Value == nil {
			return nil
		}
	}
	p.names.declare(s.Name.Name, s.Const)
	return s
}

func (p *parser) try(st settings) *Try {
	s := &Try{node: node{p.next().pos}}
	st, ok := p.upAt(st, s.Position)
	if !ok {
		return nil
	}
	if s.Body = p.block(st); s.Body == nil {
		return nil
	}
	if t := p.peek(); t.kind != tokCatch {
		p.missing(t.pos, tokCatch, "for the 'try' statement")
		return nil
	}
	p.next()
	depth := len(p.names.stack)
	if p.accept(tokLParen) {
		if s.Var, ok = p.name(); !ok {
			return nil
		}
		if t := p.peek(); t.kind != tokRParen {
			p.missing(t.pos, tokRParen, "to enclose the catch variable")
			return nil
		}
		p.next()
		p.names.declare(s.Var.Name, false)
	}
	if s.Catch = p.block(st); s.Catch == nil {
		return nil
	}
	p.names.leave(depth)
	return s
}

func (p *parser) importStmt(st settings) *Import {
	s := &Import{node: node{p.next().pos}}
	st, ok := p.upAt(st, s.Position)
	if !ok {
		return nil
	}
	if s.Path = p.expr(st); s.Path == nil {
		return nil
	}
	if p.accept(tokAs) {
		if s.Alias, ok = p.name(); !ok {
			return nil
		}
	}
	return s
}

func (p *parser) export(st settings) Stmt {
	pos := p.next().pos
	st.pos = pos
	switch p.peek().kind {
	case tokLet, tokConst:
		st, ok := p.up(st)
		if !ok {
			return nil
		}
		return asStmt(p.let(st, true))
	}
	s := &Export{node: node{pos}}
	var ok bool
	if s.Name, ok = p.name(); !ok {
		return nil
	}
	if p.accept(tokAs) {
		if s.Alias, ok = p.name(); !ok {
			return nil
		}
	}
	return s
}
