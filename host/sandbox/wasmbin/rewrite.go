package wasmbin

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// GlobalExport is the name under which [Module.WithGlobals] exports a global.
func GlobalExport(i int) string { return fmt.Sprintf("picloud:global:%d", i) }

// WithGlobals is the module with bounded tables, and with every global of its own that can change
// exported: how else would the host read what initialisation left there?
func (m *Module) WithGlobals() []byte {
	exports := slices.Clone(m.Exports)
	for i, g := range m.Globals {
		if g.Mutable {
			exports = append(exports, Export{GlobalExport(i), ExternGlobal, uint32(i)})
		}
	}
	changed := map[byte][]byte{sectionExport: encodeExports(exports)}
	m.boundTables(changed)
	return m.encode(changed)
}

// Initialized is a restorable module as it is after its initialisation. Its globals that can change have the
// values given, by index. Its memory is so many pages, whose contents the host provides. It has no
// start function, and no functions exported under the names of without.
func (m *Module) Initialized(values []uint64, pages uint32, without []string) []byte {
	changed := map[byte][]byte{sectionStart: nil}
	m.boundTables(changed)
	if m.Memory != nil {
		limits := *m.Memory
		limits.Min = pages
		changed[sectionMemory] = limits.append([]byte{1})
	}
	if len(m.Globals) > 0 {
		globals := slices.Clone(m.Globals)
		for i := range globals {
			if globals[i].Mutable {
				globals[i].Value = Constant(globals[i].Kind, values[i])
			}
		}
		changed[sectionGlobal] = encodeGlobals(globals)
	}
	exports := slices.DeleteFunc(slices.Clone(m.Exports), func(e Export) bool {
		return e.Kind == ExternFunction && slices.Contains(without, e.Name)
	})
	changed[sectionExport] = encodeExports(exports)
	switch {
	case m.content(sectionDataCount) == nil: // so no instruction refers to a segment
		changed[sectionData] = nil
	case m.segments > 0:
		// Active segments are part of the memory already. After instantiation they count as
		// dropped (4.5.4), and an empty passive one is as good as that.
		r := &reader{rest: m.content(sectionData)}
		out := binary.AppendUvarint(nil, uint64(r.count(maxItems)))
		for range m.segments {
			flags := r.u32()
			if flags == 2 {
				r.u32()
			}
			if flags != 1 {
				r.constant()
			}
			content := r.bytes(r.u32())
			if flags != 1 {
				content = nil
			}
			out = append(out, 1)
			out = binary.AppendUvarint(out, uint64(len(content)))
			out = append(out, content...)
		}
		changed[sectionData] = out
	}
	return m.encode(changed)
}

// Restorable reports whether instances of a metered module can begin from memory and
// globals that were kept: what else initialisation may have changed, tables, would be lost.
func (m *Module) Restorable() bool {
	for _, g := range m.Globals {
		if g.Mutable && Constant(g.Kind, 0) == nil {
			return false // a vector or reference, which cannot be read
		}
	}
	return !m.setsTables
}
