package sandbox

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
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

func init() {
	// For the whole process. Below this level Extism writes to the standard logger
	// while it makes an instance.
	extism.SetLogLevel(extism.LogLevelDebug)
}

// newPlugin checks, initialises and compiles a module. The error is an
// [*abi.ScriptError], or that of [Script.Wasm].
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
	switch {
	case err != nil && e.ctx.Err() != nil:
		return nil, e.interruption()
	case err != nil:
		return nil, err
	}
	module, err := wasmbin.Parse(wasm)
	if err == nil {
		err = checkPlugin(module)
	}
	if err != nil {
		return nil, invalidPlugin("it %w", err)
	}
	if pages := module.MinPages(); int64(pages)*wasmPage > e.limits.MemoryMB<<20 {
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
func (s *Sandbox) initialize(e *execution, p *plugin, module *wasmbin.Module) (wasm []byte, err error) {
	wasm = module.WithGlobals()
	memory := &pluginMemory{limit: uint64(e.limits.MemoryMB) << 20}
	defer memory.free()
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
	instance, err := r.InstantiateModule(experimental.WithMemoryAllocator(e.ctx, memory), compiled, askingConfig(&asked))
	if err == nil {
		for _, name := range initializers {
			if f := instance.ExportedFunction(name); f != nil && len(f.Definition().ParamTypes()) == 0 {
				_, err = f.Call(e.ctx)
				break
			}
		}
	}
	keep := module.Restorable() && !module.ExportsFunction(haskellInit)
	switch {
	case err != nil && (asked.Load() || !keep) && e.ctx.Err() == nil:
		return wasm, nil // it could not be done here
	case err != nil:
		failure := pluginFailure(e, memory, err)
		if failure.Code == abi.CodeScriptError {
			return nil, invalidPlugin("its initialisation fails: %s", failure.Message)
		}
		return nil, failure
	case !keep || asked.Load() && !module.ExportsFunction(exportResume):
		return wasm, nil
	}
	values := make([]uint64, len(module.Globals))
	for i, g := range module.Globals {
		if g.Mutable {
			values[i] = instance.ExportedGlobal(wasmbin.GlobalExport(i)).Get()
		}
	}
	pages := uint32(0)
	if module.Memory != nil {
		if p.memory, err = newRegionPool(memory.allocated[0].bytes()); err != nil {
			return nil, s.internal("a plugin's memory cannot be kept", err)
		}
		pages = uint32(memory.used / wasmPage)
	}
	p.resumes = module.ExportsFunction(exportResume)
	return module.Initialized(values, pages, initializers), nil
}

// instantiateAsking gives a module what it imports, for its initialisation: WASI
// as it is, of anything else functions that fail.
func instantiateAsking(ctx context.Context, r wazero.Runtime, module *wasmbin.Module, asked *atomic.Bool) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return err
	}
	builders := map[string]wazero.HostModuleBuilder{}
	for _, i := range module.Imports {
		if i.Module == wasi_snapshot_preview1.ModuleName {
			continue
		}
		if builders[i.Module] == nil {
			builders[i.Module] = r.NewHostModuleBuilder(i.Module)
		}
		name, signature := i.Name, module.Types[i.Index]
		builders[i.Module].NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) {
			asked.Store(true)
			panic(fmt.Errorf("%s is not available during initialisation", name))
		}), signature.Params, signature.Results).Export(name)
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

func invalidPlugin(format string, args ...any) *abi.ScriptError {
	return &abi.ScriptError{Code: abi.CodeScriptInvalid, Message: "not a plugin: " + fmt.Errorf(format, args...).Error()}
}
