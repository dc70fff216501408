// Package syntax reads Rhai scripts: scanner, parser and tree.
//
// It accepts what Rhai 1.24 with its default engine accepts, and refuses the
// rest with the same words at the same place. To get there the parser follows
// the order in which Rhai looks at tokens and counts levels of nesting; where that
// seems odd, it is because an error's position depends on it.
package syntax

import (
	"strings"
	"unicode"
)

// Mode says what kind of text is parsed.
type Mode uint8

const (
	// Script is a whole script.
	Script Mode = iota
	// Eval is the text given to eval: functions and closures are refused, white space around it
	// does not count.
	Eval
	// JSON is the text given to parse_json: one expression, in which braces
	// mean object maps, property names are quoted and null is unit.
	JSON
)

// The limits of nesting that Rhai sets when it is not told otherwise.
const (
	DefaultExprDepth         = 64
	DefaultFunctionExprDepth = 32
	// MaxDepth is the most that may be asked for: deeper recursion would not fit
	// the guest's stack.
	MaxDepth = 256
)

// Options of Parse. The zero value parses a script under Rhai's default limits.
type Options struct {
	Mode Mode
	// ExprDepth and FunctionExprDepth limit the nesting of expressions and statements outside of
	// and in functions: 1..MaxDepth, 0 for the default. More than MaxDepth counts as MaxDepth.
	ExprDepth, FunctionExprDepth int
	// MaxStringSize limits string literals (and the parts of interpolated ones), in bytes.
	// MaxArraySize and MaxMapSize limit literals, in items. As in Rhai an array of exactly
	// the limit is refused. 0: no limit.
	MaxStringSize, MaxArraySize, MaxMapSize int
	// Step is called each few hundred steps of the work, and at its end, with how many there have
	// been since the last call: a token is one, and so are 16 bytes. When it returns false, the
	// parsing ends with some error. It may be nil.
	Step func(n int) (goOn bool)
}

// Parse reads a source. The error, if any, is a *ParseError.
func Parse(source string, opts Options) (*Program, error) {
	if opts.Mode == Eval {
		source = strings.TrimFunc(source, unicode.IsSpace)
	}
	p := parser{
		opts:    opts,
		scanner: newScanner(source, opts.MaxStringSize, opts.Mode == JSON),
		program: &Program{},
	}
	p.scanner.step = opts.Step
	settings := settings{
		pos:   Position{Line: 1},
		max:   depth(opts.ExprDepth, DefaultExprDepth),
		flags: globalLevel | loopExpr,
	}
	ok := false
	if opts.Mode == JSON {
		ok = p.jsonText(settings)
	} else {
		ok = p.script(settings)
	}
	if ok && opts.Mode == Eval && (len(p.program.Functions) > 0 || p.closures > 0) {
		p.err = &ParseError{Message: msgNestedFunction}
	}
	if !p.scanner.report() && p.err == nil {
		p.fail(Position{}, msgStopped)
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.program, nil
}

func depth(wanted, otherwise int) int16 {
	switch {
	case wanted <= 0:
		wanted = otherwise
	case wanted > MaxDepth:
		wanted = MaxDepth
	}
	return int16(wanted)
}

// parser holds what is common to all levels of the recursion. Its methods return nil or
// false when they failed; err then says why.
type parser struct {
	scanner  scanner
	tok      token // the token ahead, when has
	has      bool
	last     kind // of the token taken last
	opts     Options
	err      *ParseError
	program  *Program
	fn       function
	names    names
	closures int32 // how many there were so far
	defined  map[signature]bool
}

// settings is what a level of the recursion passes to the next.
type settings struct {
	pos   Position // where nesting too deep is reported
	level int16
	max   int16
	flags flags
}

type flags uint8

const (
	globalLevel flags = 1 << iota // functions and exports may stand here
	inFunction                    // this may be used
	breakable                     // inside a loop
	exprOnly                      // JSON: switch arms are expressions
	quotedKeys                    // JSON: property names are in quotes
	loopExpr                      // loops are expressions
)

// up goes one level deeper; it fails when that is too deep.
func (p *parser) up(st settings) (settings, bool) {
	if st.level >= st.max {
		return st, p.fail(st.pos, msgTooDeep)
	}
	st.level++
	return st, true
}

// upAt works as up, with a new position.
func (p *parser) upAt(st settings, pos Position) (settings, bool) {
	st, ok := p.up(st)
	st.pos = pos
	return st, ok
}

// peek looks at the next token. It is valid until the next call of peek or next.
func (p *parser) peek() *token {
	if !p.has {
		p.tok = p.scanner.token()
		p.has = true
		if !p.scanner.count() {
			p.tok = token{kind: tokError, pos: p.tok.pos, text: msgStopped}
		}
	}
	return &p.tok
}

// next takes a token.
func (p *parser) next() token {
	t := *p.peek()
	p.has = false
	p.last = t.kind
	return t
}

// accept takes the next token if it is a k.
func (p *parser) accept(k kind) bool {
	if p.peek().kind != k {
		return false
	}
	p.next()
	return true
}

// script parses the statements at global level.
func (p *parser) script(st settings) bool {
	for p.peek().kind != tokEOF {
		stmt := p.stmt(st)
		if stmt == nil {
			return false
		}
		if isNoop(stmt) {
			continue
		}
		p.program.Body = append(p.program.Body, stmt)

		t := p.peek()
		switch {
		case t.kind == tokEOF, selfTerminated(stmt):
		case t.kind == tokSemicolon:
			p.next()
		case t.kind == tokError:
			return p.lexError(t)
		default:
			return p.missing(t.pos, tokSemicolon, "to terminate this statement")
		}
	}
	return true
}

// jsonText parses the one expression of parse_json.
func (p *parser) jsonText(st settings) bool {
	st.flags = globalLevel | exprOnly | quotedKeys
	x := p.expr(st)
	if x == nil {
		return false
	}
	if t := p.peek(); t.kind != tokEOF {
		return p.unexpected(t)
	}
	p.program.Body = []Stmt{&ExprStmt{Expr: x}}
	return true
}

// name parses the name of a variable.
func (p *parser) name() (Ident, bool) {
	switch t := p.next(); {
	case t.kind == tokIdent:
		return Ident{t.text, t.pos}, true
	case t.kind == tokReserved && isIdentifier(t.text):
		return Ident{}, p.reserved(t.pos, t.text)
	case t.kind == tokError:
		return Ident{}, p.lexError(&t)
	default:
		return Ident{}, p.fail(t.pos, msgVariable)
	}
}
