package plugin

import (
	"context"
	"fmt"
	goruntime "runtime"
	"runtime/debug"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/region"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
)

// Compile reads a module, checks, initialises and compiles it. The error is an [*abi.ScriptError],
// or what read failed with.
func (r *Runtime) Compile(e *gate.Execution, read func(context.Context) ([]byte, error)) (_ *Plugin, err error) {
	p := &Plugin{runtime: r}
	defer func() {
		if caught := recover(); caught != nil {
			err = e.Failed("a plugin cannot be compiled", fmt.Errorf("panic: %v\n%s", caught, debug.Stack()))
		}
		if err != nil {
			p.Release()
		}
	}()
	wasm, err := read(e.Context())
	switch {
	case err != nil && e.Context().Err() != nil:
		return nil, e.Interruption()
	case err != nil:
		return nil, err
	}
	module, err := wasmbin.Parse(wasm)
	if err == nil {
		err = check(module)
	}
	if err == nil {
		module, err = module.WithBoundedStack(maxStack(e.Limits))
	}
	if err != nil {
		return nil, invalid("it %w", err)
	}
	if pages := module.MinPages(); int64(pages)*region.WasmPage > e.Limits.MemoryMB<<20 {
		return nil, e.MemoryExceeded()
	}
	select { // one at a time: compiling takes the processors for itself
	case r.compiling <- struct{}{}:
		defer func() { <-r.compiling }()
	case <-e.Context().Done():
		return nil, e.Interruption()
	}
	p.size = len(wasm)
	p.uses.Store(1)
	p.cache = wazero.NewCompilationCache()
	if r.cacheDir != "" {
		if p.cache, err = wazero.NewCompilationCacheWithDir(r.cacheDir); err != nil {
			return nil, e.Failed("the compilation cache cannot be used", err)
		}
	}
	started, err := p.initialize(e, module)
	if err != nil {
		return nil, err
	}
	ctx := experimental.WithCompilationWorkers(context.WithoutCancel(e.Context()), goruntime.GOMAXPROCS(0))
	manifest := extism.Manifest{
		Wasm:   []extism.Wasm{extism.WasmData{Data: started}},
		Memory: &extism.ManifestMemory{MaxHttpResponseBytes: 0, MaxVarBytes: 1 << 20},
	}
	p.compiled, err = extism.NewCompiledPlugin(ctx, manifest, extism.PluginConfig{
		RuntimeConfig: p.runtimeConfig(), EnableWasi: true,
	}, r.functions)
	if err != nil {
		return nil, e.Failed("a plugin that was initialised cannot be compiled", err)
	}
	return p, nil
}

// maxStack is how much native stack calls within a plugin may take, in bytes as
// [wasmbin.Module.WithBoundedStack] counts them: as much again as memory, but not more than 8 MiB.
func maxStack(limits abi.Limits) int { return int(min(limits.MemoryMB, 8)) << 20 }

// runtimeConfig makes what runs end with its context: a plugin polls nothing.
func (p *Plugin) runtimeConfig() wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().WithCompilationCache(p.cache).WithCloseOnContextDone(true)
}

func invalid(format string, args ...any) *abi.ScriptError {
	return &abi.ScriptError{Code: abi.CodeScriptInvalid, Message: "not a plugin: " + fmt.Errorf(format, args...).Error()}
}
