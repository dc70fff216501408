package syntax

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// textState is how a string's scan ended.
type textState uint8

const (
	textClosed   textState = iota
	textOpen               // the source ended inside of it
	textInterpol           // stopped at "${", the brace is next
	textFailed             // s.failure says why
)

// buffer collects a string's content: a part of the source while that will do, a copy from the
// first difference on.
type buffer struct {
	src    string
	start  int // of the run that is not copied yet
	end    int
	copied []byte
}

func (b *buffer) len() int { return len(b.copied) + b.end - b.start }

// keep takes the source from off to end as it is.
func (b *buffer) keep(off, end int) {
	if b.end != off {
		b.flush()
		b.start = off
	}
	b.end = end
}

// add appends what does not stand in the source.
func (b *buffer) add(r rune) {
	b.flush()
	b.copied = utf8.AppendRune(b.copied, r)
}

func (b *buffer) flush() {
	if b.end > b.start {
		b.copied = append(b.copied, b.src[b.start:b.end]...)
	}
	b.start = b.end
}

func (b *buffer) string() string {
	if len(b.copied) == 0 {
		return b.src[b.start:b.end]
	}
	b.flush()
	return string(b.copied)
}

// lexFailure is an error inside a literal.
type lexFailure struct {
	pos     Position
	message string
}

func (s *scanner) failText(pos Position, message string) (string, Position, textState) {
	s.failure = lexFailure{pos, message}
	return "", Position{}, textFailed
}

func (s *scanner) stringTooLong(n int) bool { return s.maxString > 0 && n > s.maxString }

// quoted scans a string or character after its opening quote, resolving escapes.
// A backslash at the end of a line joins the next one (in strings), less the
// white space up to the opening quote's column. A doubled quote stands for one.
func (s *scanner) quoted(quote byte, joinLines bool) (string, Position, textState) {
	start := s.pos()
	skipUntil := int32(0)
	escaped := false
	b := buffer{src: s.src, start: s.off, end: s.off}

	for {
		off := s.off
		if !s.more() {
			s.col++
			if joinLines && escaped {
				return "", Position{}, textOpen
			}
			return s.failText(start, msgUnterminated)
		}
		c := s.next()
		if s.stringTooLong(b.len()) {
			return s.failText(start, tooLarge("Length of string", s.maxString))
		}
		if c == rune(quote) && !escaped {
			if !s.at(quote) {
				break
			}
			s.next()
		}

		switch {
		case c == '\r' && s.at('\n'):
		case c == '\\' && !escaped:
			escaped = true
		case escaped && (c == 'x' || c == 'u' || c == 'U'):
			escaped = false
			r, ok := s.hexEscape(off-1, c)
			if !ok {
				return "", Position{}, textFailed
			}
			b.add(r)
		case c == '\n' && joinLines && escaped:
			escaped = false
			s.newLine()
			skipUntil = start.Column + 1
		case c == '\n':
			s.col--
			return s.failText(start, msgUnterminated)
		case escaped:
			escaped = false
			switch c {
			case 'r':
				b.add('\r')
			case 'n':
				b.add('\n')
			case 't':
				b.add('\t')
			case '\\', rune(quote):
				b.add(c)
			default:
				return s.failText(s.pos(), "Invalid escape sequence: '\\"+string(c)+"'")
			}
		case unicode.IsSpace(c) && s.pos().Column < skipUntil:
		default:
			if c == utf8.RuneError {
				b.add(c) // never raw bytes that are no UTF-8
			} else {
				b.keep(off, off+utf8.RuneLen(c))
			}
			skipUntil = 0
		}
	}
	if s.stringTooLong(b.len()) {
		return s.failText(start, tooLarge("Length of string", s.maxString))
	}
	return b.string(), Position{}, textClosed
}

// hexEscape reads the digits of \x, \u or \U. The backslash is at off.
func (s *scanner) hexEscape(off int, c rune) (rune, bool) {
	n := 2
	switch c {
	case 'u':
		n = 4
	case 'U':
		n = 8
	}
	bad := func() (rune, bool) {
		sequence := strings.ToValidUTF8(s.src[off+1:s.off], "\uFFFD")
		s.failText(s.pos(), "Invalid escape sequence: '\\"+sequence+"'")
		return 0, false
	}
	value := uint32(0)
	for ; n > 0; n-- {
		if s.off >= len(s.src) {
			return bad()
		}
		digit := s.next()
		switch {
		case '0' <= digit && digit <= '9':
			value = value<<4 | uint32(digit-'0')
		case 'a' <= digit|0x20 && digit|0x20 <= 'f':
			value = value<<4 | uint32(digit|0x20-'a'+10)
		default:
			return bad()
		}
	}
	if value > unicode.MaxRune || 0xD800 <= value && value < 0xE000 {
		return bad()
	}
	return rune(value), true
}

// verbatim scans a back-tick string from after the back-tick or, for the rest of an interpolated
// one, from after the closing brace. The position is that of the first character, unknown when
// there is none.
func (s *scanner) verbatim() (string, Position, textState) {
	start := s.pos()
	first := Position{}
	state := textClosed
	b := buffer{src: s.src, start: s.off, end: s.off}

	for {
		off := s.off
		if !s.more() {
			s.col++
			state = textOpen
			break
		}
		c := s.next()
		if c == '$' && s.at('{') {
			state = textInterpol
			break
		}
		if s.stringTooLong(b.len()) {
			return s.failText(start, tooLarge("Length of string", s.maxString))
		}
		if c == '`' {
			if !s.at('`') {
				break
			}
			s.next()
		}
		if !first.IsKnown() {
			first = s.pos()
		}
		switch {
		case c == '\r' && s.at('\n'):
		case c == utf8.RuneError:
			b.add(c)
		default:
			if c == '\n' {
				s.newLine()
			}
			b.keep(off, off+utf8.RuneLen(c))
		}
	}
	if s.stringTooLong(b.len()) {
		return s.failText(start, tooLarge("Length of string", s.maxString))
	}
	return b.string(), first, state
}

// raw scans a raw string, #"..."#, after its first hash.
func (s *scanner) raw() (string, Position, textState) {
	start := s.pos()
	hashes := 1
	for s.at('#') {
		s.next()
		hashes++
	}
	if s.off >= len(s.src) {
		return s.failText(start, msgUnterminated)
	}
	if !s.at('"') {
		r := s.next()
		s.col--
		return s.failText(start, "Unexpected '"+string(r)+"'")
	}
	s.next()

	b := buffer{src: s.src, start: s.off, end: s.off}
	seen := -1 // hashes after a quote, -1 when there was no quote
	quoteAt := 0
	for s.more() {
		off := s.off
		c := s.next()
		switch {
		case c == '"':
			if seen >= 0 {
				b.keep(quoteAt, off)
			}
			seen, quoteAt = 0, off
		case c == '#' && seen >= 0:
			if seen++; seen == hashes {
				return b.string(), Position{}, textClosed
			}
		default:
			if seen >= 0 {
				b.keep(quoteAt, off)
			} else if c == '\n' {
				s.newLine() // Rhai forgets to count the line end that follows a quote
			}
			seen = -1
			if c == utf8.RuneError {
				b.add(c)
			} else {
				b.keep(off, off+utf8.RuneLen(c))
			}
		}
		if s.stringTooLong(b.len()) {
			return s.failText(start, tooLarge("Length of string", s.maxString))
		}
	}
	return "", Position{}, textOpen
}
