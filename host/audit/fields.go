package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
)

// field is one of an object, as JSON.
type field struct{ name, value []byte }

// fieldsOf are the fields of an object as [json.Marshal] writes it, without spaces, in their order; nil for none. To
// decode and encode them once more would cost more than the rest of an entry.
func fieldsOf(text json.RawMessage) (fields []field) {
	depth, begin, colon, quoted := 0, 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			if depth++; depth == 1 {
				begin, colon = i+1, 0
			}
		case c == ':' && depth == 1 && colon == 0:
			colon = i
		case c == ',' && depth == 1, c == '}' && depth == 1 && colon > 0:
			fields = append(fields, field{text[begin:colon], text[colon+1 : i]})
			begin, colon = i+1, 0
			if c == '}' {
				depth--
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return fields
}

// differing leaves out the fields that are the same in both.
func differing(old, current []field) (before, after []field) {
	same := func(in []field, at int, f field) bool {
		if at >= len(in) || !bytes.Equal(in[at].name, f.name) { // which are in the same order, but for those left out
			at = slices.IndexFunc(in, func(other field) bool { return bytes.Equal(other.name, f.name) })
		}
		return at >= 0 && bytes.Equal(in[at].value, f.value)
	}
	for i, f := range old {
		if !same(current, i, f) {
			before = append(before, f)
		}
	}
	for i, f := range current {
		if !same(old, i, f) {
			after = append(after, f)
		}
	}
	return before, after
}

// bounded writes fields, but for the largest if all are too much.
func bounded(fields []field) (text json.RawMessage, truncated bool) {
	size := func() (n int) {
		for _, f := range fields {
			n += len(f.name) + len(f.value) + len(`:,`)
		}
		return n + len(`{}`)
	}
	for size() > MaxShownBytes+len(`,`) {
		largest := slices.MaxFunc(fields, func(a, b field) int { return cmp.Compare(len(a.value), len(b.value)) })
		fields = slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return bytes.Equal(f.name, largest.name) })
		truncated = true
	}
	text = make(json.RawMessage, 0, size())
	text = append(text, '{')
	for i, f := range fields {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, f.name...), ':'), f.value...)
	}
	return append(text, '}'), truncated
}
