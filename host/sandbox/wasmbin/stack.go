package wasmbin

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// stackExceeded is the name of the function that a module with a bounded stack calls in order to
// end. No other function has a name: custom sections are left out.
const stackExceeded = "picloud:stack exceeded"

// StackExceeded reports whether an error of wazero's is that a module made by
// [Module.WithBoundedStack] called too deep.
func StackExceeded(err error) bool {
	_, trace, _ := strings.Cut(err.Error(), "\nwasm stack trace:\n\t")
	first, _, _ := strings.Cut(trace, "\n")
	return strings.Contains(first, "."+stackExceeded+"(")
}

// WithBoundedStack is the module with each function counting the native stack that its calls take,
// in a global variable of the module. It traps where they would take more than so many bytes in
// all, see [StackExceeded]. A call counts as an estimate that is nearly always too high, so that
// fewer bytes are used. What calls no function and takes little is not counted.
//
// The body B of a function becomes
//
//	left -= frame; if left < 0 { stack exceeded() }; block B' end; left += frame
//
// where B' is B with each return made a branch to the end of the block. A trap leaves the count as
// it is: the instance must not be called again.
func (m *Module) WithBoundedStack(bytes int) (*Module, error) {
	callees, err := m.functionTypes()
	if err != nil {
		return nil, err
	}
	own := callees[len(callees)-len(m.Functions):]
	r := &reader{rest: m.content(sectionCode)}
	if n := r.count(maxItems); n != len(own) {
		return nil, fmt.Errorf("has %d functions and code for %d", len(own), n)
	}
	out := *m
	out.Types, out.Functions, out.Globals = slices.Clip(m.Types), slices.Clip(m.Functions), slices.Clip(m.Globals)
	out.sections = slices.Clone(m.sections)
	index := out.indexTypes()

	left := globalIndex(m.imported(ExternGlobal) + len(m.Globals))
	out.Globals = append(out.Globals, Global{api.ValueTypeI32, true, Constant(api.ValueTypeI32, uint64(bytes))})
	exceeded := uint32(len(callees))
	out.Functions = append(out.Functions, index.of(Signature{}))
	code := binary.AppendUvarint(nil, uint64(len(out.Functions)))
	for f, signature := range own {
		body := r.bytes(r.u32())
		frame, err := m.estimateFrame(signature, body, callees)
		if err != nil {
			return nil, fmt.Errorf("is malformed in function %d: %w", len(callees)-len(own)+f, err)
		}
		out.setsTables = out.setsTables || frame.setsTables
		if !frame.leaf || frame.bytes > maxLeafFrame {
			body = left.counting(body, min(frame.bytes, bytes+1), exceeded, index.ofBlock(signature.Results))
		}
		code = appendSized(code, body)
	}
	code = appendSized(code, []byte{0, opUnreachable, opEnd})

	out.setSection(sectionType, encodeTypes(out.Types))
	out.setSection(sectionFunction, encodeFunctions(out.Functions))
	out.setSection(sectionGlobal, encodeGlobals(out.Globals))
	out.setSection(sectionCode, code)
	out.sections = append(out.sections, section{sectionCustom, encodeFunctionName(exceeded, stackExceeded)})
	return &out, nil
}

// maxLeafFrame is what a function that calls none may take uncounted, bytes: it is added once.
const maxLeafFrame = 4 << 10

// A globalIndex is that of the variable in which the stack is counted.
type globalIndex uint32

// counting is the body of a function, of a frame of so many bytes, that counts it.
func (left globalIndex) counting(body []byte, frame int, exceeded uint32, results int64) []byte {
	get := binary.AppendUvarint([]byte{opGlobalGet}, uint64(left))
	set := binary.AppendUvarint([]byte{opGlobalSet}, uint64(left))
	bytes := appendSigned([]byte{opI32Const}, int64(frame))

	r := &reader{rest: body}
	for n := r.count(maxItems); n > 0; n-- {
		r.u32()
		r.byte()
	}
	out := slices.Concat(body[:len(body)-len(r.rest)],
		get, bytes, []byte{opI32Sub}, set,
		get, []byte{opI32Const, 0, opI32LtS, opIf, blockEmpty & 0x7f, opCall}, binary.AppendUvarint(nil, uint64(exceeded)), []byte{opEnd},
		[]byte{opBlock}, appendSigned(nil, results))
	var i instruction
	for depth := uint64(0); len(r.rest) > 0; {
		r.instruction(&i)
		switch i.op {
		case opBlock, opLoop, opIf:
			depth++
		case opEnd:
			depth--
		case opReturn:
			out = binary.AppendUvarint(append(out, opBr), depth)
			continue
		}
		out = append(out, i.bytes...)
	}
	return slices.Concat(out, get, bytes, []byte{opI32Add}, set, []byte{opEnd})
}

// functionTypes are the types of all functions, imported ones first.
func (m *Module) functionTypes() ([]Signature, error) {
	var types []Signature
	add := func(index uint32) error {
		if int(index) >= len(m.Types) {
			return fmt.Errorf("has a function of type %d and %d types", index, len(m.Types))
		}
		types = append(types, m.Types[index])
		return nil
	}
	for _, i := range m.Imports {
		if i.Kind == ExternFunction {
			if err := add(i.Index); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range m.Functions {
		if err := add(f); err != nil {
			return nil, err
		}
	}
	return types, nil
}

// A typeIndex finds the types of a module.
type typeIndex struct {
	module *Module
	known  map[string]uint32
}

func (m *Module) indexTypes() typeIndex {
	x := typeIndex{m, make(map[string]uint32, len(m.Types))}
	for i, s := range m.Types {
		x.known[s.key()] = uint32(i)
	}
	return x
}

// of finds a type, or adds it.
func (x typeIndex) of(s Signature) uint32 {
	i, ok := x.known[s.key()]
	if !ok {
		i = uint32(len(x.module.Types))
		x.module.Types = append(x.module.Types, s)
		x.known[s.key()] = i
	}
	return i
}

// ofBlock is the type of a block with results and no parameters (5.4.1).
func (x typeIndex) ofBlock(results []byte) int64 {
	switch len(results) {
	case 0:
		return blockEmpty
	case 1:
		return int64(results[0]) - 0x80
	}
	return int64(x.of(Signature{Results: results}))
}
