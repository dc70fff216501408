package syntax

import "math"

func (t token) float() float64 { return math.Float64frombits(t.number) }

// array parses [a, b].
func (p *parser) array(st settings) Expr {
	st.pos = p.next().pos
	x := &ArrayLit{node: node{st.pos}}
	const toEnd = "to end this array literal"
	for {
		t := p.peek()
		if limit := p.opts.MaxArraySize; limit > 0 && len(x.Elems) >= limit {
			p.fail(t.pos, tooLarge("Size of array literal", limit))
			return nil
		}
		switch t.kind {
		case tokRBracket:
			p.next()
			return x
		case tokEOF:
			p.missing(t.pos, tokRBracket, toEnd)
			return nil
		}
		elem := p.exprUp(st)
		if elem == nil {
			return nil
		}
		x.Elems = append(x.Elems, elem)

		switch t := p.peek(); t.kind {
		case tokComma:
			p.next()
		case tokRBracket:
		case tokEOF:
			p.missing(t.pos, tokRBracket, toEnd)
			return nil
		case tokError:
			p.lexError(t)
			return nil
		default:
			p.missing(t.pos, tokComma, "to separate the items of this array literal")
			return nil
		}
	}
}

// objectMap parses #{a: 1, "b": 2}.
func (p *parser) objectMap(st settings) Expr {
	st.pos = p.next().pos
	x := &MapLit{node: node{st.pos}}
	keys := keySet{}
	const toEnd = "to end this object map literal"
	for {
		if p.accept(tokRBrace) {
			return x
		}
		if t := p.peek(); t.kind == tokEOF {
			p.missing(t.pos, tokRBrace, toEnd)
			return nil
		}
		key, ok := p.mapKey(st, x, &keys, toEnd)
		if !ok {
			return nil
		}
		switch t := p.next(); t.kind {
		case tokColon:
		case tokError:
			p.lexError(&t)
			return nil
		default:
			p.missing(t.pos, tokColon, "to follow the property '"+key.Name+"' in this object map literal")
			return nil
		}
		if limit := p.opts.MaxMapSize; limit > 0 && len(x.Keys) >= limit {
			p.fail(p.peek().pos, tooLarge("Number of properties in object map literal", limit))
			return nil
		}
		value := p.exprUp(st)
		if value == nil {
			return nil
		}
		x.Keys = append(x.Keys, key)
		x.Values = append(x.Values, value)
		keys.add(key.Name, x.Keys)

		switch t := p.peek(); t.kind {
		case tokComma:
			p.next()
		case tokRBrace:
		case tokIdent:
			p.missing(t.pos, tokComma, "to separate the items of this object map literal")
			return nil
		case tokError:
			p.lexError(t)
			return nil
		default:
			p.missing(t.pos, tokRBrace, toEnd)
			return nil
		}
	}
}

// mapKey parses a property's name.
func (p *parser) mapKey(st settings, x *MapLit, keys *keySet, toEnd string) (Ident, bool) {
	t := p.next()
	switch {
	case t.kind == tokIdent && st.flags&quotedKeys != 0, t.kind == tokText:
		return Ident{}, p.fail(t.pos, msgProperty)
	case t.kind == tokIdent || t.kind == tokString:
		if keys.has(t.text, x.Keys) {
			return Ident{}, p.fail(t.pos, "Duplicated property for object map literal: "+t.text)
		}
		return Ident{t.text, t.pos}, true
	case t.kind == tokReserved && isIdentifier(t.text):
		return Ident{}, p.reserved(t.pos, t.text)
	case t.kind == tokError:
		return Ident{}, p.lexError(&t)
	case t.kind == tokEOF || len(x.Keys) == 0:
		return Ident{}, p.missing(t.pos, tokRBrace, toEnd)
	}
	return Ident{}, p.fail(t.pos, msgProperty)
}

// keySet finds a name among a map's keys: one by one while they are few.
type keySet struct{ index map[string]bool }

const fewKeys = 16

func (k *keySet) has(name string, keys []Ident) bool {
	if k.index != nil {
		return k.index[name]
	}
	for i := range keys {
		if keys[i].Name == name {
			return true
		}
	}
	return false
}

// add notes a name that has just become the last of keys.
func (k *keySet) add(name string, keys []Ident) {
	switch {
	case k.index != nil:
		k.index[name] = true
	case len(keys) > fewKeys:
		k.index = make(map[string]bool, 4*fewKeys)
		for i := range keys {
			k.index[keys[i].Name] = true
		}
	}
}

// interpolation parses `text ${ block } text`.
func (p *parser) interpolation(st settings) Expr {
	x := &Interpolation{node: node{st.pos}}
	st, ok := p.up(st)
	if !ok {
		return nil
	}
	text := func(t *token) {
		if t.text != "" {
			x.Parts = append(x.Parts, &StringLit{node: node{t.pos}, Value: t.text})
		}
	}
	t := p.next()
	text(&t)
	for {
		block := p.block(st)
		if block == nil {
			return nil
		}
		x.Parts = append(x.Parts, &StmtExpr{node: node{block.Position}, Stmt: block})

		// The closing brace is the last token taken: what follows is text.
		t := p.scanner.textToken()
		switch t.kind {
		case tokError:
			p.lexError(&t)
			return nil
		case tokString:
			text(&t)
			return x
		}
		text(&t)
	}
}
