package plugin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/codecache"
	"github.com/picloud/picloud/host/sandbox/compiler"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/region"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
)

// Compile reads a module of an app, checks, compiles and initialises it. The execution's limits
// bound the initialisation; time that compiling takes does not count. The error is an
// [*abi.ScriptError], or what read failed with.
func (r *Runtime) Compile(e *gate.Execution, app string, read func(context.Context) ([]byte, error)) (_ *Plugin, err error) {
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
	var module *wasmbin.Module
	if err := r.work(e, func() (err error) {
		module, err = judge(wasm, e.Limits)
		return err
	}); err != nil {
		return nil, err
	}
	if pages := module.MinPages(); int64(pages)*region.WasmPage > e.Limits.MemoryMB<<20 {
		return nil, e.MemoryExceeded()
	}
	p.size = len(wasm)
	p.uses.Store(1)
	if p.cache, err = r.cache.Wazero(); err != nil {
		return nil, e.Failed("the compilation cache cannot be used", err)
	}
	c := &compilation{Plugin: p, execution: e, app: app, owner: Owner(wasm), module: module}
	defer c.release()
	return p, c.run()
}

// judge reads a module and refuses what is no plugin. What it returns can be compiled.
func judge(wasm []byte, limits abi.Limits) (*wasmbin.Module, error) {
	module, err := wasmbin.Parse(wasm)
	if err == nil {
		err = check(module)
	}
	if err == nil {
		module, err = module.Metered(maxStack(limits))
	}
	if err != nil {
		return nil, invalid("it %w", err)
	}
	return module, nil
}

// Owner is whom the compilation cache knows the code of a module by: its SHA-256 in hex.
func Owner(wasm []byte) string {
	sum := sha256.Sum256(wasm)
	return hex.EncodeToString(sum[:])
}

// A compilation makes a plugin of a module.
type compilation struct {
	*Plugin
	execution *gate.Execution
	app       string
	owner     string // of the code
	module    *wasmbin.Module
	releases  []func() // of the code in the cache
}

func (c *compilation) run() error {
	wasm := c.module.WithGlobals()
	if err := c.compile(wasm); err != nil {
		return err
	}
	started, err := c.initialize(wasm)
	if err != nil {
		return err
	}
	if !bytes.Equal(started, wasm) {
		if err := c.compile(started); err != nil {
			return err
		}
	}
	return c.runtime.work(c.execution, func() error { return c.link(started) })
}

// link makes instances of the plugin possible. Everything it compiles is found in the cache.
func (c *compilation) link(module []byte) error {
	release, err := c.runtime.ensureKernel()
	if err != nil {
		return c.execution.Failed("Extism's kernel cannot be compiled", err)
	}
	c.releases = append(c.releases, release)
	c.compiled, err = c.runtime.link(context.WithoutCancel(c.execution.Context()), c.cache, module)
	if err != nil {
		return c.execution.Failed("a plugin that was compiled cannot be linked", err)
	}
	return nil
}

// compile makes sure that the code of a module is in the cache.
func (c *compilation) compile(module []byte) error {
	e := c.execution
	defer e.Pause()()
	release, err := c.runtime.compiler.Compile(e.Context(), c.app, c.owner, module)
	var (
		cost *compiler.CostError
		bad  *compiler.InvalidError
	)
	switch {
	case err == nil:
		c.releases = append(c.releases, release)
		return nil
	case e.Context().Err() != nil:
		return e.Interruption()
	case errors.As(err, &cost):
		return &abi.ScriptError{Code: abi.CodeScriptInvalid, Message: "not a plugin: " + cost.Error()}
	case errors.As(err, &bad):
		return invalid("%w", bad)
	case errors.Is(err, compiler.ErrBusy):
		return &abi.ScriptError{Code: abi.CodeOverloaded, Message: err.Error()}
	}
	return e.Failed("a plugin cannot be compiled", err)
}

// release lets the cache drop the code: it has been loaded.
func (c *compilation) release() {
	for _, release := range c.releases {
		release()
	}
}

// link has Extism link a module with its kernel and with our operations.
func (r *Runtime) link(ctx context.Context, cache wazero.CompilationCache, module []byte) (*extism.CompiledPlugin, error) {
	return extism.NewCompiledPlugin(ctx, extism.Manifest{
		Wasm:   []extism.Wasm{extism.WasmData{Data: module}},
		Memory: &extism.ManifestMemory{MaxHttpResponseBytes: 0, MaxVarBytes: 1 << 20},
	}, extism.PluginConfig{RuntimeConfig: compiler.RuntimeConfig(cache), EnableWasi: true}, r.functions)
}

// ensureKernel makes sure that the code of Extism's kernel is in the cache. Only Extism can compile
// it, and does so with every plugin: here with one that is empty.
func (r *Runtime) ensureKernel() (release func(), err error) {
	r.kernelOnce.Lock()
	defer r.kernelOnce.Unlock()
	key := codecache.NewKey([]byte("extism kernel"), []byte(extism.RuntimeVersion()))
	return r.cache.Ensure(key, "", func(dir string) error {
		ctx := context.Background()
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return err
		}
		defer cache.Close(ctx)
		compiled, err := r.link(ctx, cache, []byte("\x00asm\x01\x00\x00\x00"))
		if err != nil {
			return err
		}
		return compiled.Close(ctx)
	})
}

func invalid(format string, args ...any) *abi.ScriptError {
	return &abi.ScriptError{Code: abi.CodeScriptInvalid, Message: "not a plugin: " + fmt.Errorf(format, args...).Error()}
}

// maxStack is how much native stack calls within a plugin may take, in bytes as
// [wasmbin.Module.Metered] counts them: as much again as memory, but not more than 16 MiB.
// The estimates are far too high for what Go's own compiler makes, whose example here needs more
// than 8.
func maxStack(limits abi.Limits) int { return int(min(limits.MemoryMB, 16)) << 20 }
