package wasmbin

import (
	"encoding/binary"
	"slices"
)

// An Export is what a module offers its host.
type Export struct {
	Name  string
	Kind  byte
	Index uint32
}

func (m *Module) parseExports(r *reader) {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		m.Exports = append(m.Exports, Export{r.name(), r.byte(), r.u32()})
	}
}

// Exports tells whether a module exports a function of that name.
func (m *Module) ExportsFunction(name string) bool {
	return slices.ContainsFunc(m.Exports, func(e Export) bool { return e.Name == name && e.Kind == ExternFunction })
}

func encodeExports(exports []Export) []byte {
	out := binary.AppendUvarint(nil, uint64(len(exports)))
	for _, e := range exports {
		out = binary.AppendUvarint(out, uint64(len(e.Name)))
		out = append(append(out, e.Name...), e.Kind)
		out = binary.AppendUvarint(out, uint64(e.Index))
	}
	return out
}
