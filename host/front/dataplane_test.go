package front_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/store"
)

// seen decodes what a script that answers ctx.request saw.
func seen(t *testing.T, got answer) map[string]any {
	t.Helper()
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	var request map[string]any
	require.NoError(t, json.Unmarshal(got.Content, &request), "%s", got.Content)
	return request
}

func TestTheMainJob(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	script := s.Script("shop", "price", `
		let n = ctx.request.body.quantity;
		print("pricing " + n);
		#{ statusCode: 201, headers: #{ "x-total": n * 5 }, body: #{ total: n * 5 } }`)
	s.Route(script, "POST", "/price")
	got := s.Fetch("POST", "/price", `{"quantity": 4}`, "Content-Type: application/json")
	require.Equal(t, 201, got.StatusCode, "%s", got.Content)
	assert.Equal(t, `{"total":20}`, string(got.Content))
	assert.Equal(t, "20", got.Header.Get("X-Total"))
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
	logs := do[wire.Page[wire.LogLine]](s, "GET", "scripts/"+script.ID+"/logs", nil, 200)
	require.Len(t, logs.Items, 1, "the log is there as soon as the answer is")
	assert.Equal(t, "pricing 4", logs.Items[0].Message)
	assert.Equal(t, got.Header.Get("X-Execution-Id"), logs.Items[0].ExecutionID)
}

func TestWhatAScriptSees(t *testing.T) {
	s := newSite(t)
	s.Deploy("/see/:id", `ctx.request`)
	request := seen(t, s.Fetch("POST", "/see/a%2Fb%C3%A9?q=1&q=2&e=%26&flag", `{"a":[1,2.5,{"b":null}]}`,
		"Content-Type: application/vnd.x+json; charset=utf-8", "X-Two: a", "X-Two: b", "X-Odd: caf\xe9"))
	assert.Equal(t, "POST", request["method"])
	assert.Equal(t, "/see/a%2Fbé", request["path"])
	assert.Equal(t, map[string]any{"id": "a/bé"}, request["params"])
	assert.Equal(t, map[string]any{"q": "2", "e": "&", "flag": ""}, request["query"])
	assert.Equal(t, map[string]any{"a": []any{1.0, 2.5, map[string]any{"b": nil}}}, request["body"])
	assert.Equal(t, `{"a":[1,2.5,{"b":null}]}`, request["body_raw"])
	assert.Equal(t, "", request["rest"])
	headers := request["headers"].(map[string]any)
	assert.Equal(t, "a, b", headers["x-two"])
	assert.Equal(t, "caf\uFFFD", headers["x-odd"])
	assert.NotEmpty(t, headers["host"])
}

func TestBodiesAScriptSees(t *testing.T) {
	s := newSite(t)
	s.Deploy("/body", `#{ body: ctx.request.body, raw: ctx.request.body_raw }`)
	for _, c := range []struct{ name, contentType, body, want string }{
		{"none", "", "", `{"body":null,"raw":""}`},
		{"text", "text/plain", "héllo", `{"body":"héllo","raw":"héllo"}`},
		{"no type", "", `{"a":1}`, `{"body":"{\"a\":1}","raw":"{\"a\":1}"}`},
		{"JSON", "application/json", ` [1] `, `{"body":[1],"raw":" [1] "}`},
		{"large integer", "application/json", `9007199254740993`, `{"body":9007199254740993,"raw":"9007199254740993"}`},
		{"JSON that is none", "application/json", `{"a":`, `{"body":"{\"a\":","raw":"{\"a\":"}`},
		{"bytes", "application/octet-stream", "\xff\x00", `{"body":{"$blob":"/wA="},"raw":{"$blob":"/wA="}}`},
		{"JSON that is not UTF-8", "application/json", "\"\xff\"", `{"body":{"$blob":"Iv8i"},"raw":{"$blob":"Iv8i"}}`},
		{"compressed in another way stays as it is", "text/plain", "\x1f\x8b\x08", `{"body":{"$blob":"H4sI"},"raw":{"$blob":"H4sI"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := []string{"X-None: x"}
			if c.contentType != "" {
				headers = append(headers, "Content-Type: "+c.contentType)
			}
			if strings.HasPrefix(c.name, "compressed") {
				headers = append(headers, "Content-Encoding: br")
			}
			got := s.Fetch("POST", "/body", c.body, headers...)
			assert.Equal(t, 200, got.StatusCode)
			assert.Equal(t, c.want, string(got.Content))
		})
	}
}

// Bodies come in through rooms that all requests share, and leave a sandbox that others have had: of whatever size, and however
// many at once, each is seen as it was sent.
func TestBodiesOfManyAtOnce(t *testing.T) {
	s := newSite(t)
	s.Deploy("/echo", `ctx.request.body_raw`)
	s.Deploy("/give", `let text = ctx.request.body_raw; text.pad(text.len() + 70000, "é"); text`)
	sizes := []int{1, 4095, 4096, 4097, 4098, 32767, 65535, 65536, 65537, 65538, 131073, 300000}
	var all sync.WaitGroup
	for worker := range apitest.MaxConcurrent / 2 {
		all.Go(func() {
			for i := range sizes {
				size := sizes[(i+worker)%len(sizes)]
				sent := strings.Repeat(string(rune('a'+worker)), size)
				got := s.Fetch("POST", "/echo", sent, "Content-Type: text/plain")
				assert.Equal(t, 200, got.StatusCode)
				assert.True(t, sent == string(got.Content), "%d bytes: %d came back", size, len(got.Content))
				binary := sent[1:] + "\xff"
				got = s.Fetch("POST", "/echo", binary, "Content-Type: text/plain")
				assert.True(t, binary == string(got.Content), "%d bytes that are no text: %d came back", size, len(got.Content))
				if got = s.Fetch("POST", "/give", sent[:size/8], "Content-Type: text/plain"); size >= 8 {
					assert.True(t, sent[:size/8]+strings.Repeat("é", 70000) == string(got.Content), "%d bytes and a padding: %d came back", size/8, len(got.Content))
				}
			}
		})
	}
	all.Wait()
}

// Whose bodies come slowly have all the rooms there are: others are served meanwhile, and so are they.
func TestSlowBodiesHoldUpNobody(t *testing.T) {
	s := newSite(t)
	s.Deploy("/echo", `ctx.request.body_raw`)
	const size, first = 60_000, 5_000
	slow := make([]net.Conn, 40)
	for i := range slow {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat(string(rune('A'+i)), first))
		require.NoError(t, err)
		slow[i] = conn
	}
	sent := strings.Repeat("z", size)
	for range 5 {
		assert.True(t, sent == string(s.Fetch("POST", "/echo", sent, "Content-Type: text/plain").Content))
	}
	for i, conn := range slow {
		own := string(rune('A' + i))
		_, err := io.WriteString(conn, strings.Repeat(own, size-first))
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.True(t, strings.Repeat(own, size) == string(body), "%d of slow sender %d came back", len(body), i)
	}
}

// A body that was compressed is seen as what it is of, and as it was sent.
func TestCompressedBodies(t *testing.T) {
	s := newSite(t)
	s.Deploy("/see", `let r = ctx.request; [r.body, type_of(r.body_raw), r.body_raw.len(), r.form]`)
	packed := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		require.NoError(t, w.Close())
		return b.String()
	}
	post := func(coding, contentType, body string) (int, string) {
		got := s.Fetch("POST", "/see", body, "Content-Type: "+contentType, "Content-Encoding: "+coding)
		return got.StatusCode, string(got.Content)
	}
	json := packed(`{"a":1}`)
	for _, coding := range []string{"gzip", "GZip", "x-gzip"} {
		status, body := post(coding, "application/json", json)
		assert.Equal(t, 200, status, body)
		assert.JSONEq(t, fmt.Sprintf(`[{"a":1},"blob",%d,{}]`, len(json)), body)
	}
	same := "x" // a text that is as long as what it is packed to
	for len(packed(same)) != len(same) {
		same += "x"
		require.Less(t, len(same), 1000)
	}
	_, seen := post("gzip", "text/plain", packed(same))
	assert.JSONEq(t, fmt.Sprintf(`[%q,"blob",%d,{}]`, same, len(same)), seen)
	_, body := post("gzip", "application/x-www-form-urlencoded", packed("a=b"))
	assert.Contains(t, body, `{"a":"b"}`)
	_, body = post("br", "text/plain", "as it is")
	assert.JSONEq(t, `["as it is","string",8,{}]`, body)
	for content, want := range map[string]int{
		"no gzip":          400,
		json[:len(json)-4]: 400,
		packed(strings.Repeat("x", apitest.MaxBody+1)): 413,
	} {
		status, body := post("gzip", "text/plain", content)
		assert.Equal(t, want, status, body)
	}
}

func TestResponses(t *testing.T) {
	s := newSite(t)
	for i, c := range []struct {
		name, source      string
		status            int
		contentType, body string
	}{
		{"string", `"hi é"`, 200, "text/plain; charset=utf-8", "hi é"},
		{"map", `#{ b: 1, a: 2.0 }`, 200, "application/json", `{"a":2.0,"b":1}`},
		{"array", `[1, "x", ()]`, 200, "application/json", `[1,"x",null]`},
		{"integer", `42`, 200, "application/json", `42`},
		{"unit", `()`, 204, "", ""},
		{"nothing", ``, 204, "", ""},
		{"status", `#{ statusCode: 404 }`, 404, "", ""},
		{"html", `#{ statusCode: 200, headers: #{ "Content-Type": "text/html" }, body: "<p>" }`, 200, "text/html", "<p>"},
		{"redirect", `#{ statusCode: 302, headers: #{ location: "/x" } }`, 302, "", ""},
		{"not modified", `#{ statusCode: 304, body: "dropped" }`, 304, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := fmt.Sprintf("/r%d", i)
			s.Deploy(path, c.source)
			r := s.Request("GET", path, "")
			resp, err := http.DefaultTransport.RoundTrip(r) // does not follow redirects
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, c.status, resp.StatusCode, "%s", body)
			assert.Equal(t, c.body, string(body))
			if resp.StatusCode != 304 {
				assert.Equal(t, c.contentType, resp.Header.Get("Content-Type"))
			}
		})
	}
}

func TestRepeatedResponseHeader(t *testing.T) {
	s := newSite(t)
	s.Deploy("/cookies", `#{ statusCode: 200, headers: #{ "Set-Cookie": ["a=1; Path=/", "b=2"], "content-length": "999" }, body: "x" }`)
	got := s.Fetch("GET", "/cookies", "")
	assert.Equal(t, []string{"a=1; Path=/", "b=2"}, got.Header.Values("Set-Cookie"))
	assert.EqualValues(t, 1, got.ContentLength)
}

func TestMethods(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `ctx.request.method`)
	s.Route(script, "GET", "/get")
	got := s.Fetch("HEAD", "/get", "")
	assert.Equal(t, 200, got.StatusCode)
	assert.EqualValues(t, 4, got.ContentLength, "HEAD is answered by GET's route, as HEAD")
	assert.Empty(t, got.Content)
	got = s.Fetch("POST", "/get", "")
	assert.Equal(t, 405, got.StatusCode)
	assert.Equal(t, "GET, HEAD, OPTIONS", got.Header.Get("Allow"))
	s.Route(script, "", "/any")
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		assert.Equal(t, method, string(s.Fetch(method, "/any", "").Content))
	}
}

func TestRestOfAPrefix(t *testing.T) {
	s := newSite(t)
	s.Deploy("/files/*", `ctx.request.rest`)
	assert.Equal(t, "a/b é", string(s.Fetch("GET", "/files/a/b%20%C3%A9?x=1", "").Content))
	assert.Equal(t, "", string(s.Fetch("GET", "/files/", "").Content))
	assert.Equal(t, 404, s.Fetch("GET", "/files", "").StatusCode)
}

func TestHosts(t *testing.T) {
	s := newSite(t)
	s.App("app")
	for _, host := range []string{"*.example.com", "api.example.com"} {
		do[wire.Domain](s, "POST", "apps/app/domains", wire.DomainCreate{Host: host}, 201)
	}
	for host, answer := range map[string]string{"": "any", "*.example.com": "wild", "api.example.com": "strict"} {
		script := s.Script("app", answer, fmt.Sprintf("%q", answer))
		do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Path: "/h", Host: host}, 201)
	}
	for host, want := range map[string]string{"api.example.com": "strict", "API.EXAMPLE.COM:99": "strict", "a.b.example.com": "wild", "example.com": "any", "[::1]:80": "any"} {
		r := s.Request("GET", "/h", "")
		r.Host = host
		assert.Equal(t, want, string(s.Send(r).Content), host)
	}
}

// withLimits deploys a script with limits.
func (s *site) withLimits(path, source string, limits abi.Limits) wire.Script {
	s.T.Helper()
	script := s.Deploy(path, source)
	return do[wire.Script](s, "PUT", "scripts/"+script.ID, wire.ScriptUpdate{Limits: &limits}, 200)
}

func TestFailures(t *testing.T) {
	s := newSite(t)
	for i, c := range []struct {
		name, source string
		limits       abi.Limits
		status       int
		code, says   string // what only who may read the logs is told
	}{
		{"throws", `throw "secret reason"`, abi.Limits{}, 502, "script_error", "secret reason"},
		{"returns nonsense", `#{ statusCode: "OK" }`, abi.Limits{}, 502, "script_error", "statusCode: must be an integer"},
		{"loops for ever", `loop {}`, abi.Limits{TimeoutMS: 50, MaxOperations: 100_000_000}, 504, "timeout", "timeout_ms of 50"},
		{"recurses for ever", `fn f() { f() } f()`, abi.Limits{}, 507, "limit_exceeded", "Stack overflow"},
		{"allocates for ever", `let s = "x"; loop { s += s; }`, abi.Limits{MaxOperations: 100_000_000}, 507, "limit_exceeded", "string"},
		{"exhausts memory", `let a = []; loop { let s = "x"; while s.len() < 100000 { s += s; } a.push(s); }`, abi.Limits{MemoryMB: 16, MaxOperations: 100_000_000}, 507, "limit_exceeded", "memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := fmt.Sprintf("/fail%d", i)
			script := s.withLimits(path, c.source, c.limits)
			check := func(got answer) wire.ExecutionError {
				t.Helper()
				require.Equal(t, c.status, got.StatusCode, "%s", got.Content)
				assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
				var failure wire.ExecutionError
				require.NoError(t, json.Unmarshal(got.Content, &failure))
				assert.EqualValues(t, c.code, failure.Error.Code)
				assert.Equal(t, got.Header.Get("X-Execution-Id"), failure.Error.ExecutionID)
				return failure
			}
			public := check(s.Fetch("GET", path, ""))
			assert.NotContains(t, public.Error.Message, c.says)
			private := check(s.Fetch("GET", path, "", "Authorization: Bearer "+s.Token))
			assert.Contains(t, private.Error.Message, c.says)
			check(s.Fetch("GET", path, "", "Authorization: Bearer pcs_wrong"))

			execution := do[wire.Execution](s, "GET", "executions/"+public.Error.ExecutionID, nil, 200)
			assert.Equal(t, c.code, execution.Outcome)
			assert.Equal(t, c.status, execution.Status)
			assert.Equal(t, script.ID, execution.ScriptID)
			require.NotNil(t, execution.Error)
			assert.Contains(t, execution.Error.Message, c.says)
			require.NotEmpty(t, execution.Logs)
			assert.Contains(t, execution.Logs[len(execution.Logs)-1].Message, c.says)

			do[wire.Script](s, "PUT", "scripts/"+script.ID, `{"source":"\"alive\""}`, 200)
			assert.Equal(t, "alive", string(s.Fetch("GET", path, "").Content))
		})
	}
}

func TestOverload(t *testing.T) {
	s := newSite(t)
	s.withLimits("/busy", `loop {}`, abi.Limits{MaxOperations: 100_000_000, TimeoutMS: 30_000})
	ctx, cancel := context.WithCancel(context.Background())
	var refused atomic.Pointer[answer]
	var wg sync.WaitGroup
	for range apitest.MaxConcurrent + 1 { // one more than the gate lets in
		wg.Go(func() {
			for ctx.Err() == nil {
				resp, err := http.DefaultClient.Do(s.Request("GET", "/busy", "").WithContext(ctx))
				if err != nil {
					continue
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode == 503 && err == nil {
					refused.Store(&answer{Response: resp, Content: body})
					cancel()
				}
			}
		})
	}
	time.AfterFunc(30*time.Second, cancel)
	wg.Wait()
	got := refused.Load()
	require.NotNil(t, got, "no request was refused")
	assert.Equal(t, "1", got.Header.Get("Retry-After"))
	assert.Contains(t, string(got.Content), `"code":"overloaded"`)
}

// The watch on the connection must end an execution whose client has gone, and leave alone a
// connection that goes on.
func TestClientDisconnect(t *testing.T) {
	s := newSite(t)
	script := s.withLimits("/slow", `loop {}`, abi.Limits{MaxOperations: 100_000_000, TimeoutMS: 30_000})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	time.Sleep(4 * front.WatchAfter) // so that the end comes while it runs
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool {
		page := do[wire.Page[wire.Execution]](s, "GET", "scripts/"+script.ID+"/executions", nil, 200)
		return len(page.Items) == 1 && page.Items[0].Outcome == "cancelled"
	}, 10*time.Second, 10*time.Millisecond)
}

func TestConnectionGoesOnAfterAWatch(t *testing.T) {
	s := newSite(t)
	s.withLimits("/slow", `let x = 0; while x < 200000 { x += 1; } x`, abi.Limits{MaxOperations: 100_000_000})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	reader := bufio.NewReader(conn)
	read := func() {
		t.Helper()
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		resp, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "200000", string(body))
	}
	const request = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
	for range 3 { // one after the other
		_, err = io.WriteString(conn, request)
		require.NoError(t, err)
		read()
	}
	_, err = io.WriteString(conn, request) // the second arrives while the first runs
	require.NoError(t, err)
	time.Sleep(2 * front.WatchAfter)
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	read()
	read()
}

func TestExecute(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `#{ type: ctx.invocation_type, method: ctx.request.method, body: ctx.request.body, headers: ctx.request.headers }`)
	got := s.Fetch("PUT", "/api/v1/execute/"+script.ID+"?a=1", `[1]`, "Content-Type: application/json", "Authorization: Bearer "+s.Token, "X-Mine: yes")
	out := seen(t, got)
	assert.Equal(t, "execute", out["type"])
	assert.Equal(t, "PUT", out["method"])
	assert.Equal(t, []any{1.0}, out["body"])
	headers := out["headers"].(map[string]any)
	assert.Equal(t, "yes", headers["x-mine"])
	assert.NotContains(t, headers, "authorization", "a script must not see the caller's credential")
	assert.NotContains(t, string(got.Content), s.Token)

	for _, header := range []string{"X-None: x", "Authorization: Bearer pcs_wrong", "Authorization: Bearer"} {
		got = s.Fetch("GET", "/api/v1/execute/"+script.ID, "", header)
		assert.Equal(t, 401, got.StatusCode)
		assert.Contains(t, string(got.Content), `"code":"unauthorized"`)
	}
	for _, id := range []string{"nope", "01a20970-f805-7922-8ded-6d329840dbfc"} {
		got = s.Fetch("GET", "/api/v1/execute/"+id, "", "Authorization: Bearer "+s.Token)
		assert.Equal(t, 404, got.StatusCode)
		assert.Contains(t, string(got.Content), "script not found")
	}
	key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "r", Scopes: []string{"script:read"}}, 201)
	got = s.Fetch("GET", "/api/v1/execute/"+script.ID, "", "Authorization: Bearer "+key.Key)
	assert.Equal(t, 403, got.StatusCode)
}

func TestCredentialsOfOthersReachTheScript(t *testing.T) {
	s := newSite(t)
	s.Deploy("/auth", `ctx.request.headers.authorization`)
	assert.Equal(t, "Bearer someone-else", string(s.Fetch("GET", "/auth", "", "Authorization: Bearer someone-else").Content))
	assert.Equal(t, 204, s.Fetch("GET", "/auth", "", "Authorization: Bearer "+s.Token).StatusCode)
	s.User("x", store.RoleMember)
	assert.Equal(t, 204, s.Fetch("GET", "/auth", "", "Authorization: bearer  pic_anything").StatusCode)
}

// A credential of PiCloud reaches no script, in whatever form it comes; what comes beside it does.
func TestTokensReachNoScript(t *testing.T) {
	s := newSite(t)
	s.Deploy("/seen", `#{ headers: ctx.request.headers, query: ctx.request.query }`)
	encoded := strings.ReplaceAll(s.Token, "_", "%5F")
	for _, c := range []struct{ name, query, header string }{
		{"bearer", "", "Authorization: Bearer " + s.Token},
		{"bearer, with a tab", "", "Authorization: Bearer\t" + s.Token},
		{"bare", "", "Authorization: " + s.Token},
		{"quoted", "", `Authorization: Token "` + s.Token + `"`},
		{"another header", "", "X-Api-Key: " + s.Token},
		{"cookie", "", "Cookie: a=1; token=" + s.Token + "; b=2"},
		{"cookie, encoded", "", "Cookie: a=1; token=" + encoded + "; b=2"},
		{"query", "?a=1&token=" + s.Token, "X-Other: 1"},
		{"query, encoded", "?a=1&token=" + encoded, "X-Other: 1"},
		{"query, as a name", "?a=1&" + s.Token + "=1", "X-Other: 1"},
		{"referer", "", "Referer: https://example.com/?token=" + s.Token},
	} {
		got := s.Fetch("GET", "/seen"+c.query, "", c.header, "X-Mine: kept")
		require.Equal(t, 200, got.StatusCode, c.name)
		assert.NotContains(t, string(got.Content), s.Token, c.name)
		assert.NotContains(t, string(got.Content), encoded, c.name)
		assert.NotContains(t, string(got.Content), s.Token[4:], c.name)
		assert.Contains(t, string(got.Content), `"x-mine":"kept"`, c.name)
		if strings.HasPrefix(c.name, "cookie") {
			assert.Contains(t, string(got.Content), "a=1", c.name)
			assert.Contains(t, string(got.Content), "b=2", c.name)
		}
		if strings.HasPrefix(c.name, "query") {
			assert.Contains(t, string(got.Content), `"query":{"a":"1"}`, c.name)
		}
	}
}

// The ids of a request and of its execution are the server's, whatever a script answers.
func TestIDsAreTheServers(t *testing.T) {
	s := newSite(t)
	s.Deploy("/x", `#{ statusCode: 200, headers: #{ "X-Request-Id": "mine", "x-execution-id": "mine", "x-other": "mine" } }`)
	got := s.Fetch("GET", "/x", "")
	assert.Equal(t, []string{"mine"}, got.Header["X-Other"])
	for _, name := range []string{"X-Request-Id", "X-Execution-Id"} {
		require.Len(t, got.Header[name], 1, name)
		assert.NotEqual(t, "mine", got.Header.Get(name))
	}
}

func TestScriptDeletedWhileRouted(t *testing.T) {
	s := newSite(t)
	script := s.Deploy("/x", `"x"`)
	assert.Equal(t, 200, s.Fetch("GET", "/x", "").StatusCode)
	do[any](s, "DELETE", "scripts/"+script.ID, nil, 204)
	assert.Equal(t, 404, s.Fetch("GET", "/x", "").StatusCode)
}
