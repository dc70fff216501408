// Package wasmbin reads WebAssembly modules in their binary format, bounds what they ask for, and
// writes them anew. Sections are those of the WebAssembly Core Specification 2.0, chapter 5; there
// is a file for each.
//
// wazero allocates what a module says it will have (elements of vectors, locals, entries of tables)
// before it reads them: a module of 20 bytes could ask for more than the machine has. So a module
// is read here first, as far as that is needed. What its code does is for wazero to validate.
package wasmbin

import (
	"bytes"
	"errors"
	"fmt"
)

// A Module is a WebAssembly module taken apart, within the bounds of this package (5.5.16). Its
// slices refer to the bytes it was parsed from.
type Module struct {
	Types     []Signature
	Imports   []Import
	Functions []uint32 // indices of the types of those that are not imported
	Memory    *Limits  // its own, in pages of 64 KiB; nil: it has none
	Globals   []Global // its own
	Exports   []Export

	sections []section // in their order; custom ones are left out
	tables   []table
	segments int    // of data
	locals   uint64 // of all functions
	elements int    // of all segments

	setsTables bool // code changes tables: known once it is metered
}

var header = []byte("\x00asm\x01\x00\x00\x00")

// errNotWasm is of bytes that do not even begin as a module (5.5.16).
var errNotWasm = errors.New("is not a WebAssembly module: it does not begin with \\0asm and version 1")

// Parse takes a module apart. The error continues a sentence that begins with the module: "is
// truncated", "has 17 tables, at most 16 are allowed".
func Parse(wasm []byte) (*Module, error) {
	if !bytes.HasPrefix(wasm, header) {
		return nil, errNotWasm
	}
	m := new(Module)
	r := &reader{rest: wasm[len(header):]}
	for last := byte(0); len(r.rest) > 0 && r.err == nil; {
		id := r.byte()
		content := &reader{rest: r.bytes(r.u32())}
		if r.err != nil {
			return nil, fmt.Errorf("is truncated: section %d ends beyond the module", id)
		}
		if id == sectionCustom { // names and debug information
			continue
		}
		if order := sectionOrder(id); order <= last {
			return nil, fmt.Errorf("has section %d twice or in the wrong place", id)
		} else {
			last = order
		}
		m.sections = append(m.sections, section{id, content.rest})
		if err := m.parse(id, content); err != nil {
			return nil, err
		}
		if content.err == nil && len(content.rest) > 0 {
			content.err = fmt.Errorf("%d bytes too many", len(content.rest))
		}
		if content.err != nil {
			return nil, fmt.Errorf("is malformed in section %d: %w", id, content.err)
		}
	}
	return m, r.err
}

// parse reads one section. The error is what we do not accept; what is malformed is the reader's.
func (m *Module) parse(id byte, r *reader) error {
	switch id {
	case sectionType:
		return m.parseTypes(r)
	case sectionImport:
		m.parseImports(r)
	case sectionFunction:
		m.parseFunctions(r)
	case sectionTable:
		return m.parseTables(r)
	case sectionMemory:
		return m.parseMemory(r)
	case sectionGlobal:
		m.parseGlobals(r)
	case sectionExport:
		m.parseExports(r)
	case sectionStart, sectionDataCount:
		r.u32()
	case sectionElement:
		return m.parseElements(r)
	case sectionCode:
		return m.parseCode(r)
	case sectionData:
		m.parseData(r)
	default:
		return fmt.Errorf("has an unknown section, %d", id)
	}
	return nil
}
