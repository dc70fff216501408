package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tetratelabs/wazero/api"
)

// A pluginModule is a WebAssembly module taken apart as far as is needed to judge
// it before it is compiled, and to write it anew. wazero allocates what a module
// says it will have (elements of vectors, locals, entries of tables) before it
// reads them, so that a module of 20 bytes could ask for more than the machine
// has. See the binary format in the specification, chapter 5.
type pluginModule struct {
	sections []wasmSection // in their order; custom ones are left out

	types     []wasmSignature
	imports   []wasmImport
	functions []uint32 // the types of those that are not imported
	memory    *wasmLimits
	tables    []wasmTable
	globals   []wasmGlobal
	exports   []wasmExport
	segments  int    // of data
	locals    uint64 // of all functions
	elements  int    // of all segments
	passive   bool   // it has element segments that only code can put into tables
}

type wasmSection struct {
	id      byte
	content []byte
}

// Numbers of sections.
const (
	sectionCustom, sectionType, sectionImport, sectionFunction = 0, 1, 2, 3
	sectionTable, sectionMemory, sectionGlobal, sectionExport  = 4, 5, 6, 7
	sectionStart, sectionElement, sectionCode, sectionData     = 8, 9, 10, 11
	sectionDataCount                                           = 12
)

type (
	wasmSignature struct{ params, results []byte }
	wasmLimits    struct {
		min, max uint32
		bounded  bool // there is a max
	}
	wasmTable struct {
		kind   byte
		limits wasmLimits
	}
	wasmGlobal struct {
		kind    byte
		mutable bool
		value   []byte // the constant expression
	}
	wasmExport struct {
		name  string
		kind  byte
		index uint32
	}
	wasmImport struct {
		module, name string
		kind         byte
		index        uint32 // the type of a function
	}
)

// Kinds of imports and exports.
const (
	externFunction, externTable, externMemory, externGlobal = 0, 1, 2, 3
)

const (
	// maxTableEntries bounds a table: each entry takes 8 bytes of the host's.
	maxTableEntries = 1 << 20
	// maxLocals bounds the locals of a function, as browsers do (WebAssembly
	// JavaScript Interface, "Implementation-defined limits").
	maxLocals = 50_000
	// maxAllLocals bounds those of all functions together, of each of which wazero keeps
	// the type.
	maxAllLocals = 4_000_000
	// maxItems bounds everything else of which there are many: functions, types,
	// imports. What a large program of Go has is a tenth of it.
	maxItems     = 100_000
	maxTables    = 16
	maxSignature = 1000
)

var wasmHeader = []byte("\x00asm\x01\x00\x00\x00")

// errNotWasm is of bytes that do not even begin as a module.
var errNotWasm = errors.New("is not a WebAssembly module: it does not begin with \\0asm and version 1")

// parsePluginModule takes a module apart. Its errors say what is wrong with it.
func parsePluginModule(wasm []byte) (*pluginModule, error) {
	if !bytes.HasPrefix(wasm, wasmHeader) {
		return nil, errNotWasm
	}
	m := new(pluginModule)
	r := &wasmReader{rest: wasm[len(wasmHeader):]}
	for last := byte(0); len(r.rest) > 0 && r.err == nil; {
		id := r.byte()
		content := &wasmReader{rest: r.bytes(r.u32())}
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
		m.sections = append(m.sections, wasmSection{id, content.rest})
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

// sectionOrder is where a section must be: the count of data segments comes before the code.
func sectionOrder(id byte) byte {
	if id == sectionDataCount {
		return 2*sectionElement + 1
	}
	return 2 * id
}

// parse reads one section. What is malformed is in the reader's error, what we
// do not accept is answered.
func (m *pluginModule) parse(id byte, r *wasmReader) error {
	switch id {
	case sectionType:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			if form := r.byte(); form != 0x60 {
				r.fail("unknown form of type %#x", form)
			}
			m.types = append(m.types, wasmSignature{r.bytes(r.u32()), r.bytes(r.u32())})
			if s := m.types[len(m.types)-1]; max(len(s.params), len(s.results)) > maxSignature {
				return fmt.Errorf("has a function of %d parameters and %d results, at most %d are allowed", len(s.params), len(s.results), maxSignature)
			}
		}
	case sectionImport:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			i := wasmImport{module: r.name(), name: r.name(), kind: r.byte()}
			switch i.kind {
			case externFunction:
				i.index = r.u32()
			case externTable:
				r.byte()
				r.limits()
			case externMemory:
				r.limits()
			case externGlobal:
				r.bytes(2)
			default:
				r.fail("unknown kind of import %d", i.kind)
			}
			m.imports = append(m.imports, i)
		}
	case sectionFunction:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			m.functions = append(m.functions, r.u32())
		}
	case sectionTable:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			m.tables = append(m.tables, wasmTable{r.byte(), r.limits()})
			if n := m.tables[len(m.tables)-1].limits.min; n > maxTableEntries {
				return fmt.Errorf("has a table of %d entries, at most %d are allowed", n, maxTableEntries)
			}
		}
		if len(m.tables) > maxTables {
			return fmt.Errorf("has %d tables, at most %d are allowed", len(m.tables), maxTables)
		}
	case sectionMemory:
		n := r.count(maxItems)
		if n > 1 {
			return fmt.Errorf("has %d memories, at most one is allowed", n)
		}
		for range n {
			limits := r.limits()
			m.memory = &limits
		}
	case sectionGlobal:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			m.globals = append(m.globals, wasmGlobal{r.byte(), r.byte() != 0, r.constant()})
		}
	case sectionExport:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			m.exports = append(m.exports, wasmExport{r.name(), r.byte(), r.u32()})
		}
	case sectionStart, sectionDataCount:
		r.u32()
	case sectionElement:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			m.parseElements(r)
			if m.elements > maxTableEntries {
				return fmt.Errorf("has more than %d elements for its tables", maxTableEntries)
			}
		}
	case sectionCode:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			body := &wasmReader{rest: r.bytes(r.u32())}
			locals := uint64(0)
			for n := body.count(maxItems); n > 0 && body.err == nil; n-- {
				locals += uint64(body.u32())
				body.byte()
			}
			if locals > maxLocals {
				return fmt.Errorf("has a function with %d local variables, at most %d are allowed", locals, maxLocals)
			}
			if m.locals += locals; m.locals > maxAllLocals {
				return fmt.Errorf("has functions with more than %d local variables in all", maxAllLocals)
			}
			if body.err != nil {
				r.err = body.err
			}
		}
	case sectionData:
		for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
			flags := r.u32()
			switch flags {
			case 0:
				r.constant()
			case 1:
			case 2:
				r.u32()
				r.constant()
			default:
				r.fail("unknown kind of data segment %d", flags)
			}
			r.bytes(r.u32())
			m.segments++
		}
	default:
		return fmt.Errorf("has an unknown section, %d", id)
	}
	return nil
}

// parseElements reads an element segment, whose flags say what it consists of:
// not active, with a table or declarative, of expressions.
func (m *pluginModule) parseElements(r *wasmReader) {
	flags := r.u32()
	if flags > 7 {
		r.fail("unknown kind of element segment %d", flags)
		return
	}
	const notActive, explicit, expressions = 1, 2, 4
	if flags&notActive == 0 {
		if flags&explicit != 0 {
			r.u32()
		}
		r.constant()
	} else if flags&explicit == 0 {
		m.passive = true
	}
	if flags&(notActive|explicit) != 0 {
		r.byte() // kind or type
	}
	for n := r.count(maxTableEntries); n > 0 && r.err == nil; n-- {
		m.elements++
		if flags&expressions != 0 {
			r.constant()
		} else {
			r.u32()
		}
	}
}

// signature answers the type of a function that is exported; nil when there is none.
func (m *pluginModule) signature(export string) *wasmSignature {
	imported := uint32(0)
	for _, i := range m.imports {
		if i.kind == externFunction {
			imported++
		}
	}
	for _, e := range m.exports {
		if e.name != export || e.kind != externFunction || e.index < imported || e.index-imported >= uint32(len(m.functions)) {
			continue
		}
		if t := m.functions[e.index-imported]; t < uint32(len(m.types)) {
			return &m.types[t]
		}
	}
	return nil
}

// encode writes the module. The sections that differ are given by number; nil
// leaves one out.
func (m *pluginModule) encode(changed map[byte][]byte) []byte {
	out := slices.Clone(wasmHeader)
	for _, s := range m.sections {
		content := s.content
		if c, ok := changed[s.id]; ok {
			if content = c; c == nil {
				continue
			}
		}
		out = append(out, s.id)
		out = binary.AppendUvarint(out, uint64(len(content)))
		out = append(out, content...)
	}
	return out
}

// globalExport is the name under which a global that can change is exported.
func globalExport(i int) string { return fmt.Sprintf("picloud:global:%d", i) }

// withGlobals is the module with bounded tables, and with its globals that can
// change exported.
func (m *pluginModule) withGlobals() []byte {
	exports := slices.Clone(m.exports)
	for i, g := range m.globals {
		if g.mutable {
			exports = append(exports, wasmExport{globalExport(i), externGlobal, uint32(i)})
		}
	}
	changed := map[byte][]byte{sectionExport: encodeExports(exports)}
	m.boundTables(changed)
	return m.encode(changed)
}

func (m *pluginModule) boundTables(changed map[byte][]byte) {
	if len(m.tables) == 0 {
		return
	}
	out := binary.AppendUvarint(nil, uint64(len(m.tables)))
	for _, t := range m.tables {
		most := uint32(maxTableEntries)
		if t.limits.bounded {
			most = min(most, t.limits.max)
		}
		out = append(out, t.kind)
		out = wasmLimits{t.limits.min, most, true}.append(out)
	}
	changed[sectionTable] = out
}

// initialized is the module as it is after its initialisation: the globals have
// the values given, the memory is so many pages of which the host provides the
// contents, and nothing is left to be initialised.
func (m *pluginModule) initialized(values []uint64, pages uint32) []byte {
	changed := map[byte][]byte{sectionStart: nil}
	m.boundTables(changed)
	if m.memory != nil {
		limits := *m.memory
		limits.min = pages
		changed[sectionMemory] = limits.append([]byte{1})
	}
	if len(m.globals) > 0 {
		out := binary.AppendUvarint(nil, uint64(len(m.globals)))
		for i, g := range m.globals {
			value := g.value
			if g.mutable {
				value = constantOf(g.kind, values[i])
			}
			out = append(out, g.kind, map[bool]byte{true: 1}[g.mutable])
			out = append(out, value...)
		}
		changed[sectionGlobal] = out
	}
	exports := slices.DeleteFunc(slices.Clone(m.exports), func(e wasmExport) bool {
		return e.kind == externFunction && slices.Contains(initializers, e.name)
	})
	changed[sectionExport] = encodeExports(exports)
	switch {
	case m.content(sectionDataCount) == nil: // so no instruction refers to a segment
		changed[sectionData] = nil
	case m.segments > 0:
		// Active segments are part of the memory already. After instantiation they
		// count as dropped, which an empty passive one is as good as.
		r := &wasmReader{rest: m.content(sectionData)}
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

func (m *pluginModule) content(id byte) []byte {
	for _, s := range m.sections {
		if s.id == id {
			return s.content
		}
	}
	return nil
}

// restorable tells whether instances can begin from memory and globals that were
// kept: whatever else initialisation may have changed would be lost. That code puts
// single functions into tables (table.set) is not noticed; no compiler we know of
// makes initialisations that do.
func (m *pluginModule) restorable() bool {
	for _, g := range m.globals {
		if g.mutable && constantOf(g.kind, 0) == nil {
			return false // a vector or reference, which cannot be read
		}
	}
	return !m.passive // or tables may have been filled by code
}

func encodeExports(exports []wasmExport) []byte {
	out := binary.AppendUvarint(nil, uint64(len(exports)))
	for _, e := range exports {
		out = binary.AppendUvarint(out, uint64(len(e.name)))
		out = append(append(out, e.name...), e.kind)
		out = binary.AppendUvarint(out, uint64(e.index))
	}
	return out
}

func (l wasmLimits) append(out []byte) []byte {
	if !l.bounded {
		return binary.AppendUvarint(append(out, 0), uint64(l.min))
	}
	return binary.AppendUvarint(binary.AppendUvarint(append(out, 1), uint64(l.min)), uint64(l.max))
}

// Instructions of constant expressions.
const (
	opEnd, opI32Const, opI64Const, opF32Const, opF64Const = 0x0b, 0x41, 0x42, 0x43, 0x44
	opGlobalGet, opRefNull, opRefFunc, opVector           = 0x23, 0xd0, 0xd2, 0xfd
)

// constantOf is the expression of a global's value as [api.Global] gives it; nil
// for a type that has none.
func constantOf(kind byte, bits uint64) []byte {
	switch kind {
	case api.ValueTypeI32:
		return append(appendSigned([]byte{opI32Const}, int64(int32(bits))), opEnd)
	case api.ValueTypeI64:
		return append(appendSigned([]byte{opI64Const}, int64(bits)), opEnd)
	case api.ValueTypeF32:
		return append(binary.LittleEndian.AppendUint32([]byte{opF32Const}, uint32(bits)), opEnd)
	case api.ValueTypeF64:
		return append(binary.LittleEndian.AppendUint64([]byte{opF64Const}, bits), opEnd)
	}
	return nil
}

// appendSigned appends signed LEB128, which is not Go's signed varint.
func appendSigned(out []byte, v int64) []byte {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// A wasmReader reads the parts of a module. After an error it answers nothing.
type wasmReader struct {
	rest []byte
	err  error
}

func (r *wasmReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = nil
}

func (r *wasmReader) byte() byte {
	if len(r.rest) == 0 {
		r.fail("it is truncated")
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// u32 reads unsigned LEB128.
func (r *wasmReader) u32() uint32 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 5 || v > math.MaxUint32 {
		r.fail("it is truncated, or a number is too large")
		return 0
	}
	r.rest = r.rest[n:]
	return uint32(v)
}

// count reads the length of a vector, of which each element takes a byte at least, and
// refuses one with more than most.
func (r *wasmReader) count(most int) int {
	n := r.u32()
	if n > uint32(most) {
		r.fail("a vector of %d elements, at most %d are allowed", n, most)
		return 0
	}
	if uint64(n) > uint64(len(r.rest)) {
		r.fail("a vector of %d elements in %d bytes", n, len(r.rest))
		return 0
	}
	return int(n)
}

func (r *wasmReader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.rest)) {
		r.fail("%d bytes where %d are left", n, len(r.rest))
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *wasmReader) name() string { return string(r.bytes(r.u32())) }

func (r *wasmReader) limits() (l wasmLimits) {
	switch flags := r.byte(); flags {
	case 0:
		l.min = r.u32()
	case 1:
		l.min, l.max, l.bounded = r.u32(), r.u32(), true
	default:
		r.fail("unknown kind of limits %d", flags)
	}
	return l
}

// constant reads a constant expression, up to its end.
func (r *wasmReader) constant() []byte {
	start := r.rest
	for r.err == nil {
		switch op := r.byte(); op {
		case opEnd:
			return start[:len(start)-len(r.rest)]
		case opI32Const, opI64Const, opGlobalGet, opRefFunc:
			for r.byte()&0x80 != 0 {
			}
		case opF32Const:
			r.bytes(4)
		case opF64Const:
			r.bytes(8)
		case opRefNull:
			r.byte()
		case opVector:
			r.u32()
			r.bytes(16)
		default:
			r.fail("instruction %#x in a constant", op)
		}
	}
	return nil
}
