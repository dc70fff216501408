package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

func TestUnlike(t *testing.T) {
	failed := &abi.ScriptError{Message: "no such order"}
	for _, c := range []struct {
		name    string
		status  int
		body    string
		ran     int
		failed  *abi.ScriptError
		ranBody string
		want    string
	}{
		{name: "nothing is asked for", ran: 204, ranBody: `null`},
		{name: "nothing is asked for, and it fails", ran: 502, failed: failed, ranBody: `null`, want: "no such order"},
		{name: "it should fail", status: 502, ran: 502, failed: failed, ranBody: `null`},
		{name: "another status", status: 201, ran: 200, ranBody: `1`, want: "the status should be 201"},
		{name: "the order of fields", body: `{"a":1,"b":[2]}`, ran: 200, ranBody: `{ "b": [2], "a": 1 }`},
		{name: "digits", body: `9007199254740993`, ran: 200, ranBody: `9007199254740992`, want: "the body should be another: 9007199254740993"},
		{name: "an empty body", body: `null`, ran: 200, ranBody: `null`},
		{name: "an empty body, and there is one", body: `null`, ran: 200, ranBody: `""`, want: "the body should be another: null"},
	} {
		of := wire.ScriptCase{Status: c.status}
		if c.body != "" {
			of.Body = json.RawMessage(c.body)
		}
		assert.Equal(t, c.want, unlike(of, wire.RunResult{Status: c.ran, Error: c.failed, Body: json.RawMessage(c.ranBody)}), c.name)
	}
}
