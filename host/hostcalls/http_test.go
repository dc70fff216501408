package hostcalls

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fetch"
)

func callHTTP(t *testing.T, ctx context.Context, client *fetch.Client, request abi.HTTPRequest) (response abi.HTTPResponse, err error) {
	t.Helper()
	encoded, err := request.MarshalMsg(nil)
	require.NoError(t, err)
	scope := newScope()
	scope.AppID, scope.ScriptID, scope.Capabilities = "app-1", "script-1", []abi.Capability{abi.AppHTTPRequest}
	answer, err := New(Config{Services: Services{HTTP: client}}).Perform(ctx, scope, abi.OpHTTPRequest, encoded)
	if err == nil {
		rest, err := response.UnmarshalMsg(answer)
		require.NoError(t, err)
		require.Empty(t, rest)
	}
	return response, err
}

func TestHTTPRequest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Agent", r.UserAgent())
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	client := fetch.New(fetch.Config{Version: "9.9", AllowPrivate: true})
	defer client.Close()

	sent := msgp.AppendInt64(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "n"), 1<<60)
	response, err := callHTTP(t, context.Background(), client, abi.HTTPRequest{Method: "POST", URL: server.URL, Body: sent})
	require.NoError(t, err)
	assert.Equal(t, http.StatusTeapot, response.Status)
	assert.Equal(t, "PiCloud/9.9 (script script-1)", response.Headers["x-agent"])
	body, err := abi.AppendJSON(nil, response.Body)
	require.NoError(t, err)
	assert.Equal(t, `{"n":1152921504606846976}`, string(body))
	raw, _, err := msgp.ReadStringBytes(response.BodyRaw)
	require.NoError(t, err)
	assert.Equal(t, string(body), raw)
}

func TestHTTPRequestErrors(t *testing.T) {
	client := fetch.New(fetch.Config{})
	defer client.Close()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		request abi.HTTPRequest
		code    abi.OpCode
		says    string
	}{
		{"private address", context.Background(), abi.HTTPRequest{Method: "GET", URL: "http://127.0.0.1/"}, abi.OpCodeUnreachable, "http.request: refused: private network address"},
		{"invalid URL", context.Background(), abi.HTTPRequest{Method: "GET", URL: "ftp://example.com/"}, abi.OpCodeInvalid, `http.request: url: the scheme must be http or https, got "ftp"`},
		{"execution ended", cancelled, abi.HTTPRequest{Method: "GET", URL: "http://example.invalid/"}, abi.OpCodeCancelled, "http.request: the execution has ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := callHTTP(t, c.ctx, client, c.request)
			var op *abi.OpError
			require.ErrorAs(t, err, &op)
			assert.Equal(t, c.code, op.Code)
			assert.Equal(t, c.says, op.Message)
		})
	}
}
