package wasmbin

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// stackExceeded is the name of the function that a metered module calls in order to end. No other function has a name: custom sections are left out.
const stackExceeded = "picloud:stack exceeded"

// StackExceeded reports whether an error of wazero's is that a module made by
// [Module.Metered] called too deep.
func StackExceeded(err error) bool {
	_, trace, _ := strings.Cut(err.Error(), "\nwasm stack trace:\n\t")
	first, _, _ := strings.Cut(trace, "\n")
	return strings.Contains(first, "."+stackExceeded+"(")
}

// Metered is the module with a meter in each function that calls others, or that has a large frame.
//
// It counts the native stack that calls take, in a global variable of the module, and traps where
// they would take more than so many bytes in all, see [StackExceeded]. A call counts as an estimate
// that is nearly always too high, so that fewer bytes are used.
//
// And it asks the host whether to go on each time that about a megabyte of code may have run. wazero
// has that asked at each turn of a loop alone, if at all; functions that call one another, each the
// next one twice, would neither end with their time nor let Go's collector have its turn.
//
// The body B of a function becomes
//
//	left -= frame; if left < 0 { stack exceeded() }
//	fuel -= size of B; if fuel < 0 { ask() }
//	block B' end; left += frame
//
// where B' is B with each return made a branch to the end of the block, and ask is a function of
// an empty loop. A trap leaves what is left as it is: the instance must not be called again.
func (m *Module) Metered(stackBytes int) (*Module, error) {
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

	global := uint64(m.imported(ExternGlobal) + len(m.Globals))
	meter := meter{left: global, fuel: global + 1, exceeded: uint64(len(callees)), ask: uint64(len(callees)) + 1}
	out.Globals = append(out.Globals,
		Global{api.ValueTypeI32, true, Constant(api.ValueTypeI32, uint64(stackBytes))},
		Global{api.ValueTypeI32, true, Constant(api.ValueTypeI32, askEvery)})
	nothing := index.of(Signature{})
	out.Functions = append(out.Functions, nothing, nothing)
	code := binary.AppendUvarint(nil, uint64(len(out.Functions)))
	for f, signature := range own {
		body := r.bytes(r.u32())
		frame, err := m.estimateFrame(signature, body, callees)
		if err != nil {
			return nil, fmt.Errorf("is malformed in function %d: %w", len(callees)-len(own)+f, err)
		}
		out.setsTables = out.setsTables || frame.setsTables
		if !frame.leaf || frame.bytes > maxLeafFrame {
			body = meter.in(body, len(signature.Params), min(frame.bytes, stackBytes+1), index.ofBlock(signature.Results))
		}
		code = appendSized(code, body)
	}
	code = appendSized(code, []byte{0, opUnreachable, opEnd})
	code = appendSized(code, slices.Concat([]byte{0}, appendSigned([]byte{opI32Const}, askEvery), indexed(opGlobalSet, meter.fuel),
		[]byte{opLoop, emptyBlock, opEnd, opEnd}))

	out.setSection(sectionType, encodeTypes(out.Types))
	out.setSection(sectionFunction, encodeFunctions(out.Functions))
	out.setSection(sectionGlobal, encodeGlobals(out.Globals))
	out.setSection(sectionCode, code)
	out.sections = append(out.sections, section{sectionCustom, encodeFunctionName(uint32(meter.exceeded), stackExceeded)})
	return &out, nil
}

const (
	// maxLeafFrame is what a function that calls none may take uncounted, bytes: it is added once.
	maxLeafFrame = 4 << 10
	// askEvery is how much code may run until the host is asked, in bytes: some 100 µs of it.
	askEvery = 1 << 20
)

// A meter is where a module has its own: indices of globals and functions.
type meter struct{ left, fuel, exceeded, ask uint64 }

// in is the body of a function with the meter in it. Results are the type of a block.
func (m meter) in(body []byte, params, frame int, results int64) []byte {
	r := &reader{rest: body}
	groups := r.count(maxItems)
	declared := r.rest
	locals := uint64(params)
	for range groups {
		locals += uint64(r.u32())
		r.byte()
	}
	declared = declared[:len(declared)-len(r.rest)]
	// Each count has a local variable of its own, the last one, on its way.
	take := func(global uint64, amount int, otherwise uint64) []byte {
		return slices.Concat(
			indexed(opGlobalGet, global), appendSigned([]byte{opI32Const}, int64(amount)), []byte{opI32Sub},
			indexed(opLocalTee, locals), indexed(opGlobalSet, global),
			indexed(opLocalGet, locals), []byte{opI32Const, 0, opI32LtS, opIf, emptyBlock}, indexed(opCall, otherwise), []byte{opEnd})
	}
	out := slices.Concat(
		binary.AppendUvarint(nil, uint64(groups)+1), declared, []byte{1, api.ValueTypeI32},
		take(m.left, frame, m.exceeded), take(m.fuel, min(len(body), askEvery), m.ask),
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
			out = append(out, indexed(opBr, depth)...)
			continue
		}
		out = append(out, i.bytes...)
	}
	return slices.Concat(out,
		indexed(opGlobalGet, m.left), appendSigned([]byte{opI32Const}, int64(frame)), []byte{opI32Add}, indexed(opGlobalSet, m.left), []byte{opEnd})
}

// indexed is an instruction with an index.
func indexed(op byte, index uint64) []byte { return binary.AppendUvarint([]byte{op}, index) }

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
