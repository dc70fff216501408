package sandbox

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// answering is a plugin that answers a JSON text.
func answering(text string) Script {
	const environment = "extism:host/env"
	i64 := []byte{api.ValueTypeI64}
	p := new(wasmtest.Program)
	alloc := p.Import(environment, "alloc", wasmbin.Signature{Params: i64, Results: i64})
	store := p.Import(environment, "store_u8", wasmbin.Signature{Params: []byte{api.ValueTypeI64, api.ValueTypeI32}})
	set := p.Import(environment, "output_set", wasmbin.Signature{Params: []byte{api.ValueTypeI64, api.ValueTypeI64}})
	length := wasmtest.I64(int64(len(text)))
	body := wasmtest.Join(length, wasmtest.Call(alloc), wasmtest.Set)
	for i := range len(text) {
		body = append(body, wasmtest.Join(wasmtest.Get, wasmtest.I64(int64(i)), wasmtest.Add64, wasmtest.I32(int32(text[i])), wasmtest.Call(store))...)
	}
	p.Function("handle", []byte{api.ValueTypeI32}, body, wasmtest.Get, length, wasmtest.Call(set), wasmtest.I32(0))
	return pluginScript(p.Bytes())
}

func pluginScript(wasm []byte) Script {
	return Script{
		ID: string(wasm), AppID: "app", Name: "plugin", Kind: abi.KindPlugin,
		Wasm: func(context.Context) ([]byte, error) { return wasm, nil },
	}
}

// A plugin that is evicted while it runs is closed when it has ended.
func TestPluginsInTheCache(t *testing.T) {
	s := newToy(t, Config{ScriptCacheSize: 1})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			text := strings.Repeat("x", i%4+1)
			for range 5 {
				got, err := run(t, s, answering(`"`+text+`"`))
				if assert.NoError(t, err) {
					assert.Equal(t, text, got)
				}
			}
		})
	}
	wait.Wait()
}

// What is wrong with a plugin is said when it is validated, and again when it is run all the same.
func TestPluginsThatAreNone(t *testing.T) {
	s := newToy(t, Config{})
	script := pluginScript(new(wasmtest.Program).Bytes())
	_, err := s.Validate(t.Context(), script)
	refused := new(abi.ScriptError)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, abi.CodeScriptInvalid, refused.Code)
	for range 2 {
		_, err = run(t, s, script)
		assert.Equal(t, refused, err)
	}
	_, err = s.Validate(t.Context(), answering("1"))
	assert.NoError(t, err)
}
