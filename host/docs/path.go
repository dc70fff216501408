package docs

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/picloud/picloud/host/fault"
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

// at is the value that a path leads to, a text of [kindMissing] if there is none.
func (t text) at(p path) text {
steps:
	for _, s := range p {
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
				return nil
			}
			for i, value := range t.elements() {
				if i == s.index {
					t = value
					continue steps
				}
			}
		}
		return nil
	}
	return t
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
