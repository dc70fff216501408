package docs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"iter"
	"math"
	"strconv"

	"github.com/picloud/picloud/abi/decimal"
)

// text is one value in the JSON that [abi.AppendJSON] writes: without spaces, and with one way to
// escape each character. Documents are looked at in this form, since most of one is skipped.
// Nothing here relies on the text being whole: of a damaged one the answers are wrong, but answers.
type text []byte

// kind is the type of a value. Kinds are in the order in which values of different types are
// sorted.
type kind uint8

const (
	kindMissing kind = iota
	kindNull
	kindBool
	kindNumber
	kindString
	kindBlob
	kindArray
	kindMap
)

func (t text) kind() kind {
	if len(t) == 0 {
		return kindMissing
	}
	switch t[0] {
	case 'n':
		return kindNull
	case 't', 'f':
		return kindBool
	case '"':
		return kindString
	case '[':
		return kindArray
	case '{':
		if t.isBlob() {
			return kindBlob
		}
		return kindMap
	default:
		return kindNumber
	}
}

func (k kind) String() string {
	return [...]string{"nothing", "null", "a bool", "a number", "a string", "a blob", "an array", "a map"}[k]
}

const (
	blobStart = `{"$blob":"`
	blobEnd   = `"}`
)

// isBlob reports whether an object stands for a blob, as abi.AppendFromJSON does.
func (t text) isBlob() bool {
	if !bytes.HasPrefix(t, []byte(blobStart)) || !bytes.HasSuffix(t, []byte(blobEnd)) {
		return false
	}
	encoded := t[len(blobStart):max(len(blobStart), len(t)-len(blobEnd))]
	if bytes.IndexByte(encoded, '"') >= 0 || len(encoded)%4 != 0 {
		return false // there is more than one key
	}
	_, err := base64.StdEncoding.Strict().AppendDecode(nil, encoded)
	return err == nil && !bytes.ContainsAny(encoded, "\\\r\n")
}

// first splits a text into the value at its start and what follows.
func (t text) first() (value, rest text) {
	n := t.size()
	return t[:n], t[n:]
}

// size is the length of the value at the start of a text.
func (t text) size() int {
	if len(t) == 0 {
		return 0
	}
	switch t[0] {
	case '"':
		return t.stringSize()
	case '{', '[':
		for i, depth := 0, 0; i < len(t); i++ {
			switch t[i] {
			case '"':
				i += t[i:].stringSize() - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(t)
	default:
		for i, c := range t {
			if c == ',' || c == ']' || c == '}' {
				return i
			}
		}
		return len(t)
	}
}

// stringSize is the length of the string at the start of a text, with quotes.
func (t text) stringSize() int {
	for i := 1; i < len(t); i++ {
		switch t[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(t)
}

// elements are the elements of an array with their indexes.
func (t text) elements() iter.Seq2[int, text] {
	return func(yield func(int, text) bool) {
		rest := t
		for i := 0; len(rest) > 1 && rest[1] != ']'; i++ { // behind [ or a comma
			var value text
			if value, rest = rest[1:].first(); len(value) == 0 || !yield(i, value) {
				return
			}
			if len(rest) == 0 || rest[0] != ',' {
				return
			}
		}
	}
}

// entries are the entries of a map: keys as they are written, with quotes.
func (t text) entries() iter.Seq2[text, text] {
	return func(yield func(text, text) bool) {
		rest := t
		for len(rest) > 1 && rest[1] == '"' { // behind { or a comma
			var key, value text
			if key, rest = rest[1:].first(); len(rest) == 0 || rest[0] != ':' {
				return
			}
			if value, rest = rest[1:].first(); len(value) == 0 || !yield(key, value) {
				return
			}
			if len(rest) == 0 || rest[0] != ',' {
				return
			}
		}
	}
}

// unquoted is the content of a string.
func (t text) unquoted() []byte {
	if len(t) < 2 {
		return nil
	}
	if bytes.IndexByte(t, '\\') < 0 {
		return t[1 : len(t)-1]
	}
	var s string
	if json.Unmarshal(t, &s) != nil {
		return nil
	}
	return []byte(s)
}

// quoted writes a string as abi.AppendJSON does.
func quoted(s string) text {
	b := []byte{'"'}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', '0'+c>>4, "0123456789abcdef"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// number is a stored number: an integer of 64 bits or else a float, as abi.AppendFromJSON tells
// them apart.
type number struct {
	integer int64
	float   float64
	whole   bool // it is the integer
}

func (t text) number() number {
	s := string(t)
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{integer: i, whole: true}
	}
	f, _ := decimal.ParseFloat(s)
	return floating(f)
}

// floating is the integer that a float is equal to, or the float.
func floating(f float64) number {
	if f >= -1<<63 && f < 1<<63 && f == math.Trunc(f) {
		return number{integer: int64(f), whole: true}
	}
	return number{float: f}
}

// compare orders numbers by their exact values.
func (n number) compare(m number) int {
	switch {
	case n.whole && m.whole:
		return order(n.integer, m.integer)
	case n.whole:
		return -m.compare(n)
	case !m.whole:
		return order(n.float, m.float)
	}
	// A float that is no integer of 64 bits, and an integer.
	switch {
	case n.float >= 1<<63:
		return 1
	case n.float < -1<<63:
		return -1
	case int64(math.Floor(n.float)) < m.integer:
		return -1
	}
	return 1
}

func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// equal reports whether two values are the same: of the same type, numbers by value, strings by
// code point, arrays element by element, maps whatever the order of their keys.
func equal(a, b text) bool {
	k := a.kind()
	if k != b.kind() {
		return false
	}
	switch k {
	case kindNumber:
		return a.number() == b.number()
	case kindArray:
		return equalArrays(a, b)
	case kindMap:
		return equalMaps(a, b)
	default:
		return bytes.Equal(a, b)
	}
}

func equalArrays(a, b text) bool {
	next, stop := iter.Pull2(b.elements())
	defer stop()
	for _, element := range a.elements() {
		if _, other, ok := next(); !ok || !equal(element, other) {
			return false
		}
	}
	_, _, more := next()
	return !more
}

func equalMaps(a, b text) bool {
	if bytes.Equal(a, b) {
		return true
	}
	others := map[string]text{}
	for key, value := range b.entries() {
		others[string(key)] = value
	}
	n := 0
	for key, value := range a.entries() {
		if n++; !equal(value, others[string(key)]) {
			return false
		}
	}
	return n == len(others)
}

// compare orders two values of the same kind, if that is an ordered one: null, bool, number or
// string.
func compare(a, b text) (result int, ordered bool) {
	k := a.kind()
	if k != b.kind() {
		return 0, false
	}
	switch k {
	case kindNull:
		return 0, true
	case kindBool:
		return bytes.Compare(a, b), true // false before true, as in the alphabet
	case kindNumber:
		return a.number().compare(b.number()), true
	case kindString:
		return bytes.Compare(a.unquoted(), b.unquoted()), true
	}
	return 0, false
}
