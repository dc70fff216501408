package bridge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

// A thrown map tells what becomes of the event, and its message stands in the log.
func TestAdvice(t *testing.T) {
	retry := func(ms int64) *abi.Advice { return &abi.Advice{RetryAfterMS: ms} }
	dead := &abi.Advice{RetryAfterMS: -1, DeadLetter: true}
	for _, c := range []struct {
		script  string
		advice  *abi.Advice
		message string
	}{
		{`throw #{retry_after_ms: 5000}`, retry(5000), `Runtime error: #{"retry_after_ms": 5000} (line 1, position 1)`},
		{`throw #{retry_after_ms: 0, message: "busy"}`, retry(0), `Runtime error: busy (line 1, position 1)`},
		{`throw #{retry_after_ms: 9223372036854775807, message: ""}`, retry(2592000000), `Runtime error (line 1, position 1)`},
		{`throw #{dead_letter: true, message: "no such order"}`, dead, `Runtime error: no such order (line 1, position 1)`},
		{`throw #{dead_letter: true, retry_after_ms: 5, message: 7}`, &abi.Advice{RetryAfterMS: 5, DeadLetter: true}, `Runtime error: #{"dead_letter": true, "message": 7, "retry_after_ms": 5} (line 1, position 1)`},
		{`fn f() { throw #{dead_letter: true, message: "no"} } f()`, dead, "Runtime error: no (line 1, position 10)\nin call to function 'f' (line 1, position 54)"},
		{`try { throw #{dead_letter: true, message: "no"} } catch (e) { throw e }`, dead, `Runtime error: no (line 1, position 63)`},

		{`throw #{retry_after_ms: -1, message: "m"}`, nil, `Runtime error: #{"message": "m", "retry_after_ms": -1} (line 1, position 1)`},
		{`throw #{retry_after_ms: 1.5}`, nil, `Runtime error: #{"retry_after_ms": 1.5} (line 1, position 1)`},
		{`throw #{dead_letter: false}`, nil, `Runtime error: #{"dead_letter": false} (line 1, position 1)`},
		{`throw "dead_letter"`, nil, `Runtime error: dead_letter (line 1, position 1)`},
		{`#{dead_letter: true}.nope()`, nil, `Function not found: nope (map) (line 1, position 22)`},
	} {
		_, failure := run(t, &wire{}, c.script, abi.Limits{})
		require.NotNil(t, failure, c.script)
		assert.Equal(t, abi.CodeScriptError, failure.Code)
		assert.Equal(t, c.advice, failure.Advice, c.script)
		assert.Equal(t, c.message, failure.Message, c.script)
	}
	got, failure := run(t, &wire{}, `let r = (); try { throw #{dead_letter: true} } catch (e) { r = e.dead_letter; } r`, abi.Limits{})
	require.Nil(t, failure, "it was caught")
	assert.Equal(t, `true`, got)
}
