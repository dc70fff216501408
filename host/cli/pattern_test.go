package cli

import (
	"testing"

	"github.com/picloud/picloud/host/api/wire"
)

func TestParsePattern(t *testing.T) {
	for text, want := range map[string]wire.RouteCreate{
		"/greet":                  {Path: "/greet"},
		"GET /":                   {Method: "GET", Path: "/"},
		"  post   /a/:id ":        {Method: "POST", Path: "/a/:id"},
		"ANY /hooks/*":            {Path: "/hooks/*"},
		"PUT API.example.com/Doc": {Method: "PUT", Host: "api.example.com", Path: "/Doc"},
		"*.example.com/x":         {Host: "*.example.com", Path: "/x"},
	} {
		got, err := parsePattern(text)
		if err != nil || got != want {
			t.Errorf("parsePattern(%q) = %+v, %v, want %+v", text, got, err, want)
			continue
		}
		again, err := parsePattern(pattern(got.Method, got.Host, got.Path))
		if err != nil || again != got {
			t.Errorf("%+v written and read again is %+v, %v", got, again, err)
		}
	}
}

func TestParsePatternRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":            `route is empty, want "[METHOD ][HOST]/PATH" such as "GET /todos/:id"`,
		"GET":         `route "GET" has no path: want "[METHOD ][HOST]/PATH" such as "GET /todos/:id"`,
		"GET greet":   `route "GET greet" has no path: want "[METHOD ][HOST]/PATH" such as "GET /todos/:id"`,
		"GET /a /b":   `route "GET /a /b" has a space in its path`,
		"GET POST /a": `route "GET POST /a" has a space in its path`,
	} {
		if _, err := parsePattern(text); err == nil || err.Error() != want {
			t.Errorf("parsePattern(%q) fails with %v, want %s", text, err, want)
		}
	}
}

func TestParseRequestLine(t *testing.T) {
	for _, test := range []struct {
		words []string
		want  wire.RouteMatch
	}{
		{[]string{"/todos/1"}, wire.RouteMatch{Method: "GET", Path: "/todos/1"}},
		{[]string{"delete", "/todos/a%2Fb?x=1"}, wire.RouteMatch{Method: "DELETE", Path: "/todos/a%2Fb"}},
		{[]string{"GET", "https://api.example.com:8443/x"}, wire.RouteMatch{Method: "GET", Host: "api.example.com:8443", Path: "/x"}},
	} {
		if got, err := parseRequestLine(test.words); err != nil || got != test.want {
			t.Errorf("parseRequestLine(%q) = %+v, %v, want %+v", test.words, got, err, test.want)
		}
	}
	for _, words := range [][]string{{"todos"}, {"GET", "http://host"}, {"GET", "/a", "/b"}, {"http://%zz/"}} {
		if got, err := parseRequestLine(words); err == nil {
			t.Errorf("parseRequestLine(%q) = %+v, want an error", words, got)
		}
	}
}
