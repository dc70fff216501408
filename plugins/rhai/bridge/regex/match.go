package regex

import (
	"strings"
	"unicode/utf8"
)

// A Matcher looks for matches of a Regex in a text. It runs all states of the automaton at once, in
// the order of their priority (Pike).
type Matcher struct {
	re      *Regex
	text    string
	work    func(steps int) bool
	stopped bool

	steps      int // since work was told
	slots      int // places that threads keep
	seen       []uint32
	generation uint32
	now, then  threads
	places     []int32 // of the thread that is being followed
	stack      []follow
}

// threads are the states that are ahead of the text, each with its places.
type threads struct {
	pcs    []uint32
	places []int32
}

// follow is a state to go to or, if slot is not -1, a place to put back.
type follow struct {
	pc    uint32
	slot  int32
	place int32
}

// stepsTold is how many steps are made between two calls of work.
const stepsTold = 256

// Matcher looks for matches in text. work is told now and then how many steps were made; false ends
// it.
func (re *Regex) Matcher(text string, work func(steps int) bool) *Matcher {
	return &Matcher{re: re, text: text, work: work, seen: make([]uint32, len(re.program))}
}

// Stopped reports whether work ended it.
func (m *Matcher) Stopped() bool { return m.stopped }

// Matches reports whether the text has a match.
func (m *Matcher) Matches() bool { return m.find(0, 0) }

// Find returns where the first match at or after from begins and ends, and then where each of the
// first groups does, -1 and -1 for one that is not part of it; nil if there is none. It is valid
// until the next call.
func (m *Matcher) Find(from, groups int) []int32 {
	slots := 2 * (groups + 1)
	if !m.find(from, slots) {
		return nil
	}
	return m.places[:slots]
}

// count reports whether to go on.
func (m *Matcher) count(steps int) bool {
	if m.steps += steps; m.steps >= stepsTold {
		m.stopped = m.stopped || !m.work(m.steps)
		m.steps = 0
	}
	return !m.stopped
}

func (m *Matcher) find(at, slots int) bool {
	m.slots = slots
	if cap(m.places) < 2*slots {
		m.places = make([]int32, 2*slots)
	}
	m.places = m.places[:2*slots]
	best := m.places[slots:]
	m.places = m.places[:slots]
	m.now.clear()
	found := false
	m.generation++
	for {
		if len(m.now.pcs) == 0 {
			if found || m.re.anchored && at > 0 {
				break
			}
			if at = m.skip(at); at < 0 {
				break
			}
		}
		if !found && !(m.re.anchored && at > 0) {
			for i := range m.places {
				m.places[i] = -1
			}
			if slots > 0 {
				m.places[0] = int32(at)
			}
			m.add(&m.now, m.re.start, at)
		}
		r, size := rune(-1), 0
		if at < len(m.text) {
			r, size = rune(m.text[at]), 1
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRuneInString(m.text[at:])
			}
		}
		if !m.count(1 + len(m.now.pcs)) {
			return false
		}
		m.generation++
		m.then.clear()
		for n, pc := range m.now.pcs {
			i := &m.re.program[pc]
			if i.op == codeMatch {
				found = true
				if slots == 0 {
					return true
				}
				copy(best, m.now.places[n*slots:(n+1)*slots])
				best[1] = int32(at)
				break // those after it have less priority
			}
			if r >= 0 && m.accepts(i, r) {
				copy(m.places, m.now.places[n*slots:(n+1)*slots])
				m.add(&m.then, i.next, at+size)
			}
		}
		m.now, m.then = m.then, m.now
		if size == 0 {
			break
		}
		at += size
	}
	copy(m.places, best)
	return found && !m.stopped
}

func (m *Matcher) accepts(i *instruction, r rune) bool {
	switch i.op {
	case codeChar:
		return r == rune(i.arg)
	case codeFold:
		return sameFold(r, rune(i.arg))
	}
	return m.re.classes[i.arg].has(r)
}

// skip returns where the next match can start, -1 if nowhere.
func (m *Matcher) skip(at int) int {
	if m.re.anchored {
		return at
	}
	start := at
	if m.re.prefix != "" {
		n := strings.Index(m.text[at:], m.re.prefix)
		if n < 0 {
			m.count((len(m.text) - at) / 8)
			return -1
		}
		at += n
	} else if set := m.re.first; set != nil {
		for at < len(m.text) && m.text[at] < utf8.RuneSelf && set[m.text[at]>>6]>>(m.text[at]&63)&1 == 0 {
			at++
		}
	}
	if !m.count((at - start) / 8) {
		return -1
	}
	return at
}

func (t *threads) clear() { t.pcs, t.places = t.pcs[:0], t.places[:0] }

// add adds the state pc and those that it leads to without reading on.
func (m *Matcher) add(list *threads, pc uint32, at int) {
	m.stack = append(m.stack[:0], follow{pc: pc, slot: -1})
	for len(m.stack) > 0 {
		top := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if top.slot >= 0 {
			m.places[top.slot] = top.place
			continue
		}
		m.steps++
		for pc := top.pc; m.seen[pc] != m.generation; {
			m.seen[pc] = m.generation
			i := &m.re.program[pc]
			switch i.op {
			case codeSplit:
				m.stack = append(m.stack, follow{pc: i.arg, slot: -1})
			case codeSave:
				if int(i.arg) < m.slots {
					m.stack = append(m.stack, follow{slot: int32(i.arg), place: m.places[i.arg]})
					m.places[i.arg] = int32(at)
				}
			case codePlace:
				if !m.isAt(i.at, at) {
					goto next
				}
			default:
				list.pcs = append(list.pcs, pc)
				list.places = append(list.places, m.places...)
				goto next
			}
			pc = i.next
		}
	next:
	}
}

// isAt reports whether a place of the text is of a kind.
func (m *Matcher) isAt(kind uint8, at int) bool {
	switch kind {
	case startOfText:
		return at == 0
	case endOfText:
		return at == len(m.text)
	case startOfLine:
		return at == 0 || m.text[at-1] == '\n'
	case endOfLine:
		return at == len(m.text) || m.text[at] == '\n'
	}
	before := at > 0 && isWord(rune(m.text[at-1]))
	after := at < len(m.text) && isWord(rune(m.text[at]))
	return (before != after) == (kind == wordBoundary)
}
