package manifest

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
		got, err := ParsePattern(text)
		if err != nil || got != want {
			t.Errorf("ParsePattern(%q) = %+v, %v, want %+v", text, got, err, want)
			continue
		}
		again, err := ParsePattern(Pattern(got.Method, got.Host, got.Path))
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
		if _, err := ParsePattern(text); err == nil || err.Error() != want {
			t.Errorf("ParsePattern(%q) fails with %v, want %s", text, err, want)
		}
	}
}
