package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// Modules that a plugin may import from, beside WASI.
const (
	extismEnvironment = "extism:host/env"  // Extism's own functions
	extismUser        = "extism:host/user" // the operations of package abi
)

// check says what a module lacks to be a plugin, or has too much.
func check(m *wasmbin.Module) error {
	for _, i := range m.Imports {
		switch {
		case i.Kind != wasmbin.ExternFunction:
			return fmt.Errorf("imports %s, which is no function; a plugin has a memory of its own", i)
		case int(i.Index) >= len(m.Types):
			return fmt.Errorf("is malformed: it imports %s with an unknown type", i)
		}
		var known func() map[string]wasmbin.Signature
		switch i.Module {
		case wasi_snapshot_preview1.ModuleName:
			known = wasiFunctions
		case extismEnvironment:
			known = environmentFunctions
		case extismUser:
			known = userFunctions
		default:
			return fmt.Errorf("imports %s; it may import from %s, %s and %s",
				i, wasi_snapshot_preview1.ModuleName, extismEnvironment, extismUser)
		}
		want, ok := known()[i.Name]
		if !ok {
			return fmt.Errorf("imports %s, which does not exist", i)
		}
		if got := m.Types[i.Index]; !slices.Equal(got.Params, want.Params) || !slices.Equal(got.Results, want.Results) {
			return fmt.Errorf("imports %s as %s, but it is %s", i, got, want)
		}
	}
	want := wasmbin.Signature{Results: []byte{api.ValueTypeI32}}
	switch got := m.Signature(exportHandle); {
	case got == nil:
		return fmt.Errorf("does not export the function %s", exportHandle)
	case len(got.Params) != 0 || !slices.Equal(got.Results, want.Results):
		return fmt.Errorf("exports %s as %s, but it must be %s", exportHandle, *got, want)
	}
	if got := m.Signature(exportResume); got != nil && len(got.Params)+len(got.Results) > 0 {
		return fmt.Errorf("exports %s as %s, but it must be %s", exportResume, *got, wasmbin.Signature{})
	}
	return nil
}

// The functions there are, with their types.
var (
	wasiFunctions        = sync.OnceValue(wasiSignatures)
	environmentFunctions = sync.OnceValue(extismSignatures)
	userFunctions        = sync.OnceValue(operationSignatures)
)

// wasiSignatures compiles wazero's WASI to learn what it has.
func wasiSignatures() map[string]wasmbin.Signature {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	compiled, err := wasi_snapshot_preview1.NewBuilder(r).Compile(ctx)
	if err != nil {
		panic(err) // the same at each start
	}
	functions := map[string]wasmbin.Signature{}
	for name, f := range compiled.ExportedFunctions() {
		functions[name] = wasmbin.Signature{Params: f.ParamTypes(), Results: f.ResultTypes()}
	}
	return functions
}

func operationSignatures() map[string]wasmbin.Signature {
	functions := map[string]wasmbin.Signature{}
	for _, row := range abi.Operations {
		if row.Op != abi.OpYield {
			functions[abi.PluginFunction(row.Name)] = wasmbin.Signature{Params: []byte{api.ValueTypeI64}, Results: []byte{api.ValueTypeI64}}
		}
	}
	return functions
}

// extismSignatures are what Extism's SDK offers (its host.go), which does not tell.
func extismSignatures() map[string]wasmbin.Signature {
	of := func(letters string) []byte { // i and I are i32 and i64
		var types []byte
		for _, l := range letters {
			types = append(types, map[rune]byte{'i': api.ValueTypeI32, 'I': api.ValueTypeI64}[l])
		}
		return types
	}
	functions := map[string]wasmbin.Signature{}
	for _, f := range strings.Fields(`
		alloc:I:I free:I: length:I:I length_unsafe:I:I memory_bytes::I reset::
		load_u8:I:i load_u64:I:I store_u8:Ii: store_u64:II:
		input_load_u8:I:i input_load_u64:I:I input_length::I input_offset::I input_set:II:
		output_set:II: output_length::I output_offset::I error_set:I: error_get::I
		config_get:I:I var_get:I:I var_set:II: http_request:II:I http_status_code::i http_headers::I
		get_log_level::i log_trace:I: log_debug:I: log_info:I: log_warn:I: log_error:I:`) {
		parts := strings.Split(f, ":")
		functions[parts[0]] = wasmbin.Signature{Params: of(parts[1]), Results: of(parts[2])}
	}
	return functions
}
