package wasmbin

import (
	"encoding/binary"
	"slices"
)

// An Export is something that a module offers its host (5.5.10).
type Export struct {
	Name  string
	Kind  byte   // [ExternFunction] and so on
	Index uint32 // among those of its kind, imported ones first
}

// parseExports reads the export section (5.5.10).
func (m *Module) parseExports(r *reader) {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		m.Exports = append(m.Exports, Export{r.name(), r.byte(), r.u32()})
	}
}

// ExportsFunction reports whether the module exports a function of that name.
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
