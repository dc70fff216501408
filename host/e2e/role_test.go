package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
)

// pair is two nodes on one PostgreSQL: one that runs no scripts, and one that does.
type pair struct {
	t        *testing.T
	asks     *daemon
	runs     *daemon
	place    *place // of the one that runs
	token    string
	client   *client.Client
	arrived  chan string   // paths that scripts have asked a server of the test for
	released chan struct{} // closed to have it answer
	server   string        // its address
}

// startPair starts the nodes, with variables of both.
func startPair(t *testing.T, variables ...string) *pair {
	t.Helper()
	p := &pair{t: t, arrived: make(chan string, 200), released: make(chan struct{})}
	held := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.arrived <- r.URL.Path
		select {
		case <-p.released:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(held.Close)
	p.server = held.URL
	env := []string{"PICLOUD_DATABASE_URL=" + pgtest.URL(t), "PICLOUD_FILES_ROOT=" + t.TempDir(), "PICLOUD_HTTP_ALLOW_PRIVATE=true"}
	env = append(env, variables...)
	place := newPlace(t)
	place.env = append(place.env, append(env, "PICLOUD_ROLE=api")...)
	p.place = newPlace(t)
	p.place.env = append(p.place.env, env...)
	p.runs = launch(t, p.place)
	p.asks = launch(t, place)
	p.token = p.asks.login()
	var err error
	p.client, err = client.New(p.asks.url, p.token)
	require.NoError(t, err)
	return p
}

// script makes a script with a route of its name, by way of the node that runs none.
func (p *pair) script(name, source, limits string) wire.Script {
	p.t.Helper()
	encoded, err := json.Marshal(map[string]any{"name": name, "source": source, "limits": json.RawMessage(limits)})
	require.NoError(p.t, err)
	status, body := p.asks.fetch("POST", "/api/v1/admin/apps/default/scripts", p.token, string(encoded))
	require.Equal(p.t, 201, status, "%s", body)
	var script wire.Script
	require.NoError(p.t, json.Unmarshal(body, &script))
	status, body = p.asks.fetch("POST", "/api/v1/admin/scripts/"+script.ID+"/routes", p.token, fmt.Sprintf(`{"path":"/%s/*","cors":{"origins":["https://page.example"]}}`, name))
	require.Equal(p.t, 201, status, "%s", body)
	return script
}

// abandoned waits for an abandoned execution of a script.
func (p *pair) abandoned(script wire.Script) wire.AbandonedExecution {
	p.t.Helper()
	var found wire.AbandonedExecution
	require.Eventually(p.t, func() bool {
		for e, err := range p.client.AbandonedExecutions(p.t.Context(), "default") {
			if err == nil && e.ScriptID == script.ID {
				found = e
				return true
			}
		}
		return false
	}, patience, 50*time.Millisecond, "nothing is abandoned of %s", script.Name)
	return found
}

// waits is a script that asks the test's server, and so runs until it is released.
func (p *pair) waits(name string) wire.Script {
	return p.script(name, fmt.Sprintf(`http::get("%s/%s", #{ timeout_ms: 30000 }); "done"`, p.server, name), `{"timeout_ms":30000}`)
}

// begin sends a request in the background, and returns when its script runs.
func (p *pair) begin(path string) (answered chan *http.Response, leave context.CancelFunc) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	answered = make(chan *http.Response, 1)
	go func() {
		r, err := http.NewRequestWithContext(ctx, "GET", p.asks.url+path, nil)
		if err != nil {
			panic(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			answer = nil
		}
		answered <- answer
	}()
	select {
	case <-p.arrived:
	case answer := <-answered:
		p.t.Fatalf("answered at once: %v", answer)
	case <-time.After(patience):
		p.t.Fatalf("the script does not run\n%s\n%s", p.asks.output, p.runs.output)
	}
	return answered, cancel
}

// What differs between any two answers.
var (
	anyID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	ourDate = regexp.MustCompile(`(?m)^Date: .*\n`)
)

// TestNodeThatRunsNoScripts: it answers as the node does that runs them.
func TestNodeThatRunsNoScripts(t *testing.T) {
	p := startPair(t)
	for name, source := range map[string]string{
		"echo":  `ctx.request + #{ sdk: ctx.sdk_version, request_id: ctx.request_id, kind: ctx.invocation_type, script: ctx.script_name }`,
		"heads": `#{ statusCode: 201, headers: #{ "x-a": ["1", "2"], "content-type": "text/html" }, cookies: #{ c: #{ value: "v", http_only: true } }, body: "<p>" }`,
		"empty": `()`,
		"blob":  `blob(2000, 0xff)`,
		"text":  `let s = ""; for i in 0..5000 { s += "Zürich "; } s`,
		"large": `let part = "x"; for i in 0..19 { part += part; } [part, part, part, part, part, part, part, part]`,
		"tag":   `#{ statusCode: 200, headers: #{ etag: "\"one\"" }, body: "tagged" }`,
		"file": `let all = files::collection("c"); let found = all.list();
			let id = if found.len() == 0 { all.create(#{ name: "n.txt", content_type: "text/plain", data: "0123456789" }).id } else { found[0].id };
			#{ statusCode: 200, file: #{ collection: "c", id: id } }`,
		"stream":   `#{ statusCode: 200, headers: #{ "content-type": "text/csv" }, stream: |out| { for i in 0..5 { out.write("a,b\n"); } } }`,
		"fails":    `throw "no " + ctx.request.path`,
		"endless":  `loop {}`,
		"slow":     `loop { time::now(); }`,
		"shape":    `#{ statusCode: 200, bodi: 1 }`,
		"redirect": `redirect("/elsewhere", 303)`,
		"form":     `ctx.request.form`,
	} {
		limits := `{}`
		if name == "slow" {
			limits = `{"timeout_ms":200,"max_operations":100000000}`
		}
		p.script(name, source, limits)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, `{"zipped":true}`)
	require.NoError(t, w.Close())
	ask := func(d *daemon, method, path, body string, headers ...string) (shown, execution string, status int) {
		t.Helper()
		r, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Host = "shop.example"
		r.Header.Set("X-Request-Id", "the-request")
		r.Header.Set("Accept-Encoding", "identity")
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			r.Header.Set(name, value)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err, "%s", d.output)
		defer resp.Body.Close()
		content, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		var head bytes.Buffer
		require.NoError(t, resp.Header.Write(&head))
		all := fmt.Sprintf("%d\n%s\n%s", resp.StatusCode, ourDate.ReplaceAllString(head.String(), ""), content)
		return anyID.ReplaceAllString(all, "an id"), resp.Header.Get("X-Execution-Id"), resp.StatusCode
	}
	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
	}{
		{"GET", "/hello", "", nil, 200},
		{"GET", "/echo/a%20b/c?x=1&x=2&y=%C3%A9", "", []string{"Cookie: a=1; b=2", "X-Strange: äöü"}, 200},
		{"POST", "/echo/", `{"a":[1,2.5,"x"]}`, []string{"Content-Type: application/json"}, 200},
		{"PUT", "/echo/raw", "\x00\x01\xff", []string{"Content-Type: application/octet-stream"}, 200},
		{"DELETE", "/echo/x", "", []string{"Authorization: Basic YTpi"}, 200},
		{"POST", "/echo/", zipped.String(), []string{"Content-Type: application/json", "Content-Encoding: gzip"}, 200},
		{"POST", "/form/", "a=1&a=2&b=%20", []string{"Content-Type: application/x-www-form-urlencoded"}, 200},
		{"POST", "/form/", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\r\n\r\n\xff\xfe\r\n--b--\r\n", []string{"Content-Type: multipart/form-data; boundary=b"}, 200},
		{"POST", "/echo/", strings.Repeat("large ", 1<<20), []string{"Content-Type: text/plain"}, 507}, // the answer is too long for a script
		{"POST", "/empty/", strings.Repeat("large ", 1<<20), []string{"Content-Type: text/plain"}, 204},
		{"GET", "/heads/", "", nil, 201},
		{"HEAD", "/heads/", "", nil, 201},
		{"OPTIONS", "/heads/", "", []string{"Origin: https://page.example", "Access-Control-Request-Method: GET"}, 204},
		{"GET", "/heads/", "", []string{"Origin: https://page.example"}, 201},
		{"GET", "/empty/", "", nil, 204},
		{"GET", "/blob/", "", nil, 200},
		{"GET", "/text/", "", []string{"Accept-Encoding: gzip"}, 200},
		{"GET", "/large/", "", nil, 200},
		{"GET", "/tag/", "", nil, 200},
		{"GET", "/tag/", "", []string{`If-None-Match: "one"`}, 304},
		{"GET", "/file/", "", nil, 200},
		{"GET", "/file/", "", []string{"Range: bytes=2-5"}, 206},
		{"GET", "/fails/x", "", nil, 502},
		{"GET", "/fails/x", "", []string{"Authorization: Bearer " + p.token}, 502},
		{"GET", "/endless/", "", nil, 507},
		{"GET", "/slow/", "", nil, 504},
		{"GET", "/shape/", "", nil, 502},
		{"GET", "/redirect/", "", nil, 303},
		{"GET", "/nothing", "", nil, 404},
	} {
		want, _, _ := ask(p.runs, c.method, c.path, c.body, c.headers...)
		got, execution, status := ask(p.asks, c.method, c.path, c.body, c.headers...)
		assert.Equal(t, c.status, status, "%s %s: %.500s", c.method, c.path, got)
		if got != want {
			t.Errorf("%s %s: the node that runs no scripts answers\n%.2000s\nwant as the other\n%.2000s", c.method, c.path, got, want)
		}
		if execution != "" {
			_, found := p.asks.fetch("GET", "/api/v1/admin/executions/"+execution, p.token, "")
			require.Eventually(t, func() bool {
				var e wire.Execution
				_, found = p.asks.fetch("GET", "/api/v1/admin/executions/"+execution, p.token, "")
				return json.Unmarshal(found, &e) == nil && e.ID == execution && e.RequestID == "the-request"
			}, patience, 20*time.Millisecond, "%s %s: %s", c.method, c.path, found)
		}
	}

	// A streamed response comes as a whole, once it is.
	got, _, status := ask(p.asks, "GET", "/stream/", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, "Content-Length: 20\r\n")
	require.True(t, strings.HasSuffix(got, strings.Repeat("a,b\n", 5)), "%s", got)

	// So do the API's own ways to run a script, with the log.
	script := p.script("logs", `log::info("so", #{ a: 1 }); #{ statusCode: 202, body: [ctx.request?.body, ctx.event?.x] }`, `{}`)
	for _, body := range []string{`{"request":{"method":"POST","body":{"b":1}}}`, `{"event":{"x":7}}`} {
		_, want := p.runs.fetch("POST", "/api/v1/admin/scripts/"+script.ID+"/run", p.token, body)
		status, got := p.asks.fetch("POST", "/api/v1/admin/scripts/"+script.ID+"/run", p.token, body)
		require.Equal(t, 200, status, "%s", got)
		var results [2]wire.RunResult
		for i, text := range [][]byte{want, got} {
			require.NoError(t, json.Unmarshal(text, &results[i]))
			require.Len(t, results[i].Logs, 1)
			require.Positive(t, results[i].DurationUS)
			results[i].ExecutionID, results[i].DurationUS, results[i].Logs[0].At, results[i].Logs[0].ExecutionID = "", 0, time.Time{}, ""
		}
		require.Equal(t, results[0], results[1])
	}
	status, body := p.asks.fetch("POST", "/api/v1/execute/"+script.ID, p.token, `{"b":1}`)
	require.Equal(t, 202, status)
	require.JSONEq(t, `[{"b":1},null]`, string(body))

	// What is uploaded is checked on the node that runs none.
	status, body = p.asks.fetch("POST", "/api/v1/admin/apps/default/scripts", p.token, `{"name":"wrong","source":"let = 1"}`)
	require.Equal(t, 422, status)
	require.Contains(t, string(body), "script_invalid")

	// What is changed there counts at once.
	script = p.script("changes", `0`, `{}`)
	for i := range 20 {
		status, body = p.asks.fetch("PUT", "/api/v1/admin/scripts/"+script.ID, p.token, fmt.Sprintf(`{"source":"%d"}`, i))
		require.Equal(t, 200, status, "%s", body)
		_, body = p.asks.fetch("GET", "/changes/", "", "")
		require.Equal(t, fmt.Sprint(i), string(body))
	}

	// What is to be done later is done by the other: events, and requests of asynchronous routes.
	handler := p.script("later", `kv::collection("later").set("done", true)`, `{}`)
	status, body = p.asks.fetch("POST", "/api/v1/admin/apps/default/triggers/queue", p.token, fmt.Sprintf(`{"script":%q,"topic":"t"}`, handler.ID))
	require.Equal(t, 201, status, "%s", body)
	status, body = p.asks.fetch("POST", "/api/v1/admin/apps/default/queues/t/messages", p.token, `{"message":1}`)
	require.Equal(t, 202, status, "%s", body)
	require.Eventually(t, func() bool {
		status, _ := p.asks.fetch("GET", "/api/v1/admin/apps/default/kv/later/done", p.token, "")
		return status == 200
	}, patience, 20*time.Millisecond)

	status, body = p.asks.fetch("POST", "/api/v1/admin/scripts/"+handler.ID+"/routes", p.token, `{"method":"POST","path":"/job","dispatch":"async"}`)
	require.Equal(t, 201, status, "%s", body)
	status, body = p.asks.fetch("POST", "/job", "", "")
	require.Equal(t, 202, status, "%s", body)
	var accepted struct {
		ExecutionID string `json:"execution_id"`
	}
	require.NoError(t, json.Unmarshal(body, &accepted))
	require.Eventually(t, func() bool {
		execution, err := p.client.Execution(t.Context(), accepted.ExecutionID)
		return err == nil && execution.Outcome == "ok"
	}, patience, 20*time.Millisecond)

	// Many at once.
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			status, body := p.asks.fetch("POST", fmt.Sprintf("/echo/%d", i), "", fmt.Sprint(i))
			var got struct {
				Rest string `json:"rest"`
				Body any    `json:"body"`
			}
			assert.NoError(t, json.Unmarshal(body, &got), "%d %s", status, body)
			assert.Equal(t, []any{200, fmt.Sprint(i), float64(i)}, []any{status, got.Rest, got.Body})
		})
	}
	all.Wait()
	_, metrics := p.asks.fetch("GET", "/metrics", "", "")
	assert.Contains(t, string(metrics), "picloud_relay_waiting 0\n")
	assert.NotContains(t, string(metrics), "picloud_invocations_total{", "no script ran there")
	for _, node := range []*daemon{p.asks, p.runs} {
		require.NoError(t, node.end(syscall.SIGTERM))
		assert.NotContains(t, node.output.String(), "level=ERROR")
	}
}

// What becomes of a request whose client, or one of whose nodes, goes away.
func TestNodesThatGoAway(t *testing.T) {
	read := func(answer *http.Response) (int, string) {
		t.Helper()
		require.NotNil(t, answer, "the connection ended")
		defer answer.Body.Close()
		content, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(content)
	}
	t.Run("client", func(t *testing.T) {
		p := startPair(t)
		script := p.waits("client")
		answered, leave := p.begin("/client/")
		leave()
		require.Nil(t, <-answered)
		found := p.abandoned(script)
		assert.Equal(t, []any{"client_gone", "cancelled"}, []any{found.Reason, found.Outcome})
		p.runs.waitFor("picloud_relay_running 0")
	})
	t.Run("who runs is killed", func(t *testing.T) {
		p := startPair(t)
		script := p.waits("killed")
		answered, _ := p.begin("/killed/")
		require.Error(t, p.runs.end(syscall.SIGKILL))
		p.runs = launch(t, p.place) // which may not run it again
		status, body := read(<-answered)
		assert.Equal(t, 502, status)
		assert.Contains(t, body, "the node that ran the script is gone")
		found := p.abandoned(script)
		assert.Equal(t, []any{"lost", "", 0}, []any{found.Reason, found.Outcome, found.Status})
		assert.Empty(t, p.arrived, "it was run twice")
	})
	t.Run("who asked is killed", func(t *testing.T) {
		p := startPair(t)
		script := p.waits("orphan")
		answered, _ := p.begin("/orphan/")
		require.Error(t, p.asks.end(syscall.SIGKILL))
		require.Nil(t, <-answered)
		close(p.released)
		var err error
		p.client, err = client.New(p.runs.url, p.token)
		require.NoError(t, err)
		found := p.abandoned(script)
		assert.Equal(t, []any{"node_gone", "ok", 200}, []any{found.Reason, found.Outcome, found.Status})
		execution, err := p.client.Execution(t.Context(), found.ID)
		require.NoError(t, err, "its record is there")
		assert.Equal(t, "ok", execution.Outcome)
		p.place.env = append(p.place.env, "PICLOUD_URL="+p.runs.url, "PICLOUD_TOKEN="+p.token)
		assert.Regexp(t, `(?s)ID +SCRIPT +REASON .*`+found.ID+" +"+script.ID+" +node-gone +ok ", p.place.must(t, "executions", "abandoned"))
		assert.Regexp(t, `(?s)ID +VERSION +TYPE +OUTCOME .*`+found.ID+" +1 +http +ok +200 ", p.place.must(t, "executions", "list", "orphan"))
		assert.Contains(t, p.place.must(t, "executions", "show", found.ID, "--output", "json"), `"outcome": "ok"`)
	})
	t.Run("who runs is stopped", func(t *testing.T) {
		p := startPair(t)
		p.waits("stopping")
		answered, _ := p.begin("/stopping/")
		require.NoError(t, p.runs.Process.Signal(syscall.SIGTERM))
		close(p.released) // it may finish what it has begun
		status, body := read(<-answered)
		assert.Equal(t, []any{200, "done"}, []any{status, body})
		require.NoError(t, <-p.runs.exited)
	})
	t.Run("who asked is stopped", func(t *testing.T) {
		p := startPair(t)
		p.waits("finishing")
		answered, _ := p.begin("/finishing/")
		require.NoError(t, p.asks.Process.Signal(syscall.SIGTERM))
		close(p.released)
		status, body := read(<-answered)
		assert.Equal(t, []any{200, "done"}, []any{status, body})
		require.NoError(t, <-p.asks.exited)
	})
	t.Run("who runs is stopped, and does not wait", func(t *testing.T) {
		p := startPair(t, "PICLOUD_SHUTDOWN_GRACE=10ms")
		p.waits("interrupted")
		answered, _ := p.begin("/interrupted/")
		require.NoError(t, p.runs.end(syscall.SIGTERM))
		status, body := read(<-answered)
		assert.Equal(t, 503, status)
		assert.Contains(t, body, `"code":"cancelled"`)
	})
	t.Run("who asked is stopped, and does not wait", func(t *testing.T) {
		p := startPair(t, "PICLOUD_SHUTDOWN_GRACE=10ms")
		script := p.waits("hurried")
		answered, _ := p.begin("/hurried/")
		require.NoError(t, p.asks.end(syscall.SIGTERM))
		status, body := read(<-answered)
		assert.Equal(t, 503, status)
		assert.Contains(t, body, `"code":"cancelled"`)
		var err error
		p.client, err = client.New(p.runs.url, p.token)
		require.NoError(t, err)
		found := p.abandoned(script)
		assert.Equal(t, []any{"node_stopped", "cancelled"}, []any{found.Reason, found.Outcome})
	})
	t.Run("there is nobody who runs", func(t *testing.T) {
		p := startPair(t)
		p.script("alone", `1`, `{"timeout_ms":100}`)
		require.NoError(t, p.runs.end(syscall.SIGTERM))
		status, body := p.asks.fetch("GET", "/alone/", "", "")
		assert.Equal(t, 504, status)
		assert.Contains(t, string(body), `"code":"timeout"`)
		status, body = p.asks.fetch("POST", "/api/v1/admin/apps/default/triggers/cron", p.token, `{"script":"alone","schedule":"* * * * * *"}`)
		require.Equal(t, 201, status, "%s", body)
		status, body = p.asks.fetch("POST", "/api/v1/admin/apps/default/triggers/queue", p.token, `{"script":"alone","topic":"t"}`)
		require.Equal(t, 201, status, "%s", body)
		status, body = p.asks.fetch("POST", "/api/v1/admin/apps/default/queues/t/messages", p.token, `{"message":1}`)
		require.Equal(t, 202, status, "%s", body)
		status, _ = p.asks.fetch("GET", "/alone/", "", "") // which takes longer than the schedule's second
		require.Equal(t, 504, status)
		var waiting []string
		for event, err := range p.client.Events(t.Context(), "default", client.EventQuery{}) {
			require.NoError(t, err)
			waiting = append(waiting, event.Source+" "+event.State)
		}
		assert.Equal(t, []string{"queue waiting"}, waiting, "nothing is delivered, and no schedule comes to its time")
		require.NoError(t, p.asks.end(syscall.SIGTERM))
	})
}

// TestRoleNeedsPostgreSQL: on SQLite there is no other node.
func TestRoleNeedsPostgreSQL(t *testing.T) {
	eachtest.SQLiteOnly(t, "it is about what SQLite lacks")
	p := newPlace(t)
	for _, c := range []struct{ role, want string }{
		{"api", "role: needs a database_url"}, {"worker", `role: must be all or api, got "worker"`},
	} {
		r := p.run(t, "", "serve", "--addr", "127.0.0.1:0", "--role", c.role)
		assert.Equal(t, exitUsage, r.status, "%s", r)
		assert.Contains(t, r.stderr, c.want)
	}
}
