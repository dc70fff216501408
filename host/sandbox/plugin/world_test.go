package plugin

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// steppingWorld is a world whose clock begins at a time of its own and goes on by a second
// whenever it is read.
func steppingWorld(entropy byte, started time.Time) gate.World {
	now := started
	return gate.World{Entropy: [32]byte{entropy}, Started: started, Operations: idle, Now: func() time.Time {
		now = now.Add(time.Second)
		return now
	}}
}

// tells is a plugin that calls a function of WASI, which writes 8 bytes to address 0, and answers
// them as a number of 20 digits with zeros in front.
func tells(wasi string, arguments ...[]byte) []byte {
	p := &wasmProgram{wasmtest.Program{Memory: &wasmbin.Limits{Min: 1}}}
	alloc, store, set := p.imports(extismEnvironment, "alloc"), p.imports(extismEnvironment, "store_u8"), p.imports(extismEnvironment, "output_set")
	ask := p.imports("wasi_snapshot_preview1", wasi)
	const digits = 20
	load, save := []byte{0x29, 3, 0}, []byte{0x37, 3, 0}
	body := wasmtest.Join(append(arguments, wasmtest.Call(ask), wasmtest.Drop, wasmtest.I64(digits+2), wasmtest.Call(alloc), wasmtest.Set)...)
	quote := func(at int64) []byte {
		return wasmtest.Join(wasmtest.Get, wasmtest.I64(at), wasmtest.Add64, wasmtest.I32('"'), wasmtest.Call(store))
	}
	body = append(body, wasmtest.Join(quote(0), quote(digits+1))...)
	for at := int64(digits); at > 0; at-- {
		body = append(body, wasmtest.Join(
			wasmtest.Get, wasmtest.I64(at), wasmtest.Add64,
			wasmtest.I32(0), load, wasmtest.I64(10), []byte{0x82}, []byte{0xa7}, wasmtest.I32('0'), []byte{0x6a}, wasmtest.Call(store), // the last digit
			wasmtest.I32(0), wasmtest.I32(0), load, wasmtest.I64(10), []byte{0x80}, save)...) // without it
	}
	return p.handle(body, wasmtest.Get, wasmtest.I64(digits+2), wasmtest.Call(set))
}

// A plugin that is run again in the same world sees the same random numbers and times, and others
// in any other world.
func TestAPluginRunsAgainInItsWorld(t *testing.T) {
	b := newBox(t, 32)
	in := func(wasm []byte, w gate.World) string {
		value, err := b.invoke(t.Context(), wasm, abi.Limits{}, abi.Invocation{}, w)
		require.NoError(t, err)
		return value
	}
	day := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, wasm := range map[string][]byte{
		"WASI":              tells("random_get", wasmtest.I32(0), wasmtest.I32(8)),
		"with kept memory":  randomPlugin,
		"while initialised": randomAtStart(),
	} {
		first := in(wasm, steppingWorld(1, day))
		assert.Equal(t, first, in(wasm, steppingWorld(1, day)), name)
		assert.NotEqual(t, first, in(wasm, steppingWorld(2, day)), name)
		seen := map[string]bool{}
		for range 100 {
			seen[in(wasm, gate.NewWorld(idle))] = true
		}
		assert.Len(t, seen, 100, name)
	}
	for clock, name := range []string{"wall clock", "monotonic clock"} {
		wasm := tells("clock_time_get", wasmtest.I32(int32(clock)), wasmtest.I64(1), wasmtest.I32(0))
		want := strconv.Quote("0" + strconv.FormatInt(day.Add(time.Second).UnixNano(), 10))
		assert.Equal(t, want, in(wasm, steppingWorld(1, day)), name)
	}
}

// randomAtStart is a plugin that asks for random bytes while it is initialised, which therefore
// happens in each execution, and answers them.
func randomAtStart() []byte {
	p := &wasmProgram{wasmtest.Program{Memory: &wasmbin.Limits{Min: 1}}}
	alloc, store, set := p.imports(extismEnvironment, "alloc"), p.imports(extismEnvironment, "store_u8"), p.imports(extismEnvironment, "output_set")
	random := p.imports("wasi_snapshot_preview1", "random_get")
	p.Function("_initialize", nil, wasmtest.I32(0), wasmtest.I32(16), wasmtest.Call(random), wasmtest.Drop)
	body := wasmtest.Join(wasmtest.I64(18), wasmtest.Call(alloc), wasmtest.Set)
	put := func(at int64, character ...[]byte) {
		body = append(body, wasmtest.Join(wasmtest.Get, wasmtest.I64(at), wasmtest.Add64, wasmtest.Join(character...), wasmtest.Call(store))...)
	}
	put(0, wasmtest.I32('"'))
	for at := range int64(16) {
		put(at+1, wasmtest.I32(int32(at)), []byte{0x2d, 0, 0}, wasmtest.I32(15), []byte{0x71}, wasmtest.I32('a'), []byte{0x6a}) // a letter for 4 bits
	}
	put(17, wasmtest.I32('"'))
	p.Function(exportHandle, []byte{api.ValueTypeI32}, body, wasmtest.Get, wasmtest.I64(18), wasmtest.Call(set), wasmtest.I32(0))
	return p.Bytes()
}
