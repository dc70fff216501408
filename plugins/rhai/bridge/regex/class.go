package regex

import (
	"cmp"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A class is a set of characters: those of any of its parts, or else of none.
type class struct {
	parts   []part
	negated bool
	fold    bool // upper and lower case are the same
	ascii   [2]uint64
}

// A part is a set of characters, or those that are not in it.
type part struct {
	ranges  []rune              // pairs in order: from and to
	table   *unicode.RangeTable // instead of ranges
	negated bool
}

// A named is a class with a name. Lists of them are no Go maps: those would stay in the guest's
// memory, where the hashes in them look like pointers.
type named[T any] struct {
	name string
	set  T
}

// find returns the zero T when there is none of that name.
func find[T any](list []named[T], name string) (set T, ok bool) {
	for _, n := range list {
		if n.name == name {
			return n.set, true
		}
	}
	return set, false
}

// tables are the classes of Unicode that a pattern can name.
var tables = []named[*unicode.RangeTable]{
	{"L", unicode.L}, {"Lu", unicode.Lu}, {"Ll", unicode.Ll}, {"Lt", unicode.Lt}, {"Lm", unicode.Lm}, {"Lo", unicode.Lo}, {"M", unicode.M},
	{"N", unicode.N}, {"Nd", unicode.Nd}, {"Nl", unicode.Nl}, {"No", unicode.No}, {"P", unicode.P}, {"S", unicode.S}, {"Z", unicode.Z},
}

var (
	digits = []rune{'0', '9'}
	spaces = []rune{'\t', '\n', '\f', '\r', ' ', ' '}
	words  = []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}
)

// posix are the classes that [:name:] names.
var posix = []named[[]rune]{
	{"alnum", []rune{'0', '9', 'A', 'Z', 'a', 'z'}}, {"alpha", []rune{'A', 'Z', 'a', 'z'}}, {"ascii", []rune{0, 0x7f}},
	{"blank", []rune{'\t', '\t', ' ', ' '}}, {"cntrl", []rune{0, 0x1f, 0x7f, 0x7f}}, {"digit", digits}, {"graph", []rune{'!', '~'}},
	{"lower", []rune{'a', 'z'}}, {"print", []rune{' ', '~'}}, {"punct", []rune{'!', '/', ':', '@', '[', '`', '{', '~'}},
	{"space", []rune{'\t', '\r', ' ', ' '}}, {"upper", []rune{'A', 'Z'}}, {"word", words},
	{"xdigit", []rune{'0', '9', 'A', 'F', 'a', 'f'}},
}

// ordered sorts ranges and joins those that touch.
func ordered(set []rune) []rune {
	pairs := make([][2]rune, 0, len(set)/2)
	for i := 0; i < len(set); i += 2 {
		pairs = append(pairs, [2]rune{set[i], set[i+1]})
	}
	slices.SortFunc(pairs, func(a, b [2]rune) int { return cmp.Compare(a[0], b[0]) })
	out := set[:0]
	for _, p := range pairs {
		if n := len(out); n > 0 && p[0] <= out[n-1]+1 {
			out[n-1] = max(out[n-1], p[1])
			continue
		}
		out = append(out, p[0], p[1])
	}
	return out
}

// node makes a class ready for has.
func (c *class) node() *node {
	for r := range rune(utf8.RuneSelf) {
		if c.holds(r) {
			c.ascii[r>>6] |= 1 << (r & 63)
		}
	}
	return &node{op: opClass, set: c}
}

// has reports whether a character is in the class.
func (c *class) has(r rune) bool {
	if r < utf8.RuneSelf {
		return c.ascii[r>>6]>>(r&63)&1 != 0
	}
	return c.holds(r)
}

func (c *class) holds(r rune) bool {
	for i := range c.parts {
		p := &c.parts[i]
		found := p.in(r)
		if c.fold {
			for f := unicode.SimpleFold(r); f != r && !found; f = unicode.SimpleFold(f) {
				found = p.in(f)
			}
		}
		if found != p.negated {
			return !c.negated
		}
	}
	return c.negated
}

// in reports whether r is in the set, negated or not.
func (p *part) in(r rune) bool {
	if p.table != nil {
		return unicode.Is(p.table, r)
	}
	low, high := 0, len(p.ranges)/2
	for low < high {
		if middle := (low + high) / 2; p.ranges[2*middle+1] < r {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low < len(p.ranges)/2 && p.ranges[2*low] <= r
}

// sameFold reports whether two characters differ at most in case.
func sameFold(a, b rune) bool {
	if a == b {
		return true
	}
	for f := unicode.SimpleFold(a); f != a; f = unicode.SimpleFold(f) {
		if f == b {
			return true
		}
	}
	return false
}
