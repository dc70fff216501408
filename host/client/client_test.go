package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/picloud/picloud/host/api/wire"
)

func TestParseAddress(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:8080":        "http://127.0.0.1:8080",
		"https://picloud.example.com":  "https://picloud.example.com",
		"https://example.com/picloud/": "https://example.com/picloud",
		"http://[::1]:8080":            "http://[::1]:8080",
	} {
		if u, err := ParseAddress(address); err != nil || u.String() != want {
			t.Errorf("ParseAddress(%q) = %v, %v, want %s", address, u, err, want)
		}
	}
	for _, address := range []string{"", "localhost:8080", "127.0.0.1", "ftp://example.com", "http://", "http://a/?b", "http://a/#b", "http://me:secret@a", "http://%zz"} {
		u, err := ParseAddress(address)
		if err == nil {
			t.Errorf("ParseAddress(%q) = %v, want an error", address, u)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, test := range []struct {
		name    string
		problem wire.Problem
		want    string
	}{
		{"detail alone", wire.Problem{Status: 404, Detail: "app not found"}, "app not found"},
		{"no detail", wire.Problem{Status: 502, Title: "Bad Gateway"}, "the server answered 502 Bad Gateway"},
		{"the detail is the field's message", wire.Problem{Status: 422, Detail: "body.limits.timeout_ms: must be between 1 and 300000",
			Errors: []wire.FieldError{{Location: "body.limits.timeout_ms", Message: "must be between 1 and 300000", Value: 0.5}}},
			"limits.timeout_ms: must be between 1 and 300000, got 0.5"},
		{"the detail has the value", wire.Problem{Status: 422, Detail: "slug: must be lower-case letters, got \"A\"",
			Errors: []wire.FieldError{{Location: "body.slug", Message: "must be lower-case letters", Value: "A"}}},
			"slug: must be lower-case letters, got \"A\""},
		{"several fields", wire.Problem{Status: 422, Detail: "validation failed", Errors: []wire.FieldError{
			{Location: "body.name", Message: "is too long", Value: "nnn"}, {Location: "query.limit", Message: "is no number"}}},
			`validation failed; name: is too long, got "nnn"; limit: is no number`},
		{"a long value is left out", wire.Problem{Status: 422, Detail: "too long", Errors: []wire.FieldError{
			{Location: "body.name", Message: "too long", Value: strings.Repeat("n", 300)}}}, "too long"},
		{"nothing steers the terminal", wire.Problem{Status: 400, Detail: "bad \x1b[2J\u009b"}, "bad �[2J�"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := (&Error{test.problem}).Error(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// A server that is not PiCloud may answer anything.
func TestAnswersOfStrangers(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"a page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, "not the answer of a PiCloud server"},
		{"an error page", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>secret</h1>", http.StatusBadGateway) }, "the server answered 502 Bad Gateway"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the redirect was followed, token and all")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "the server answered 302 Found"},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}, "cannot reach http://127.0.0.1:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			c, err := New(server.URL, "token")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Me(t.Context()); err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), "GET "+server.URL+"/api/v1/admin/me: "), test.want) {
				t.Errorf("error = %v, want %s", err, test.want)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	c, err := New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Me(t.Context())
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) || unreachable.Address != server.URL {
		t.Errorf("error = %v, want an UnreachableError for %s", err, server.URL)
	}
}

// The refusal of a deploy names the change, and reads as if that had been sent alone.
func TestChangeOf(t *testing.T) {
	refused := &Error{Problem: wire.Problem{Status: 422, Detail: "changes[12].name: is too long", Errors: []wire.FieldError{
		{Location: "body.changes[12].body.name", Message: "is too long", Value: "nnn"}}}}
	number, alone, ok := ChangeOf(refused)
	if !ok || number != 12 || alone.Error() != `name: is too long, got "nnn"` {
		t.Errorf("change %d is refused by %q, %v", number, alone, ok)
	}
	if refused.Errors[0].Location != "body.changes[12].body.name" {
		t.Errorf("the whole refusal has become that of %s", refused.Errors[0].Location)
	}
	whole := &Error{Problem: wire.Problem{Status: 403, Detail: "no", Errors: []wire.FieldError{{Location: "body.changes[3]", Message: "no"}}}}
	if number, alone, ok := ChangeOf(whole); !ok || number != 3 || alone.Error() != "no" {
		t.Errorf("change %d is refused by %q, %v", number, alone, ok)
	}
	for _, other := range []error{nil, io.EOF, &Error{}, &Error{Problem: wire.Problem{Errors: []wire.FieldError{{Location: "body.changes"}}}}} {
		if number, _, ok := ChangeOf(other); ok {
			t.Errorf("%v is of change %d", other, number)
		}
	}
}
