package api_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func (s *site) run(source, body string) wire.RunResult {
	s.T.Helper()
	script := s.Script("app", s.T.Name()[:4]+"x"+randomName(), source)
	return do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", body, 200)
}

func TestRun(t *testing.T) {
	s := newSite(t)
	s.App("app")
	for _, c := range []struct{ name, source, body, want string }{
		{"nothing given", `ctx.request.method + ctx.request.path`, `{}`, `"GET/"`},
		{"JSON body", `ctx.request.body.a`, `{"request":{"body":{"a":[1,2.0]}}}`, `[1,2.0]`},
		{"its raw text", `ctx.request.body_raw`, `{"request":{"body":{"a": 1}}}`, `"{\"a\": 1}"`},
		{"text body", `ctx.request.body`, `{"request":{"body":"hi"}}`, `"hi"`},
		{"text as JSON", `ctx.request.body`, `{"request":{"body":"[1]","headers":{"Content-Type":"application/json"}}}`, `[1]`},
		{"bytes", `ctx.request.body`, `{"request":{"body":{"$blob":"/wA="}}}`, `{"$blob":"/wA="}`},
		{"large integer", `ctx.request.body`, `{"request":{"body":9007199254740993}}`, `9007199254740993`},
		{"the rest", `let r = ctx.request; [r.method, r.path, r.headers.x, r.params.p, r.query.q, r.rest]`,
			`{"request":{"method":"put","path":"/a","headers":{"X":"1"},"params":{"p":"2"},"query":{"q":"3"},"rest":"4"}}`, `["PUT","/a","1","2","3","4"]`},
		{"event", `[ctx.invocation_type, ctx.event.kind]`, `{"event":{"kind":"tick"}}`, `["trigger","tick"]`},
		{"no body", `()`, `{}`, `null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.T = t
			got := s.run(c.source, c.body)
			require.Nil(t, got.Error)
			assert.Equal(t, "ok", got.Outcome)
			assert.Equal(t, c.want, string(got.Body))
			assert.NotEmpty(t, got.ExecutionID)
			assert.Positive(t, got.DurationUS)
		})
	}
	s.T = t
	got := s.run(`print("one"); debug("two"); #{ statusCode: 418, headers: #{ a: ["1", "2"] }, body: "t" }`, `{}`)
	assert.Equal(t, 418, got.Status)
	assert.Equal(t, map[string]string{"a": "1\n2", "content-type": "text/plain; charset=utf-8"}, got.Headers)
	require.Len(t, got.Logs, 2)
	assert.Equal(t, "one", got.Logs[0].Message)
	assert.EqualValues(t, "info", got.Logs[0].Level)
	assert.EqualValues(t, "debug", got.Logs[1].Level)
	assert.Equal(t, got.ExecutionID, got.Logs[0].ExecutionID)
}

// Whoever goes away while it runs, as by Ctrl-C, ends it.
func TestRunEndsWithItsClient(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "slow", `loop {}`)
	do[wire.Script](s, "PUT", "scripts/"+script.ID, `{"limits":{"max_operations":100000000,"timeout_ms":60000}}`, 200)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /api/v1/admin/scripts/%s/run HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", script.ID, s.Token)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool {
		page := do[wire.Page[wire.Execution]](s, "GET", "scripts/"+script.ID+"/executions", nil, 200)
		return len(page.Items) == 1 && page.Items[0].Outcome == "cancelled"
	}, 10*time.Second, 10*time.Millisecond)
}

func TestRunShowsFailures(t *testing.T) {
	s := newSite(t)
	s.App("app")
	got := s.run("print(\"before\");\nthrow \"boom\";", `{}`)
	assert.Equal(t, "script_error", got.Outcome)
	assert.Equal(t, 502, got.Status)
	require.NotNil(t, got.Error)
	assert.Contains(t, got.Error.Message, "boom")
	assert.Equal(t, 2, got.Error.Line)
	require.Len(t, got.Logs, 2)
	assert.EqualValues(t, "error", got.Logs[1].Level)
	assert.Equal(t, "null", string(got.Body))
}

func TestRunRefuses(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", "1")
	run := func(body string) answer { return s.Admin(s.Token, "POST", "scripts/"+script.ID+"/run", body) }
	s.Refused(run(`{"request":{},"event":{}}`), 422, "body.event", "together")
	s.Refused(run(`{"event":7}`), 422, "body.event", "object")
	s.Refused(run(`{"request":{"path":"nope"}}`), 422, "body.request.path", "begins with /")
	s.Refused(run(`{"request":{"headers":{"a":1}}}`), 422, "body.request.headers.a", "string")
	s.Refused(run(`{"request":{"speed":1}}`), 422, "body.request.speed", "no such field")
	s.Refused(run(`{"input":1}`), 422, "body.input", "no such field")
	s.Refused(s.Admin(s.Token, "POST", "scripts/nope/run", `{}`), 404, "", "script not found")
}
