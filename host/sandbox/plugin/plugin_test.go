package plugin

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/codecache"
	"github.com/picloud/picloud/host/sandbox/compiler"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// wasmProgram writes plugins by hand.
type wasmProgram struct{ wasmtest.Program }

// imports adds a function of Extism's or ours.
func (p *wasmProgram) imports(module, name string) (function byte) {
	known := map[string]func() map[string]wasmbin.Signature{
		extismEnvironment: environmentFunctions, extismUser: userFunctions, "wasi_snapshot_preview1": wasiFunctions,
	}[module]
	var s wasmbin.Signature
	if known != nil {
		s = known()[name]
	}
	return p.Import(module, name, s)
}

// handle adds the function that answers, whose body answers success at its end.
func (p *wasmProgram) handle(body ...[]byte) []byte {
	p.Function(exportHandle, []byte{api.ValueTypeI32}, append(body, wasmtest.I32(0))...)
	return p.Bytes()
}

// block puts a text into a block of Extism's memory, whose offset is then in the
// local variable.
func (p *wasmProgram) block(text string) []byte {
	alloc, store := p.imports(extismEnvironment, "alloc"), p.imports(extismEnvironment, "store_u8")
	body := wasmtest.Join(wasmtest.I64(int64(len(text))), wasmtest.Call(alloc), wasmtest.Set)
	for i := range len(text) {
		body = append(body, wasmtest.Join(wasmtest.Get, wasmtest.I64(int64(i)), wasmtest.Add64, wasmtest.I32(int32(text[i])), wasmtest.Call(store))...)
	}
	return body
}

// answer makes a text the plugin's output.
func (p *wasmProgram) answer(text string) []byte {
	body := p.block(text)
	return wasmtest.Join(body, wasmtest.Get, wasmtest.I64(int64(len(text))), wasmtest.Call(p.imports(extismEnvironment, "output_set")))
}

// A box runs plugins as package sandbox does: each is compiled once.
type box struct {
	gate    *gate.Gate
	runtime *Runtime

	mu       sync.Mutex
	compiled map[string]*Plugin // by module
}

// newBox makes a box for so many executions at once.
func newBox(t testing.TB, concurrent int) *box {
	t.Helper()
	cache, err := codecache.Open(codecache.Config{Dir: cacheDir})
	require.NoError(t, err)
	runtime, err := NewRuntime(cache, compiler.New(compiler.Config{Cache: cache}))
	require.NoError(t, err)
	b := &box{gate: gate.New(2*concurrent, slog.New(slog.DiscardHandler)), runtime: runtime, compiled: map[string]*Plugin{}}
	t.Cleanup(func() {
		assert.NoError(t, b.gate.Close(context.Background()))
		for _, p := range b.compiled {
			p.Release()
		}
		assert.NoError(t, runtime.Close())
	})
	return b
}

// compile compiles a module within an execution, or finds it compiled.
func (b *box) compile(e *gate.Execution, wasm []byte) (*Plugin, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.compiled[string(wasm)]; p != nil {
		return p, nil
	}
	p, err := b.runtime.Compile(e, "app", func(context.Context) ([]byte, error) { return wasm, nil })
	if err == nil {
		b.compiled[string(wasm)] = p
	}
	return p, err
}

// run runs a plugin once and returns its value as JSON.
func (b *box) run(ctx context.Context, wasm []byte, limits abi.Limits, operations gate.Performer) (value string, err error) {
	return b.invoke(ctx, wasm, limits, abi.Invocation{}, gate.NewWorld(operations))
}

func (b *box) invoke(ctx context.Context, wasm []byte, limits abi.Limits, inv abi.Invocation, world gate.World) (value string, err error) {
	e, err := b.gate.Enter(ctx, gate.Request{Limits: limits.Or(abi.Limits{TimeoutMS: 5000}).Or(abi.DefaultLimits), World: world})
	if err != nil {
		return "", err
	}
	defer b.gate.Leave(e)
	p, err := b.compile(e, wasm)
	if err != nil {
		return "", err
	}
	raw, _, err := p.Run(e, inv)
	if err != nil || raw == nil {
		return "", err
	}
	json, err := abi.AppendJSON(nil, raw)
	return string(json), err
}

// performer is a function that performs operations.
type performer func(ctx context.Context, op abi.Op, request []byte) ([]byte, error)

func (f performer) Perform(ctx context.Context, op abi.Op, request []byte) ([]byte, error) {
	return f(ctx, op, request)
}

// idle answers each operation with nothing.
var idle = performer(func(context.Context, abi.Op, []byte) ([]byte, error) { return nil, nil })

// recordedLog is a Performer that keeps the log and answers everything else with nothing.
type recordedLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *recordedLog) Perform(_ context.Context, op abi.Op, request []byte) ([]byte, error) {
	if op != abi.OpLogWrite {
		return nil, nil
	}
	var entry abi.LogEntry
	if _, err := entry.UnmarshalMsg(request); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(entry.Level)+" "+entry.Message)
	return nil, nil
}

func TestPluginAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		wasm  func(p *wasmProgram) []byte
		value string
		log   []string
	}{
		{"nothing", func(p *wasmProgram) []byte { return p.handle() }, "", nil},
		{"JSON", func(p *wasmProgram) []byte { return p.handle(p.answer(`{"a":[1,2.5,"x",null,{"$blob":"AAE="}]}`)) },
			`{"a":[1,2.5,"x",null,{"$blob":"AAE="}]}`, nil},
		{"what is outside its memory, which is nothing to Extism", func(p *wasmProgram) []byte {
			set := p.imports(extismEnvironment, "output_set")
			return p.handle(wasmtest.I64(math.MaxUint32), wasmtest.I64(100), wasmtest.Call(set))
		}, "", nil},
		{"its input", func(p *wasmProgram) []byte {
			offset, length := p.imports(extismEnvironment, "input_offset"), p.imports(extismEnvironment, "input_length")
			set := p.imports(extismEnvironment, "output_set")
			return p.handle(wasmtest.Call(offset), wasmtest.Call(length), wasmtest.Call(set))
		}, `{"sdk_version":"1.0","execution_id":"e","request_id":"","script_id":"","script_name":"","app_id":"app","invocation_type":"execute"}`, nil},
		{"the answer of an operation", func(p *wasmProgram) []byte {
			length, set := p.imports(extismEnvironment, "length"), p.imports(extismEnvironment, "output_set")
			get := p.imports(extismUser, "kv_get")
			block := p.block(`{"collection":"c","key":"k"}`)
			return p.handle(block, wasmtest.Get, wasmtest.Call(get), wasmtest.Tee, wasmtest.Get, wasmtest.Call(length), wasmtest.Call(set))
		}, `{"result":null}`, nil},
		{"with a log", func(p *wasmProgram) []byte {
			info := p.imports(extismEnvironment, "log_info")
			return p.handle(p.block("Hello"), wasmtest.Get, wasmtest.Call(info))
		}, "", []string{"info Hello"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t, 32)
			wasm := c.wasm(new(wasmProgram))
			for range 3 {
				var log recordedLog
				result, err := b.invoke(t.Context(), wasm, abi.Limits{},
					abi.Invocation{SDKVersion: "1.0", ExecutionID: "e", AppID: "app", InvocationType: "execute"}, gate.NewWorld(&log))
				require.NoError(t, err)
				assert.Equal(t, c.value, result)
				assert.Equal(t, c.log, log.lines)
			}
		})
	}
}

// TestPluginsAreRefused is about modules that are no plugins.
func TestPluginsAreRefused(t *testing.T) {
	good := new(wasmProgram).handle()
	for _, c := range []struct {
		name string
		wasm []byte
		err  string
	}{
		{"empty", nil, "does not begin with"},
		{"text", []byte("let x = 1;"), "does not begin with"},
		{"header only", good[:8], "does not export the function handle"},
		{"truncated", good[:len(good)-3], "truncated"},
		{"trailing bytes", append(good[:len(good):len(good)], 200), "truncated"},
		{"no handle", new(wasmProgram).Bytes(), "does not export the function handle"},
		{"handle with a wrong type", func() []byte {
			p := new(wasmProgram)
			p.Function(exportHandle, nil)
			return p.Bytes()
		}(), "exports handle as () -> (), but it must be () -> i32"},
		{"unknown module", func() []byte {
			p := new(wasmProgram)
			p.imports("env", "evil")
			return p.handle()
		}(), "imports env.evil; it may import from wasi_snapshot_preview1, extism:host/env and extism:host/user"},
		{"unknown operation", func() []byte {
			p := new(wasmProgram)
			p.imports(extismUser, "kv_steal")
			return p.handle()
		}(), "imports extism:host/user.kv_steal, which does not exist"},
		{"operation with a wrong type", func() []byte {
			p := new(wasmProgram)
			p.Imports = append(p.Imports, wasmbin.Import{Module: extismUser, Name: "kv_get", Kind: wasmbin.ExternFunction, Index: p.Signature(wasmbin.Signature{})})
			return p.handle()
		}(), "imports extism:host/user.kv_get as () -> (), but it is (i64) -> i64"},
		{"memory of the host's", func() []byte {
			p := new(wasmProgram)
			p.Imports = append(p.Imports, wasmbin.Import{Module: "env", Name: "memory", Kind: wasmbin.ExternMemory, Index: 1})
			return p.handle()
		}(), "env.memory"},
		{"four billion imports", append(good[:8:8], 2, 5, 0xff, 0xff, 0xff, 0xff, 0x0f), "a vector of 4294967295 elements"},
		{"four billion locals", func() []byte {
			p := new(wasmProgram)
			p.handle()
			p.Code[0] = []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, api.ValueTypeI64, 0x41, 0, 0x0b}
			return p.Bytes()
		}(), "4294967295 local variables, at most 50000 are allowed"},
		{"many locals in many functions", func() []byte {
			p := new(wasmProgram)
			for range 100 {
				p.Function("", nil)
				p.Code[len(p.Code)-1] = []byte{1, 0xd0, 0x86, 0x03, api.ValueTypeI64, 0x0b} // 50,000
			}
			return p.handle()
		}(), "has functions with more than 4000000 local variables in all"},
		{"four billion table entries", append(good[:8:8], 4, 8, 1, 0x70, 0, 0xff, 0xff, 0xff, 0xff, 0x0f), "a table of 4294967295 entries"},
		{"code that is not valid", new(wasmProgram).handle(wasmtest.Drop), "it does not compile"},
		{"a start function that traps", func() []byte {
			p := new(wasmProgram)
			p.handle()
			p.Start = int(p.Function("", nil, wasmtest.Unreachable))
			return p.Bytes()
		}(), "its initialisation fails"},
		{"_initialize that traps", func() []byte {
			p := new(wasmProgram)
			p.Function("_initialize", nil, wasmtest.Unreachable)
			return p.handle()
		}(), "its initialisation fails: wasm error: unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t, 32)
			_, err := b.run(t.Context(), c.wasm, abi.Limits{}, idle)
			refused := new(abi.ScriptError)
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, abi.CodeScriptInvalid, refused.Code)
			assert.Contains(t, refused.Message, c.err)
		})
	}
}

// TestHostilePlugins is about plugins that do what they should not. Each ends with
// its outcome, and the next execution is right.
func TestHostilePlugins(t *testing.T) {
	loop := wasmtest.Join(wasmtest.Loop, wasmtest.Branch, wasmtest.End)
	grow := wasmtest.Join(wasmtest.Loop, wasmtest.I32(16), wasmtest.MemoryGrow, wasmtest.I32(-1), wasmtest.Equal32, wasmtest.If, wasmtest.Unreachable, wasmtest.End, wasmtest.Branch, wasmtest.End)
	for _, c := range []struct {
		name string
		wasm func(p *wasmProgram) []byte
		code abi.ErrorCode
		err  string
	}{
		{"loops", func(p *wasmProgram) []byte { return p.handle(loop) }, abi.CodeTimeout, "time limit exceeded: 500 ms"},
		{"calls for ever without a loop", func(p *wasmProgram) []byte { return doubling(p, "") }, abi.CodeTimeout, "time limit exceeded: 500 ms"},
		{"does so while it is initialised", func(p *wasmProgram) []byte { return doubling(p, "_initialize") }, abi.CodeTimeout, "time limit"},
		{"loops at its start", func(p *wasmProgram) []byte {
			p.handle()
			p.Start = int(p.Function("", nil, loop))
			return p.Bytes()
		}, abi.CodeTimeout, "time limit"},
		{"loops while it is initialised", func(p *wasmProgram) []byte {
			p.Function("_initialize", nil, loop)
			return p.handle()
		}, abi.CodeTimeout, "time limit"},
		{"grows its memory for ever", func(p *wasmProgram) []byte {
			p.Memory = &wasmbin.Limits{Min: 1}
			return p.handle(grow)
		}, abi.CodeLimitExceeded, "memory limit exceeded: 64 MiB"},
		{"grows its memory while it is initialised", func(p *wasmProgram) []byte {
			p.Memory = &wasmbin.Limits{Min: 1}
			p.Function("_initialize", nil, grow)
			return p.handle()
		}, abi.CodeLimitExceeded, "memory limit"},
		{"begins with too much memory", func(p *wasmProgram) []byte {
			p.Memory = &wasmbin.Limits{Min: 65536}
			return p.handle()
		}, abi.CodeLimitExceeded, "memory limit"},
		{"allocates blocks for ever", func(p *wasmProgram) []byte {
			alloc := p.imports(extismEnvironment, "alloc")
			return p.handle(wasmtest.Loop, wasmtest.I64(1<<20), wasmtest.Call(alloc), wasmtest.Zero64, wasmtest.If, wasmtest.Unreachable, wasmtest.End, wasmtest.Branch, wasmtest.End)
		}, abi.CodeLimitExceeded, "memory limit"},
		{"recurses for ever", func(p *wasmProgram) []byte {
			return p.handle(wasmtest.Call(0), wasmtest.Drop)
		}, abi.CodeLimitExceeded, "stack limit exceeded"},
		{"traps", func(p *wasmProgram) []byte { return p.handle(wasmtest.Unreachable) }, abi.CodeScriptError, "wasm error: unreachable"},
		{"exits", func(p *wasmProgram) []byte {
			exit := p.imports("wasi_snapshot_preview1", "proc_exit")
			return p.handle(wasmtest.I32(3), wasmtest.Call(exit))
		}, abi.CodeScriptError, "the plugin exited with code 3"},
		{"answers a number", func(p *wasmProgram) []byte {
			p.Function(exportHandle, []byte{api.ValueTypeI32}, wasmtest.I32(7))
			return p.Bytes()
		}, abi.CodeScriptError, "the plugin answered 7 and no error"},
		{"fails with a message", func(p *wasmProgram) []byte {
			set := p.imports(extismEnvironment, "error_set")
			p.Function(exportHandle, []byte{api.ValueTypeI32}, p.block("no bread"), wasmtest.Get, wasmtest.Call(set), wasmtest.I32(1))
			return p.Bytes()
		}, abi.CodeScriptError, "no bread"},
		{"answers no JSON", func(p *wasmProgram) []byte { return p.handle(p.answer("{'a'}")) }, abi.CodeScriptError, "invalid response: not JSON"},
		{"answers 20 MB", func(p *wasmProgram) []byte {
			alloc, set := p.imports(extismEnvironment, "alloc"), p.imports(extismEnvironment, "output_set")
			return p.handle(wasmtest.I64(20e6), wasmtest.Call(alloc), wasmtest.I64(20e6), wasmtest.Call(set))
		}, abi.CodeLimitExceeded, "must not be larger than 16777216 bytes, got 20000000"},
		{"answers 100 MB", func(p *wasmProgram) []byte {
			alloc, set := p.imports(extismEnvironment, "alloc"), p.imports(extismEnvironment, "output_set")
			return p.handle(wasmtest.I64(100e6), wasmtest.Call(alloc), wasmtest.Tee, wasmtest.Zero64, wasmtest.If, wasmtest.Unreachable, wasmtest.End, wasmtest.Get, wasmtest.I64(100e6), wasmtest.Call(set))
		}, abi.CodeLimitExceeded, "memory limit"},
		{"sends a request that is no block", func(p *wasmProgram) []byte {
			get := p.imports(extismUser, "kv_get")
			return p.handle(wasmtest.I64(123456789), wasmtest.Call(get), wasmtest.Drop)
		}, abi.CodeScriptError, "kv.get: invalid memory block"},
		{"frees what is not its own", func(p *wasmProgram) []byte {
			free := p.imports(extismEnvironment, "free")
			return p.handle(wasmtest.I64(-1), wasmtest.Call(free), wasmtest.Unreachable)
		}, abi.CodeScriptError, ""},
		{"reads outside Extism's memory", func(p *wasmProgram) []byte {
			load := p.imports(extismEnvironment, "load_u64")
			return p.handle(wasmtest.I64(math.MaxUint32), wasmtest.Call(load), wasmtest.Drop)
		}, abi.CodeScriptError, ""},
		{"asks Extism for HTTP", func(p *wasmProgram) []byte {
			request := p.imports(extismEnvironment, "http_request")
			return p.handle(p.block(`{"url":"http://127.0.0.1/"}`), wasmtest.Get, wasmtest.I64(0), wasmtest.Call(request), wasmtest.Drop)
		}, abi.CodeScriptError, "is not allowed"},
		{"sleeps", func(p *wasmProgram) []byte {
			p.Memory = &wasmbin.Limits{Min: 1}
			poll := p.imports("wasi_snapshot_preview1", "poll_oneoff")
			// A subscription to the clock 10 s from now, at address 0 (WASI preview 1, subscription).
			subscription := make([]byte, 48)
			binary.LittleEndian.PutUint32(subscription[16:], 1) // monotonic
			binary.LittleEndian.PutUint64(subscription[24:], 10e9)
			p.Data = string(subscription)
			return p.handle(wasmtest.I32(0), wasmtest.I32(64), wasmtest.I32(1), wasmtest.I32(128), wasmtest.Call(poll), wasmtest.Drop)
		}, abi.CodeTimeout, "time limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t, 2)
			wasm := c.wasm(new(wasmProgram))
			limits := abi.Limits{TimeoutMS: 30_000} // a full stack takes its time under -race
			if c.code == abi.CodeTimeout {
				limits.TimeoutMS = 500
			}
			var log recordedLog
			_, err := b.run(t.Context(), wasm, limits, &log)
			failed := new(abi.ScriptError)
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, c.code, failed.Code, failed.Message)
			assert.Contains(t, failed.Message, c.err)
			assert.NotContains(t, failed.Message, "stack trace")
			assert.NotContains(t, failed.Message, "goroutine")

			result, err := b.run(t.Context(), new(wasmProgram).answering(`"fine"`), abi.Limits{}, idle)
			require.NoError(t, err)
			assert.Equal(t, `"fine"`, result)
		})
	}
}

// doubling has functions that each call the next one twice, from handle or another export.
func doubling(p *wasmProgram, export string) []byte {
	const functions = 100
	if export == "" {
		p.handle(wasmtest.Call(1))
	} else {
		p.handle()
		p.Function(export, nil, wasmtest.Call(2))
	}
	next := byte(len(p.Code))
	for range functions {
		next++
		p.Function("", nil, wasmtest.Call(next), wasmtest.Call(next))
	}
	p.Function("", nil)
	return p.Bytes()
}

func (p *wasmProgram) answering(text string) []byte { return p.handle(p.answer(text)) }

// TestPluginsReachEveryOperation walks the table of operations: each has its
// function, whose JSON reaches the host as the same MessagePack that a script sends,
// and whose answer and error come back.
func TestPluginsReachEveryOperation(t *testing.T) {
	b := newBox(t, 32)
	for _, row := range abi.Operations {
		if row.Op == abi.OpYield {
			continue
		}
		p := new(wasmProgram)
		length, set := p.imports(extismEnvironment, "length"), p.imports(extismEnvironment, "output_set")
		call := p.imports(extismUser, abi.PluginFunction(row.Name))
		wasm := p.handle(p.block(`{"a":[1,{"$blob":"AQI="}]}`), wasmtest.Get, wasmtest.Call(call), wasmtest.Tee, wasmtest.Get, wasmtest.Call(length), wasmtest.Call(set))

		want, err := abi.AppendFromJSON(nil, []byte(`{"a":[1,{"$blob":"AQI="}]}`))
		require.NoError(t, err)
		if row.Request == "" {
			want = nil
		}
		answering := performer(func(_ context.Context, op abi.Op, request []byte) ([]byte, error) {
			assert.Equal(t, row.Op, op, row.Name)
			assert.Equal(t, []byte(want), request, row.Name)
			return abi.AppendFromJSON(nil, []byte(`{"b":{"$blob":"AA=="},"n":9007199254740993}`))
		})
		result, err := b.run(t.Context(), wasm, abi.Limits{}, answering)
		require.NoError(t, err, row.Name)
		assert.Equal(t, `{"result":{"b":{"$blob":"AA=="},"n":9007199254740993}}`, result, row.Name)

		failing := performer(func(context.Context, abi.Op, []byte) ([]byte, error) {
			return nil, &abi.OpError{Code: abi.OpCodeDenied, Message: "no"}
		})
		result, err = b.run(t.Context(), wasm, abi.Limits{}, failing)
		require.NoError(t, err, row.Name)
		assert.JSONEq(t, `{"error":{"code":"denied","message":"no"}}`, result, row.Name)

		secret := performer(func(context.Context, abi.Op, []byte) ([]byte, error) {
			return nil, errors.New("10.0.0.1 refused")
		})
		result, err = b.run(t.Context(), wasm, abi.Limits{}, secret)
		require.NoError(t, err, row.Name)
		assert.JSONEq(t, `{"error":{"code":"internal","message":"internal error"}}`, result, row.Name)
	}
}

// TestPluginsRequestsAreRefused is about requests that are not right: the plugin
// learns what is wrong and goes on.
func TestPluginsRequestsAreRefused(t *testing.T) {
	for _, c := range []struct{ request, err string }{
		{"{", "kv.get: the request is not right: "},
		{"[]", "kv.get: the request is not right: must be an object"},
		{"\xff\xfe", "kv.get: the request is not right: "},
		{strings.Repeat(`{"a":`, 1000), "kv.get: the request is not right: "},
	} {
		p := new(wasmProgram)
		length, set := p.imports(extismEnvironment, "length"), p.imports(extismEnvironment, "output_set")
		get := p.imports(extismUser, "kv_get")
		wasm := p.handle(p.block(c.request), wasmtest.Get, wasmtest.Call(get), wasmtest.Tee, wasmtest.Get, wasmtest.Call(length), wasmtest.Call(set))
		b := newBox(t, 32)
		result, err := b.run(t.Context(), wasm, abi.Limits{}, idle)
		require.NoError(t, err, c.request)
		var answer struct {
			Error struct{ Code, Message string }
		}
		require.NoError(t, json.Unmarshal([]byte(result), &answer))
		assert.Equal(t, "invalid", answer.Error.Code)
		assert.Contains(t, answer.Error.Message, c.err)
	}
}

// TestPluginsAreInitialisedOnce shows what is kept of an initialisation and what
// is not: memory and globals are as it left them, in each execution anew.
func TestPluginsAreInitialisedOnce(t *testing.T) {
	counting := func(p *wasmProgram) []byte {
		// The global and the word at 0 are 1 more with each call.
		return wasmtest.Join([]byte{0x23, 0}, wasmtest.I64(1), []byte{0x7c, 0x24, 0},
			wasmtest.I32(0), wasmtest.I32(0), []byte{0x29, 3, 0}, wasmtest.I64(1), []byte{0x7c, 0x37, 3, 0})
	}
	program := func(initialize ...[]byte) []byte {
		p := &wasmProgram{wasmtest.Program{Memory: &wasmbin.Limits{Min: 1}, Data: "\x05"}}
		p.Globals = []wasmbin.Global{{Kind: api.ValueTypeI64, Mutable: true, Value: wasmbin.Constant(api.ValueTypeI64, 40)}}
		alloc, store, set := p.imports(extismEnvironment, "alloc"), p.imports(extismEnvironment, "store_u8"), p.imports(extismEnvironment, "output_set")
		p.imports("wasi_snapshot_preview1", "clock_time_get")
		count := counting(p)
		p.Function("_initialize", nil, append([][]byte{count}, initialize...)...)
		digit := func(offset int64, value ...byte) []byte { // one character of the answer
			return wasmtest.Join(wasmtest.Get, wasmtest.I64(offset), wasmtest.Add64, value, []byte{0xa7}, wasmtest.Call(store))
		}
		return p.handle(count, wasmtest.I64(2), wasmtest.Call(alloc), wasmtest.Set,
			digit(0, append([]byte{0x23, 0}, wasmtest.Join(wasmtest.I64('0'-40+0), wasmtest.Add64)...)...),
			digit(1, wasmtest.Join(wasmtest.I32(0), []byte{0x29, 3, 0}, wasmtest.I64('0'), wasmtest.Add64)...),
			wasmtest.Get, wasmtest.I64(2), wasmtest.Call(set))
	}
	clock := wasmtest.Join(wasmtest.I32(0), wasmtest.I64(1), wasmtest.I32(1024), []byte{0x10, 3}, wasmtest.Drop)
	for name, c := range map[string]struct {
		wasm []byte
		kept bool
	}{
		"kept":                     {program(), true},
		"not kept: it has a clock": {program(clock), false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, 32)
			for range 5 {
				result, err := b.run(t.Context(), c.wasm, abi.Limits{}, idle)
				require.NoError(t, err)
				assert.Equal(t, "27", result, "40 and 5, twice one more")
			}
			assert.Equal(t, c.kept, b.compiled[string(c.wasm)].Restored())
		})
	}
}

// Plugins that count in their memory, fail, loop and fill their memory run beside one
// another, and each execution finds what initialisation left.
func TestPluginsAreIsolated(t *testing.T) {
	const executions = 100 // of each plugin
	counter := func(initial byte, initialize ...[]byte) []byte {
		p := &wasmProgram{wasmtest.Program{Memory: &wasmbin.Limits{Min: 1}, Data: string(initial)}}
		alloc, store, set := p.imports(extismEnvironment, "alloc"), p.imports(extismEnvironment, "store_u8"), p.imports(extismEnvironment, "output_set")
		p.imports("wasi_snapshot_preview1", "clock_time_get")
		p.Function("_initialize", nil, initialize...)
		return p.handle(
			wasmtest.I32(0), wasmtest.I32(0), []byte{0x29, 3, 0}, wasmtest.I64(1), []byte{0x7c, 0x37, 3, 0},
			wasmtest.I64(1), wasmtest.Call(alloc), wasmtest.Set,
			wasmtest.Get, wasmtest.I32(0), []byte{0x29, 3, 0}, wasmtest.I64('0'), []byte{0x7c, 0xa7}, wasmtest.Call(store),
			wasmtest.Get, wasmtest.I64(1), wasmtest.Call(set))
	}
	clock := wasmtest.Join(wasmtest.I32(8), wasmtest.I64(1), wasmtest.I32(1024), []byte{0x10, 3}, wasmtest.Drop)
	loop := wasmtest.Join(wasmtest.Loop, wasmtest.Branch, wasmtest.End)
	grow := wasmtest.Join(wasmtest.Loop, wasmtest.I32(16), wasmtest.MemoryGrow, wasmtest.I32(-1), wasmtest.Equal32, wasmtest.If, wasmtest.Unreachable, wasmtest.End, wasmtest.Branch, wasmtest.End)
	b := newBox(t, 8)
	var running sync.WaitGroup
	for name, c := range map[string]struct {
		wasm []byte
		want string // "": it fails
	}{
		"kept memory":      {counter(1), "2"},
		"its own memory":   {counter(5), "6"},
		"no kept memory":   {counter(7, clock), "8"},
		"traps":            {new(wasmProgram).handle(wasmtest.Unreachable), ""},
		"loops":            {new(wasmProgram).handle(loop), ""},
		"fills its memory": {(&wasmProgram{wasmtest.Program{Memory: &wasmbin.Limits{Min: 1}}}).handle(grow), ""},
	} {
		running.Go(func() {
			limits := abi.Limits{}
			if name == "loops" {
				limits.TimeoutMS = 10
			}
			for range executions {
				result, err := b.run(t.Context(), c.wasm, limits, idle)
				if c.want == "" {
					assert.ErrorAs(t, err, new(*abi.ScriptError), name)
				} else if assert.NoError(t, err, name) {
					assert.Equal(t, c.want, result, name)
				}
			}
		})
	}
	running.Wait()
}

// TestPluginsStop: a plugin that loops ends when its caller goes away or the host
// shuts down.
func TestPluginsStop(t *testing.T) {
	for name, stop := range map[string]func(cancel, shutDown func()){
		"the caller goes away": func(cancel, _ func()) { cancel() },
		"the host shuts down":  func(_, shutDown func()) { shutDown() },
	} {
		t.Run(name, func(t *testing.T) {
			p := new(wasmProgram)
			clock := p.imports(extismUser, "clock_monotonic") // tells that it runs
			wasm := p.handle(wasmtest.I64(0), wasmtest.Call(clock), wasmtest.Drop, wasmtest.Loop, wasmtest.Branch, wasmtest.End)
			b := newBox(t, 32)
			shutDown := sync.OnceFunc(func() { assert.NoError(t, b.gate.Close(context.Background())) })
			defer shutDown() // waits for the one that has begun
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			running := performer(func(context.Context, abi.Op, []byte) ([]byte, error) {
				go stop(cancel, shutDown)
				return nil, nil
			})
			_, err := b.run(ctx, wasm, abi.Limits{TimeoutMS: 60_000}, running)
			failed := new(abi.ScriptError)
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, abi.CodeCancelled, failed.Code)
		})
	}
}

// TestPluginsFindExtismsMemoryEmpty: what one execution leaves in the memory of
// Extism's kernel is not there for the next.
func TestPluginsFindExtismsMemoryEmpty(t *testing.T) {
	p := new(wasmProgram)
	alloc, load, store := p.imports(extismEnvironment, "alloc"), p.imports(extismEnvironment, "load_u64"), p.imports(extismEnvironment, "store_u64")
	wasm := p.handle(wasmtest.I64(8000), wasmtest.Call(alloc), wasmtest.Tee, wasmtest.Call(load), wasmtest.I64(0), wasmtest.NotEqual64, wasmtest.If, wasmtest.Unreachable, wasmtest.End, // not 0: trap
		wasmtest.Get, wasmtest.I64(0x5ec2e7), wasmtest.Call(store))
	b := newBox(t, 32)
	for range 5 {
		_, err := b.run(t.Context(), wasm, abi.Limits{}, idle)
		require.NoError(t, err)
	}
}
