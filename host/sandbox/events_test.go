package sandbox

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// Messages and advice come out of the sandbox as they come out of the interpreter.
func TestEvents(t *testing.T) {
	s := newReal(t, Config{})
	answers := map[abi.Op]msgp.Marshaler{
		abi.OpQueuePush:       &abi.QueuePushResponse{IDs: []string{"m1", "m2"}},
		abi.OpPubSubPublish:   &abi.PubSubPublishResponse{Delivered: 2},
		abi.OpInvokeAsync:     &abi.InvokeAsyncResponse{ExecutionID: "x1"},
		abi.OpDeadLettersList: &abi.DeadLettersListResponse{Items: []abi.DeadLetter{{ID: "d1"}}},
	}
	for _, c := range []struct {
		script string
		asks   string // the request of the operation
		value  any
		advice *abi.Advice
		fails  string
	}{
		{`queue::topic("t").push_all([1, #{b: blob(1)}], #{key: "k", delay_ms: 5})`,
			`{"topic":"t","messages":[{"body":1,"delay_ms":5,"key":"k"},{"body":{"b":{"$blob":"AA=="}},"delay_ms":5,"key":"k"}]}`, []any{"m1", "m2"}, nil, ""},
		{`queue::topic("t").push("x", #{dedupe: "d"})`, `{"topic":"t","messages":[{"body":"x","dedupe":"d"}]}`, "m1", nil, ""},
		{`type_of(queue::topic("t"))`, "", "QueueTopic", nil, ""},
		{`pubsub::publish("t", ())`, `{"topic":"t","message":null}`, int64(2), nil, ""},
		{`invoke_async("f", 1, #{delay_ms: 7})`, `{"name":"f","args":1,"delay_ms":7}`, "x1", nil, ""},
		{`dead_letters::list(#{unresolved: true}).items[0].id`, `{"unresolved":true}`, "d1", nil, ""},
		{`queue::topic("t").push(1, #{late: 1})`, "", nil, nil, `queue.push: unknown property "late"; there are debounce_ms, dedupe, delay_ms, key (line 1, position 19)`},
		{`throw #{retry_after_ms: 5000, message: "busy"}`, "", nil, &abi.Advice{RetryAfterMS: 5000}, "Runtime error: busy (line 1, position 1)"},
		{`throw #{dead_letter: true}`, "", nil, &abi.Advice{RetryAfterMS: -1, DeadLetter: true}, `Runtime error: #{"dead_letter": true} (line 1, position 1)`},
		{`throw "no"`, "", nil, nil, "Runtime error: no (line 1, position 1)"},
	} {
		asked := ""
		world := NewWorld(performer(func(_ context.Context, op abi.Op, request []byte) ([]byte, error) {
			answer := answers[op]
			if answer == nil {
				return nil, nil
			}
			text, err := abi.AppendJSON(nil, request)
			asked = string(text)
			return must(t, answer), err
		}))
		result, err := s.Execute(t.Context(), rhai(c.script), abi.Invocation{}, world)
		assert.Equal(t, c.asks, asked, c.script)
		if c.fails == "" {
			require.NoError(t, err, c.script)
			assert.Equal(t, c.value, decode(t, result), c.script)
			continue
		}
		var failed *abi.ScriptError
		require.True(t, errors.As(err, &failed), c.script)
		assert.Equal(t, c.fails, failed.Message)
		assert.Equal(t, c.advice, failed.Advice, c.script)
	}
}

func must(t *testing.T, message msgp.Marshaler) []byte {
	t.Helper()
	encoded, err := message.MarshalMsg(nil)
	require.NoError(t, err)
	return encoded
}
