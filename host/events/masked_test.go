package events

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

func TestMasked(t *testing.T) {
	request := func(headers abi.Lists) json.RawMessage {
		return encode(Payload{Call: &Call{ExecutionID: "e", Request: &abi.Request{Method: "POST", Path: "/p", Headers: headers, Body: []byte("Cookie: body")}}})
	}
	masked := Masked(request(abi.Lists{
		"authorization": {"Basic c2VjcmV0"}, "cookie": {"sid=secret", "b=secret"}, "proxy-authorization": {"secret"}, "x-kept": {"k"},
	}))
	assert.JSONEq(t, string(request(abi.Lists{
		"authorization": {"***"}, "cookie": {"***", "***"}, "proxy-authorization": {"***"}, "x-kept": {"k"},
	})), string(masked))

	for _, payload := range []string{
		string(request(abi.Lists{"x-kept": {"k"}})),
		string(encode(Payload{Call: &Call{ExecutionID: "e", Args: json.RawMessage(`{"authorization":"data"}`)}})),
		`{"message":{"call":{"request":{"Headers":{"cookie":["data"]}}}}}`,
		`{"kv":{"value":1.0}}`,
		`not JSON`,
		``,
	} {
		require.Equal(t, payload, string(Masked(json.RawMessage(payload))), "is nobody's credential")
	}
}
