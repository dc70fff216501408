package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/store/pgtest"
)

// A database that is away for a while, as at an upgrade, is told of clearly by
// every request meanwhile: the server stays, and works again as soon as the
// database does.
func TestDatabaseIsDownForAWhile(t *testing.T) {
	database := pgtest.URL(t) + "&synchronous_commit=on"
	p := newPlace(t)
	d := launch(t, p, "--database-url", database)
	token := d.login()
	d.deploy(token, "count", `kv::collection("c").incr("n", 1)`)
	d.deploy(token, "careful", `try { docs::collection("c").create(#{}) } catch (e) { return #{ statusCode: 503, body: e }; }`)

	// How each kind of request may be answered while the database is away.
	load := []struct {
		method, path, token, body string
		refused                   string // in the answer
		status                    int
	}{
		{"PUT", "/api/v1/admin/apps/default/kv/c/KEY", token, `{"value":1}`, `"code":"unavailable"`, 503},
		{"GET", "/api/v1/admin/apps/default/docs/c", token, "", `"code":"unavailable"`, 503},
		{"POST", "/count", "", "", `"message":"the script failed"`, 502},                           // the author's affair, who did not expect it
		{"POST", "/careful", "", "", `"message":"docs.create: the storage is not available"`, 503}, // and who did
	}
	var acknowledged, refused, tried [4]atomic.Int64
	kept := map[string]bool{} // keys whose write was acknowledged
	var keptLock sync.Mutex
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for w := range 2 * len(load) {
		kind, r := w%len(load), load[w%len(load)]
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("%d-%d", w, i)
				tried[kind].Add(1)
				status, body, err := send(d.url, r.method, strings.ReplaceAll(r.path, "KEY", key), r.token, r.body)
				switch {
				case !assert.NoError(t, err, "the server answers"):
					return
				case status < 300:
					acknowledged[kind].Add(1)
					keptLock.Lock()
					kept[key] = kind == 0
					keptLock.Unlock()
				case status == 503 && strings.Contains(body, `"code":"unavailable"`): // before the script ran
					refused[kind].Add(1)
					assertNoLeak(t, database, body)
				case assert.Equal(t, r.status, status, "%s %s: %s", r.method, r.path, body) && assert.Contains(t, body, r.refused):
					refused[kind].Add(1)
					assertNoLeak(t, database, body)
				default:
					return
				}
			}
		})
	}
	defer clients.Wait()
	stopLoad := sync.OnceFunc(func() { close(stop) })
	defer stopLoad()
	more := func(counts *[4]atomic.Int64, what string) {
		t.Helper()
		var before [4]int64
		for kind := range counts {
			before[kind] = counts[kind].Load()
		}
		late := time.Now().Add(patience)
		for kind, r := range load {
			for counts[kind].Load() < before[kind]+10 {
				require.Falsef(t, t.Failed() || time.Now().After(late), "%s: not %s %s, %d in all", what, r.method, r.path, counts[kind].Load())
				time.Sleep(time.Millisecond)
			}
		}
	}

	more(&acknowledged, "all is well at first")
	pgtest.Stop(t)
	more(&refused, "requests are refused")
	status, body := d.fetch("GET", "/healthz", "", "")
	assert.Equal(t, 200, status, "the process is well: %s", body)
	status, body = d.fetch("GET", "/readyz", "", "")
	assert.Equal(t, 503, status, "it can do no work: %s", body)
	assertNoLeak(t, database, string(body))
	status, body = d.fetch("POST", "/api/v1/admin/auth/login", "", `{"username":"admin","password":"correct horse"}`)
	assert.Equal(t, 503, status, "%s", body)
	assertNoLeak(t, database, string(body))
	pgtest.Start(t)
	more(&acknowledged, "all is well again")
	stopLoad()
	clients.Wait()
	assert.Eventually(t, func() bool { // what was found a moment ago is told for a second
		status, _ := d.fetch("GET", "/readyz", "", "")
		return status == 200
	}, patience, 50*time.Millisecond)

	c, err := client.New(d.url, token)
	require.NoError(t, err)
	entries := map[string]json.RawMessage{}
	for entry, err := range c.KV(t.Context(), "default", "c", "") {
		require.NoError(t, err)
		entries[entry.Key] = entry.Value
	}
	for key, written := range kept {
		if written {
			assert.Contains(t, entries, key, "what was acknowledged is there")
		}
	}
	var count int64
	require.NoError(t, json.Unmarshal(entries["n"], &count))
	assert.GreaterOrEqual(t, count, acknowledged[2].Load())
	assert.LessOrEqual(t, count, tried[2].Load())
	docs, err := client.Collect(c.Docs(t.Context(), "default", "c", "", ""))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, int64(len(docs)), acknowledged[3].Load())
	assert.LessOrEqual(t, int64(len(docs)), tried[3].Load())
	for kind, r := range load {
		t.Logf("%-4s %-40s %5d done, %5d refused", r.method, r.path, acknowledged[kind].Load(), refused[kind].Load())
	}
	require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
}

// send performs a request outside the test's goroutine.
func send(address, method, path, token, body string) (status int, answer string, err error) {
	r, err := http.NewRequest(method, address+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// assertNoLeak asserts that an answer tells nothing of where the data are and
// how they are kept.
func assertNoLeak(t *testing.T, database, body string) {
	t.Helper()
	location, err := url.Parse(database)
	require.NoError(t, err)
	secrets := []string{"postgres", "pgx", "SQL", "sqlite", "SELECT", "INSERT", "UPDATE", "dial", "connection", "socket", "disk", "/tmp", ".db"}
	for _, secret := range append(secrets, location.Query().Get("host"), strings.Trim(location.Path, "/")) {
		if secret != "" {
			assert.NotContains(t, body, secret)
		}
	}
}
