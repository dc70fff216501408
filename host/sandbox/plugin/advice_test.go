package plugin

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// What a plugin fails with tells what becomes of its event, as what a script throws does.
func TestAdvice(t *testing.T) {
	b := newBox(t, 1)
	for _, c := range []struct {
		fails, message string
		advice         *abi.Advice
	}{
		{`{"retry_after_ms":5000,"message":"busy"}`, "busy", &abi.Advice{RetryAfterMS: 5000}},
		{`{"retry_after_ms":9223372036854775807}`, `{"retry_after_ms":9223372036854775807}`, &abi.Advice{RetryAfterMS: abi.MaxDelayMillis}},
		{`{"dead_letter":true,"message":""}`, "", &abi.Advice{RetryAfterMS: -1, DeadLetter: true}},
		{`{"dead_letter":false,"message":"m"}`, `{"dead_letter":false,"message":"m"}`, nil},
		{`{"retry_after_ms":-1}`, `{"retry_after_ms":-1}`, nil},
		{`{"retry_after_ms":"soon"}`, `{"retry_after_ms":"soon"}`, nil},
		{`{"dead_letter":true`, `{"dead_letter":true`, nil},
		{`null`, `null`, nil},
		{`no bread`, `no bread`, nil},
	} {
		var p wasmProgram
		set := p.imports(extismEnvironment, "error_set")
		p.Function(exportHandle, []byte{api.ValueTypeI32}, p.block(c.fails), wasmtest.Get, wasmtest.Call(set), wasmtest.I32(1))
		_, err := b.run(t.Context(), p.Bytes(), abi.Limits{}, idle)
		var failed *abi.ScriptError
		require.ErrorAs(t, err, &failed, c.fails)
		assert.Equal(t, abi.ScriptError{Code: abi.CodeScriptError, Message: c.message, Advice: c.advice}, *failed)
	}
}
