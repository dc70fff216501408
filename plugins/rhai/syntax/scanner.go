package syntax

import (
	"math"
	"unicode/utf8"
)

// scanner cuts a source into tokens.
type scanner struct {
	src  string
	off  int
	line int32
	col  int32 // of the last character taken, 0 at the start of a line

	// operand: the token before this place ends an operand, so that a sign
	// here is a binary operator.
	operand bool
	// openComment: the source ended inside a comment, which Rhai lets pass.
	openComment bool
	// openText: the source ended inside a string that may go on on the next line.
	openText  bool
	json      bool
	maxString int // bytes, 0 for any
	failure   lexFailure
	docs      []string // the doc comments before the latest token

	step    func(n int) bool // see Options.Step
	steps   int              // done, and not reported to step
	counted int              // bytes of src that are in steps
	ask     int              // where in src to report next
}

func newScanner(src string, maxString int, json bool) scanner {
	return scanner{src: src, line: 1, maxString: maxString, json: json}
}

// pos returns the position of the last character taken. Like Rhai it stops counting at 65,535.
func (s *scanner) pos() Position {
	return Position{min(s.line, math.MaxUint16), min(s.col, math.MaxUint16)}
}

const (
	bytesPerStep = 16
	reportEvery  = 256     // steps between two reports
	askEvery     = 8 << 10 // bytes of a long token between two reports
)

// count counts a token as a step, with the bytes before its end. It reports whether to go on.
func (s *scanner) count() bool {
	s.steps += 1 + s.bytes()
	return s.steps < reportEvery || s.report()
}

// work counts steps of the parser.
func (s *scanner) work(n int) {
	if s.steps += n; s.steps >= reportEvery {
		s.report()
	}
}

// bytes returns the steps of the bytes read since its last call.
func (s *scanner) bytes() int {
	n := (s.off - s.counted) / bytesPerStep
	s.counted += n * bytesPerStep
	return n
}

// report passes the steps on to step. It returns false, and nothing more follows, if that says so.
func (s *scanner) report() bool {
	n := s.steps + s.bytes()
	s.steps = 0
	if s.step == nil || s.step(n) {
		return true
	}
	s.src = s.src[:s.off]
	return false
}

// more reports whether there is more of the source. It is asked before each character of what can
// be long.
func (s *scanner) more() bool {
	if s.off >= s.ask {
		s.ask = s.off + askEvery
		s.report()
	}
	return s.off < len(s.src)
}

func (s *scanner) newLine() { s.line, s.col = s.line+1, 0 }

// at reports whether c is next.
func (s *scanner) at(c byte) bool { return s.off < len(s.src) && s.src[s.off] == c }

// accept takes c if it is next.
func (s *scanner) accept(c byte) bool {
	if !s.at(c) {
		return false
	}
	s.advance(1)
	return true
}

// advance takes n characters that are known to be ASCII.
func (s *scanner) advance(n int) {
	s.off += n
	s.col += int32(n)
}

// next takes a character, U+FFFD for a byte that is no UTF-8. There must be one.
func (s *scanner) next() rune {
	s.col++
	if c := s.src[s.off]; c < utf8.RuneSelf {
		s.off++
		return rune(c)
	}
	r, n := utf8.DecodeRuneInString(s.src[s.off:])
	s.off += n
	return r
}

// token scans the next token.
func (s *scanner) token() token {
	s.docs = s.docs[:0]
	t := s.scan()
	s.operand = !tokens[t.kind].unaryNext
	if t.kind == tokReserved {
		for i := range symbolErrors {
			if symbolErrors[i].symbol == t.text {
				return token{kind: tokError, pos: t.pos, text: symbolErrors[i].message}
			}
		}
	}
	if s.json {
		return jsonToken(t)
	}
	return t
}

// jsonToken reads JSON with Rhai's grammar, as parse_json does.
func jsonToken(t token) token {
	switch {
	case t.kind == tokReserved && t.text == "null":
		t.kind, t.text = tokUnit, ""
	case t.kind == tokLBrace:
		t.kind = tokMapStart
	case t.kind == tokUnit || t.kind == tokMapStart:
		t.text = "Invalid symbol encountered: '" + tokens[t.kind].text + "'"
		t.kind = tokError
	case t.kind == tokText:
		t.kind, t.text = tokError, "Invalid symbol encountered: 'interpolated string'"
	}
	return t
}

// textToken goes on with an interpolated string after a "}".
func (s *scanner) textToken() token {
	text, pos, state := s.verbatim()
	t := token{kind: tokString, pos: pos, text: text}
	switch state {
	case textFailed:
		t = token{kind: tokError, pos: s.failure.pos, text: s.failure.message}
	case textOpen:
		s.openText = true
		t = token{kind: tokError, pos: pos, text: msgUnterminated}
	case textInterpol:
		t.kind = tokText
	}
	s.operand = !tokens[t.kind].unaryNext
	return t
}

// literal makes a string's token from how its scan ended.
func (s *scanner) literal(pos Position, text string, state textState) token {
	switch state {
	case textFailed:
		return token{kind: tokError, pos: s.failure.pos, text: s.failure.message}
	case textOpen:
		s.openText = true
		return token{kind: tokError, pos: pos, text: msgUnterminated}
	case textInterpol:
		return token{kind: tokText, pos: pos, text: text}
	}
	return token{kind: tokString, pos: pos, text: text}
}

func (s *scanner) char(pos Position) token {
	if s.at('\'') {
		return token{kind: tokError, pos: pos, text: "Invalid character: ''"}
	}
	text, _, state := s.quoted('\'', false)
	if state == textFailed {
		return token{kind: tokError, pos: s.failure.pos, text: s.failure.message}
	}
	r, n := utf8.DecodeRuneInString(text)
	if n != len(text) {
		return token{kind: tokError, pos: pos, text: "Invalid character: '" + text + "'"}
	}
	return token{kind: tokChar, pos: pos, number: uint64(r)}
}

// scan finds the next token, without what depends on the mode.
func (s *scanner) scan() token {
	if s.openComment {
		return token{kind: tokEOF, pos: s.pos()}
	}
	signPos, signed := Position{}, false
	for s.more() {
		start := s.off
		c := s.next()
		if c >= utf8.RuneSelf {
			return token{kind: tokError, pos: s.pos(), text: "Unexpected '" + string(c) + "'"}
		}
		b := byte(c)
		switch {
		case isLetter(b) || b == '_':
			return s.word(start)
		case b == ' ' || b == '\t' || b == '\r' || b == '\f':
			continue
		case b == '\n':
			s.newLine()
			continue
		case isDigit(b):
			if signed {
				return s.number(start, signPos, true)
			}
			return s.number(start, s.pos(), false)
		case b == '/' && s.at('/'):
			s.lineComment(start)
			continue
		case b == '/' && s.at('*'):
			s.blockComment(start)
			continue
		case b == '-' && !s.operand && s.off < len(s.src) && isDigit(s.src[s.off]):
			signPos, signed = s.pos(), true
			continue
		}
		switch b {
		case '"', '\'', '`':
			return s.text(b)
		case '#':
			if s.at('"') || s.at('#') {
				return s.text(b)
			}
		}
		t := token{pos: s.pos()}
		if t.kind = s.symbol(b); t.kind == tokReserved {
			t.text = s.src[start:s.off]
			if b == '#' && t.text != "# {" {
				// Of "#!" Rhai takes but the first character, of "# " both.
				t.text = "#"
				if s.at('!') && s.off == start+1 {
					t.text = "#!"
				}
			}
		} else if t.kind == tokError {
			t.text = "Unexpected '" + string(c) + "'"
		}
		return t
	}
	s.col++
	return token{kind: tokEOF, pos: s.pos()}
}

// word scans a name or keyword.
func (s *scanner) word(start int) token {
	pos := s.pos()
	end := s.off
	for end < len(s.src) && isWord(s.src[end]) {
		end++
	}
	s.advance(end - s.off)
	text := s.src[start:end]
	switch w := lookup(text); {
	case w.kind != tokEOF:
		return token{kind: w.kind, pos: pos, text: text}
	case !isIdentifier(text):
		return token{kind: tokError, pos: pos, text: "Variable name is not proper: '" + text + "'"}
	}
	return token{kind: tokIdent, pos: pos, text: text}
}

// lineComment skips a // comment from the second slash on.
func (s *scanner) lineComment(start int) {
	for s.more() {
		c := s.next()
		if c == '\r' || c == '\n' {
			end := s.off - 1
			if c == '\r' {
				s.accept('\n')
			}
			s.newLine()
			s.doc(s.src[start:end], '/')
			return
		}
	}
	s.doc(s.src[start:], '/')
}

// blockComment skips a comment with those inside of it.
func (s *scanner) blockComment(start int) {
	s.advance(1)
	for depth := 1; depth > 0; {
		if !s.more() {
			s.openComment = true
			return
		}
		switch c := s.next(); {
		case c == '/' && s.accept('*'):
			depth++
		case c == '*' && s.accept('/'):
			depth--
		case c == '\n':
			s.newLine()
		}
	}
	s.doc(s.src[start:s.off], '*')
}

// doc keeps the comment if it is a doc comment: its third character is the mark, its fourth is not.
func (s *scanner) doc(comment string, mark byte) {
	if len(comment) >= 3 && comment[2] == mark && (len(comment) == 3 || comment[3] != mark) && comment != "/**/" {
		s.docs = append(s.docs, comment)
	}
}

// text scans a string or character that begins with c.
func (s *scanner) text(c byte) token {
	pos := s.pos()
	var (
		text  string
		state textState
	)
	switch c {
	case '\'':
		return s.char(pos)
	case '"':
		text, _, state = s.quoted(c, true)
	case '#':
		text, _, state = s.raw()
	default:
		// A line end right after the back-tick is not part of the text.
		if s.accept('\r') {
			s.accept('\n')
			s.newLine()
		} else if s.accept('\n') {
			s.newLine()
		}
		text, _, state = s.verbatim()
	}
	return s.literal(pos, text, state)
}

// pick returns yes, with next taken, if next follows; else no.
func (s *scanner) pick(next byte, yes, no kind) kind {
	if s.accept(next) {
		return yes
	}
	return no
}

// symbol takes the rest of a symbol that begins with c. tokError: there is none.
func (s *scanner) symbol(c byte) kind {
	switch c {
	case '#':
		switch {
		case s.accept('{'):
			return tokMapStart
		case s.accept(' '):
			s.accept('{')
		}
		return tokReserved
	case '{':
		return tokLBrace
	case '}':
		return tokRBrace
	case '(':
		if s.accept('*') {
			return tokReserved
		}
		return s.pick(')', tokUnit, tokLParen)
	case ')':
		return tokRParen
	case '[':
		return tokLBracket
	case ']':
		return tokRBracket
	case ';':
		return tokSemicolon
	case ',':
		return tokComma
	case '+':
		switch {
		case s.accept('='):
			return tokAddAssign
		case s.accept('+'):
			return tokReserved
		case !s.operand:
			return tokUnaryPlus
		}
		return tokPlus
	case '-':
		switch {
		case s.accept('='):
			return tokSubAssign
		case s.accept('>') || s.accept('-'):
			return tokReserved
		case !s.operand:
			return tokUnaryMinus
		}
		return tokMinus
	case '*':
		switch {
		case s.accept(')'):
			return tokReserved
		case s.accept('='):
			return tokMulAssign
		case s.accept('*'):
			return s.pick('=', tokPowAssign, tokPower)
		}
		return tokStar
	case '/':
		return s.pick('=', tokDivAssign, tokSlash)
	case '%':
		return s.pick('=', tokModAssign, tokPercent)
	case '^':
		return s.pick('=', tokXorAssign, tokCaret)
	case '.':
		switch {
		case !s.accept('.'):
			return tokDot
		case s.accept('.'):
			return tokReserved
		}
		return s.pick('=', tokRangeInclusive, tokRange)
	case '=':
		switch {
		case s.accept('>'):
			return tokArrow
		case !s.accept('='):
			return tokAssign
		}
		return s.pick('=', tokReserved, tokEq)
	case ':':
		switch {
		case s.accept('=') || s.accept(';'):
			return tokReserved
		case !s.accept(':'):
			return tokColon
		}
		return s.pick('<', tokReserved, tokDoubleColon)
	case '<':
		switch {
		case s.accept('='):
			return tokLe
		case s.accept('-') || s.accept('|'):
			return tokReserved
		case s.accept('<'):
			return s.pick('=', tokShlAssign, tokShl)
		}
		return tokLt
	case '>':
		switch {
		case s.accept('='):
			return tokGe
		case s.accept('>'):
			return s.pick('=', tokShrAssign, tokShr)
		}
		return tokGt
	case '!':
		switch {
		case s.at('i') && s.notIn():
			return tokNotIn
		case s.accept('.'):
			return tokReserved
		case !s.accept('='):
			return tokBang
		}
		return s.pick('=', tokReserved, tokNe)
	case '|':
		switch {
		case s.accept('|'):
			return tokOr
		case s.accept('>'):
			return tokReserved
		}
		return s.pick('=', tokOrAssign, tokPipe)
	case '&':
		if s.accept('&') {
			return tokAnd
		}
		return s.pick('=', tokAndAssign, tokAmp)
	case '?':
		switch {
		case s.accept('.'):
			return tokElvis
		case s.accept('?'):
			return tokCoalesce
		}
		return s.pick('[', tokElvisBracket, tokReserved)
	case '~', '@', '$':
		return tokReserved
	}
	return tokError
}

// notIn takes the "in" of !in, if that is what follows.
func (s *scanner) notIn() bool {
	rest := s.src[s.off:]
	if len(rest) < 2 || rest[1] != 'n' || len(rest) > 2 && isWord(rest[2]) {
		return false
	}
	s.advance(2)
	return true
}
