package docs

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// The order of documents
//
// A sort is a map of path to 1, ascending, or -1, descending, or an array of such pairs; documents that
// are equal by the first path are in the order of the second, and so on, and by id in the end. Paths are
// those of filters; where one leads to several values, the first in the order counts. Values of
// different types are in the order
//
//	missing and null < false < true < numbers < strings < all others
//
// numbers by value, strings by the code points of their first sortBytes bytes, and all others are
// equal.

// sortBytes is how much of a string counts for its place.
const sortBytes = 1024

// sorting is an order of documents.
type sorting struct {
	text  text // what it was read from: a cursor belongs to it
	keys  []reference
	signs []int
}

// parseSort reads a sort; absent, documents are in the order of their ids.
func parseSort(raw msgp.Raw) (s sorting, err error) {
	if len(raw) == 0 || msgp.NextType(raw) == msgp.NilType {
		return s, nil
	}
	if s.text, err = readValue("sort", raw, maxSortSize); err != nil {
		return s, err
	}
	switch k := s.text.kind(); k {
	case kindMap:
		for key, value := range s.text.entries() {
			name := string(key.unquoted())
			if err := s.add("sort."+name, name, value); err != nil {
				return s, err
			}
		}
	case kindArray:
		for i, pair := range s.text.elements() {
			field := fmt.Sprintf("sort[%d]", i)
			name, value, ok := pair.pair()
			if !ok {
				return s, fault.Refuse(field, `must be a pair of a path and 1 or -1, as ["age", -1], got %s`, shown(pair))
			}
			if err := s.add(field, name, value); err != nil {
				return s, err
			}
		}
	default:
		return s, fault.Refuse("sort", "must be a map, or an array of pairs, got %s", k)
	}
	return s, nil
}

// pair takes an array of a string and something else apart.
func (t text) pair() (name string, value text, ok bool) {
	if t.kind() != kindArray || t.len() != 2 {
		return "", nil, false
	}
	for i, element := range t.elements() {
		switch {
		case i == 1:
			value = element
		case element.kind() != kindString:
			return "", nil, false
		default:
			name = string(element.unquoted())
		}
	}
	return name, value, true
}

// add reads a path and its sign.
func (s *sorting) add(field, name string, value text) error {
	to, err := parseReference(field, name)
	if err != nil {
		return err
	}
	sign := number{}
	if value.kind() == kindNumber {
		sign = value.number()
	}
	if !sign.whole || sign.integer != 1 && sign.integer != -1 {
		return fault.Refuse(field, "must be 1 or -1, got %s", shown(value))
	}
	if s.keys = append(s.keys, to); len(s.keys) > maxSortPaths {
		return fault.Refuse(field, "documents can be sorted by %d paths", maxSortPaths)
	}
	s.signs = append(s.signs, int(sign.integer))
	return nil
}

// shown is a value for an error: as it is, or what it is.
func shown(value text) string {
	if len(value) > 40 {
		return value.kind().String()
	}
	return string(value)
}

// place is where a document is in a sorting.
type place struct {
	values []sortValue
	id     string
}

// sortValue is what counts of a value for the order.
type sortValue struct {
	kind   kind // of all others kindMap
	number number
	text   []byte // of a bool or a string
}

func sortable(value text) sortValue {
	switch k := value.kind(); k {
	case kindMissing, kindNull:
		return sortValue{kind: kindNull}
	case kindBool:
		return sortValue{kind: k, text: bytes.Clone(value)}
	case kindNumber:
		return sortValue{kind: k, number: value.number()}
	case kindString:
		s := value.unquoted()
		if len(s) > sortBytes {
			cut := sortBytes
			for !utf8.RuneStart(s[cut]) {
				cut--
			}
			s = s[:cut]
		}
		return sortValue{kind: k, text: bytes.Clone(s)}
	default:
		return sortValue{kind: kindMap}
	}
}

func (v sortValue) compare(w sortValue) int {
	if v.kind != w.kind {
		return cmp.Compare(v.kind, w.kind)
	}
	if v.kind == kindNumber {
		return v.number.compare(w.number)
	}
	return bytes.Compare(v.text, w.text)
}

// json is a value that has the same place.
func (v sortValue) json() json.RawMessage {
	switch v.kind {
	case kindNull:
		return json.RawMessage("null")
	case kindBool:
		return v.text
	case kindNumber:
		var value any = v.number.float
		if v.number.whole {
			value = v.number.integer
		}
		b, _ := json.Marshal(value) // no stored float is infinite
		return b
	case kindString:
		return json.RawMessage(quoted(string(v.text)))
	default:
		return json.RawMessage("{}")
	}
}

// place finds the place of a document. Of several values the first in the order counts.
func (s sorting) place(doc *store.Document) place {
	p := place{id: doc.ID, values: make([]sortValue, len(s.keys))}
	for i, key := range s.keys {
		first := true
		key.each(doc, func(value text, _ bool) bool {
			if v := sortable(value); first || v.compare(p.values[i])*s.signs[i] < 0 {
				p.values[i], first = v, false
			}
			return true
		})
	}
	return p
}

// compare orders two places.
func (s sorting) compare(a, b place) int {
	for i, sign := range s.signs {
		if c := a.values[i].compare(b.values[i]); c != 0 {
			return c * sign
		}
	}
	return cmp.Compare(a.id, b.id)
}

// cursor is the place behind which a page begins, as it is written: JSON in base64url.
type cursor struct {
	Sort   string            `json:"docs"`
	ID     string            `json:"id"`
	Values []json.RawMessage `json:"values,omitempty"`
}

// cursor names a place for the request for the next page.
func (s sorting) cursor(at place) string {
	c := cursor{Sort: string(s.text), ID: at.id}
	for _, value := range at.values {
		c.Values = append(c.Values, value.json())
	}
	b, _ := json.Marshal(c) // texts and JSON that was just written
	return base64.RawURLEncoding.EncodeToString(b)
}

// read finds the place that a cursor names.
func (s sorting) read(encoded string) (at place, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return at, store.ErrInvalidCursor
	}
	var c cursor
	if json.Unmarshal(raw, &c) != nil || c.Sort != string(s.text) || len(c.Values) != len(s.keys) || c.ID == "" {
		return at, store.ErrInvalidCursor
	}
	at.id = c.ID
	for _, value := range c.Values {
		at.values = append(at.values, sortable(text(value)))
	}
	return at, nil
}
