package cli

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/picloud/picloud/host/api/wire"
)

func TestWriteBody(t *testing.T) {
	for _, test := range []struct {
		name, mediaType, body, want string
	}{
		{"JSON", "application/json", `{"a":1}`, "{\"a\":1}\n"},
		{"a JSON string stays one", "application/json", `"a"`, "\"a\"\n"},
		{"JSON null", "application/json", `null`, "null\n"},
		{"nothing", "", `null`, ""},
		{"text", "text/plain; charset=utf-8", `"a\nb"`, "a\nb\n"},
		{"text that ends its line", "text/plain", `"a\n"`, "a\n"},
		{"bytes as they are", "application/octet-stream", `{"$blob":"AP8K"}`, "\x00\xff\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			result := wire.RunResult{Headers: map[string]string{"content-type": test.mediaType}, Body: json.RawMessage(test.body)}
			if err := writeBody(&out, result); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("wrote %q, want %q", out.String(), test.want)
			}
		})
	}
}

func TestRequestOfInvoke(t *testing.T) {
	for _, test := range []struct {
		name        string
		cmd         InvokeCmd
		method      string
		contentType string
		body        string
	}{
		{"nothing to send", InvokeCmd{}, "GET", "", ""},
		{"JSON", InvokeCmd{Data: `{"a":1}`}, "POST", "application/json", `"{\"a\":1}"`},
		{"text", InvokeCmd{Data: "größe"}, "POST", "text/plain; charset=utf-8", `"größe"`},
		{"bytes", InvokeCmd{Data: "\xff"}, "POST", "application/octet-stream", `{"$blob":"/w=="}`},
		{"method and type of the caller", InvokeCmd{Data: "1", Method: "put", Header: []string{"Content-Type: text/csv"}}, "PUT", "text/csv", `"1"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			run, err := test.cmd.request(nil)
			if err != nil {
				t.Fatal(err)
			}
			r := run.Request
			if r.Method != test.method || r.Headers["content-type"] != test.contentType || string(r.Body) != test.body {
				t.Errorf("request is %s %q with body %s, want %s %q with body %s",
					r.Method, r.Headers["content-type"], r.Body, test.method, test.contentType, test.body)
			}
		})
	}
}
