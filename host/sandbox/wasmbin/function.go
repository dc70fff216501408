package wasmbin

import "encoding/binary"

// parseFunctions reads the function section (5.5.6).
func (m *Module) parseFunctions(r *reader) {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		m.Functions = append(m.Functions, r.u32())
	}
}

// Signature returns the type of a function that is exported and not imported; nil when there is
// none.
func (m *Module) Signature(export string) *Signature {
	imported := uint32(m.imported(ExternFunction))
	for _, e := range m.Exports {
		if e.Name != export || e.Kind != ExternFunction || e.Index < imported || e.Index-imported >= uint32(len(m.Functions)) {
			continue
		}
		if t := m.Functions[e.Index-imported]; t < uint32(len(m.Types)) {
			return &m.Types[t]
		}
	}
	return nil
}

func encodeFunctions(types []uint32) []byte {
	out := binary.AppendUvarint(nil, uint64(len(types)))
	for _, t := range types {
		out = binary.AppendUvarint(out, uint64(t))
	}
	return out
}
