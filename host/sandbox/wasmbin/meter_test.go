package wasmbin

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// functionModule has functions of one type, (i32, i32) and so many results of i32, and exports
// them by their numbers. It has no global variables.
func functionModule(results int, bodies ...[]byte) []byte {
	s := Signature{Params: []byte{api.ValueTypeI32, api.ValueTypeI32}}
	for range results {
		s.Results = append(s.Results, api.ValueTypeI32)
	}
	var exports []Export
	var functions []uint32
	code := []byte{byte(len(bodies))}
	for i, body := range bodies {
		functions = append(functions, 0)
		exports = append(exports, Export{fmt.Sprint(i), ExternFunction, uint32(i)})
		code = appendSized(code, append(append([]byte{0}, body...), opEnd))
	}
	m := Module{}
	m.setSection(sectionType, encodeTypes([]Signature{s}))
	m.setSection(sectionFunction, encodeFunctions(functions))
	m.setSection(sectionTable, []byte{1, 0x70, 0, 1})
	m.setSection(sectionExport, encodeExports(exports))
	m.setSection(sectionElement, []byte{1, 0, opI32Const, 0, opEnd, 1, 0})
	m.setSection(sectionCode, code)
	return m.encode(nil)
}

func metered(t *testing.T, wasm []byte, bytes int) *Module {
	t.Helper()
	m, err := Parse(wasm)
	require.NoError(t, err)
	m, err = m.Metered(bytes)
	require.NoError(t, err)
	return m
}

// TestABoundedStackChangesNoResult runs functions that leave in every way there is. What they
// return is what they return without a bound, and nothing of the stack stays counted.
func TestABoundedStackChangesNoResult(t *testing.T) {
	const get, i32 = opLocalGet, opI32Const
	callIdentity := []byte{get, 0, get, 1, opCall, 1, opDrop} // so that it is counted
	for name, c := range map[string]struct {
		results int
		body    []byte
	}{
		"falls through":                   {1, []byte{get, 0, get, 1, opI32Add}},
		"returns":                         {1, []byte{get, 0, opReturn}},
		"returns with more on the stack":  {1, []byte{i32, 5, get, 1, get, 0, opReturn}},
		"returns from a block":            {1, []byte{opBlock, 0x40, get, 0, opReturn, opEnd, i32, 9}},
		"returns from a loop in an if":    {1, []byte{get, 1, opIf, 0x40, opLoop, 0x40, get, 0, opReturn, opEnd, opEnd, i32, 9}},
		"returns from both arms":          {1, []byte{get, 1, opIf, 0x7f, i32, 3, opReturn, opElse, i32, 4, opReturn, opEnd}},
		"branches to the function":        {1, []byte{get, 0, opBr, 0}},
		"branches out of blocks":          {1, []byte{opBlock, 0x40, opBlock, 0x40, get, 0, opBr, 2, opEnd, opEnd, i32, 9}},
		"branches there if":               {1, []byte{get, 0, get, 1, opBrIf, 0, opDrop, i32, 9}},
		"branches there by a table":       {1, []byte{opBlock, 0x40, get, 0, get, 1, opBrTable, 2, 1, 1, 1, opEnd, i32, 9}},
		"ends where nothing comes":        {1, []byte{opLoop, 0x40, get, 0, opReturn, opEnd, opUnreachable}},
		"returns nothing":                 {0, []byte{get, 0, opIf, 0x40, opReturn, opEnd}},
		"returns two":                     {2, []byte{get, 0, get, 1}},
		"returns two early":               {2, []byte{opBlock, 0x40, get, 0, get, 1, opReturn, opEnd, i32, 1, i32, 2}},
		"calls by a table":                {1, []byte{get, 0, opIf, 0x7f, get, 0, i32, 1, 0x6b, get, 1, i32, 0, opCallIndirect, 0, 0, i32, 1, opI32Add, opElse, get, 1, opEnd}},
		"recurses":                        {1, []byte{get, 0, opIf, 0x7f, get, 0, i32, 1, 0x6b, get, 1, opCall, 0, i32, 1, opI32Add, opElse, get, 1, opEnd}},
		"recurses and returns from there": {1, []byte{get, 0, opIf, 0x40, get, 0, i32, 1, 0x6b, get, 1, opCall, 0, opReturn, opEnd, get, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			body := c.body
			if c.results == 1 {
				body = append(callIdentity[:len(callIdentity):len(callIdentity)], body...)
			}
			identity := []byte{opLocalGet, 0}
			switch c.results {
			case 0:
				identity = nil
			case 2:
				identity = []byte{opLocalGet, 0, opLocalGet, 1}
			}
			wasm := functionModule(c.results, body, identity)
			runtime := wazero.NewRuntime(t.Context())
			defer runtime.Close(t.Context())
			config := wazero.NewModuleConfig().WithName("")
			plain, err := runtime.InstantiateWithConfig(t.Context(), wasm, config)
			require.NoError(t, err)
			const limit = 100_000
			counted, err := runtime.InstantiateWithConfig(t.Context(), metered(t, wasm, limit).WithGlobals(), config)
			require.NoError(t, err)
			for _, arguments := range [][]uint64{{0, 0}, {7, 0}, {7, 1}, {20, 2}, {20, 100}} {
				want, err := plain.ExportedFunction("0").Call(t.Context(), arguments...)
				require.NoError(t, err)
				got, err := counted.ExportedFunction("0").Call(t.Context(), arguments...)
				require.NoError(t, err)
				assert.Equal(t, want, got)
				assert.EqualValues(t, limit, counted.ExportedGlobal(GlobalExport(0)).Get(), "the stack that is left")
			}
		})
	}
}

// TestAStackIsBounded calls deeper and deeper, until the module says that it is too deep.
func TestAStackIsBounded(t *testing.T) {
	recursion := []byte{
		opLocalGet, 0, opIf, 0x7f, opLocalGet, 0, opI32Const, 1, opI32Sub, opLocalGet, 1, opCall, 0, opElse, opLocalGet, 1, opEnd,
	}
	const limit = 1 << 20
	runtime := wazero.NewRuntime(t.Context())
	defer runtime.Close(t.Context())
	depth := func(n uint64) error {
		instance, err := runtime.InstantiateWithConfig(t.Context(), metered(t, functionModule(1, recursion), limit).WithGlobals(), wazero.NewModuleConfig().WithName(""))
		require.NoError(t, err)
		defer instance.Close(t.Context())
		result, err := instance.ExportedFunction("0").Call(t.Context(), n, 42)
		if err == nil {
			assert.EqualValues(t, 42, result[0])
		}
		return err
	}
	assert.NoError(t, depth(1000))
	for _, n := range []uint64{limit / frameBase, 1 << 30} {
		err := depth(n)
		if assert.Error(t, err) {
			assert.True(t, StackExceeded(err), err.Error())
		}
	}
	instance, err := runtime.Instantiate(t.Context(), functionModule(1, []byte{opUnreachable}))
	require.NoError(t, err)
	_, err = instance.ExportedFunction("0").Call(t.Context(), 0, 0)
	assert.False(t, StackExceeded(err), "a trap of the module's own: %s", err)
}

// TestBadCodeIsRefused is about code that cannot be counted.
func TestBadCodeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		body []byte
		err  string
	}{
		"unknown instruction":          {[]byte{0xff}, "is malformed in function 0: unknown instruction 0xff"},
		"unknown vector instruction":   {[]byte{opVector, 0x80, 0x02}, "unknown instruction 0xfd 256"},
		"unknown misc instruction":     {[]byte{opMisc, 18}, "unknown instruction 0xfc 18"},
		"call of nothing":              {[]byte{opCall, 9}, "a call of function 9 where there are 1"},
		"indirect call of no type":     {[]byte{opCallIndirect, 9, 0}, "a call of type 9 where there are 1"},
		"the meter's own stack":        {[]byte{opI32Const, 0, opGlobalSet, 0}, "global variable 0 where there are 0"},
		"the meter's own fuel":         {[]byte{opGlobalGet, 1, opDrop}, "global variable 1 where there are 0"},
		"the meter's function":         {[]byte{opCall, 1}, "a call of function 1 where there are 1"},
		"local that is none":           {[]byte{opLocalSet, 9}, "local variable 9 where there are 2"},
		"block of no type":             {[]byte{opBlock, 9}, "a block of type 9 where there are 1"},
		"blocks nested too deep":       {bytes.Repeat([]byte{opBlock, 0x40}, maxBlocks+1), "blocks are nested more than 50000 deep"},
		"the same, unreachable":        {append([]byte{opUnreachable}, bytes.Repeat([]byte{opBlock, 0x40}, maxBlocks+1)...), "blocks are nested more than 50000 deep"},
		"more behind the end":          {[]byte{opEnd}, "1 bytes behind the end of a function"},
		"without an end":               {[]byte{opBlock, 0x40}, "it is truncated"},
		"a branch table without end":   {[]byte{opBrTable, 0xff, 0xff, 3}, "a vector of"},
		"a number that is too long":    {[]byte{opI32Const, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, "a number is too long"},
		"a vector that is cut":         {[]byte{opVector, vectorConst, 1}, "16 bytes where"},
		"a type of select that is cut": {[]byte{opSelectTyped, 5}, "5 bytes where"},
	} {
		m, err := Parse(functionModule(1, c.body))
		require.NoError(t, err, name)
		_, err = m.Metered(1 << 20)
		assert.ErrorContains(t, err, c.err, name)
	}
	m, err := Parse(functionModule(1, []byte{opLocalGet, 0}))
	require.NoError(t, err)
	m.Functions = append(m.Functions, 0)
	_, err = m.Metered(1 << 20)
	assert.ErrorContains(t, err, "has 2 functions and code for 1")
	m.Functions = []uint32{7}
	_, err = m.Metered(1 << 20)
	assert.ErrorContains(t, err, "has a function of type 7 and 1 types")
}

// A module whose code changes tables cannot begin from memory and globals alone.
func TestModulesThatChangeTablesAreNotRestorable(t *testing.T) {
	sets := []byte{opI32Const, 0, opRefNull, 0x70, opTableSet, 0}
	returns := []byte{opLocalGet, 0}
	assert.True(t, metered(t, functionModule(1, returns), 1<<20).Restorable())
	assert.False(t, metered(t, functionModule(1, append(sets, returns...)), 1<<20).Restorable())
}
