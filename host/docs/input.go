package docs

import (
	"bytes"
	"fmt"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// readMap is the JSON of a map that came as a field of a request.
func readMap(field string, raw msgp.Raw, most int) (text, error) {
	data, err := readValue(field, raw, most)
	if k := data.kind(); err == nil && k != kindMap {
		return nil, fault.Refuse(field, "must be a map, got %s", k)
	}
	return data, err
}

// readValue is the JSON of a value that came as a field of a request.
func readValue(field string, raw msgp.Raw, most int) (text, error) {
	if len(raw) == 0 {
		return nil, fault.Refuse(field, "is missing")
	}
	// JSON can be six times as long as MessagePack, but hardly ever is longer.
	data, err := abi.AppendJSON(make([]byte, 0, len(raw)+len(raw)/4), raw)
	if e, ok := err.(*abi.ValueError); ok {
		return nil, fault.Refuse(within(field, e.Path), "%s", e.Reason)
	}
	if err != nil {
		return nil, err
	}
	if len(data) > most {
		return nil, fault.Refuse(field, "must be at most %d bytes as JSON, got %d", most, len(data))
	}
	if path, twice := repeated(data); twice {
		return nil, fault.Refuse(within(field, path), "the key occurs twice")
	}
	return data, nil
}

// within names a place in a field.
func within(field, path string) string {
	if path == "" || path[0] == '[' {
		return field + path
	}
	return field + "." + path
}

// repeated finds a key that a map has twice. Path leads to it.
func repeated(t text) (path string, twice bool) {
	switch t.kind() {
	case kindArray:
		for i, element := range t.elements() {
			if path, twice := repeated(element); twice {
				return within(fmt.Sprintf("[%d]", i), path), true
			}
		}
	case kindMap:
		var seen keySet
		for key, value := range t.entries() {
			if !seen.add(key) {
				return string(key.unquoted()), true
			}
			if path, twice := repeated(value); twice {
				return within(string(key.unquoted()), path), true
			}
		}
	}
	return "", false
}

// keySet is a set of keys, quick while it is small.
type keySet struct {
	few  [16]text
	n    int
	many map[string]bool
}

// add reports whether the key is new.
func (s *keySet) add(key text) bool {
	if s.many == nil {
		for _, other := range s.few[:s.n] {
			if bytes.Equal(key, other) {
				return false
			}
		}
		if s.n < len(s.few) {
			s.few[s.n] = key
			s.n++
			return true
		}
		s.many = map[string]bool{}
		for _, other := range s.few {
			s.many[string(other)] = true
		}
	}
	if s.many[string(key)] {
		return false
	}
	s.many[string(key)] = true
	return true
}
