package bridge

import (
	"strconv"
	"unicode/utf8"

	"github.com/picloud/picloud/plugins/rhai/bridge/regex"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// keptPatterns is how many compiled patterns a run keeps.
const keptPatterns = 64

// failedPattern is how many operations it counts as to find that a pattern is wrong, or too large.
const failedPattern = 1000

// stepBytes is how much text a step of matching counts as: it takes some 20 ns in a sandbox, an
// operation about as long.
const stepBytes = bytesPerOperation

// registerRegex adds the functions of regex. Patterns have the syntax of RE2 (see package regex)
// and match in time linear in the text; each step of matching counts as an operation.
//
//	is_match(pattern, text)
//	find(pattern, text)                    the first match; () when there is none
//	find_all(pattern, text [, limit])      an array of the matches
//	captures(pattern, text)                an array of the first match and its groups; () when there is
//	                                       none, and for a group that is not part of it
//	named(pattern, text)                   a map of the named groups of the first match; () when there
//	                                       is none
//	replace(pattern, text, with [, limit]) $1, ${1} and ${name} in with stand for groups, $$ for a $
//	split(pattern, text [, limit])         an array of the texts between the matches, at most limit
func registerRegex(l *vm.Library) {
	const s, i = vm.KindString, vm.KindInt
	l.Func("regex::is_match", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		m, err := newMatches(t, "regex::is_match", args, 0)
		if err != nil {
			return vm.Unit, err
		}
		found := m.matcher.Matches()
		return vm.Bool(found), m.err
	}, s, s)
	l.Func("regex::find", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		m, err := newMatches(t, "regex::find", args, 0)
		if err != nil || !m.next() {
			return vm.Unit, m.or(err)
		}
		return m.group(0), nil
	}, s, s)
	l.Func("regex::find_all", regexFindAll, s, s)
	l.Func("regex::find_all", regexFindAll, s, s, i)
	l.Func("regex::captures", regexCaptures, s, s)
	l.Func("regex::named", regexNamed, s, s)
	l.Func("regex::replace", regexReplace, s, s, s)
	l.Func("regex::replace", regexReplace, s, s, s, i)
	l.Func("regex::split", regexSplit, s, s)
	l.Func("regex::split", regexSplit, s, s, i)
}

// pattern returns a compiled pattern, one of those kept or a new one.
func (h *host) pattern(t *vm.Thread, name, pattern string) (*regex.Regex, *vm.Error) {
	if re := h.patterns[pattern]; re != nil {
		return re, nil
	}
	if err := t.Charge(100 + 32*int64(len(pattern))); err != nil {
		return nil, err
	}
	re, err := regex.Compile(pattern)
	if err != nil {
		if stopped := t.Charge(failedPattern); stopped != nil {
			return nil, stopped
		}
		return nil, invalid(name, err.Error())
	}
	if len(h.patterns) >= keptPatterns || h.patterns == nil {
		h.patterns = map[string]*regex.Regex{}
	}
	h.patterns[string([]byte(pattern))] = re
	return re, t.Charge(int64(re.States()))
}

// matches are those of a pattern in a text, one after the other.
type matches struct {
	t       *vm.Thread
	re      *regex.Regex
	matcher *regex.Matcher
	text    string
	groups  int
	loc     []int32 // of the current one
	from    int     // where to look for the next
	last    int     // where the last one ended, -1 before it
	left    int64   // how many may still be found, negative: any number
	work    work
	err     *vm.Error
}

// newMatches looks for the pattern and text that args begin with, with so many groups, -1 for all.
func newMatches(t *vm.Thread, name string, args []vm.Value, groups int) (*matches, *vm.Error) {
	re, err := hostOf(t).pattern(t, name, args[0].AsString())
	if err == nil {
		err = t.Charge(4)
	}
	if err != nil {
		return nil, err
	}
	if groups < 0 {
		groups = len(re.Names) - 1
	}
	m := &matches{t: t, re: re, text: args[1].AsString(), groups: groups, last: -1, left: -1, work: work{t: t}}
	m.matcher = re.Matcher(m.text, func(steps int) bool {
		m.err = m.work.add(steps * stepBytes)
		return m.err == nil
	})
	return m, nil
}

// limit takes how many may be found from the argument number n, if there is one.
func (m *matches) limit(name string, args []vm.Value, n int) *vm.Error {
	if len(args) <= n {
		return nil
	}
	if m.left = args[n].AsInt(); m.left < 0 {
		return invalid(name, "limit must be at least 0, got "+strconv.FormatInt(m.left, 10))
	}
	return nil
}

// or returns err, or why there are no more matches. m may be nil if there is an err.
func (m *matches) or(err *vm.Error) *vm.Error {
	if err == nil {
		err = m.err
	}
	return err
}

// next goes to the next match. An empty one right behind another does not count.
func (m *matches) next() bool {
	for m.left != 0 && m.from <= len(m.text) && m.err == nil {
		m.loc = m.matcher.Find(m.from, m.groups)
		if m.loc == nil {
			return false
		}
		start, end := int(m.loc[0]), int(m.loc[1])
		after := m.last
		m.from, m.last = end, end
		if start == end {
			_, size := utf8.DecodeRuneInString(m.text[end:])
			m.from += max(size, 1)
			if start == after {
				continue
			}
		}
		m.left--
		return true
	}
	return false
}

// group returns the text of a group of the match, () if it is not part of it.
func (m *matches) group(n int) vm.Value {
	if m.loc[2*n] < 0 {
		return vm.Unit
	}
	return vm.String(m.text[m.loc[2*n]:m.loc[2*n+1]])
}

func regexFindAll(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	m, err := newMatches(t, "regex::find_all", args, 0)
	if err == nil {
		err = m.limit("regex::find_all", args, 2)
	}
	if err != nil {
		return vm.Unit, err
	}
	var found []vm.Value
	for m.next() {
		found = append(found, m.group(0))
		if err := t.CheckArray(int64(len(found))); err != nil {
			return vm.Unit, err
		}
	}
	return vm.NewArray(found), m.err
}

func regexCaptures(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	m, err := newMatches(t, "regex::captures", args, -1)
	if err != nil || !m.next() {
		return vm.Unit, m.or(err)
	}
	groups := make([]vm.Value, len(m.re.Names))
	for i := range groups {
		groups[i] = m.group(i)
	}
	return vm.NewArray(groups), nil
}

func regexNamed(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	m, err := newMatches(t, "regex::named", args, -1)
	if err != nil || !m.next() {
		return vm.Unit, m.or(err)
	}
	groups := vm.NewMap(0)
	for i, name := range m.re.Names {
		if name != "" {
			groups.Set(name, m.group(i))
		}
	}
	return vm.NewMapValue(groups), nil
}

func regexReplace(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	m, err := newMatches(t, "regex::replace", args, -1)
	if err == nil {
		err = m.limit("regex::replace", args, 3)
	}
	if err != nil {
		return vm.Unit, err
	}
	with := args[2].AsString()
	var b []byte
	kept := 0 // what is before has been dealt with
	for m.next() {
		before := len(b)
		b = append(b, m.text[kept:m.loc[0]]...)
		b = m.expand(b, with)
		kept = int(m.loc[1])
		if err := m.work.add(len(with) + len(b) - before); err != nil {
			return vm.Unit, err
		}
		if err := t.CheckString(int64(len(b))); err != nil {
			return vm.Unit, err
		}
	}
	if m.err != nil {
		return vm.Unit, m.err
	}
	if kept == 0 && b == nil {
		return args[1], nil
	}
	b = append(b, m.text[kept:]...)
	if err := t.CheckString(int64(len(b))); err != nil {
		return vm.Unit, err
	}
	return vm.String(string(b)), nil
}

// expand appends a template. What does not name a group stands for nothing, a $ before anything
// else for itself.
func (m *matches) expand(b []byte, template string) []byte {
	for i := 0; i < len(template); i++ {
		if template[i] != '$' || i+1 == len(template) {
			b = append(b, template[i])
			continue
		}
		name := template[i+1:]
		switch {
		case name[0] == '$':
			b = append(b, '$')
			i++
			continue
		case name[0] == '{':
			end := 1
			for end < len(name) && name[end] != '}' {
				end++
			}
			if end == len(name) {
				b = append(b, '$')
				continue
			}
			i += end + 1
			name = name[1:end]
		default:
			end := 0
			for end < len(name) && (isLetter(name[end]) || isDigit(name[end]) || name[end] == '_') {
				end++
			}
			if end == 0 {
				b = append(b, '$')
				continue
			}
			i += end
			name = name[:end]
		}
		if n := m.numberOf(name); n >= 0 && m.loc[2*n] >= 0 {
			b = append(b, m.text[m.loc[2*n]:m.loc[2*n+1]]...)
		}
	}
	return b
}

// numberOf returns the number of the group with a name or number, -1 if there is none.
func (m *matches) numberOf(name string) int {
	if n, err := strconv.Atoi(name); err == nil {
		if n < len(m.re.Names) {
			return n
		}
		return -1
	}
	for n, have := range m.re.Names {
		if have == name && have != "" {
			return n
		}
	}
	return -1
}

func regexSplit(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	m, err := newMatches(t, "regex::split", args, 0)
	if err == nil {
		err = m.limit("regex::split", args, 2)
	}
	if err != nil || m.left == 0 {
		return vm.NewArray(nil), err
	}
	limit := m.left
	m.left = -1
	var parts []vm.Value
	from := 0
	for (limit < 0 || int64(len(parts)) < limit-1) && m.next() {
		if m.loc[1] == 0 || int(m.loc[0]) == len(m.text) && m.loc[0] == m.loc[1] {
			continue // an empty match at either end divides nothing
		}
		parts = append(parts, vm.String(m.text[from:m.loc[0]]))
		from = int(m.loc[1])
		if err := t.CheckArray(int64(len(parts)) + 1); err != nil {
			return vm.Unit, err
		}
	}
	if m.err != nil {
		return vm.Unit, m.err
	}
	return vm.NewArray(append(parts, vm.String(m.text[from:]))), nil
}
