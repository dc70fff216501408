package wasmbin

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// A Signature is the type of a function (5.3.6): the types of values, as package api of wazero
// numbers them.
type Signature struct{ Params, Results []byte }

// parseTypes reads the type section (5.5.4).
func (m *Module) parseTypes(r *reader) error {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		if form := r.byte(); form != formFunction {
			r.fail("unknown form of type %#x", form)
		}
		m.Types = append(m.Types, Signature{r.bytes(r.u32()), r.bytes(r.u32())})
		if s := m.Types[len(m.Types)-1]; max(len(s.Params), len(s.Results)) > maxSignature {
			return fmt.Errorf("has a function of %d parameters and %d results, at most %d are allowed", len(s.Params), len(s.Results), maxSignature)
		}
	}
	return nil
}

// formFunction begins the type of a function (5.3.6).
const formFunction = 0x60

// valueTypeVector is the type of a vector (5.3.2).
const valueTypeVector = 0x7b

// hasVector reports whether there is a vector among parameters and results.
func (s Signature) hasVector() bool {
	return slices.Contains(s.Params, valueTypeVector) || slices.Contains(s.Results, valueTypeVector)
}

// key is the same for equal types, and another for others.
func (s Signature) key() string { return string(s.Params) + "\x00" + string(s.Results) }

func encodeTypes(types []Signature) []byte {
	out := binary.AppendUvarint(nil, uint64(len(types)))
	for _, t := range types {
		out = appendSized(appendSized(append(out, formFunction), t.Params), t.Results)
	}
	return out
}

// String is the signature as in "(i64, i32) -> i64".
func (s Signature) String() string {
	list := func(of []byte) string {
		names := make([]string, len(of))
		for i, t := range of {
			names[i] = api.ValueTypeName(t)
		}
		return strings.Join(names, ", ")
	}
	if len(s.Results) == 1 {
		return "(" + list(s.Params) + ") -> " + list(s.Results)
	}
	return "(" + list(s.Params) + ") -> (" + list(s.Results) + ")"
}
