// Package wasmtest writes WebAssembly modules by hand, so that a test can have any there may be.
package wasmtest

import (
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"

	"github.com/picloud/picloud/host/sandbox/wasmbin"
)

// A Program is a module in the making. Its functions are numbered as they are added, those
// imported first. Numbers of functions and types must be below 128.
type Program struct {
	Types   []wasmbin.Signature
	Imports []wasmbin.Import
	Memory  *wasmbin.Limits
	Globals []wasmbin.Global // all of them can change
	Exports []wasmbin.Export
	Start   int      // a function, from 1; 0: none
	Code    [][]byte // of functions: their locals and instructions
	Data    string   // at address 0

	functions []byte // their types
}

// Signature adds a type.
func (p *Program) Signature(s wasmbin.Signature) (index uint32) {
	p.Types = append(p.Types, s)
	return uint32(len(p.Types) - 1)
}

// Import adds a function that the host provides.
func (p *Program) Import(module, name string, s wasmbin.Signature) (function byte) {
	p.Imports = append(p.Imports, wasmbin.Import{Module: module, Name: name, Kind: wasmbin.ExternFunction, Index: p.Signature(s)})
	return byte(len(p.Imports) - 1)
}

// Function adds a function of a body without its end, with one local variable of
// type i64, and exports it unless the name is "".
func (p *Program) Function(export string, results []byte, body ...[]byte) (function byte) {
	p.functions = append(p.functions, byte(p.Signature(wasmbin.Signature{Results: results})))
	content := append([]byte{1, 1, api.ValueTypeI64}, Join(body...)...)
	p.Code = append(p.Code, append(content, End...))
	index := byte(len(p.Imports) + len(p.functions) - 1)
	if export != "" {
		p.Exports = append(p.Exports, wasmbin.Export{Name: export, Kind: wasmbin.ExternFunction, Index: uint32(index)})
	}
	return index
}

// Bytes is the module.
func (p *Program) Bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, content []byte) { out = append(append(out, id), sized(content)...) }
	vector := func(id byte, count int, content []byte) {
		if count > 0 {
			section(id, append(binary.AppendUvarint(nil, uint64(count)), content...))
		}
	}
	var types, imports, globals, exports, code []byte
	for _, t := range p.Types {
		types = append(append(append(types, 0x60), sized(t.Params)...), sized(t.Results)...)
	}
	for _, i := range p.Imports {
		imports = append(append(append(imports, sized([]byte(i.Module))...), sized([]byte(i.Name))...), i.Kind)
		if i.Kind == wasmbin.ExternMemory {
			imports = append(imports, 0) // no maximum
		}
		imports = append(imports, byte(i.Index))
	}
	for _, g := range p.Globals {
		globals = append(append(globals, g.Kind, 1), g.Value...)
	}
	for _, e := range p.Exports {
		exports = append(append(append(exports, sized([]byte(e.Name))...), e.Kind), byte(e.Index))
	}
	for _, c := range p.Code {
		code = append(code, sized(c)...)
	}
	vector(1, len(p.Types), types)
	vector(2, len(p.Imports), imports)
	vector(3, len(p.functions), p.functions)
	if p.Memory != nil {
		memory := []byte{0}
		if p.Memory.Bounded {
			memory[0] = 1
		}
		memory = binary.AppendUvarint(memory, uint64(p.Memory.Min))
		if p.Memory.Bounded {
			memory = binary.AppendUvarint(memory, uint64(p.Memory.Max))
		}
		vector(5, 1, memory)
	}
	vector(6, len(p.Globals), globals)
	vector(7, len(p.Exports), exports)
	if p.Start > 0 {
		section(8, []byte{byte(p.Start)})
	}
	vector(10, len(p.Code), code)
	if p.Data != "" {
		vector(11, 1, append([]byte{0, 0x41, 0, 0x0b}, sized([]byte(p.Data))...))
	}
	return out
}

func sized(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

// Instructions. Get, Set and Tee are of the local variable 0, Branch is to the innermost block.
var (
	Unreachable = []byte{0x00}
	Loop        = []byte{0x03, 0x40}
	If          = []byte{0x04, 0x40}
	End         = []byte{0x0b}
	Branch      = []byte{0x0c, 0}
	Drop        = []byte{0x1a}
	Get         = []byte{0x20, 0}
	Set         = []byte{0x21, 0}
	Tee         = []byte{0x22, 0}
	MemoryGrow  = []byte{0x40, 0}
	Equal32     = []byte{0x46}
	Zero64      = []byte{0x50}
	NotEqual64  = []byte{0x52}
	Add64       = []byte{0x7c}
)

// Call calls a function.
func Call(function byte) []byte { return []byte{0x10, function} }

// I32 and I64 are constants.
func I32(v int32) []byte { return appendSigned([]byte{0x41}, int64(v)) }
func I64(v int64) []byte { return appendSigned([]byte{0x42}, v) }

// Join puts instructions one after the other.
func Join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// appendSigned appends signed LEB128.
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
