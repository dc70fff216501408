package front_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/api/wire"
)

// shared are the headers of an answer that say who may use it.
func shared(got answer) string {
	var b strings.Builder
	for _, name := range []string{"Allow-Origin", "Allow-Methods", "Allow-Headers", "Allow-Credentials", "Expose-Headers", "Max-Age"} {
		if values := got.Header.Values("Access-Control-" + name); len(values) > 0 {
			b.WriteString(name + ": " + strings.Join(values, " | ") + "; ")
		}
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func TestCORS(t *testing.T) {
	s := newSite(t)
	app := s.App("front")
	script := s.Script("front", "s", `if ctx.request.query.fail == "1" { throw "no" } #{ statusCode: 200, headers: #{ "Access-Control-Allow-Origin": "https://script.example", vary: "accept" }, body: "ok" }`)
	route := func(method, path string, cors *wire.CORS) wire.Route {
		return do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Method: method, Path: path, CORS: cors}, 201)
	}
	route("GET", "/app", nil)
	route("PUT", "/app", nil)
	route("GET", "/open", &wire.CORS{Origins: []string{"*"}, Headers: []string{"X-A"}, MaxAge: 600})
	own := route("POST", "/own", &wire.CORS{Origins: []string{"https://A.example:443/", "https://*.b.example"}, Methods: []string{"post"}, Expose: []string{"X-Total"}, Credentials: true})
	route("GET", "/closed", &wire.CORS{Origins: []string{}})
	assert.Equal(t, &wire.CORS{Origins: []string{"https://a.example", "https://*.b.example"}, Methods: []string{"POST"}, Expose: []string{"x-total"}, Credentials: true}, own.CORS)

	preflight := func(path, origin, method, headers string) answer {
		return s.Fetch("OPTIONS", path, "", "Origin: "+origin, "Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: "+headers)
	}
	get := func(path, origin string) answer { return s.Fetch("GET", path, "", "Origin: "+origin) }

	// Without a policy the script's own headers count, and a preflight is an OPTIONS like another.
	assert.Equal(t, "Allow-Origin: https://script.example", shared(get("/app", "https://a.example")))
	got := preflight("/app", "https://a.example", "GET", "x-a")
	assert.Equal(t, []any{204, "GET, HEAD, PUT, OPTIONS", ""}, []any{got.StatusCode, got.Header.Get("Allow"), shared(got)})

	do[wire.App](s, "PUT", "apps/"+app.ID, wire.AppUpdate{CORS: &wire.CORS{Origins: []string{"https://a.example"}}}, 200)
	for _, c := range []struct {
		name string
		got  answer
		want string
	}{
		{"the app's", get("/app", "https://a.example"), "Allow-Origin: https://a.example"},
		{"the app's, for another origin", get("/app", "https://b.example"), ""},
		{"the app's, over TLS only", get("/app", "http://a.example"), ""},
		{"no origin", s.Fetch("GET", "/app", ""), ""},
		{"a script that fails", get("/app?fail=1", "https://a.example"), "Allow-Origin: https://a.example"},
		{"the app's, before", preflight("/app", "https://a.example", "PUT", "x-a, x-b"), "Allow-Origin: https://a.example; Allow-Methods: GET, HEAD, PUT; Allow-Headers: x-a, x-b"},
		{"the app's, for another origin, before", preflight("/app", "https://b.example", "PUT", ""), ""},
		{"everybody's", get("/open", "https://any.example"), "Allow-Origin: *"},
		{"everybody's, before", preflight("/open", "null", "GET", "x-b"), "Allow-Origin: *; Allow-Methods: GET, HEAD; Allow-Headers: x-a; Max-Age: 600"},
		{"own", s.Fetch("POST", "/own", "", "Origin: https://x.b.example"), "Allow-Origin: https://x.b.example; Allow-Credentials: true; Expose-Headers: x-total"},
		{"own, before", preflight("/own", "https://a.example", "POST", ""), "Allow-Origin: https://a.example; Allow-Methods: POST; Allow-Credentials: true"},
		{"own, of the domain itself", preflight("/own", "https://b.example", "POST", ""), ""},
		{"own, of one that ends so", preflight("/own", "https://evilb.example", "POST", ""), ""},
		{"closed", get("/closed", "https://a.example"), ""},
		{"closed, before", preflight("/closed", "https://a.example", "GET", ""), ""},
	} {
		assert.Equal(t, c.want, shared(c.got), c.name)
	}
	assert.Equal(t, []string{"Origin", "accept"}, get("/app", "https://a.example").Header.Values("Vary"), "an answer for one origin is not another's")
	assert.NotContains(t, get("/open", "https://a.example").Header.Values("Vary"), "Origin")
	assert.Equal(t, 404, preflight("/none", "https://a.example", "GET", "").StatusCode)
	assert.Equal(t, 204, preflight("/app", "https://a.example", "PATCH", "").StatusCode, "there is no PATCH: the browser is told what there is")
	assert.Equal(t, "", shared(preflight("/app", "https://a.example", "PATCH", "")))

	// Policies change with what they belong to.
	do[wire.Route](s, "PUT", "routes/"+own.ID, wire.RouteUpdate{}, 200)
	assert.Equal(t, "Allow-Origin: https://a.example", shared(s.Fetch("POST", "/own", "", "Origin: https://a.example")))
	do[wire.App](s, "PUT", "apps/"+app.ID, wire.AppUpdate{CORS: &wire.CORS{Origins: []string{}}}, 200)
	assert.Equal(t, "Allow-Origin: https://script.example", shared(get("/app", "https://a.example")))
	assert.Nil(t, do[wire.App](s, "GET", "apps/"+app.ID, nil, 200).CORS)

	for says, cors := range map[string]string{
		`cannot be given to every origin`:         `{"origins":["*"],"credentials":true}`,
		`must be an origin like`:                  `{"origins":["a.example"]}`,
		`must be an origin like \"https://exampl`: `{"origins":["https://a.example/path"]}`,
		`must be an origin`:                       `{"origins":["https://a.*.example"]}`,
		`must be the name of a header`:            `{"origins":["*"],"headers":["a b"]}`,
		`must be a method`:                        `{"origins":["*"],"methods":[""]}`,
		`must be at least 0`:                      `{"origins":["*"],"max_age":-1}`,
	} {
		s.Refused(s.Admin(s.Token, "PUT", "apps/"+app.ID, `{"cors":`+cors+`}`), 422, "", says)
	}
}

// What has GET has HEAD, and tells its methods, also below /api.
func TestMethodsOfWhatIsThere(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `ctx.request.method`)
	s.Route(script, "GET", "/get")
	s.Route(script, "POST", "/get")
	s.Route(script, "", "/any")
	bearer := "Authorization: Bearer " + s.Token
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"HEAD", "/get", 200, ""},
		{"OPTIONS", "/get", 204, "GET, HEAD, POST, OPTIONS"},
		{"DELETE", "/get", 405, "GET, HEAD, POST, OPTIONS"},
		{"OPTIONS", "/any", 200, ""},
		{"OPTIONS", "/none", 404, ""},
		{"HEAD", "/api/v1/admin/apps", 200, ""},
		{"HEAD", "/api/v1/admin/apps/none", 404, ""},
		{"OPTIONS", "/api/v1/admin/apps", 204, "GET, HEAD, POST, OPTIONS"},
		{"DELETE", "/api/v1/admin/apps", 405, "GET, HEAD, POST, OPTIONS"},
		{"PATCH", "/api/v1/admin/apps/app", 405, "DELETE, GET, HEAD, PUT, OPTIONS"},
		{"HEAD", "/api/v1/openapi.json", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"GET", "/api/v1/none", 404, ""},
	} {
		got := s.Fetch(c.method, c.path, "", bearer)
		assert.Equal(t, []any{c.status, c.allow}, []any{got.StatusCode, got.Header.Get("Allow")}, "%s %s", c.method, c.path)
		if c.method == http.MethodHead {
			assert.Empty(t, got.Content)
		}
	}
}
