package regex

import "unicode/utf8"

// An instruction of the machine of Thompson and Pike: the state of a nondeterministic automaton.
type instruction struct {
	op   code
	at   uint8  // of codePlace
	next uint32 // where it goes on
	// arg is the character of codeChar and codeFold, the number of codeClass's class, where
	// codeSplit goes else, the slot of codeSave.
	arg uint32
}

type code uint8

const (
	codeMatch code = iota
	codeChar       // one character
	codeFold       // one character, in any case
	codeClass      // one character of a class
	codeSplit      // go on at next, or else at arg
	codeSave       // remember the place
	codePlace      // go on if the place is right
)

// maker writes a program from its end to its start: each part is made for what follows it.
type maker struct {
	re  *Regex
	err *Error
}

func compile(tree *node, names []string) (*Regex, error) {
	m := maker{re: &Regex{Names: names}}
	re := m.re
	end := m.emit(instruction{op: codeMatch})
	re.start = m.node(tree, end)
	if m.err != nil {
		return nil, m.err
	}
	re.prefix, re.anchored = lead(tree)
	re.first = re.firstSet()
	return re, nil
}

func (m *maker) emit(i instruction) uint32 {
	if len(m.re.program) >= maxProgram {
		m.err = &Error{"it takes more than 10000 states"}
		return 0
	}
	m.re.program = append(m.re.program, i)
	return uint32(len(m.re.program) - 1)
}

// node writes n and returns where it starts; next is what follows it.
func (m *maker) node(n *node, next uint32) uint32 {
	if m.err != nil {
		return 0
	}
	switch n.op {
	case opChar:
		op := codeChar
		if n.fold {
			op = codeFold
		}
		return m.emit(instruction{op: op, arg: uint32(n.char), next: next})
	case opClass:
		m.re.classes = append(m.re.classes, n.set)
		return m.emit(instruction{op: codeClass, arg: uint32(len(m.re.classes) - 1), next: next})
	case opPlace:
		return m.emit(instruction{op: codePlace, at: n.at, next: next})
	case opConcat:
		for i := len(n.subs) - 1; i >= 0; i-- {
			next = m.node(n.subs[i], next)
		}
		return next
	case opEither:
		start := m.node(n.subs[len(n.subs)-1], next)
		for i := len(n.subs) - 2; i >= 0; i-- {
			start = m.emit(instruction{op: codeSplit, next: m.node(n.subs[i], next), arg: start})
		}
		return start
	case opGroup:
		end := m.emit(instruction{op: codeSave, arg: uint32(2*n.group + 1), next: next})
		return m.emit(instruction{op: codeSave, arg: uint32(2 * n.group), next: m.node(n.subs[0], end)})
	case opRepeat:
		return m.repeat(n, next)
	}
	return next
}

// split goes on at first, or else at second; or the other way round.
func (m *maker) split(first, second uint32, lazy bool) uint32 {
	if lazy {
		first, second = second, first
	}
	return m.emit(instruction{op: codeSplit, next: first, arg: second})
}

func (m *maker) repeat(n *node, next uint32) uint32 {
	sub := n.subs[0]
	start := next
	required := n.min
	if n.max < 0 {
		// x{2,} is xx+, x* is (x+)? if x can be empty and else a loop that is entered at its split.
		loop := m.emit(instruction{op: codeSplit})
		body := m.node(sub, loop)
		if m.err != nil {
			return 0
		}
		first, second := body, next
		if n.lazy {
			first, second = second, first
		}
		m.re.program[loop].next, m.re.program[loop].arg = first, second
		switch {
		case required > 0:
			start = body
			required--
		case sub.nullable():
			start = m.split(body, next, n.lazy)
		default:
			start = loop
		}
	} else {
		for range n.max - n.min { // x{0,2} is (x(x)?)?
			start = m.split(m.node(sub, start), next, n.lazy)
			if m.err != nil {
				return 0
			}
		}
	}
	for range required {
		start = m.node(sub, start)
		if m.err != nil {
			return 0
		}
	}
	return start
}

// nullable reports whether n can match nothing.
func (n *node) nullable() bool {
	switch n.op {
	case opChar, opClass:
		return false
	case opConcat:
		for _, sub := range n.subs {
			if !sub.nullable() {
				return false
			}
		}
	case opEither:
		for _, sub := range n.subs {
			if sub.nullable() {
				return true
			}
		}
		return false
	case opGroup:
		return n.subs[0].nullable()
	case opRepeat:
		return n.min == 0 || n.subs[0].nullable()
	}
	return true
}

// lead finds what each match of n starts with: a text, or the start of the text.
func lead(n *node) (prefix string, anchored bool) {
	for n.op == opGroup || n.op == opConcat && len(n.subs) == 1 {
		n = n.subs[0]
	}
	first := []*node{n}
	if n.op == opConcat {
		first = n.subs
	}
	for i, sub := range first {
		if i == 0 && sub.op == opPlace && sub.at == startOfText {
			return "", true
		}
		if sub.op != opChar || sub.fold || !utf8.ValidRune(sub.char) {
			break
		}
		prefix += string(sub.char)
	}
	return prefix, false
}

// firstSet finds the ASCII characters that a match can start with.
func (re *Regex) firstSet() *[2]uint64 {
	set := new([2]uint64)
	seen := make([]bool, len(re.program))
	stack := []uint32{re.start}
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch i := &re.program[pc]; i.op {
		case codeMatch:
			return nil // it can match nothing
		case codeChar:
			if i.arg < utf8.RuneSelf {
				set[i.arg>>6] |= 1 << (i.arg & 63)
			}
		case codeFold:
			for r := range rune(utf8.RuneSelf) {
				if sameFold(r, rune(i.arg)) {
					set[r>>6] |= 1 << (r & 63)
				}
			}
		case codeClass:
			set[0] |= re.classes[i.arg].ascii[0]
			set[1] |= re.classes[i.arg].ascii[1]
		case codeSplit:
			stack = append(stack, i.arg, i.next)
		default:
			stack = append(stack, i.next)
		}
	}
	return set
}
