package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox"
)

// pluginGuests are the plugins that are called. The first three do the same, next to nothing; the
// others are the examples.
var pluginGuests = []struct{ name, wasm, reach string }{
	{"TinyGo, hello", "host/bench/peers/extism/plugin.wasm", "0.1"},
	{"Go, hello", "host/bench/bin/plugin-go.wasm", ""},
	{"Go, hello, restored", "host/bench/bin/plugin-go-resume.wasm", "0.5"},
	{"example in AssemblyScript", "examples/plugin-assemblyscript/limiter.wasm", ""},
	{"example in C", "examples/plugin-c/avatar.wasm", ""},
	{"example in Go, TinyGo", "examples/plugin-go/pages.wasm", ""},
}

// measurePlugins measures a call of a plugin three ways: in our sandbox, in a fresh Extism instance
// of a module compiled once, and in a new Extism plugin for each call with wazero's compilation
// cache. Host functions return nothing, on all sides.
func measurePlugins(ctx context.Context, s settings, r *report) (err error) {
	if err := buildPlugins(ctx, s.root); err != nil {
		return err
	}
	box, err := newSandbox(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()
	cache := wazero.NewCompilationCache()
	defer cache.Close(context.WithoutCancel(ctx))
	for _, guest := range pluginGuests {
		wasm, err := os.ReadFile(filepath.Join(s.root, guest.wasm))
		if err != nil {
			return err
		}
		script := sandbox.Script{
			ID: guest.name, AppID: "bench", Name: "bench", Kind: abi.KindPlugin,
			Wasm: func(context.Context) ([]byte, error) { return wasm, nil },
		}
		manifest := extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: wasm}}}
		config := extism.PluginConfig{
			EnableWasi:    true,
			RuntimeConfig: wazero.NewRuntimeConfig().WithCompilationCache(cache).WithCloseOnContextDone(true),
		}
		compiled, err := extism.NewCompiledPlugin(ctx, manifest, config, emptyFunctions())
		if err != nil {
			return fmt.Errorf("%s: %w", guest.name, err)
		}
		call := func(p *extism.Plugin, err error) error {
			if err != nil {
				return err
			}
			p.SetLogger(func(extism.LogLevel, string) {})
			_, _, err = p.CallWithContext(ctx, "handle", pluginInput)
			return errors.Join(err, p.CloseWithContext(ctx))
		}
		sides := []func() error{
			func() error {
				_, err := box.Execute(ctx, script, request(script.ID), sandbox.NewWorld(nothing{}))
				return err
			},
			func() error {
				return call(compiled.Instance(ctx, extism.PluginInstanceConfig{ModuleConfig: wazero.NewModuleConfig()}))
			},
			func() error { return call(extism.NewPlugin(ctx, manifest, config, emptyFunctions())) },
		}
		rounds := make([]samples, len(sides))
		for round := range s.rounds + 1 {
			for i, side := range sides {
				p50, err := medianOf(max(s.executions/200, 10), side)
				if err != nil {
					return fmt.Errorf("%s: %w", guest.name, err)
				}
				if round > 0 { // the first warms up
					rounds[i] = append(rounds[i], p50)
				}
			}
		}
		r.compare("plugins", guest.name+", a call, p50", "ms", guest.reach, rounds[0],
			measured{"Extism, a fresh instance", rounds[1]}, measured{"Extism, a new plugin", rounds[2]})
		if err := compiled.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pluginInput is what Extism's sides are called with: an invocation like that of [request].
var pluginInput = []byte(`{"sdk_version":"1.0","execution_id":"01890000-0000-7000-8000-000000000001","request_id":"bench",` +
	`"script_id":"bench","script_name":"bench","app_id":"bench","invocation_type":"http","request":{"method":"GET","path":"/hello",` +
	`"headers":{"host":"127.0.0.1:8080","accept":"application/json","user-agent":"bench"},"body":null,"body_raw":null,"params":{},"query":{},"rest":""}}`)

// nothing is a host whose operations return nothing.
type nothing struct{}

func (nothing) Perform(context.Context, abi.Op, []byte) ([]byte, error) { return nil, nil }

// emptyFunctions returns the same for Extism.
func emptyFunctions() (functions []extism.HostFunction) {
	for _, row := range abi.Operations {
		functions = append(functions, extism.NewHostFunctionWithStack(abi.PluginFunction(row.Name),
			func(_ context.Context, p *extism.CurrentPlugin, stack []uint64) {
				offset, err := p.WriteString(`{"result":null}`)
				if err != nil {
					panic(err)
				}
				stack[0] = offset
			}, []extism.ValueType{extism.ValueTypePTR}, []extism.ValueType{extism.ValueTypePTR}))
	}
	return functions
}

// medianOf calls f n times and returns the median of the time a call took, ms.
func medianOf(n int, f func() error) (float64, error) {
	latencies := make([]float64, 0, n)
	for range n {
		began := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		latencies = append(latencies, milliseconds(time.Since(began)))
	}
	slices.Sort(latencies)
	return percentile(latencies, 50), nil
}

// buildPlugins builds the peer's plugin with Go's own compiler.
func buildPlugins(ctx context.Context, root string) error {
	for tags, binary := range map[string]string{"none": pluginGuests[1].wasm, "resume": pluginGuests[2].wasm} {
		path, err := filepath.Abs(filepath.Join(root, binary))
		if err != nil {
			return err
		}
		c := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "./plugin")
		c.Dir = filepath.Join(root, "host/bench/peers/extism")
		c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("build the plugin for Go's compiler: %w", err)
		}
	}
	return nil
}
