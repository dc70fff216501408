package abi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

// What a script sees of an invocation, all of it and a part.
func TestInvocation(t *testing.T) {
	large := make([]byte, MaxFormData)
	inv := Invocation{
		SDKVersion: "1.0", AppID: "app", InvocationType: InvocationHTTP, Args: msgp.AppendNil(nil),
		Request: &Request{
			Method: "POST", Path: "/a", URL: "http://h/a?x=1&x=2", Scheme: "http", Host: "h", RemoteAddr: "::1", RawQuery: "x=1&x=2",
			Query:   Lists{"x": {"1", "2"}},
			Headers: Lists{"content-type": {"application/json"}, "accept": {"a", "b"}, "cookie": {`sid=1; theme="dark"`, "sid=2; =x; y"}},
			Body:    []byte(`{"n":1}`), Params: map[string]string{"id": "7"},
			Form: []FormField{
				{Name: "a", Value: "1"}, {Name: "a", Value: "2"},
				{Name: "f", File: &FormFile{Filename: "x.txt", ContentType: "text/plain", Data: []byte("hi")}},
				{Name: "big", File: &FormFile{Data: large}},
			},
		},
	}
	for _, c := range []struct {
		reads string
		want  string // JSON
	}{
		{"", `{}`},
		{"app_id", `{"app_id":"app"}`},
		{"event", `{}`},
		{"args", `{"args":null}`},
		{"request.nothing", `{"request":{}}`},
		{"request.method request.query", `{"request":{"method":"POST","query":{"x":"2"}}}`},
		{"request.query_all", `{"request":{"query_all":{"x":["1","2"]}}}`},
		{"request.headers", `{"request":{"headers":{"accept":"a, b","content-type":"application/json","cookie":"sid=1; theme=\"dark\"; sid=2; =x; y"}}}`},
		{"request.headers_all", `{"request":{"headers_all":{"accept":["a","b"],"content-type":["application/json"],"cookie":["sid=1; theme=\"dark\"","sid=2; =x; y"]}}}`},
		{"request.cookies", `{"request":{"cookies":{"sid":"1","theme":"dark"}}}`},
		{"request.body", `{"request":{"body":{"n":1}}}`},
		{"request.body_raw", `{"request":{"body_raw":"{\"n\":1}"}}`},
		{"request.form", `{"request":{"form":{"a":"2",
			"f":{"name":"f","filename":"x.txt","content_type":"text/plain","size":2,"data":{"$blob":"aGk="}},
			"big":{"name":"big","filename":"","content_type":"","size":1048576,"data":null}}}}`},
		{"request.form_all.a", `{"request":{}}`},
	} {
		encoded := inv.Append([]byte("before"), strings.Fields(c.reads))[len("before"):]
		text, err := AppendJSON(nil, encoded)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %s, want %s", c.reads, text, c.want)
		}
	}
	var all, request struct {
		Request map[string]any `json:"request"`
	}
	for reads, into := range map[string]any{"*": &all, "request": &request} {
		text, err := AppendJSON(nil, inv.Append(nil, Reads{reads}))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	if len(all.Request) != len(requestFields) || !reflect.DeepEqual(all.Request, request.Request) {
		t.Errorf("got %v and %v, want each of %d properties in both", all.Request, request.Request, len(requestFields))
	}
}
