package abi

import (
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

func TestNewResponse(t *testing.T) {
	contentType := func(v string) []Header { return []Header{{"content-type", v}} }
	for _, c := range []struct {
		name  string
		value msgp.Raw
		want  Response
	}{
		{"string", value(t, "hi"), Response{Status: 200, Headers: contentType("text/plain; charset=utf-8"), Body: []byte("hi")}},
		{"empty string", value(t, ""), Response{Status: 200, Headers: contentType("text/plain; charset=utf-8"), Body: []byte{}}},
		{"blob", value(t, []byte{1, 2}), Response{Status: 200, Headers: contentType("application/octet-stream"), Body: []byte{1, 2}}},
		{"map", entries(t, "b", int64(1), "a", 2.0), Response{Status: 200, Headers: contentType("application/json"), Body: []byte(`{"b":1,"a":2.0}`)}},
		{"array", value(t, []any{nil}), Response{Status: 200, Headers: contentType("application/json"), Body: []byte(`[null]`)}},
		{"integer", value(t, int64(42)), Response{Status: 200, Headers: contentType("application/json"), Body: []byte(`42`)}},
		{"bool", value(t, false), Response{Status: 200, Headers: contentType("application/json"), Body: []byte(`false`)}},
		{"unit", value(t, nil), Response{Status: 204}},
		{"nothing", nil, Response{Status: 204}},
		{"blob inside", entries(t, "b", []byte("hi")), Response{Status: 200, Headers: contentType("application/json"), Body: []byte(`{"b":{"$blob":"aGk="}}`)}},
		{"status only", entries(t, "statusCode", int64(404)), Response{Status: 404}},
		{"status and unit body", entries(t, "statusCode", int64(200), "body", nil), Response{Status: 200}},
		{"status and body", entries(t, "statusCode", int64(599), "body", entries(t, "e", "x")), Response{Status: 599, Headers: contentType("application/json"), Body: []byte(`{"e":"x"}`)}},
		{"unit headers", entries(t, "statusCode", int64(201), "headers", nil), Response{Status: 201}},
		{"explicit content type", entries(t, "statusCode", int64(200), "body", "<p>", "headers", entries(t, "Content-Type", "text/html")),
			Response{Status: 200, Headers: contentType("text/html"), Body: []byte("<p>")}},
		{"kinds of header", entries(t, "statusCode", int64(200), "headers", entries(t, "X-N", int64(7), "x-b", true, "Set-Cookie", []any{"a=1", "b=2"}, "Content-Length", int64(99), "x-none", []any{})),
			Response{Status: 200, Headers: []Header{{"x-n", "7"}, {"x-b", "true"}, {"set-cookie", "a=1"}, {"set-cookie", "b=2"}}}},
		{"file", entries(t, "statusCode", int64(200), "file", entries(t, "collection", "c", "id", "i", "download", "a.txt")),
			Response{Status: 200, File: &FileRef{"c", "i", "a.txt"}}},
		{"file and unit body", entries(t, "statusCode", int64(404), "body", nil, "file", entries(t, "collection", "c", "id", "i", "download", nil)),
			Response{Status: 404, File: &FileRef{"c", "i", ""}}},
		{"tag to be made", entries(t, "statusCode", int64(200), "headers", entries(t, "ETag", true)), Response{Status: 200, ETag: true}},
		{"own tag", entries(t, "statusCode", int64(200), "headers", entries(t, "ETag", `"v1"`)), Response{Status: 200, Headers: []Header{{"etag", `"v1"`}}}},
		{"status among other data", entries(t, "status", "ok", "text", "x"), Response{Status: 200, Headers: contentType("application/json"), Body: []byte(`{"status":"ok","text":"x"}`)}},
		{"a map with body but no statusCode is a body", entries(t, "body", "x"), Response{Status: 200, Headers: contentType("application/json"), Body: []byte(`{"body":"x"}`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NewResponse(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Headers) == 0 {
				got.Headers = nil
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %+v (%q), want %+v (%q)", got, got.Body, c.want, c.want.Body)
			}
		})
	}
}

func TestNewResponseRefuses(t *testing.T) {
	status := func(v any) msgp.Raw { return entries(t, "statusCode", v) }
	header := func(name string, v any) msgp.Raw {
		return entries(t, "statusCode", int64(200), "headers", entries(t, name, v))
	}
	for _, c := range []struct {
		name, want string
		value      msgp.Raw
	}{
		{"status text", "statusCode: must be an integer, got a string", status("200")},
		{"status float", "statusCode: must be an integer, got a float", status(200.0)},
		{"status unit", "statusCode: must be an integer, got ()", status(nil)},
		{"status low", "statusCode: must be between 100 and 599, got 99", status(int64(99))},
		{"status high", "statusCode: must be between 100 and 599, got 600", status(int64(600))},
		{"status informational", "statusCode: must not be informational, got 100, which cannot end a request", status(int64(100))},
		{"unknown part", "header: is not a part of a response: beside statusCode there may be headers, cookies, body, file and stream", entries(t, "statusCode", int64(200), "header", nil)},
		{"a slip", "status: the status of a response is given as statusCode", entries(t, "status", int64(404), "body", "x")},
		{"a slip beside headers", "status: the status of a response is given as statusCode", entries(t, "headers", map[string]any{}, "status", int64(404))},
		{"statuscode and status", "status: is not a part of a response: beside statusCode there may be headers, cookies, body, file and stream", entries(t, "statusCode", int64(200), "status", int64(404))},
		{"file and body", "file: cannot be given together with body", entries(t, "statusCode", int64(200), "body", "x", "file", entries(t, "collection", "c", "id", "i"))},
		{"file no map", "file: must be a map, got a string", entries(t, "statusCode", int64(200), "file", "id")},
		{"file without an id", "file.id: is missing", entries(t, "statusCode", int64(200), "file", entries(t, "collection", "c"))},
		{"file without a collection", "file.collection: is missing", entries(t, "statusCode", int64(200), "file", entries(t, "id", "i"))},
		{"file of another kind", "file.id: must be a string, got an integer", entries(t, "statusCode", int64(200), "file", entries(t, "id", int64(1)))},
		{"file with a name", "file.name: is not a part of a file: there are collection, id and download", entries(t, "statusCode", int64(200), "file", entries(t, "name", "x"))},
		{"headers array", "headers: must be a map, got an array", entries(t, "statusCode", int64(200), "headers", []any{})},
		{"header name", `headers."a b": is not the name of a header`, header("a b", "x")},
		{"empty header name", `headers."": is not the name of a header`, header("", "x")},
		{"header map", "headers.x: must be a string, number, bool or an array of them, got a map", header("x", map[string]any{})},
		{"header in an array", "headers.x: must be a string, number, bool or an array of them, got ()", header("x", []any{nil})},
		{"header injection", "headers.x: must not contain control characters", header("x", "a\r\nset-cookie: b")},
		{"NaN body", "body.x[0]: NaN cannot be written as JSON", entries(t, "statusCode", int64(200), "body", entries(t, "x", []any{math.NaN()}))},
		{"NaN value", "x: NaN cannot be written as JSON", entries(t, "x", math.NaN())},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewResponse(c.value)
			var wrong *ValueError
			if !errors.As(err, &wrong) || err.Error() != c.want {
				t.Fatalf("got %q, want %q", err, c.want)
			}
		})
	}
}
