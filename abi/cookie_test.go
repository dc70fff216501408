package abi

import (
	"errors"
	"strings"
	"testing"
)

func TestCookies(t *testing.T) {
	for _, c := range []struct {
		name, cookie string
		attributes   []any
		want         string // the header, or "error: "
	}{
		{"a value", "sid", []any{"value", "a1"}, "sid=a1; Path=/; HttpOnly; SameSite=Lax"},
		{"a number", "n", []any{"value", int64(7)}, "n=7; Path=/; HttpOnly; SameSite=Lax"},
		{"empty", "n", []any{"value", ""}, "n=; Path=/; HttpOnly; SameSite=Lax"},
		{"everything", "sid", []any{"value", "a", "max_age", int64(60), "path", "/app", "domain", "example.com", "http_only", false, "secure", true, "same_site", "Strict"},
			"sid=a; Max-Age=60; Path=/app; Domain=example.com; Secure; SameSite=Strict"},
		{"deleted", "sid", []any{"value", nil}, "sid=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"},
		{"a time gone by", "sid", []any{"value", "x", "max_age", int64(-1)}, "sid=x; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"},
		{"what is () is not given", "sid", []any{"value", "x", "max_age", nil, "path", nil}, "sid=x; Path=/; HttpOnly; SameSite=Lax"},
		{"a domain with a dot", "sid", []any{"value", "x", "domain", ".example.com"}, "sid=x; Path=/; Domain=example.com; HttpOnly; SameSite=Lax"},
		{"from everywhere", "sid", []any{"value", "x", "same_site", "none"}, "sid=x; Path=/; HttpOnly; Secure; SameSite=None"},
		{"__Host-", "__Host-sid", []any{"value", "x"}, "__Host-sid=x; Path=/; HttpOnly; Secure; SameSite=Lax"},

		{"no value", "sid", []any{"path", "/"}, "error: cookies.sid.value: is missing"},
		{"no name", "", []any{"value", "x"}, `error: cookies."": is not the name of a cookie`},
		{"a name with a sign", "a=b", []any{"value", "x"}, `error: cookies."a=b": is not the name of a cookie`},
		{"a space", "sid", []any{"value", "a b"}, `error: cookies.sid.value: must not have the character " " at byte 1; url::encode makes it fit`},
		{"an attribute smuggled in", "sid", []any{"value", "a;path=/x"}, `error: cookies.sid.value: must not have the character ";" at byte 1; url::encode makes it fit`},
		{"a line", "sid", []any{"value", "a\r\nx: y"}, `error: cookies.sid.value: must not contain control characters`},
		{"a letter beyond ASCII", "sid", []any{"value", "é"}, `error: cookies.sid.value: must not have the character "\xc3" at byte 0; url::encode makes it fit`},
		{"a map", "sid", []any{"value", map[string]any{}}, "error: cookies.sid.value: must be a string, number or bool, got a map"},
		{"an age in words", "sid", []any{"value", "x", "max_age", "60"}, "error: cookies.sid.max_age: must be an integer, got a string"},
		{"no path", "sid", []any{"value", "x", "path", "app"}, `error: cookies.sid.path: must begin with /, got "app"`},
		{"a path with more", "sid", []any{"value", "x", "path", "/;secure"}, `error: cookies.sid.path: must not have the character ";" at byte 1`},
		{"no domain", "sid", []any{"value", "x", "domain", "a b"}, `error: cookies.sid.domain: must be the name of a host, got "a b"`},
		{"same_site", "sid", []any{"value", "x", "same_site", "maybe"}, `error: cookies.sid.same_site: must be "lax", "strict" or "none", got "maybe"`},
		{"no bool", "sid", []any{"value", "x", "secure", "yes"}, "error: cookies.sid.secure: must be a bool, got a string"},
		{"from everywhere, not secure", "sid", []any{"value", "x", "secure", false, "same_site", "none"}, `error: cookies.sid.secure: must be true where same_site is "none"`},
		{"__Secure- not secure", "__Secure-x", []any{"value", "x", "secure", false}, "error: cookies.__Secure-x.secure: must be true for a cookie of this name"},
		{"__Host- with a domain", "__Host-x", []any{"value", "x", "domain", "a.b"}, "error: cookies.__Host-x.domain: must not be given for a cookie of this name"},
		{"__Host- with a path", "__Host-x", []any{"value", "x", "path", "/a"}, "error: cookies.__Host-x.path: must be / for a cookie of this name"},
		{"an attribute of another name", "sid", []any{"value", "x", "httponly", true}, "error: cookies.sid.httponly: is not a part of a cookie: there are value, max_age, path, domain, http_only, secure and same_site"},
		{"too long", "sid", []any{"value", strings.Repeat("x", 5000)}, "error: cookies.sid: must have at most 4096 bytes, got 5036"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := NewResponse(entries(t, "statusCode", int64(200), "cookies", entries(t, c.cookie, entries(t, c.attributes...))))
			got := ""
			if wrong := (*ValueError)(nil); errors.As(err, &wrong) {
				got = "error: " + err.Error()
			} else if len(r.Headers) == 1 && r.Headers[0].Name == "set-cookie" {
				got = r.Headers[0].Value
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// The cookies of a script come after the headers that it sets itself, in the order of the map.
func TestCookiesBesideHeaders(t *testing.T) {
	r, err := NewResponse(entries(t, "statusCode", int64(200), "cookies", entries(t, "b", entries(t, "value", "2"), "c", entries(t, "value", "3")),
		"headers", entries(t, "set-cookie", "a=1")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range r.Headers {
		got = append(got, h.Value[:3])
	}
	if text := strings.Join(got, " "); text != "a=1 b=2 c=3" {
		t.Error(text)
	}
}
