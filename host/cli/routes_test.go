package cli

import (
	"testing"

	"github.com/picloud/picloud/host/api/wire"
)

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
