package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/sqlite"
)

// A daemon is a server under test that can be stopped and killed.
type daemon struct {
	*exec.Cmd
	t         testing.TB
	url       string // of the API and of apps
	dashboard string // the address of that
	output    *transcript
	exited    chan error
}

// onEachDatabase runs a test with the arguments of a server on SQLite, and with those of one on PostgreSQL.
func onEachDatabase(t *testing.T, test func(t *testing.T, args ...string)) {
	for _, kind := range eachtest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			var args []string
			if kind == eachtest.Postgres {
				args = []string{"--database-url", pgtest.URL(t)}
			}
			test(t, args...)
		})
	}
}

// launch starts a server on a data directory and waits until it listens.
func launch(t testing.TB, p *place, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, output: &transcript{}, exited: make(chan error, 1)}
	d.Cmd = exec.Command(filepath.Join(p.dir, "bin", "picloud"), append([]string{
		"serve", "--addr", "127.0.0.1:0", "--data", filepath.Join(p.dir, "data"), "--admin-password", "correct horse"}, args...)...)
	d.Dir, d.Env = p.dir, p.env
	listening := make(chan string, 1)
	d.Stderr = d.output
	d.Stdout = &lineWriter{each: func(line string) {
		fmt.Fprintln(d.output, line)
		if found := printedPage.FindStringSubmatch(line); found != nil {
			d.dashboard = found[1]
		}
		if found := printedAddress.FindStringSubmatch(line); found != nil {
			listening <- found[1]
		}
	}}
	require.NoError(t, d.Start())
	go func() { d.exited <- d.Wait() }()
	t.Cleanup(func() { _ = d.Process.Kill() })
	select {
	case d.url = <-listening:
	case err := <-d.exited:
		t.Fatalf("the server ended: %v\n%s", err, d.output)
	case <-time.After(patience):
		t.Fatalf("the server does not listen\n%s", d.output)
	}
	return d
}

// lineWriter calls a function with every whole line.
type lineWriter struct {
	each func(string)
	rest []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		w.each(string(line))
		w.rest = rest
	}
}

// end signals the process and waits until it has ended.
func (d *daemon) end(signal os.Signal) error {
	d.t.Helper()
	require.NoError(d.t, d.Process.Signal(signal))
	select {
	case err := <-d.exited:
		return err
	case <-time.After(patience):
		d.t.Fatalf("the server does not end\n%s", d.output)
		return nil
	}
}

func (d *daemon) fetch(method, path, token, body string) (int, []byte) {
	d.t.Helper()
	r, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
	require.NoError(d.t, err)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(d.t, err, "%s", d.output)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(d.t, err)
	return resp.StatusCode, content
}

func (d *daemon) login() string {
	d.t.Helper()
	status, body := d.fetch("POST", "/api/v1/admin/auth/login", "", `{"username":"admin","password":"correct horse"}`)
	require.Equal(d.t, 200, status, "%s", body)
	var token wire.Token
	require.NoError(d.t, json.Unmarshal(body, &token))
	return token.Token
}

func TestFirstStartAnswersHello(t *testing.T) {
	p := newPlace(t)
	d := launch(t, p)
	status, body := d.fetch("GET", "/hello", "", "")
	assert.Equal(t, 200, status, "%s", body)
	assert.JSONEq(t, `{"message":"Hello, world!"}`, string(body))
	_, body = d.fetch("GET", "/hello?name=you", "", "")
	assert.JSONEq(t, `{"message":"Hello, you!"}`, string(body))
	assert.NotContains(t, d.output.String(), "correct horse", "secrets are not printed")
	_, body = d.fetch("GET", "/api/v1/admin/apps/default", d.login(), "")
	assert.Contains(t, string(body), `"slug":"default"`)
	require.NoError(t, d.end(syscall.SIGTERM))
	info, err := os.Stat(filepath.Join(p.dir, "data"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	d = launch(t, p, "--admin-password", "another password")
	d.login() // the password of the first start stays
	assert.NotContains(t, d.output.String(), "First start")
	require.NoError(t, d.end(os.Interrupt))
}

// What was acknowledged survives kill -9 right after the acknowledgement.
func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	p := newPlace(t)
	d := launch(t, p)
	token := d.login()
	acknowledged := map[string]string{} // path -> what it must show
	for round := range 5 {
		app := fmt.Sprintf("app-%d", round)
		var script wire.Script
		for _, step := range []struct{ path, body string }{
			{"/api/v1/admin/apps", fmt.Sprintf(`{"slug":%q}`, app)},
			{"/api/v1/admin/apps/" + app + "/scripts", fmt.Sprintf(`{"name":"s","source":"\"round %d\""}`, round)},
		} {
			status, body := d.fetch("POST", step.path, token, step.body)
			require.Equal(t, 201, status, "%s", body)
			require.NoError(t, json.Unmarshal(body, &script))
		}
		// The kill follows one acknowledgement, a different one each round.
		switch round % 3 {
		case 0:
			acknowledged["/api/v1/admin/scripts/"+script.ID] = fmt.Sprintf("round %d", round)
		case 1:
			status, body := d.fetch("POST", "/api/v1/admin/scripts/"+script.ID+"/routes", token, fmt.Sprintf(`{"path":"/%s"}`, app))
			require.Equal(t, 201, status, "%s", body)
			acknowledged["/"+app] = fmt.Sprintf("round %d", round)
		case 2:
			status, body := d.fetch("PUT", "/api/v1/admin/scripts/"+script.ID, token, `{"source":"\"changed\""}`)
			require.Equal(t, 200, status, "%s", body)
			acknowledged["/api/v1/admin/scripts/"+script.ID] = "changed"
		}
		require.Error(t, d.end(syscall.SIGKILL))
		d = launch(t, p)
		for path, want := range acknowledged {
			status, body := d.fetch("GET", path, token, "") // the session survived too
			assert.Equal(t, 200, status, "%s: %s", path, body)
			assert.Contains(t, string(body), want, path)
		}
	}
	require.NoError(t, d.end(syscall.SIGTERM))
}

// A server on PostgreSQL does the main job, and a second start finds all of it, the
// session and the log too.
func TestServeOnPostgreSQL(t *testing.T) {
	p := newPlace(t)
	p.env = append(p.env, "PICLOUD_DATABASE_URL="+pgtest.URL(t))
	d := launch(t, p)
	token := d.login()
	upload := func(name, kind, source string) (script wire.Script) {
		status, body := d.fetch("POST", "/api/v1/admin/apps/default/scripts", token,
			fmt.Sprintf(`{"name":%q,"kind":%q,"source":%q}`, name, kind, source))
		require.Equal(t, 201, status, "%s", body)
		require.NoError(t, json.Unmarshal(body, &script))
		return script
	}
	call := func(want string) {
		t.Helper()
		status, body := d.fetch("POST", "/total", "", `{"items":[1,2,3]}`)
		assert.Equal(t, 200, status, "%s", body)
		assert.JSONEq(t, want, string(body))
	}
	library := upload("sums", "module", `fn total(items) { items.reduce(|s, x| s + x, 0) }`)
	script := upload("total", "endpoint", `import "sums" as s; print("called"); #{ total: s::total(ctx.request.body.items) }`)
	status, body := d.fetch("POST", "/api/v1/admin/scripts/"+script.ID+"/routes", token, `{"method":"POST","path":"/total"}`)
	require.Equal(t, 201, status, "%s", body)
	call(`{"total":6}`)
	require.NoError(t, d.end(syscall.SIGTERM))

	d = launch(t, p)
	call(`{"total":6}`)
	status, body = d.fetch("PUT", "/api/v1/admin/scripts/"+library.ID, token, `{"source":"fn total(items) { items.len() }"}`)
	require.Equal(t, 200, status, "%s", body)
	call(`{"total":3}`)
	status, body = d.fetch("GET", "/api/v1/admin/scripts/"+script.ID+"/logs", token, "")
	require.Equal(t, 200, status, "%s", body)
	var logs wire.Page[wire.LogLine]
	require.NoError(t, json.Unmarshal(body, &logs))
	assert.Len(t, logs.Items, 3, "of both starts")
	require.NoError(t, d.end(syscall.SIGTERM))
	assert.NoFileExists(t, filepath.Join(p.dir, "data", sqlite.FileName), "the database is not in the data directory")
}

// A stop lets a running execution finish within the grace, and interrupts one
// that does not; what was answered is in the log afterwards.
func TestOrderlyStop(t *testing.T) {
	for _, c := range []struct {
		name, grace, source string
		status              int
		outcome             string
	}{
		{"finishes", "60s", `while kv::collection("c").get("stops") == () {} let x = 0; while x < 1000000 { x += 1; } x`, 200, "ok"},
		{"is interrupted", "50ms", `loop {}`, 503, "cancelled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			d := launch(t, p, "--shutdown-grace", c.grace)
			token := d.login()
			status, body := d.fetch("POST", "/api/v1/admin/apps/default/scripts", token,
				fmt.Sprintf(`{"name":"slow","source":%q,"limits":{"max_operations":100000000,"timeout_ms":60000}}`, c.source))
			require.Equal(t, 201, status, "%s", body)
			var script wire.Script
			require.NoError(t, json.Unmarshal(body, &script))
			status, body = d.fetch("POST", "/api/v1/admin/scripts/"+script.ID+"/routes", token, `{"path":"/slow"}`)
			require.Equal(t, 201, status, "%s", body)

			answered := make(chan int, 1)
			began := make(chan struct{})
			go func() {
				close(began)
				resp, err := http.Get(d.url + "/slow")
				if err != nil {
					answered <- 0
					return
				}
				resp.Body.Close()
				answered <- resp.StatusCode
			}()
			<-began
			d.waitFor("picloud_executions_running 1")
			status, body = d.fetch("PUT", "/api/v1/admin/apps/default/kv/c/stops", token, `{"value":true}`)
			require.Equal(t, 200, status, "%s", body)
			require.NoError(t, d.end(syscall.SIGTERM))
			assert.Equal(t, c.status, <-answered, "%s", d.output)

			d = launch(t, p)
			_, body = d.fetch("GET", "/api/v1/admin/scripts/"+script.ID+"/executions", token, "")
			var page wire.Page[wire.Execution]
			require.NoError(t, json.Unmarshal(body, &page))
			require.Len(t, page.Items, 1, "the record was written before the end")
			assert.Equal(t, c.outcome, page.Items[0].Outcome)
			require.NoError(t, d.end(syscall.SIGTERM))
		})
	}
}

// waitFor waits until the metrics hold a line.
func (d *daemon) waitFor(line string) {
	d.t.Helper()
	require.Eventually(d.t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", d.url+"/metrics", nil)
		require.NoError(d.t, err)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(body), line+"\n")
	}, patience, 5*time.Millisecond)
}

func TestServeRefuses(t *testing.T) {
	p := newPlace(t)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "c.yaml"), []byte("adr: x\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "file"), nil, 0o600))
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--max-body-bytes", "1"}, exitUsage, "max_body_bytes: must be between 1024"},
		{[]string{"--addr", "nowhere"}, exitUsage, "addr: must be host:port"},
		{[]string{"--config", "c.yaml"}, exitUsage, "unknown setting adr"},
		{[]string{"--nonsense"}, exitUsage, "unknown flag --nonsense"},
		{[]string{"--data", "file"}, exitFailed, "data:"},
		{[]string{"--addr", "192.0.2.1:1", "--data", "d"}, exitFailed, "addr:"},
		{[]string{"--database-url", "postgres://u:topsecret@127.0.0.1:1/x", "--data", "d"}, exitFailed, "database: open database: storage failed"},
	} {
		r := p.run(t, "", append([]string{"serve"}, c.args...)...)
		assert.Equal(t, c.status, r.status, r)
		assert.Contains(t, r.stderr, c.says, r)
		assert.NotContains(t, r.stdout+r.stderr, "topsecret")
	}
}

// Who lets scripts reach private addresses is told so.
func TestPrivateAddressesAreWarnedOf(t *testing.T) {
	const warning = "http_allow_private is for development"
	d := launch(t, newPlace(t), "--http-allow-private")
	require.NoError(t, d.end(syscall.SIGTERM))
	assert.Contains(t, d.output.String(), warning)
	d = launch(t, newPlace(t))
	require.NoError(t, d.end(syscall.SIGTERM))
	assert.NotContains(t, d.output.String(), warning)
}
