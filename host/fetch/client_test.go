package fetch

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// value returns a script's value that is written as JSON.
func value(t *testing.T, text string) msgp.Raw {
	t.Helper()
	v, err := abi.AppendFromJSON(nil, []byte(text))
	require.NoError(t, err)
	return v
}

// asJSON returns a value of a response as JSON, for comparison.
func asJSON(t *testing.T, v msgp.Raw) string {
	t.Helper()
	text, err := abi.AppendJSON(nil, v)
	require.NoError(t, err)
	return string(text)
}

func blob(bytes string) string {
	return `{"$blob":"` + base64.StdEncoding.EncodeToString([]byte(bytes)) + `"}`
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "uri": r.RequestURI, "host": r.Host, "headers": r.Header, "body": string(body), "length": r.ContentLength,
	})
}

type echoed struct {
	Method, URI, Host, Body string
	Headers                 http.Header
	Length                  int64
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func localClient(t *testing.T, config Config) *Client {
	t.Helper()
	config.AllowPrivate = true
	c := New(config)
	t.Cleanup(c.Close)
	return c
}

func do(t *testing.T, c *Client, request abi.HTTPRequest) *abi.HTTPResponse {
	t.Helper()
	response, err := c.Do(context.Background(), "app", "script-1", &request)
	require.NoError(t, err)
	return response
}

func doEcho(t *testing.T, c *Client, request abi.HTTPRequest) (got echoed) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(asJSON(t, do(t, c, request).Body)), &got))
	return got
}

func TestWhatIsSent(t *testing.T) {
	server := serve(t, echo)
	c := localClient(t, Config{Version: "1.2.3"})
	const (
		text   = "text/plain; charset=utf-8"
		stream = "application/octet-stream"
	)
	for _, test := range []struct {
		name        string
		request     abi.HTTPRequest
		method      string
		uri         string
		contentType string
		body        string
	}{
		{name: "get", method: "GET", uri: "/"},
		{name: "lower case method", request: abi.HTTPRequest{Method: "patch"}, method: "PATCH", uri: "/"},
		{name: "method of WebDAV", request: abi.HTTPRequest{Method: "PROPFIND"}, method: "PROPFIND", uri: "/"},
		{name: "options", request: abi.HTTPRequest{Method: "OPTIONS", URL: "/x"}, method: "OPTIONS", uri: "/x"},
		{name: "map", request: abi.HTTPRequest{Method: "POST", Body: value(t, `{"n":9007199254740993,"f":1.0}`)}, method: "POST", uri: "/", contentType: "application/json", body: `{"n":9007199254740993,"f":1.0}`},
		{name: "array", request: abi.HTTPRequest{Method: "PUT", Body: value(t, `[1,null]`)}, method: "PUT", uri: "/", contentType: "application/json", body: `[1,null]`},
		{name: "number", request: abi.HTTPRequest{Method: "POST", Body: value(t, `3`)}, method: "POST", uri: "/", contentType: "application/json", body: `3`},
		{name: "string", request: abi.HTTPRequest{Method: "POST", Body: value(t, `"grüß"`)}, method: "POST", uri: "/", contentType: text, body: "grüß"},
		{name: "empty string", request: abi.HTTPRequest{Method: "POST", Body: value(t, `""`)}, method: "POST", uri: "/", contentType: text},
		{name: "blob", request: abi.HTTPRequest{Method: "POST", Body: value(t, blob("\x00\xff"))}, method: "POST", uri: "/", contentType: stream, body: "\x00\xef\xbf\xbd"},
		{name: "unit", request: abi.HTTPRequest{Method: "POST", Body: value(t, `null`)}, method: "POST", uri: "/"},
		{name: "body of a GET", request: abi.HTTPRequest{Method: "GET", Body: value(t, `{}`)}, method: "GET", uri: "/", contentType: "application/json", body: `{}`},
		{name: "own content type", request: abi.HTTPRequest{Method: "POST", Body: value(t, `"<a/>"`), Headers: abi.Lists{"content-TYPE": {"text/xml"}}}, method: "POST", uri: "/", contentType: "text/xml", body: "<a/>"},
		{name: "query", request: abi.HTTPRequest{Query: abi.Lists{"b": {"x y&z"}, "a": {"ü"}}}, method: "GET", uri: "/?a=%C3%BC&b=x+y%26z"},
		{name: "query added", request: abi.HTTPRequest{URL: "/p?a=1&a=2", Query: abi.Lists{"a": {"3"}}}, method: "GET", uri: "/p?a=1&a=2&a=3"},
		{name: "query repeated", request: abi.HTTPRequest{Query: abi.Lists{"a": {"1", "2"}, "b": {}}}, method: "GET", uri: "/?a=1&a=2"},
		{name: "query escaped", request: abi.HTTPRequest{URL: "/p q?a=köln <b>"}, method: "GET", uri: "/p%20q?a=k%C3%B6ln%20%3Cb%3E"},
		{name: "fragment", request: abi.HTTPRequest{URL: "/p#there"}, method: "GET", uri: "/p"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.request.Method == "" {
				test.request.Method = "GET"
			}
			test.request.URL = server.URL + test.request.URL
			got := doEcho(t, c, test.request)
			assert.Equal(t, test.method, got.Method)
			assert.Equal(t, test.uri, strings.TrimPrefix(got.URI, server.URL))
			assert.Equal(t, test.contentType, got.Headers.Get("Content-Type"))
			assert.Equal(t, test.body, got.Body)
			assert.Equal(t, "PiCloud/1.2.3 (script script-1)", got.Headers.Get("User-Agent"))
		})
	}
}

func TestHeadersThatAreSent(t *testing.T) {
	server := serve(t, echo)
	got := doEcho(t, localClient(t, Config{}), abi.HTTPRequest{Method: "GET", URL: server.URL, Headers: abi.Lists{
		"x-one": {" 1\t"}, "AUTHORIZATION": {"Bearer t"}, "user-agent": {"mine (me@example.com)"}, "x-utf8": {"grüß"}, "x-two": {"a", "b"},
	}})
	assert.Equal(t, []string{"a", "b"}, got.Headers["X-Two"])
	assert.Equal(t, "1", got.Headers.Get("X-One"))
	assert.Equal(t, "Bearer t", got.Headers.Get("Authorization"))
	assert.Equal(t, []string{"mine (me@example.com)"}, got.Headers["User-Agent"])
	assert.Equal(t, "grüß", got.Headers.Get("X-Utf8"))
	assert.Equal(t, strings.TrimPrefix(server.URL, "http://"), got.Host)
}

func TestInvalidRequests(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	c := localClient(t, Config{MaxRequestBytes: 10, MaxResponseBytes: 1000})
	header := func(name, value string) abi.HTTPRequest {
		return abi.HTTPRequest{Headers: abi.Lists{name: {value}}}
	}
	for _, test := range []struct {
		name    string
		request abi.HTTPRequest
		says    string
	}{
		{"method with a space", abi.HTTPRequest{Method: "GET /x"}, `method: must be a word like GET, got "GET /x"`},
		{"method with a line", abi.HTTPRequest{Method: "GET\r\n"}, `method: must be a word`},
		{"method CONNECT", abi.HTTPRequest{Method: "connect"}, "method: must not be CONNECT"},
		{"method TRACE", abi.HTTPRequest{Method: "TRACE"}, "method: must not be TRACE"},
		{"method too long", abi.HTTPRequest{Method: strings.Repeat("X", 33)}, "method: must have at most 32 bytes, got 33"},
		{"URL too long", abi.HTTPRequest{URL: "/" + strings.Repeat("x", 8192)}, "url: must have at most 8192 bytes"},
		{"query too long", abi.HTTPRequest{Query: abi.Lists{"q": {strings.Repeat("x", 8192)}}}, "query: must have at most 8192 bytes"},
		{"header without a name", header("", "x"), `headers: "" is not the name of a header`},
		{"header name with a space", header("x y", "x"), `headers: "x y" is not`},
		{"header name with a line", header("x\r\nhost", "x"), `headers: "x\r\nhost" is not`},
		{"header name with a colon", header("x:y", "x"), `headers: "x:y" is not`},
		{"header value with a line", header("x", "a\r\nhost: b"), "headers: the value of x must not"},
		{"header value with NUL", header("x", "a\x00"), "headers: the value of x must not"},
		{"headers twice", abi.HTTPRequest{Headers: abi.Lists{"Accept": {"a"}, "accept": {"b"}}}, "headers: accept is given twice"},
		{"headers too long", header("x", strings.Repeat("x", 65536)), "headers: must have at most 65536 bytes"},
		{"host", header("Host", "public.test"), "headers: Host must not be set"},
		{"content-length", header("content-length", "1"), "headers: content-length must not be set"},
		{"transfer-encoding", header("transfer-encoding", "chunked"), "headers: transfer-encoding must"},
		{"connection", header("connection", "upgrade"), "headers: connection must"},
		{"upgrade", header("upgrade", "websocket"), "headers: upgrade must"},
		{"te", header("te", "trailers"), "headers: te must"},
		{"trailer", header("trailer", "x"), "headers: trailer must"},
		{"keep-alive", header("keep-alive", "x"), "headers: keep-alive must"},
		{"expect", header("expect", "100-continue"), "headers: expect must"},
		{"proxy-authorization", header("proxy-authorization", "x"), "headers: proxy-authorization must"},
		{"body too long", abi.HTTPRequest{Body: value(t, `"12345678901"`)}, "body: must have at most 10 bytes, got 11"},
		{"body that is no JSON", abi.HTTPRequest{Body: msgp.AppendFloat64(msgp.AppendArrayHeader(nil, 1), infinity())}, "body: [0]: +Inf cannot"},
		{"negative timeout", abi.HTTPRequest{TimeoutMillis: -1}, "timeout_ms: must be between 1 and 30000, got -1"},
		{"timeout above the operator's", abi.HTTPRequest{TimeoutMillis: 30001}, "timeout_ms: must be between 1 and 30000, got 30001"},
		{"huge timeout", abi.HTTPRequest{TimeoutMillis: 1<<63 - 1}, "timeout_ms: must"},
		{"negative response", abi.HTTPRequest{MaxResponseBytes: -1}, "max_response_bytes: must be between 1 and 1000, got -1"},
		{"response above the operator's", abi.HTTPRequest{MaxResponseBytes: 1001}, "max_response_bytes: must be between 1 and 1000, got 1001"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.request.Method == "" {
				test.request.Method = "POST"
			}
			test.request.URL = server.URL + test.request.URL
			_, err := c.Do(context.Background(), "app", "script", &test.request)
			require.Error(t, err)
			assert.Equal(t, fault.Invalid, fault.Of(err))
			assert.Contains(t, err.Error(), test.says)
		})
	}
}

func infinity() float64 { zero := 0.0; return 1 / zero }

func TestWhatIsReceived(t *testing.T) {
	const (
		page = "text/html; charset=utf-8"
		big  = 9007199254740993
	)
	for _, test := range []struct {
		name        string
		contentType string
		sent        string
		body, raw   string // as JSON
	}{
		{"JSON", "application/json", `{"n": 9007199254740993}`, `{"n":` + strconv.Itoa(big) + `}`, `"{\"n\": 9007199254740993}"`},
		{"JSON with a charset", "Application/JSON; charset=UTF-8", `[1.0]`, `[1.0]`, `"[1.0]"`},
		{"a type on JSON", "application/problem+json", `{}`, `{}`, `"{}"`},
		{"a type with malformed parameters", "application/json; charset", `true`, `true`, `"true"`},
		{"JSON null", "application/json", `null`, `null`, `"null"`},
		{"JSON behind a byte order mark", "application/json", "\uFEFF1", `1`, "\"\uFEFF1\""},
		{"malformed JSON", "application/json", `<html>`, `"<html>"`, `"<html>"`},
		{"JSON too deep", "application/json", strings.Repeat("[", 200) + strings.Repeat("]", 200), `"` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `"`, `"` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `"`},
		{"empty JSON", "application/json", ``, `null`, `""`},
		{"text", page, `{"n": 1}`, `"{\"n\": 1}"`, `"{\"n\": 1}"`},
		{"empty text", page, ``, `null`, `""`},
		{"no type", "", "grüß", `"grüß"`, `"grüß"`},
		{"bytes", "image/png", "\x89PNG\x00", blob("\x89PNG\x00"), blob("\x89PNG\x00")},
		{"text that is not UTF-8", "text/plain", "gr\xfc\xdf", blob("gr\xfc\xdf"), blob("gr\xfc\xdf")},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				if test.contentType != "" {
					w.Header().Set("Content-Type", test.contentType)
				}
				_, _ = io.WriteString(w, test.sent)
			})
			response := do(t, localClient(t, Config{}), abi.HTTPRequest{Method: "GET", URL: server.URL})
			assert.Equal(t, test.body, asJSON(t, response.Body))
			assert.Equal(t, test.raw, asJSON(t, response.BodyRaw))
		})
	}
}

func TestEveryStatusIsAnAnswer(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header()["X-Many"] = []string{"a", "b"}
		w.Header()["X-Latin"] = []string{"gr\xfc\xdf"}
		w.WriteHeader(status)
	})
	c := localClient(t, Config{})
	for _, status := range []int{200, 201, 204, 206, 300, 302, 304, 307, 400, 401, 404, 418, 429, 500, 503, 599, 999} {
		response := do(t, c, abi.HTTPRequest{Method: "GET", URL: server.URL + "/" + strconv.Itoa(status)})
		assert.Equal(t, status, response.Status, "without a location a redirect is an answer too")
		assert.Equal(t, "a, b", response.Headers["x-many"])
		assert.Equal(t, []string{"a", "b"}, response.HeadersAll["x-many"])
		assert.Equal(t, "gr\uFFFD", response.Headers["x-latin"])
		assert.Equal(t, "null", asJSON(t, response.Body))
	}
	response := do(t, c, abi.HTTPRequest{Method: "HEAD", URL: server.URL + "/200"})
	assert.Equal(t, 200, response.Status)
}

func TestHeadMayNameAnyLength(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "99999999999") })
	response := do(t, localClient(t, Config{}), abi.HTTPRequest{Method: "HEAD", URL: server.URL})
	assert.Equal(t, "99999999999", response.Headers["content-length"])
}

func TestRedirectsAreFollowed(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		if n == 0 {
			echo(w, r)
			return
		}
		status, _ := strconv.Atoi(r.URL.Path[1:])
		http.Redirect(w, r, r.URL.Path+"?n="+strconv.Itoa(n-1), status)
	})
	c := localClient(t, Config{})
	for _, test := range []struct {
		status     int
		sent, seen string // method
		body       string
	}{
		{301, "POST", "GET", ""}, {302, "POST", "GET", ""}, {303, "POST", "GET", ""}, {307, "POST", "POST", "data"}, {308, "POST", "POST", "data"},
		{301, "PUT", "PUT", "data"}, {302, "DELETE", "DELETE", "data"}, {302, "PATCH", "PATCH", "data"}, {302, "HEAD", "HEAD", ""},
		{302, "PURGE", "PURGE", "data"}, {303, "DELETE", "GET", ""}, {307, "PUT", "PUT", "data"},
	} {
		if test.sent == "HEAD" { // whose answer has no body to tell
			response := do(t, c, abi.HTTPRequest{Method: "HEAD", URL: server.URL + "/302?n=2"})
			assert.Equal(t, 200, response.Status)
			continue
		}
		request := abi.HTTPRequest{Method: test.sent, URL: server.URL + "/" + strconv.Itoa(test.status) + "?n=10", Body: value(t, `"data"`)}
		got := doEcho(t, c, request)
		assert.Equal(t, test.seen, got.Method, "%d of %s", test.status, test.sent)
		assert.Equal(t, test.body, got.Body, "%d of %s", test.status, test.sent)
		if test.body != "" {
			assert.Equal(t, "text/plain; charset=utf-8", got.Headers.Get("Content-Type"))
		} else {
			assert.NotContains(t, got.Headers, "Content-Type")
		}

		follow := false
		request.FollowRedirects = &follow
		response := do(t, c, request)
		assert.Equal(t, test.status, response.Status)
		assert.Contains(t, response.Headers["location"], "?n=9")
	}
	_, err := get(c, server.URL+"/302?n=11")
	requireFault(t, err, fault.Unreachable, "more than 10 redirects")
}

// A chain of redirects of different kinds: what the last request was is what counts.
func TestRedirectsOfSeveralKinds(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		first, rest, _ := strings.Cut(r.URL.Path[1:], "/")
		if first == "" {
			echo(w, r)
			return
		}
		status, _ := strconv.Atoi(first)
		http.Redirect(w, r, "/"+rest, status)
	})
	c := localClient(t, Config{})
	for _, test := range []struct{ path, method, seen, body string }{
		{"/302/307", "PUT", "PUT", "data"},
		{"/307/301", "DELETE", "DELETE", "data"},
		{"/302/307", "POST", "GET", ""},
		{"/308/302", "POST", "GET", ""},
		{"/303/308", "PUT", "GET", ""},
	} {
		got := doEcho(t, c, abi.HTTPRequest{Method: test.method, URL: server.URL + test.path, Body: value(t, `"data"`)})
		assert.Equal(t, test.seen, got.Method, "%s of %s", test.method, test.path)
		assert.Equal(t, test.body, got.Body, "%s of %s", test.method, test.path)
	}
}

// What is meant for one server does not go to another, nor to the same one on another port or
// without TLS, nor back to it by way of another.
func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	var hops map[string]string // path to location
	handler := func(w http.ResponseWriter, r *http.Request) {
		if next := hops[r.URL.Path]; next != "" {
			http.Redirect(w, r, next, http.StatusTemporaryRedirect)
			return
		}
		echo(w, r)
	}
	first, second := serve(t, handler), serve(t, handler)
	secure := httptest.NewTLSServer(http.HandlerFunc(handler))
	defer secure.Close()
	c := localClient(t, Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	for _, test := range []struct {
		name string
		from *httptest.Server
		hops map[string]string
		kept bool
	}{
		{"same origin", first, map[string]string{"/": "/end"}, true},
		{"same origin, spelled out", first, map[string]string{"/": first.URL + "/end"}, true},
		{"another port", first, map[string]string{"/": second.URL + "/end"}, false},
		{"another name", first, map[string]string{"/": "http://localhost:" + portOf(first) + "/end"}, false},
		{"to TLS", first, map[string]string{"/": secure.URL + "/end"}, false},
		{"from TLS", secure, map[string]string{"/": first.URL + "/end"}, false},
		{"there and back", first, map[string]string{"/": second.URL + "/back", "/back": first.URL + "/end"}, false},
		{"there and on", first, map[string]string{"/": second.URL + "/on", "/on": "/end"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			hops = test.hops
			got := doEcho(t, c, abi.HTTPRequest{Method: "GET", URL: test.from.URL + "/?token=secret", Headers: abi.Lists{
				"authorization": {"Bearer secret"}, "cookie": {"session=secret"}, "x-api-key": {"secret"}, "accept": {"text/plain"},
			}})
			assert.Equal(t, "/end", got.URI)
			assert.Equal(t, "text/plain", got.Headers.Get("Accept"))
			if test.kept {
				assert.Equal(t, "Bearer secret", got.Headers.Get("Authorization"))
				assert.Equal(t, "session=secret", got.Headers.Get("Cookie"))
				assert.Equal(t, "secret", got.Headers.Get("X-Api-Key"))
			} else {
				assert.NotContains(t, got.Headers, "X-Api-Key")
				assert.NotContains(t, got.Headers, "Authorization")
				assert.NotContains(t, got.Headers, "Cookie")
				assert.NotContains(t, got.Headers, "Referer")
			}
		})
	}
}

func TestNoCookiesAreKept(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/end", http.StatusFound)
			return
		}
		echo(w, r)
	})
	c := localClient(t, Config{})
	for range 2 {
		assert.NotContains(t, doEcho(t, c, abi.HTTPRequest{Method: "GET", URL: server.URL}).Headers, "Cookie")
	}
}

// Connections are used again by the app they were made for and by no other.
func TestConnectionsBelongToApps(t *testing.T) {
	var from string
	handler := func(_ http.ResponseWriter, r *http.Request) { from = r.RemoteAddr }
	plain := serve(t, handler)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	for name, server := range map[string]*httptest.Server{"HTTP/1.1": plain, "HTTP/2": secure} {
		t.Run(name, func(t *testing.T) {
			c := localClient(t, Config{MaxApps: 2, RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
			connection := func(app string) string {
				_, err := c.Do(context.Background(), app, "script", &abi.HTTPRequest{Method: "GET", URL: server.URL})
				require.NoError(t, err)
				return from
			}
			a, b := connection("a"), connection("b")
			assert.NotEqual(t, a, b, "two apps")
			assert.Equal(t, a, connection("a"), "used again")
			assert.Equal(t, b, connection("b"), "used again")
			connection("c") // the third, so the least recently used loses its own
			assert.Equal(t, b, connection("b"))
			assert.NotEqual(t, a, connection("a"))
			assert.Equal(t, 2, c.pools.Len())
		})
	}
}

func TestHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	c := localClient(t, Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	assert.Equal(t, `"HTTP/2.0"`, asJSON(t, do(t, c, abi.HTTPRequest{Method: "GET", URL: server.URL}).Body))
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	server, c := publicServer(t, echo), publicClient(t, Config{})
	got := doEcho(t, c, abi.HTTPRequest{Method: "GET", URL: "http://public.test:" + portOf(server)}) // net/http asks no proxy for an address of loopback
	assert.Equal(t, "/", got.URI)
	assert.Nil(t, c.newPool().Proxy, "net/http reads the environment once, maybe before this test")
}
