package wasmbin

import "encoding/binary"

// A Global is a global variable (5.5.9).
type Global struct {
	Kind    byte // type of value
	Mutable bool
	Value   []byte // a constant expression
}

// parseGlobals reads the global section (5.5.9).
func (m *Module) parseGlobals(r *reader) {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		m.Globals = append(m.Globals, Global{r.byte(), r.byte() != 0, r.constant()})
	}
}

func encodeGlobals(globals []Global) []byte {
	out := binary.AppendUvarint(nil, uint64(len(globals)))
	for _, g := range globals {
		out = append(out, g.Kind, map[bool]byte{true: 1}[g.Mutable])
		out = append(out, g.Value...)
	}
	return out
}
