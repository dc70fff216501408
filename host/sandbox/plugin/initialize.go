package plugin

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/compiler"
	"github.com/picloud/picloud/host/sandbox/region"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
)

// initializers are the exports that initialise a module. The first that there is is
// called, as Extism does: a WASI reactor's, or a C library's constructors.
var initializers = []string{"_initialize", "__wasm_call_ctors"}

// haskellInit initialises a module in a way of its own, which is left to Extism.
const haskellInit = "hs_init"

// initialize runs what a module, as it was compiled, does before it is first called, and returns the
// module to make instances of. When the memory can be kept, that is the module as
// it is now. It cannot be kept when initialisation has asked the host for
// anything, unless the plugin exports [exportResume]: what is answered to one
// execution, random bytes and the time most of all, is not another's.
func (c *compilation) initialize(wasm []byte) (_ []byte, err error) {
	e, module := c.execution, c.module
	allocator := &memory{limit: uint64(e.Limits.MemoryMB) << 20}
	defer allocator.free()
	r := wazero.NewRuntimeWithConfig(e.Context(), compiler.RuntimeConfig(c.cache))
	defer r.Close(context.WithoutCancel(e.Context()))
	var asked atomic.Bool
	if err := instantiateAsking(e.Context(), r, module, &asked); err != nil {
		return nil, e.Failed("a plugin cannot be linked", err)
	}
	var compiled wazero.CompiledModule
	if err := c.runtime.work(e, func() (err error) {
		ctx := experimental.WithCompilationWorkers(context.WithoutCancel(e.Context()), runtime.GOMAXPROCS(0))
		if compiled, err = r.CompileModule(ctx, wasm); err != nil { // it was not compiled before, without a cache
			return invalid("it does not compile: %w", err)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	instance, err := r.InstantiateModule(experimental.WithMemoryAllocator(e.Context(), allocator), compiled, askingConfig(&asked))
	if err == nil {
		for _, name := range initializers {
			if f := instance.ExportedFunction(name); f != nil && len(f.Definition().ParamTypes()) == 0 {
				_, err = f.Call(e.Context())
				break
			}
		}
	}
	keep := module.Restorable() && !module.ExportsFunction(haskellInit)
	switch {
	case err != nil && (asked.Load() || !keep) && e.Context().Err() == nil:
		return wasm, nil // it could not be done here
	case err != nil:
		failed := failure(e, allocator, err)
		if failed.Code == abi.CodeScriptError {
			return nil, invalid("its initialisation fails: %s", failed.Message)
		}
		return nil, failed
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
		if c.memory, err = region.NewPool(allocator.allocated[0].Bytes()); err != nil {
			return nil, e.Failed("a plugin's memory cannot be kept", err)
		}
		pages = uint32(allocator.used / region.WasmPage)
	}
	c.resumes = module.ExportsFunction(exportResume)
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
