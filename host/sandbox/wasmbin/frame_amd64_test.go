package wasmbin

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// TestFramesAreNotUnderestimated compares the estimates with the frames in the machine code that
// wazero makes, for the modules of this repository and for functions made at random to have large
// ones: nested loops and branches around many variables, operands kept during calls.
func TestFramesAreNotUnderestimated(t *testing.T) {
	const (
		least    = 0.8 // of what is used, in any one function
		leastAll = 1.0 // in all functions of a module together
	)
	modules := map[string][]byte{}
	for _, path := range []string{
		"../guest.wasm", "../plugin/testdata/random/random.wasm", "../../bench/peers/extism/plugin.wasm", "../../../examples/plugin-go/pages.wasm",
		"../../../examples/plugin-c/avatar.wasm", "../../../examples/plugin-assemblyscript/limiter.wasm",
	} {
		wasm, err := os.ReadFile(path)
		require.NoError(t, err)
		modules[filepath.Base(path)] = wasm
	}
	for seed := range uint64(60) {
		modules[fmt.Sprintf("random, seed %d", seed)] = randomModule(rand.New(rand.NewPCG(seed, 1)))
	}
	for name, wasm := range modules {
		m, err := Parse(wasm)
		require.NoError(t, err)
		callees, err := m.functionTypes()
		require.NoError(t, err)
		metered, err := m.Metered(1 << 20)
		require.NoError(t, err)
		used := usedFrames(t, metered.encode(nil))
		r := &reader{rest: m.content(sectionCode)}
		require.Equal(t, len(used)-2, r.count(maxItems), "all but the meter's own functions")
		used = used[:len(used)-2]
		var ratios []float64
		sumUsed, sumEstimated := 0, 0
		for f, bytes := range used {
			estimated, err := m.estimateFrame(callees[len(callees)-len(used)+f], r.bytes(r.u32()), callees)
			require.NoError(t, err)
			ratio := float64(estimated.bytes) / float64(bytes)
			assert.GreaterOrEqual(t, ratio, least, "%s, function %d: %d bytes estimated, %d used", name, f, estimated.bytes, bytes)
			ratios = append(ratios, ratio)
			sumUsed, sumEstimated = sumUsed+bytes, sumEstimated+estimated.bytes
		}
		assert.GreaterOrEqual(t, float64(sumEstimated), leastAll*float64(sumUsed), name)
		slices.Sort(ratios)
		t.Logf("%s: %d functions, estimated by used: least %.2f, median %.2f, most %.2f, in all %.2f; largest used %d", name, len(ratios),
			ratios[0], ratios[len(ratios)/2], ratios[len(ratios)-1], float64(sumEstimated)/float64(sumUsed), slices.Max(used))
	}
}

// usedFrames reads the frame of each function from wazero's compilation cache: functions begin by
// asking for the stack they need. Those that call nothing do not.
func usedFrames(t *testing.T, wasm []byte) (frames []int) {
	dir := t.TempDir()
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	require.NoError(t, err)
	runtime := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true).WithCompilationCache(cache))
	defer runtime.Close(t.Context())
	_, err = runtime.CompileModule(t.Context(), wasm)
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	entry, err := os.ReadFile(files[0])
	require.NoError(t, err)

	entry = entry[len("WAZEVO"):]
	entry = entry[1+int(entry[0]):] // the version
	functions := int(binary.LittleEndian.Uint32(entry))
	offsets := entry[4:]
	code := offsets[8*functions+8:]
	for f := range functions {
		begin := code[binary.LittleEndian.Uint64(offsets[8*f:]):]
		begin, ok := bytes.CutPrefix(begin, []byte{0x55, 0x48, 0x89, 0xe5}) // push rbp; mov rbp, rsp
		require.True(t, ok, "function %d begins otherwise: % x", f, begin[:16])
		required := 0
		if bytes.HasPrefix(begin, []byte{0x48, 0x83, 0xec}) { // sub rsp, imm8
			required = int(begin[3])
		} else if bytes.HasPrefix(begin, []byte{0x48, 0x81, 0xec}) { // sub rsp, imm32
			required = int(binary.LittleEndian.Uint32(begin[3:]))
		}
		frames = append(frames, max(required, 16))
	}
	return frames
}

// randomModule has one function, of random statements. It need not end.
func randomModule(r *rand.Rand) []byte {
	g := &randomFunction{Rand: r, locals: 3 + r.IntN(60)}
	body := []byte{1, byte(g.locals), api.ValueTypeI32}
	for range 5 + r.IntN(30) {
		body = append(body, g.statement(r.IntN(7), 0)...)
	}
	body = append(body, opI32Const, 0)
	for local := range g.locals + 2 {
		body = append(body, opLocalGet, byte(local), opI32Add)
	}
	body = append(body, opEnd)
	m := Module{}
	m.setSection(sectionType, encodeTypes([]Signature{{[]byte{api.ValueTypeI32, api.ValueTypeI32}, []byte{api.ValueTypeI32}}}))
	m.setSection(sectionFunction, []byte{1, 0})
	m.setSection(sectionMemory, []byte{1, 0, 1})
	m.setSection(sectionExport, encodeExports([]Export{{"f", ExternFunction, 0}}))
	m.setSection(sectionCode, appendSized([]byte{1}, body))
	return m.encode(nil)
}

type randomFunction struct {
	*rand.Rand
	locals int // beside two parameters
}

func (g *randomFunction) local() byte { return byte(g.IntN(g.locals + 2)) }

// statement writes a statement of some depth, within so many blocks.
func (g *randomFunction) statement(depth, blocks int) (code []byte) {
	inner := func(blocks int) (code []byte) {
		for range 1 + g.IntN(3) {
			code = append(code, g.statement(depth-1, blocks)...)
		}
		return code
	}
	if depth == 0 {
		return append(g.expression(g.IntN(5)), opLocalSet, g.local())
	}
	switch g.IntN(6) {
	case 0, 1: // a loop that goes on
		return slices.Concat([]byte{opLoop, 0x40}, inner(blocks+1), g.expression(2), []byte{opBrIf, 0, opEnd})
	case 2: // a block that is left early
		return slices.Concat([]byte{opBlock, 0x40}, inner(blocks+1), g.expression(2), []byte{opBrIf, 0}, inner(blocks+1), []byte{opEnd})
	case 3:
		return slices.Concat(g.expression(2), []byte{opIf, 0x40}, inner(blocks+1), []byte{opElse}, inner(blocks+1), []byte{opEnd})
	case 4: // a way to any block around
		if blocks > 0 {
			return slices.Concat(g.expression(1), []byte{opBrIf, byte(g.IntN(blocks))})
		}
	case 5:
		return slices.Concat([]byte{opI32Const, 8}, g.expression(3), []byte{opLastStore - 8, 2, 0}) // i32.store
	}
	return append(g.expression(depth), opLocalSet, g.local())
}

func (g *randomFunction) expression(depth int) []byte {
	if depth == 0 {
		return []byte{opLocalGet, g.local()}
	}
	switch g.IntN(5) {
	case 0:
		return slices.Concat(g.expression(depth-1), g.expression(depth-1), []byte{opCall, 0})
	case 1:
		return slices.Concat(g.expression(depth-1), []byte{opLocalTee, g.local()})
	case 2:
		return slices.Concat(g.expression(depth-1), []byte{opFirstLoad, 2, 0})
	}
	return slices.Concat(g.expression(depth-1), g.expression(depth-1), []byte{opI32Add})
}
