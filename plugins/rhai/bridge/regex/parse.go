package regex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A node is a part of a pattern.
type node struct {
	op       op
	subs     []*node
	char     rune   // of opChar
	fold     bool   // of opChar: upper or lower case
	set      *class // of opClass
	group    int    // of opGroup
	min, max int    // of opRepeat; max -1: no end
	lazy     bool   // of opRepeat
	at       uint8  // of opPlace
}

type op uint8

const (
	opEmpty op = iota
	opChar
	opClass
	opPlace
	opConcat
	opEither
	opGroup
	opRepeat
)

// The places of opPlace.
const (
	startOfText uint8 = iota
	endOfText
	startOfLine
	endOfLine
	wordBoundary
	noWordBoundary
)

type flags struct{ fold, multiLine, dotAll, swapLazy bool }

type parser struct {
	text  string
	at    int
	flags flags
	names []string
	depth int
	err   *Error
}

func (p *parser) fail(reason string) {
	if p.err == nil {
		p.err = &Error{reason}
	}
}

func (p *parser) more() bool { return p.err == nil && p.at < len(p.text) }

func (p *parser) peek() rune {
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return r
}

func (p *parser) next() rune {
	if !p.more() {
		return -1
	}
	r, size := utf8.DecodeRuneInString(p.text[p.at:])
	p.at += size
	return r
}

func (p *parser) take(s string) bool {
	if strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

func (p *parser) pattern() *node {
	n := p.either()
	if p.more() {
		p.fail("unexpected )")
	}
	return n
}

// either reads alternatives up to the end or a ).
func (p *parser) either() *node {
	n := &node{op: opEither}
	for {
		n.subs = append(n.subs, p.concat())
		if !p.more() || !p.take("|") {
			break
		}
	}
	if len(n.subs) == 1 {
		return n.subs[0]
	}
	return n
}

func (p *parser) concat() *node {
	n := &node{op: opConcat}
	repeated := false // the last one
	for p.more() && p.peek() != '|' && p.peek() != ')' {
		at := p.at
		if min, max, ok := p.repetition(); ok {
			switch {
			case len(n.subs) == 0:
				p.fail("nothing to repeat before " + p.text[at:p.at])
			case repeated:
				p.fail("repetition of a repetition: " + p.text[at:p.at])
			default:
				last := &n.subs[len(n.subs)-1]
				*last = &node{op: opRepeat, subs: []*node{*last}, min: min, max: max, lazy: p.take("?") != p.flags.swapLazy}
			}
			repeated = true
			continue
		}
		if p.take(`\Q`) {
			quoted, rest, _ := strings.Cut(p.text[p.at:], `\E`)
			for _, r := range quoted {
				n.subs = append(n.subs, p.char(r))
			}
			p.at = len(p.text) - len(rest)
		} else if !p.flagsAlone() {
			n.subs = append(n.subs, p.one())
		}
		repeated = false
	}
	return n
}

// repetition reads *, +, ? or {n,m}.
func (p *parser) repetition() (min, max int, ok bool) {
	switch {
	case p.take("*"):
		return 0, -1, true
	case p.take("+"):
		return 1, -1, true
	case p.take("?"):
		return 0, 1, true
	}
	start := p.at
	if !p.take("{") {
		return 0, 0, false
	}
	min, ok = p.count()
	max = min
	if ok && p.take(",") {
		if max = -1; p.more() && p.peek() != '}' {
			max, ok = p.count()
		}
	}
	if !ok || !p.take("}") {
		p.at = start
		return 0, 0, false
	}
	if min > maxRepeat || max > maxRepeat || max >= 0 && min > max {
		p.fail("invalid number of repetitions " + p.text[start:p.at])
	}
	return min, max, true
}

func (p *parser) count() (n int, ok bool) {
	start := p.at
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		n = min(n*10+int(p.text[p.at]-'0'), maxRepeat+1)
		p.at++
	}
	return n, p.at > start && (p.text[start] != '0' || p.at == start+1)
}

func (p *parser) char(r rune) *node {
	return &node{op: opChar, char: r, fold: p.flags.fold && unicode.SimpleFold(r) != r}
}

func place(at uint8) *node { return &node{op: opPlace, at: at} }

// one reads what a repetition can follow.
func (p *parser) one() *node {
	switch r := p.next(); r {
	case '(':
		return p.group()
	case '[':
		return p.class()
	case '.':
		any := &class{negated: true}
		if !p.flags.dotAll {
			any.parts = []part{{ranges: []rune{'\n', '\n'}}}
		}
		return any.node()
	case '^':
		if p.flags.multiLine {
			return place(startOfLine)
		}
		return place(startOfText)
	case '$':
		if p.flags.multiLine {
			return place(endOfLine)
		}
		return place(endOfText)
	case '\\':
		return p.escape()
	default:
		return p.char(r)
	}
}

// flagsAlone reads (?flags), which hold up to the end of the group.
func (p *parser) flagsAlone() bool {
	start := p.at
	if !p.take("(?") {
		return false
	}
	if f, ok := p.readFlags(); ok && p.take(")") {
		p.flags = f
		return true
	}
	p.at = start
	return false
}

func (p *parser) readFlags() (f flags, ok bool) {
	f = p.flags
	on, any := true, false
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case 'i':
			f.fold = on
		case 'm':
			f.multiLine = on
		case 's':
			f.dotAll = on
		case 'U':
			f.swapLazy = on
		case '-':
			if !on {
				return f, false
			}
			on, any = false, false
			p.at++
			continue
		default:
			return f, any || on
		}
		any = true
		p.at++
	}
	return f, false
}

// group reads what follows a (.
func (p *parser) group() *node {
	outer := p.flags
	n := &node{op: opGroup}
	name := ""
	switch {
	case p.take("?P<") || p.take("?<"):
		end := strings.IndexByte(p.text[p.at:], '>')
		if end < 0 {
			p.fail("a group's name without >")
			return n
		}
		if name = p.text[p.at : p.at+end]; !isName(name) {
			p.fail("invalid group name " + name)
		}
		p.at += end + 1
	case p.take("?"):
		f, ok := p.readFlags()
		if !ok || !p.take(":") {
			p.fail("invalid group or flags after (?")
			return n
		}
		p.flags = f
		n.op = opConcat
	}
	if n.op == opGroup {
		n.group = len(p.names)
		if p.names = append(p.names, name); n.group > maxGroups {
			p.fail("more than 100 groups")
		}
	}
	if p.depth++; p.depth > maxDepth {
		p.fail("groups nested more than 200 deep")
		return n
	}
	n.subs = []*node{p.either()}
	p.depth--
	if !p.take(")") {
		p.fail("( without )")
	}
	p.flags = outer
	return n
}

func isName(s string) bool {
	for _, r := range s {
		if r != '_' && !isWord(r) {
			return false
		}
	}
	return s != ""
}

func isWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
}

// escape reads what follows a \.
func (p *parser) escape() *node {
	start := p.at
	switch p.next() {
	case 'A':
		return place(startOfText)
	case 'z':
		return place(endOfText)
	case 'b':
		return place(wordBoundary)
	case 'B':
		return place(noWordBoundary)
	}
	p.at = start
	c := &class{fold: p.flags.fold}
	if p.escapedClass(c) {
		return c.node()
	}
	return p.char(p.escapedChar())
}

// escapedChar reads a character after its \.
func (p *parser) escapedChar() rune {
	start := p.at
	switch r := p.next(); {
	case r == 'a':
		return '\a'
	case r == 'f':
		return '\f'
	case r == 'n':
		return '\n'
	case r == 'r':
		return '\r'
	case r == 't':
		return '\t'
	case r == 'v':
		return '\v'
	case r == 'x':
		return p.hexadecimal()
	case '0' <= r && r <= '7':
		if r != '0' && (p.at == len(p.text) || p.text[p.at] < '0' || p.text[p.at] > '7') {
			break // a reference to a group
		}
		value := r - '0'
		for n := 1; n < 3 && p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '7'; n++ {
			value = value*8 + rune(p.text[p.at]-'0')
			p.at++
		}
		return value
	case r >= 0 && r < utf8.RuneSelf && (!isWord(r) || r == '_'):
		return r
	}
	p.fail(`unknown escape \` + p.text[start:p.at])
	return 0
}

func (p *parser) hexadecimal() rune {
	digits := 2
	braced := p.take("{")
	if braced {
		if digits = strings.IndexByte(p.text[p.at:], '}'); digits < 1 {
			digits = 9
		}
	}
	value := rune(0)
	for range min(digits, 9) {
		switch r := p.next(); {
		case '0' <= r && r <= '9':
			value = value*16 + r - '0'
		case 'a' <= r && r <= 'f':
			value = value*16 + r - 'a' + 10
		case 'A' <= r && r <= 'F':
			value = value*16 + r - 'A' + 10
		default:
			p.fail(`invalid \x`)
			return 0
		}
		if value > utf8.MaxRune {
			p.fail(`\x beyond 10FFFF`)
			return 0
		}
	}
	if braced && !p.take("}") {
		p.fail(`\x{ without }`)
	}
	return value
}

// escapedClass reads a class after its \, if there is one, and adds it to c.
func (p *parser) escapedClass(c *class) bool {
	if p.at == len(p.text) {
		return false
	}
	switch letter := p.text[p.at]; letter {
	case 'd', 'D', 's', 'S', 'w', 'W':
		set := digits
		switch letter | 0x20 {
		case 's':
			set = spaces
		case 'w':
			set = words
		}
		c.parts = append(c.parts, part{ranges: set, negated: letter&0x20 == 0})
	case 'p', 'P':
		p.at++
		negated := letter == 'P'
		name := ""
		if p.take("{") {
			end := strings.IndexByte(p.text[p.at:], '}')
			if end < 0 {
				p.fail(`\p{ without }`)
				return true
			}
			name = p.text[p.at : p.at+end]
			p.at += end
			if strings.HasPrefix(name, "^") {
				negated, name = !negated, name[1:]
			}
		} else if p.at < len(p.text) {
			name = p.text[p.at : p.at+1]
		}
		table, ok := find(tables, name)
		if !ok {
			p.fail(`unknown class \p{` + name + "}")
			return true
		}
		c.parts = append(c.parts, part{table: table, negated: negated})
	default:
		return false
	}
	p.at++
	return true
}

// class reads what follows a [.
func (p *parser) class() *node {
	c := &class{fold: p.flags.fold, negated: p.take("^")}
	var ranges []rune
	for first := true; first || !p.take("]"); first = false {
		if !p.more() {
			p.fail("[ without ]")
			break
		}
		if p.posixClass(c) {
			continue
		}
		if p.at+1 < len(p.text) && p.text[p.at] == '\\' {
			p.at++
			if p.escapedClass(c) {
				continue
			}
			p.at--
		}
		from := p.classChar()
		to := from
		if p.more() && p.text[p.at] == '-' && p.at+1 < len(p.text) && p.text[p.at+1] != ']' {
			p.at++
			to = p.classChar()
		}
		if from > to {
			p.fail("a range that ends before its start in [...]")
		}
		ranges = append(ranges, from, to)
	}
	c.parts = append(c.parts, part{ranges: ordered(ranges)})
	return c.node()
}

func (p *parser) classChar() rune {
	r := p.next()
	if r == '\\' {
		return p.escapedChar()
	}
	if r < 0 {
		p.fail("[ without ]")
	}
	return r
}

// posixClass reads [:name:] if it is there.
func (p *parser) posixClass(c *class) bool {
	if !strings.HasPrefix(p.text[p.at:], "[:") {
		return false
	}
	end := strings.Index(p.text[p.at+2:], ":]")
	if end < 0 {
		return false
	}
	name := p.text[p.at+2 : p.at+2+end]
	negated := strings.HasPrefix(name, "^")
	set, ok := find(posix, strings.TrimPrefix(name, "^"))
	if !ok {
		p.fail("unknown class [:" + name + ":]")
	}
	c.parts = append(c.parts, part{ranges: set, negated: negated})
	p.at += end + 4
	return true
}
