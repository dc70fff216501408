package docs

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// A path leads to a value inside a document.
type path []step

// step is a key of a map or, where it reads like one, an index of an array.
type step struct {
	key   text // as it is written in a document
	index int  // -1 if the key is none
}

func newStep(name string) step {
	s := step{key: quoted(name), index: -1}
	if name == "0" || len(name) > 0 && len(name) < 10 && name[0] != '0' && strings.Trim(name, "0123456789") == "" {
		s.index, _ = strconv.Atoi(name)
	}
	return s
}

// equal reports whether two paths are the same.
func (p path) equal(q path) bool {
	return slices.EqualFunc(p, q, func(a, b step) bool { return bytes.Equal(a.key, b.key) })
}

// String is the path as it is written, with the backslashes that are needed.
func (p path) String() string {
	keys := make([]string, len(p))
	for i, s := range p {
		key := strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(string(s.key.unquoted()))
		if strings.HasPrefix(key, "$") {
			key = `\` + key
		}
		keys[i] = key
	}
	return strings.Join(keys, ".")
}

// each visits the values that a path leads to until visit returns false, and reports whether it never
// did. A key on an array leads into all maps that are its elements. Where there is no value, a text of
// [kindMissing] is visited.
func (t text) each(p path, visit func(text) bool) bool {
steps:
	for i, s := range p {
		switch t.kind() {
		case kindMap:
			for key, value := range t.entries() {
				if bytes.Equal(key, s.key) {
					t = value
					continue steps
				}
			}
		case kindArray:
			if s.index < 0 {
				return t.eachElement(p[i:], visit)
			}
			for i, value := range t.elements() {
				if i == s.index {
					t = value
					continue steps
				}
			}
		}
		return visit(nil)
	}
	return visit(t)
}

// eachElement visits what a path leads to in the maps of an array.
func (t text) eachElement(p path, visit func(text) bool) bool {
	found := false
	for _, element := range t.elements() {
		if element.kind() == kindMap {
			found = true
			if !element.each(p, visit) {
				return false
			}
		}
	}
	return found || visit(nil)
}

// A reference is what a filter or a sort names: a path into the data, or a field of the envelope. The
// data's own field of such a name goes before the envelope's.
type reference struct {
	path     path     // nil: of the envelope only
	envelope envelope // "": none
}

// envelope is the name of a field of a document beside its data.
type envelope string

var envelopes = []envelope{"id", "created_at", "updated_at", "version"}

// isTime reports whether the field is a time, which is looked at as its microseconds since 1970.
func (e envelope) isTime() bool { return e == "created_at" || e == "updated_at" }

func (e envelope) of(doc *store.Document) text {
	switch e {
	case "id":
		return quoted(doc.ID)
	case "created_at":
		return strconv.AppendInt(nil, doc.CreatedAt.UnixMicro(), 10)
	case "updated_at":
		return strconv.AppendInt(nil, doc.UpdatedAt.UnixMicro(), 10)
	default:
		return strconv.AppendInt(nil, doc.Version, 10)
	}
}

// each visits the values of a document as [text.each] does. Of the envelope tells where a value is
// from.
func (r reference) each(doc *store.Document, visit func(value text, ofEnvelope bool) bool) bool {
	if r.path != nil {
		own := true
		all := text(doc.Data).each(r.path, func(value text) bool {
			if len(value) == 0 && r.envelope != "" {
				own = false
				return true
			}
			return visit(value, false)
		})
		if own || !all {
			return all
		}
	}
	return visit(r.envelope.of(doc), true)
}

// parseReference reads a path, or the name of a field of the envelope with a $ before it or without.
func parseReference(where, name string) (r reference, err error) {
	if bare, ok := strings.CutPrefix(name, "$"); ok && slices.Contains(envelopes, envelope(bare)) {
		return reference{envelope: envelope(bare)}, nil
	}
	if slices.Contains(envelopes, envelope(name)) {
		r.envelope = envelope(name)
	}
	r.path, err = parsePath(where, name)
	return r, err
}

// moment is a time as text of its microseconds since 1970, nil for what is no time: RFC 3339, or the
// beginning of a day in UTC.
func moment(value text) text {
	if value.kind() != kindString {
		return nil
	}
	s := string(value.unquoted())
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		if at, err = time.Parse(time.DateOnly, s); err != nil {
			return nil
		}
	}
	return strconv.AppendInt(nil, at.UnixMicro(), 10)
}

// parsePath reads a dotted path.
func parsePath(where, name string) (path, error) {
	var (
		to      path
		key     strings.Builder
		started = false // the key has a character
	)
	end := func() error {
		if !started {
			return fault.Refuse(where, "the path %.100q has an empty key", name)
		}
		if to = append(to, newStep(key.String())); len(to) > maxPathSteps {
			return fault.Refuse(where, "a path may have %d keys", maxPathSteps)
		}
		key.Reset()
		started = false
		return nil
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.':
			if err := end(); err != nil {
				return nil, err
			}
			continue
		case c == '$' && !started:
			return nil, fault.Refuse(where, `the path %.100q has an operator in it (a key that begins with $ is written \$)`, name)
		case c == '\\':
			if i++; i == len(name) || !strings.ContainsRune(`.\$`, rune(name[i])) {
				return nil, fault.Refuse(where, `the path %.100q has a \ that does not stand before . \ or $`, name)
			}
		}
		key.WriteByte(name[i])
		started = true
	}
	return to, end()
}
