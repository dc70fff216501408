package wasmbin

import (
	"encoding/binary"
	"slices"
)

// A section is what a module consists of (5.5.2).
type section struct {
	id      byte
	content []byte
}

// Numbers of sections (5.5.2).
const (
	sectionCustom, sectionType, sectionImport, sectionFunction = 0, 1, 2, 3
	sectionTable, sectionMemory, sectionGlobal, sectionExport  = 4, 5, 6, 7
	sectionStart, sectionElement, sectionCode, sectionData     = 8, 9, 10, 11
	sectionDataCount                                           = 12
)

// sectionOrder is where a section must be: the count of data segments comes before the code
// (5.5.16).
func sectionOrder(id byte) byte {
	if id == sectionDataCount {
		return 2*sectionElement + 1
	}
	return 2 * id
}

// content is what a section contains; nil: there is none of that number.
func (m *Module) content(id byte) []byte {
	for _, s := range m.sections {
		if s.id == id {
			return s.content
		}
	}
	return nil
}

// setSection replaces what a section contains, or adds one in its place.
func (m *Module) setSection(id byte, content []byte) {
	at := slices.IndexFunc(m.sections, func(s section) bool { return sectionOrder(s.id) >= sectionOrder(id) })
	switch {
	case at < 0:
		m.sections = append(m.sections, section{id, content})
	case m.sections[at].id == id:
		m.sections[at].content = content
	default:
		m.sections = slices.Insert(m.sections, at, section{id, content})
	}
}

// encode writes the module. The sections that differ are given by number; nil leaves one out.
func (m *Module) encode(changed map[byte][]byte) []byte {
	out := slices.Clone(header)
	for _, s := range m.sections {
		content := s.content
		if c, ok := changed[s.id]; ok {
			if content = c; c == nil {
				continue
			}
		}
		out = appendSized(append(out, s.id), content)
	}
	return out
}

// appendSized appends bytes with their number before them.
func appendSized(out, content []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(content))), content...)
}

// encodeFunctionName is the content of a custom section that gives a function a name (7.4.1).
func encodeFunctionName(function uint32, name string) []byte {
	const functionNames = 1
	names := appendSized(binary.AppendUvarint([]byte{1}, uint64(function)), []byte(name))
	return append(appendSized(nil, []byte("name")), appendSized([]byte{functionNames}, names)...)
}
