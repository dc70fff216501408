package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// A plugin is a compiled WebAssembly module written with an Extism PDK. Each
// execution has an instance of its own, made from the module and from the memory
// it had after it was initialised, if that could be kept.
type plugin struct {
	cache    wazero.CompilationCache // of this plugin alone: closing it frees the code
	compiled *extism.CompiledPlugin
	memory   *regionPool  // as after initialisation; nil: each instance begins anew
	resumes  bool         // it wants to be told that it was restored
	size     int          // of the module, bytes
	uses     atomic.Int64 // below 1 it is closed
}

// What a plugin exports.
const (
	exportHandle = "handle"         // answers an invocation
	exportResume = "picloud_resume" // called first in each execution that begins from kept memory
)

// initializers are the exports that initialise a module, the first of which is
// called, as Extism does: a WASI reactor's, or a C library's constructors.
var initializers = []string{"_initialize", "__wasm_call_ctors"}

// haskellInit initialises a module in a way of its own, which is left to Extism.
const haskellInit = "hs_init"

// maxPluginOutput is the size of the largest response of a plugin, in bytes of JSON.
const maxPluginOutput = 16 << 20

func init() {
	// For the whole process. Below this level Extism writes to the standard logger
	// while it makes an instance.
	extism.SetLogLevel(extism.LogLevelDebug)
}

// newPlugin checks, initialises and compiles a module. The error is an
// [*abi.ScriptError].
func (s *Sandbox) newPlugin(e *execution, script Script) (_ *plugin, err error) {
	p := new(plugin)
	defer func() {
		if r := recover(); r != nil {
			err = s.internal("a plugin cannot be compiled", fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
		if err != nil {
			p.release()
		}
	}()
	wasm, err := script.Wasm(e.ctx)
	if err != nil {
		return nil, s.internal("a plugin cannot be read", err)
	}
	module, err := parsePluginModule(wasm)
	if err == nil {
		err = module.check()
	}
	if err != nil {
		return nil, invalidPlugin("it %w", err)
	}
	if pages := module.minPages(); int64(pages)*wasmPage > e.limits.MemoryMB<<20 {
		return nil, memoryExceeded(e)
	}
	select { // one at a time: compiling takes the processors for itself
	case s.compiling <- struct{}{}:
		defer func() { <-s.compiling }()
	case <-e.ctx.Done():
		return nil, e.interruption()
	}
	p.size = len(wasm)
	p.uses.Store(1)
	p.cache = wazero.NewCompilationCache()
	if s.cacheDir != "" {
		if p.cache, err = wazero.NewCompilationCacheWithDir(s.cacheDir); err != nil {
			return nil, s.internal("the compilation cache cannot be used", err)
		}
	}
	started, err := s.initialize(e, p, module)
	if err != nil {
		return nil, err
	}
	ctx := experimental.WithCompilationWorkers(context.WithoutCancel(e.ctx), runtime.GOMAXPROCS(0))
	manifest := extism.Manifest{
		Wasm:   []extism.Wasm{extism.WasmData{Data: started}},
		Memory: &extism.ManifestMemory{MaxHttpResponseBytes: 0, MaxVarBytes: 1 << 20},
	}
	p.compiled, err = extism.NewCompiledPlugin(ctx, manifest, extism.PluginConfig{
		RuntimeConfig: p.runtimeConfig(), EnableWasi: true,
	}, s.pluginFunctions)
	if err != nil {
		return nil, s.internal("a plugin that was initialised cannot be compiled", err)
	}
	return p, nil
}

// runtimeConfig makes what runs end with its context: a plugin polls nothing.
func (p *plugin) runtimeConfig() wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().WithCompilationCache(p.cache).WithCloseOnContextDone(true)
}

// initialize runs what a module does before it is first called, and answers the
// module to make instances of. When the memory can be kept, that is the module as
// it is now. It cannot be kept when initialisation has asked the host for
// anything, unless the plugin exports [exportResume]: what is answered to one
// execution, random bytes and the time most of all, is not another's.
func (s *Sandbox) initialize(e *execution, p *plugin, module *pluginModule) (wasm []byte, err error) {
	wasm = module.withGlobals()
	r := wazero.NewRuntimeWithConfig(e.ctx, p.runtimeConfig())
	defer r.Close(context.WithoutCancel(e.ctx))
	var asked atomic.Bool
	if err := instantiateAsking(e.ctx, r, module, &asked); err != nil {
		return nil, s.internal("a plugin cannot be linked", err)
	}
	ctx := experimental.WithCompilationWorkers(context.WithoutCancel(e.ctx), runtime.GOMAXPROCS(0))
	compiled, err := r.CompileModule(ctx, wasm)
	if err != nil {
		return nil, invalidPlugin("it does not compile: %w", err)
	}
	memory := &pluginMemory{limit: uint64(e.limits.MemoryMB) << 20}
	instance, err := r.InstantiateModule(experimental.WithMemoryAllocator(e.ctx, memory), compiled, askingConfig(&asked))
	if err == nil {
		for _, name := range initializers {
			if f := instance.ExportedFunction(name); f != nil && len(f.Definition().ParamTypes()) == 0 {
				_, err = f.Call(e.ctx)
				break
			}
		}
	}
	keep := module.restorable() && !module.exported(haskellInit)
	switch {
	case err != nil && (asked.Load() || !keep) && e.ctx.Err() == nil:
		return wasm, nil // it could not be done here
	case err != nil:
		failure := pluginFailure(e, memory, err)
		if failure.Code == abi.CodeScriptError {
			return nil, invalidPlugin("its initialisation fails: %s", failure.Message)
		}
		return nil, failure
	case !keep || asked.Load() && !module.exported(exportResume):
		return wasm, nil
	}
	values := make([]uint64, len(module.globals))
	for i, g := range module.globals {
		if g.mutable {
			values[i] = instance.ExportedGlobal(globalExport(i)).Get()
		}
	}
	pages := uint32(0)
	if module.memory != nil {
		if p.memory, err = newRegionPool(memory.last.bytes()); err != nil {
			return nil, s.internal("a plugin's memory cannot be kept", err)
		}
		pages = uint32(memory.used / wasmPage)
	}
	p.resumes = module.exported(exportResume)
	return module.initialized(values, pages), nil
}

// instantiateAsking gives a module what it imports, for its initialisation: WASI
// as it is, of anything else functions that fail.
func instantiateAsking(ctx context.Context, r wazero.Runtime, module *pluginModule, asked *atomic.Bool) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return err
	}
	builders := map[string]wazero.HostModuleBuilder{}
	for _, i := range module.imports {
		if i.module == wasi_snapshot_preview1.ModuleName {
			continue
		}
		if builders[i.module] == nil {
			builders[i.module] = r.NewHostModuleBuilder(i.module)
		}
		name, signature := i.name, module.types[i.index]
		builders[i.module].NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) {
			asked.Store(true)
			panic(fmt.Errorf("%s is not available during initialisation", name))
		}), signature.params, signature.results).Export(name)
	}
	for _, builder := range builders {
		if _, err := builder.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// askingConfig notes when a module asks WASI for what is of one moment.
func askingConfig(asked *atomic.Bool) wazero.ModuleConfig {
	return wazero.NewModuleConfig().WithName("").WithStartFunctions().
		WithStdout(asking{asked}).WithStderr(asking{asked}).WithRandSource(asking{asked}).
		WithWalltime(func() (int64, int32) {
			asked.Store(true)
			now := time.Now()
			return now.Unix(), int32(now.Nanosecond())
		}, sys.ClockResolution(time.Microsecond)).
		WithNanotime(func() int64 {
			asked.Store(true)
			return time.Now().UnixNano()
		}, sys.ClockResolution(time.Microsecond)).
		WithNanosleep(func(int64) { asked.Store(true) })
}

type asking struct{ asked *atomic.Bool }

func (a asking) Read(p []byte) (int, error) {
	a.asked.Store(true)
	return rand.Read(p)
}

func (a asking) Write(p []byte) (int, error) {
	a.asked.Store(true)
	return len(p), nil
}

// held answers how many bytes the plugin keeps in memory, without its machine code.
func (p *plugin) held() int {
	if p.memory == nil {
		return p.size
	}
	return p.size + len(p.memory.image.bytes)
}

// retain keeps the plugin from being closed until release; false: it is closed.
func (p *plugin) retain() bool {
	for {
		n := p.uses.Load()
		if n < 1 {
			return false
		}
		if p.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release closes the plugin when nobody else uses it.
func (p *plugin) release() {
	if p.uses.Add(-1) > 0 {
		return
	}
	ctx := context.Background()
	if p.compiled != nil {
		_ = p.compiled.Close(ctx)
	}
	if p.cache != nil {
		_ = p.cache.Close(ctx)
	}
	if p.memory != nil {
		_ = p.memory.close()
	}
}

// runPlugin runs a plugin once, in an instance that nobody has used.
func (s *Sandbox) runPlugin(e *execution, p *plugin, inv abi.Invocation, host HostCaller) (result Result, err error) {
	start := time.Now()
	defer func() {
		if r := recover(); r != nil {
			err = s.internal("a plugin failed", fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
		result.Duration = time.Since(start)
	}()
	input, err := pluginInput(inv)
	if err != nil {
		return result, s.internal("an invocation cannot be encoded", err)
	}
	calls := &hostCalls{execution: e, host: host}
	calls.ctx = context.WithValue(e.ctx, hostCallsKey{}, calls)
	memory := &pluginMemory{limit: uint64(e.limits.MemoryMB) << 20, regions: []*regionPool{s.kernel, p.memory}}
	defer func() { result.MemoryBytes = int64(memory.used) }()
	stdout, stderr := &logWriter{calls: calls, level: abi.LogInfo}, &logWriter{calls: calls, level: abi.LogWarn}
	defer stderr.flush()
	defer stdout.flush()

	ctx := experimental.WithMemoryAllocator(calls.ctx, memory)
	instance, err := p.compiled.Instance(ctx, extism.PluginInstanceConfig{
		ModuleConfig: pluginConfig.WithStdout(stdout).WithStderr(stderr).WithNanosleep(e.sleep),
	})
	if err != nil {
		return result, pluginFailure(e, memory, err)
	}
	defer func() { _ = instance.CloseWithContext(context.WithoutCancel(ctx)) }()
	instance.SetLogger(calls.pluginLog)
	if p.resumes {
		if _, _, err := instance.CallWithContext(ctx, exportResume, nil); err != nil {
			return result, pluginFailure(e, memory, err)
		}
	}
	code, output, err := instance.CallWithContext(ctx, exportHandle, input)
	if err == nil && code != 0 {
		err = fmt.Errorf("the plugin answered %d and no error", code)
	}
	switch {
	case err != nil || e.ctx.Err() != nil: // a cancelled call may look like one that has ended
		return result, pluginFailure(e, memory, err)
	case len(output) > maxPluginOutput:
		return result, &abi.ScriptError{
			Code: abi.CodeLimitExceeded, Limit: "max_plugin_output",
			Message: fmt.Sprintf("the response of a plugin must not be larger than %d bytes, got %d", maxPluginOutput, len(output)),
		}
	case len(output) > 0:
		if result.Value, err = abi.AppendFromJSON(nil, output); err != nil {
			return result, &abi.ScriptError{Code: abi.CodeScriptError, Message: "invalid response: not JSON: " + err.Error()}
		}
	}
	return result, nil
}

// pluginInput is an invocation as JSON. What is not there has no key.
func pluginInput(inv abi.Invocation) ([]byte, error) {
	optional := []struct {
		name  string
		value msgp.Raw
	}{{"event", inv.Event}, {"args", inv.Args}}
	inv.Event, inv.Args = nil, nil
	encoded, err := inv.MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	input, err := abi.AppendJSON(make([]byte, 0, 2*len(encoded)), encoded)
	if err != nil {
		return nil, err
	}
	input = bytes.TrimSuffix(input, []byte(`,"event":null,"args":null}`))
	for _, o := range optional {
		if o.value == nil {
			continue
		}
		input = append(append(append(input, `,"`...), o.name...), `":`...)
		if input, err = abi.AppendJSON(input, o.value); err != nil {
			return nil, err
		}
	}
	return append(input, '}'), nil
}

// pluginConfig is what all plugins have of WASI: clocks, random bytes and nothing else.
var pluginConfig = wazero.NewModuleConfig().WithSysWalltime().WithSysNanotime().WithRandSource(rand.Reader)

// sleep waits as long as a plugin asks for, but not longer than the execution lasts.
func (e *execution) sleep(nanoseconds int64) {
	timer := time.NewTimer(time.Duration(nanoseconds))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.ctx.Done():
	}
}

// pluginFailure says what it means that a plugin failed.
func pluginFailure(e *execution, memory *pluginMemory, err error) *abi.ScriptError {
	if e.ctx.Err() != nil {
		return e.interruption()
	}
	// What follows the message is for who works on wazero, with addresses of this process.
	message, _, _ := strings.Cut(err.Error(), "\nwasm stack trace:")
	var exit *sys.ExitError
	switch {
	case memory.refused:
		return memoryExceeded(e)
	case message == "stack overflow":
		return stackExceeded()
	case errors.As(err, &exit):
		return &abi.ScriptError{Code: abi.CodeScriptError, Message: fmt.Sprintf("the plugin exited with code %d", exit.ExitCode())}
	}
	message = strings.TrimSuffix(message, " (recovered by wazero)")
	return &abi.ScriptError{Code: abi.CodeScriptError, Message: strings.ToValidUTF8(message, "\uFFFD")}
}

// check says what a module lacks to be a plugin, or has too much.
func (m *pluginModule) check() error {
	for _, i := range m.imports {
		switch {
		case i.kind != externFunction:
			return fmt.Errorf("imports %s, which is no function; a plugin has a memory of its own", i.label())
		case int(i.index) >= len(m.types):
			return fmt.Errorf("is malformed: it imports %s with an unknown type", i.label())
		}
		var known func() map[string]wasmSignature
		switch i.module {
		case wasi_snapshot_preview1.ModuleName:
			known = wasiFunctions
		case extismEnvironment:
			known = environmentFunctions
		case extismUser:
			known = userFunctions
		default:
			return fmt.Errorf("imports %s; it may import from %s, %s and %s",
				i.label(), wasi_snapshot_preview1.ModuleName, extismEnvironment, extismUser)
		}
		want, ok := known()[i.name]
		if !ok {
			return fmt.Errorf("imports %s, which does not exist", i.label())
		}
		if got := m.types[i.index]; !slices.Equal(got.params, want.params) || !slices.Equal(got.results, want.results) {
			return fmt.Errorf("imports %s as %s, but it is %s", i.label(), got, want)
		}
	}
	want := wasmSignature{results: []byte{api.ValueTypeI32}}
	switch got := m.signature(exportHandle); {
	case got == nil:
		return fmt.Errorf("does not export the function %s", exportHandle)
	case len(got.params) != 0 || !slices.Equal(got.results, want.results):
		return fmt.Errorf("exports %s as %s, but it must be %s", exportHandle, *got, want)
	}
	if got := m.signature(exportResume); got != nil && len(got.params)+len(got.results) > 0 {
		return fmt.Errorf("exports %s as %s, but it must be %s", exportResume, *got, wasmSignature{})
	}
	return nil
}

func (i wasmImport) label() string { return i.module + "." + i.name }

// String writes a signature as in "(i64, i32) -> i64".
func (s wasmSignature) String() string {
	list := func(of []byte) string {
		names := make([]string, len(of))
		for i, t := range of {
			names[i] = api.ValueTypeName(t)
		}
		return strings.Join(names, ", ")
	}
	if len(s.results) == 1 {
		return "(" + list(s.params) + ") -> " + list(s.results)
	}
	return "(" + list(s.params) + ") -> (" + list(s.results) + ")"
}

// exported tells whether a module exports a function of that name.
func (m *pluginModule) exported(name string) bool {
	return slices.ContainsFunc(m.exports, func(e wasmExport) bool { return e.name == name && e.kind == externFunction })
}

// minPages is how large the memory is at first, in pages of WebAssembly.
func (m *pluginModule) minPages() uint32 {
	if m.memory == nil {
		return 0
	}
	return m.memory.min
}

func invalidPlugin(format string, args ...any) *abi.ScriptError {
	return &abi.ScriptError{Code: abi.CodeScriptInvalid, Message: "not a plugin: " + fmt.Errorf(format, args...).Error()}
}
