package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/picloud/picloud/abi"
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

// The functions there are, with their types.
var (
	wasiFunctions        = sync.OnceValue(wasiSignatures)
	environmentFunctions = sync.OnceValue(extismSignatures)
	userFunctions        = sync.OnceValue(operationSignatures)
)

// wasiSignatures compiles wazero's WASI to learn what it has.
func wasiSignatures() map[string]wasmSignature {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	compiled, err := wasi_snapshot_preview1.NewBuilder(r).Compile(ctx)
	if err != nil {
		panic(err) // the same at each start
	}
	functions := map[string]wasmSignature{}
	for name, f := range compiled.ExportedFunctions() {
		functions[name] = wasmSignature{f.ParamTypes(), f.ResultTypes()}
	}
	return functions
}

func operationSignatures() map[string]wasmSignature {
	functions := map[string]wasmSignature{}
	for _, row := range abi.Operations {
		if row.Op != abi.OpYield {
			functions[abi.PluginFunction(row.Name)] = wasmSignature{[]byte{api.ValueTypeI64}, []byte{api.ValueTypeI64}}
		}
	}
	return functions
}

// extismSignatures are what Extism's SDK offers (its host.go), which does not tell.
func extismSignatures() map[string]wasmSignature {
	of := func(letters string) []byte { // i and I are i32 and i64
		var types []byte
		for _, l := range letters {
			types = append(types, map[rune]byte{'i': api.ValueTypeI32, 'I': api.ValueTypeI64}[l])
		}
		return types
	}
	functions := map[string]wasmSignature{}
	for _, f := range strings.Fields(`
		alloc:I:I free:I: length:I:I length_unsafe:I:I memory_bytes::I reset::
		load_u8:I:i load_u64:I:I store_u8:Ii: store_u64:II:
		input_load_u8:I:i input_load_u64:I:I input_length::I input_offset::I input_set:II:
		output_set:II: output_length::I output_offset::I error_set:I: error_get::I
		config_get:I:I var_get:I:I var_set:II: http_request:II:I http_status_code::i http_headers::I
		get_log_level::i log_trace:I: log_debug:I: log_info:I: log_warn:I: log_error:I:`) {
		parts := strings.Split(f, ":")
		functions[parts[0]] = wasmSignature{of(parts[1]), of(parts[2])}
	}
	return functions
}
