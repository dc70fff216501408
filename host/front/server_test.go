package front_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/front/budget"
)

func TestBodyLimit(t *testing.T) {
	s := newSite(t)
	large := strings.Repeat("x", apitest.MaxBody+1)
	got := s.Fetch("POST", "/anything", large)
	assert.Equal(t, 413, got.StatusCode)
	assert.JSONEq(t, fmt.Sprintf(`{"error":{"code":"body_too_large","message":"the body of a request must not be larger than %d bytes"}}`, apitest.MaxBody), string(got.Content))
	s.Refused(s.Fetch("POST", "/api/v1/admin/apps", large, "Authorization: Bearer "+s.Token), 413, "", fmt.Sprint(apitest.MaxBody))
	assert.Equal(t, 200, s.Fetch("GET", "/healthz", "").StatusCode, "the server survives")
}

func TestMalformedHTTP(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct{ name, raw, status string }{
		{"not HTTP", "hello\r\n\r\n", "400"},
		{"unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "501"},
		{"bad length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", "400"},
		{"large head", "GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("x", front.MaxHeaderBytes) + "\r\n\r\n", "431"},
		{"no path", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "204"},
		{"control character", "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"path that is not UTF-8", "GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"path with dots", "GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"escape", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
			_, err = io.WriteString(conn, c.raw)
			require.NoError(t, err)
			line := make([]byte, 12)
			_, err = io.ReadFull(conn, line)
			require.NoError(t, err)
			assert.Equal(t, "HTTP/1.1 "+c.status, string(line))
		})
	}
	assert.Equal(t, 200, s.Fetch("GET", "/healthz", "").StatusCode)
}

func TestUnknownPaths(t *testing.T) {
	s := newSite(t)
	s.Refused(s.Fetch("GET", "/api/v1/nope", ""), 404, "", "nothing at GET /api/v1/nope")
	s.Refused(s.Fetch("GET", "/api", ""), 404, "", "nothing at")
	s.Refused(s.Admin(s.Token, "POST", "apps/x/routesXmatch", "{}"), 404, "", "nothing at")
	for _, path := range []string{"/", "/admin/x", "/realtime/x", "/Healthz", "/%61pi/v1/openapi.json"} {
		got := s.Fetch("GET", path, "")
		assert.Equal(t, 404, got.StatusCode, path)
		assert.Contains(t, string(got.Content), `"code":"not_found"`, path)
	}
}

func TestRequestID(t *testing.T) {
	s := newSite(t)
	assert.Equal(t, "my-id.1:2_3", s.Fetch("GET", "/healthz", "", "X-Request-Id: my-id.1:2_3").Header.Get("X-Request-Id"))
	for _, wrong := range []string{"a b", "a\"b", strings.Repeat("x", 129)} {
		got := s.Fetch("GET", "/healthz", "", "X-Request-Id: "+wrong).Header.Get("X-Request-Id")
		assert.NotEqual(t, wrong, got)
		assert.Len(t, got, 36)
	}
}

// Methods that routes cannot name reach the routes of any method.
func TestOtherMethods(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `ctx.request.method + " " + ctx.request.body`)
	s.Route(script, "", "/any")
	s.Route(script, "GET", "/get")
	for _, method := range []string{"PROPFIND", "QUERY", "PURGE", "get", "X-OTHER"} {
		got := s.Fetch(method, "/any", "x")
		assert.Equal(t, 200, got.StatusCode)
		assert.Equal(t, method+" x", string(got.Content))
		for _, path := range []string{"/get", "/none"} {
			got := s.Fetch(method, path, "x")
			assert.Equal(t, 501, got.StatusCode, path)
			assert.Contains(t, string(got.Content), `"code":"not_implemented"`)
		}
		s.Refused(s.Admin(s.Token, method, "apps", "{}"), 405, "", "there is no ")
	}
	got := s.Fetch("TRACE", "/any", "")
	assert.Equal(t, 501, got.StatusCode)
	assert.JSONEq(t, `{"error":{"code":"not_implemented","message":"This method is not implemented"}}`, string(got.Content))
	s.Refused(s.Fetch("TRACE", "/api/v1/admin/apps", ""), 501, "", "not implemented")
}

// Who is not let in is told so before the body is sent: nobody waits for 100 (Continue), or sends a
// body that is refused.
func TestRefusedBeforeTheBody(t *testing.T) {
	s := newSite(t)
	s.Deploy("/length", `ctx.request.body.len()`)
	script := s.Deploy("/other", `1`)
	head := func(path, length string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + length + "\r\nExpect: 100-continue\r\n\r\n"
	}
	tooLarge := fmt.Sprint(apitest.MaxBody + 1)
	for request, status := range map[string]string{
		head("/nowhere", "5"):                            "404",
		head("/length", tooLarge):                        "413",
		head("/healthz", "5"):                            "405",
		head("/api/v1/admin/apps", "5"):                  "401",
		head("/api/v1/admin/nowhere", "5"):               "404",
		head("/api/v1/admin/apps", tooLarge):             "413",
		head("/api/v1/admin/apps/a/files/f?name=n", "5"): "401",
		head("/api/v1/execute/"+script.ID, "5"):          "401",
		head("/length", "5"):                             "100",
		head("/api/v1/admin/auth/login", "5"):            "100",
	} {
		s.Raw(t, request, false, status)
	}
}

// An absolute target's host is the one that is routed by and that the script sees.
func TestAbsoluteTarget(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `ctx.request.headers.host + " " + ctx.request.path + " " + ctx.request.query.a`)
	do[wire.Domain](s, "POST", "apps/app/domains", wire.DomainCreate{Host: "b.example"}, 201)
	do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Path: "/see", Host: "b.example"}, 201)
	reader := s.Raw(t, "GET http://b.example:81/see?a=1 HTTP/1.1\r\nHost: a.example\r\n\r\nGET /see HTTP/1.1\r\nHost: b.example\r\n\r\n", false, "200")
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	assert.Equal(t, 200, response.StatusCode)
	s.Raw(t, "GET http://a.example/see HTTP/1.1\r\nHost: b.example\r\n\r\n", false, "404")
	s.Raw(t, "GET //b.example/see HTTP/1.1\r\nHost: a.example\r\n\r\n", false, "404")
}

// Requests to a route are counted by the client's address, which a trusted proxy tells, and of IPv6 by
// its network.
func TestRateLimitByAddress(t *testing.T) {
	s := newSite(t, func(c *front.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	s.App("app")
	script := s.Script("app", "s", `"ok"`)
	do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Path: "/x", RateLimit: &wire.RateLimit{Requests: 1, PerSeconds: 3600}}, 201)
	for _, c := range []struct {
		client string
		status int
	}{
		{"192.0.2.1", 200}, {"192.0.2.1", 429}, {"192.0.2.2", 200}, {"2001:db8::1", 200}, {"2001:db8::2", 429}, {"2001:db8:0:1::1", 200},
		{"10.9.9.9, 192.0.2.1", 429}, // what a client says of itself does not count
	} {
		assert.Equal(t, c.status, s.Fetch("GET", "/x", "", "X-Forwarded-For: "+c.client).StatusCode, "%+v", c)
	}
}

// Attempts at a login are counted by the client's address, which a trusted proxy tells.
func TestLoginsBehindAProxy(t *testing.T) {
	s := newSite(t, func(c *front.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	login := func(client, password string) int {
		return s.Fetch("POST", "/api/v1/admin/auth/login", `{"username":"owner","password":"`+password+`"}`, "Content-Type: application/json", "X-Forwarded-For: "+client).StatusCode
	}
	status := 0
	for range 20 {
		if status = login("2001:db8::1", "wrong"); status == 429 {
			break
		}
	}
	require.Equal(t, 429, status)
	assert.Equal(t, 429, login("2001:db8::2", "wrong"), "of the same network")
	assert.Equal(t, 429, login("203.0.113.7, 2001:db8::1", apitest.AdminPassword), "what comes before may be made up")
	assert.Equal(t, 200, login("203.0.113.7", apitest.AdminPassword))
}

// When requests hold as much memory as they may, large ones are refused in the form of their path,
// and small ones are served.
func TestBudgetIsUsedUp(t *testing.T) {
	limit := budget.New(1 << 20)
	s := newSite(t, func(c *front.Config) { c.Budget = limit })
	s.Deploy("/length", `ctx.request.body.len()`)
	s.withLimits("/large", `let s = "x"; s.pad(200000, 'x'); s`, abi.Limits{})
	assert.Equal(t, 200, s.Fetch("GET", "/large", "").StatusCode)
	taken := limit.Share(-1)
	room := limit.Size()*7/8 - limit.Size()/16 // which compressed files have
	require.NoError(t, taken.Grow(t.Context(), room))
	body := strings.Repeat("x", 100_000)

	got := s.Fetch("POST", "/length", body)
	assert.Equal(t, 503, got.StatusCode)
	assert.Equal(t, "1", got.Header.Get("Retry-After"))
	assert.Contains(t, string(got.Content), `"code":"overloaded"`)
	s.Refused(s.Admin(s.Token, "POST", "apps", `{"slug":"`+body+`"}`), 503, "", "try again later")
	got = s.Fetch("GET", "/large", "", "Accept-Encoding: identity")
	assert.Equal(t, 503, got.StatusCode, "an answer counts too")
	assert.Empty(t, got.Header.Get("X-Execution-Id"))
	assert.Equal(t, "1000", string(s.Fetch("POST", "/length", body[:1000]).Content))

	taken.Release()
	assert.Equal(t, "100000", string(s.Fetch("POST", "/length", body).Content))
	assert.Equal(t, 200, s.Fetch("GET", "/large", "").StatusCode)
	require.Eventually(t, func() bool {
		all := limit.Share(-1)
		defer all.Release()
		return all.Grow(t.Context(), room) == nil
	}, 10*time.Second, time.Millisecond, "all is given back")
}
