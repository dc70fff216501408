package docs

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/picloud/picloud/host/store"
)

// Keys of values
//
// The key of a value is bytes that are in the order of [sortValue.compare]: a byte for the type, and what
// orders values of the type.
//
//	10                      missing and null
//	20, 21                  false, true
//	30 float                a number below all integers of 64 bits
//	31 integer [float]      any other: the integer at or below it, and the number if it is not that integer
//	32 float                a number above all
//	40 bytes                a string
//	50                      all others
//
// Floats and integers are written so that their bytes are in the order of their values.
const (
	keyNull    = 0x10
	keyFalse   = 0x20
	keyTrue    = 0x21
	keyBelow   = 0x30
	keyInteger = 0x31
	keyAbove   = 0x32
	keyString  = 0x40
	keyOther   = 0x50
	keyEnd     = 0x60 // behind all
)

// key is the key of a value.
func (v sortValue) key() []byte {
	switch v.kind {
	case kindNull:
		return []byte{keyNull}
	case kindBool:
		if v.text[0] == 't' {
			return []byte{keyTrue}
		}
		return []byte{keyFalse}
	case kindNumber:
		return v.number.key()
	case kindString:
		return append([]byte{keyString}, v.text...)
	default:
		return []byte{keyOther}
	}
}

func (n number) key() []byte {
	switch {
	case n.whole:
		return appendInteger([]byte{keyInteger}, n.integer)
	case n.float < -1<<63:
		return appendFloat([]byte{keyBelow}, n.float)
	case n.float >= 1<<63:
		return appendFloat([]byte{keyAbove}, n.float)
	default:
		return appendFloat(appendInteger([]byte{keyInteger}, int64(math.Floor(n.float))), n.float)
	}
}

func appendInteger(b []byte, i int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(i)^1<<63)
}

func appendFloat(b []byte, f float64) []byte {
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		return binary.BigEndian.AppendUint64(b, ^bits)
	}
	return binary.BigEndian.AppendUint64(b, bits|1<<63)
}

// entryKey is the key of a document in an index on a path.
func entryKey(data text, p path) []byte {
	var key []byte
	data.each(p, func(value text) bool {
		switch here := sortable(value).key(); {
		case key == nil:
			key = here
		case !bytes.Equal(key, here):
			key = store.SeveralKey
			return false
		}
		return true
	})
	return key
}

// span is the keys from one on and before another.
type span struct{ from, to []byte }

// everything is all keys of values.
var everything = span{[]byte{keyNull}, []byte{keyEnd}}

// wholeKey is how much of the key of a long string is in the order of the strings: behind it, one that was cut where a
// character begins may be before another that is less.
const wholeKey = 1 + sortBytes - (utf8.UTFMax - 1)

// spanOf is where the keys are of values that an operator may hold for; ok is false if those may be
// anywhere.
func spanOf(operator string, operand text) (s span, ok bool) {
	key := sortable(operand).key()
	after := append(bytes.Clone(key), 0)
	first, last := []byte{key[0] & 0xF0}, []byte{key[0]&0xF0 + 0x10} // of the type
	if len(key) >= wholeKey && operator != "$eq" {
		key = key[:wholeKey]
		after = append(bytes.Clone(key), 0xFF)
		operator = strings.TrimSuffix(operator, "e") + "e"
	}
	switch operator {
	case "$eq":
		return span{key, after}, true
	case "$gt":
		return span{after, last}, true
	case "$gte":
		return span{key, last}, true
	case "$lt":
		return span{first, key}, true
	case "$lte":
		return span{first, after}, true
	}
	return everything, false
}

// and is what is in both.
func (s span) and(t span) span {
	if bytes.Compare(t.from, s.from) > 0 {
		s.from = t.from
	}
	if bytes.Compare(t.to, s.to) < 0 {
		s.to = t.to
	}
	return s
}

// spanAt is where the keys are of documents that match, in an index on a path, if each has one value
// there; narrowed tells that these are not all keys.
func (c all) spanAt(p path) (s span, narrowed bool) {
	s = everything
	for _, part := range c {
		var here span
		var ok bool
		switch part := part.(type) {
		case all:
			here, ok = part.spanAt(p)
		case *comparison:
			if part.envelope == "" && part.path.equal(p) {
				here, ok = spanOf(part.operator, part.operand)
			}
		}
		if ok {
			s, narrowed = s.and(here), true
		}
	}
	return s, narrowed
}
