package wasmbin

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// valueTypes are all there are (5.3.4).
var valueTypes = []byte{
	api.ValueTypeI32, api.ValueTypeI64, api.ValueTypeF32, api.ValueTypeF64, valueTypeVector, 0x70 /* funcref */, api.ValueTypeExternref,
}

// TestArityIsWhatTheValidatorWants tries each instruction in functions of all types, with memory,
// table and segments to refer to: wazero accepts it with as many operands and results as we say,
// and with no others.
func TestArityIsWhatTheValidatorWants(t *testing.T) {
	type opcode struct {
		bytes  []byte // with immediates
		number uint32
	}
	var all []opcode
	for op := 0; op < 256; op++ {
		switch {
		case op == opMisc:
			for n := range uint32(miscTableFill + 1) {
				immediates := []byte{0, 0}
				switch n {
				case miscDataDrop, miscElemDrop, miscMemoryFill, miscTableGrow, miscTableSize, miscTableFill:
					immediates = immediates[:1]
				case 0, 1, 2, 3, 4, 5, 6, 7:
					immediates = nil
				}
				all = append(all, opcode{append([]byte{opMisc, byte(n)}, immediates...), n})
			}
		case op == opVector:
			for n := range uint32(vectorLast + 1) {
				bytes := []byte{opVector, byte(n)}
				if n > 127 {
					bytes = append(bytes, 1)
				}
				r := &reader{rest: make([]byte, 32)}
				r.vectorImmediates(n)
				all = append(all, opcode{append(bytes, make([]byte, 32-len(r.rest))...), n})
			}
		default:
			i, r := instruction{}, &reader{rest: append([]byte{byte(op)}, make([]byte, 32)...)}
			r.instruction(&i)
			if r.err == nil && !isControl(i.op) {
				all = append(all, opcode{bytes: i.bytes})
			}
		}
	}
	runtime := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(t.Context())
	seen := 0
	for _, op := range all {
		var i instruction
		r := &reader{rest: op.bytes}
		r.instruction(&i)
		assert.NoError(t, r.err)
		assert.Empty(t, r.rest, "%#x", op.bytes)
		pops, pushes := i.arity()
		found := false
		for operands := range 4 {
			if signature, ok := validates(t, runtime, op.bytes, operands); ok {
				found = true
				assert.Equal(t, fmt.Sprint(len(signature.Params), len(signature.Results)), fmt.Sprint(pops, pushes), "%#x: %s", op.bytes, signature)
				break
			}
		}
		if found {
			seen++
		}
	}
	assert.Greater(t, seen, 400, "instructions that wazero accepts")
}

// isControl reports whether an instruction has no arity of its own.
func isControl(op byte) bool {
	return op == opUnreachable || op >= opBlock && op <= opCallIndirect || op == opEnd
}

// validates finds types with which wazero accepts an instruction that is given so many operands,
// in a function that returns what it leaves.
func validates(t *testing.T, runtime wazero.Runtime, op []byte, operands int) (Signature, bool) {
	types := valueTypes
	if op[0] != opMisc && op[0] != opTableGet && op[0] != opTableSet && op[0] != opRefNull && op[0] != opRefIsNull && op[0] != opRefFunc {
		types = types[:5] // without references
	}
	combinations := 1
	for range operands {
		combinations *= len(types)
	}
	for c := range combinations {
		var s Signature
		body := []byte{1, 1, api.ValueTypeI32}
		for o := range operands {
			s.Params = append(s.Params, types[c%len(types)])
			c /= len(types)
			body = append(body, opLocalGet, byte(o))
		}
		body = append(append(body, op...), opEnd)
		for r := -1; r < len(types); r++ {
			s.Results = nil
			if r >= 0 {
				s.Results = []byte{types[r]}
			}
			m := Module{}
			m.setSection(sectionType, encodeTypes([]Signature{s}))
			m.setSection(sectionFunction, []byte{1, 0})
			m.setSection(sectionTable, []byte{1, 0x70, 0, 1})
			m.setSection(sectionMemory, []byte{1, 0, 1})
			m.setSection(sectionGlobal, encodeGlobals([]Global{{api.ValueTypeI32, true, Constant(api.ValueTypeI32, 0)}}))
			m.setSection(sectionElement, []byte{1, 1, 0, 1, 0}) // passive, with the function
			m.setSection(sectionDataCount, []byte{1})
			m.setSection(sectionCode, appendSized([]byte{1}, body))
			m.setSection(sectionData, []byte{1, 1, 0})
			compiled, err := runtime.CompileModule(t.Context(), m.encode(nil))
			if err == nil {
				_ = compiled.Close(t.Context())
				return s, true
			}
		}
	}
	return Signature{}, false
}
