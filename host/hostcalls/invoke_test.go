package hostcalls

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func TestInvoke(t *testing.T) {
	answers := func(value msgp.Raw, err error) Invoker {
		return func(context.Context, string, msgp.Raw) (msgp.Raw, error) { return value, err }
	}
	fails := func(code abi.ErrorCode) Invoker {
		return answers(nil, &abi.ScriptError{Code: code, Message: "boom (line 2, position 1)"})
	}
	long := strings.Repeat("n", 100)
	for _, c := range []struct {
		name, invoked string
		invoker       Invoker
		depth         int
		code          abi.OpCode // "": the value is want
		want          string
	}{
		{"value", "f", answers(value(t, `{"statusCode":404}`), nil), 0, "", `{"value":{"statusCode":404}}`},
		{"no value", "f", answers(nil, nil), 0, "", `{"value":null}`},
		{"name and arguments", "f", func(_ context.Context, name string, args msgp.Raw) (msgp.Raw, error) {
			return msgp.AppendString(nil, fmt.Sprintf("%s %x", name, []byte(args))), nil
		}, 7, "", `{"value":"f 01"}`},
		{"throws", "f", fails(abi.CodeScriptError), 0, abi.OpCodeFailed, `invoke "f": boom (line 2, position 1)`},
		{"does not compile", "f", fails(abi.CodeScriptInvalid), 0, abi.OpCodeFailed, `invoke "f": boom (line 2, position 1)`},
		{"exceeds a limit", "f", fails(abi.CodeLimitExceeded), 0, abi.OpCodeLimit, `invoke "f": boom (line 2, position 1)`},
		{"takes too long", "f", fails(abi.CodeTimeout), 0, abi.OpCodeTimeout, `invoke "f": boom (line 2, position 1)`},
		{"is cancelled", "f", fails(abi.CodeCancelled), 0, abi.OpCodeCancelled, `invoke "f": boom (line 2, position 1)`},
		{"fails inside", "f", fails(abi.CodeInternal), 0, abi.OpCodeInternal, `invoke "f": boom (line 2, position 1)`},
		{"unknown", long, answers(nil, fault.Missing("script")), 0, abi.OpCodeNotFound, `invoke "` + long[:64] + `...": the app has no endpoint or plugin of this name`},
		{"not a name", "\x00", answers(nil, fault.Refuse("name", "no")), 0, abi.OpCodeNotFound, `invoke "\x00": the app has no endpoint or plugin of this name`},
		{"too deep", "f", answers(nil, nil), 8, abi.OpCodeLimit, `invoke "f": invocations may be nested 8 deep, and this would be number 9`},
		{"not available", "f", nil, 0, abi.OpCodeUnavailable, `invoke "f": this execution cannot invoke others`},
		{"the storage fails", "f", answers(nil, store.Failed("get script", errors.New("disk full"))), 0, abi.OpCodeUnavailable, `invoke: the storage is not available`},
	} {
		t.Run(c.name, func(t *testing.T) {
			scope := newScope()
			scope.Depth, scope.Invoke = c.depth, c.invoker
			got := guest{t, New(Config{}), scope}.call(abi.OpInvoke, &abi.InvokeRequest{Name: c.invoked, Args: value(t, `1`)})
			want := c.want
			if c.code != "" {
				want = string(c.code) + ": " + want
			}
			assert.Equal(t, want, got)
		})
	}
}

// An error that is ours is not shown.
func TestInvokeHidesOurErrors(t *testing.T) {
	scope := newScope()
	scope.Invoke = func(context.Context, string, msgp.Raw) (msgp.Raw, error) { return nil, fmt.Errorf("dial 10.0.0.7") }
	request, err := (&abi.InvokeRequest{Name: "f"}).MarshalMsg(nil)
	require.NoError(t, err)
	_, err = New(Config{}).Perform(context.Background(), scope, abi.OpInvoke, request)
	var shown *abi.OpError
	assert.NotErrorAs(t, err, &shown, "the sandbox logs it and shows an internal error")
}
