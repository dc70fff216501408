package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
)

// writes is what writers know to be kept: the number of the last write of each that was acknowledged.
type writes struct {
	mu   sync.Mutex
	last map[string]int
}

func (w *writes) acknowledge(writer string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[writer] = n
}

func (w *writes) now() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := map[string]int{}
	for writer, n := range w.last {
		now[writer] = n
	}
	return now
}

const (
	bothSource = `
		let n = ctx.request.body.n;
		let writer = ctx.request.body.writer;
		transaction(|| {
			kv::collection("last").set(writer, n);
			docs::collection("all").create(#{writer: writer, n: n});
		});
		n`
	replacedBytes = 20_000 // of files that are replaced
)

// TestBackupUnderLoad: a backup that is made while everything is written, by commands, has each write that was
// acknowledged before it, nothing by halves, and the bytes of each file. No request fails because of it.
func TestBackupUnderLoad(t *testing.T) {
	for _, database := range eachtest.Kinds(t) {
		t.Run(database, func(t *testing.T) {
			p := newPlace(t)
			restoredTo := []string{"--data", "restored"}
			if database == eachtest.Postgres {
				p.env = append(p.env, "PICLOUD_DATABASE_URL="+pgtest.URL(t))
				restoredTo = append(restoredTo, "--database-url", pgtest.URL(t))
			}
			d := launch(t, p)
			token := d.login()
			p.env = append(p.env, "PICLOUD_URL="+d.url, "PICLOUD_TOKEN="+token)
			source, err := json.Marshal(map[string]string{"name": "both", "source": bothSource})
			require.NoError(t, err)
			status, answer := d.fetch("POST", "/api/v1/admin/apps/default/scripts", token, string(source))
			require.Equal(t, 201, status, "%s", answer)
			var script wire.Script
			require.NoError(t, json.Unmarshal(answer, &script))

			kept := &writes{last: map[string]int{}}
			stop := make(chan struct{})
			var wait sync.WaitGroup
			write := func(writer string, once func(n int) error) {
				wait.Go(func() {
					for n := 1; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						if err := once(n); err != nil {
							t.Errorf("%s, write %d: %v", writer, n, err)
							return
						}
						kept.acknowledge(writer, n)
					}
				})
			}
			send := func(method, path, body string, want int) ([]byte, error) {
				r, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
				if err != nil {
					return nil, err
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+token)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					return nil, err
				}
				defer resp.Body.Close()
				answer, err := io.ReadAll(resp.Body)
				if err == nil && resp.StatusCode != want {
					err = fmt.Errorf("status %d, want %d: %s", resp.StatusCode, want, answer)
				}
				return answer, err
			}
			const files = "/api/v1/admin/apps/default/files/"
			for i := range 2 {
				writer := "both-" + strconv.Itoa(i)
				write(writer, func(n int) error {
					for {
						answer, err := send("POST", "/api/v1/execute/"+script.ID, fmt.Sprintf(`{"writer":%q,"n":%d}`, writer, n), 200)
						if err == nil || !strings.Contains(string(answer), "has changed the same data at the same time") {
							return err
						}
					}
				})
			}
			write("files", func(n int) error {
				_, err := send("POST", files+"new?name="+strconv.Itoa(n), "file "+strconv.Itoa(n), 201)
				return err
			})
			replaced, err := send("POST", files+"one?name=replaced", strings.Repeat("0", replacedBytes), 201)
			require.NoError(t, err)
			var file wire.File
			require.NoError(t, json.Unmarshal(replaced, &file))
			write("replaced", func(n int) error {
				_, err := send("PUT", files+"one/"+file.ID, strings.Repeat(strconv.Itoa(n%10), replacedBytes), 200)
				return err
			})
			write("deleted", func(n int) error {
				made, err := send("POST", files+"short?name=x", strings.Repeat("x", replacedBytes), 201)
				if err != nil {
					return err
				}
				var file wire.File
				if err := json.Unmarshal(made, &file); err != nil {
					return err
				}
				_, err = send("DELETE", files+"short/"+file.ID, "", 204)
				return err
			})
			for d := kept.now(); len(d) < 5; d = kept.now() { // all are at it
				_, _ = send("GET", "/healthz", "", 200)
			}

			for round := range 3 {
				name := fmt.Sprintf("%d.tar.zst", round)
				before := kept.now()
				said := p.must(t, "backup", name)
				assert.Contains(t, said, name+" is a backup of ")
				after := kept.now()
				assert.Contains(t, p.must(t, "verify", name), name+" is whole: a backup of ")
				if round < 2 {
					continue
				}
				close(stop)
				wait.Wait()
				require.NoError(t, d.end(syscall.SIGTERM))
				r := p.run(t, "", append([]string{"restore", name}, restoredTo...)...)
				require.Equal(t, exitOK, r.status, r)
				for writer, n := range before {
					assert.Greater(t, after[writer], n, "%s wrote while the backup was made", writer)
				}
				checkRestored(t, p, restoredTo, before)
			}
			assert.NotContains(t, d.output.String(), "level=ERROR")
		})
	}
}

// checkRestored starts a server on what was restored and looks for what was acknowledged before the backup.
func checkRestored(t *testing.T, p *place, at []string, before map[string]int) {
	t.Helper()
	require.NoError(t, os.Symlink(compiled, filepath.Join(p.dir, "restored", "cache")))
	d := launch(t, p, at...)
	token := d.login()
	get := func(path string, into any) {
		t.Helper()
		status, answer := d.fetch("GET", "/api/v1/admin/apps/default/"+path, token, "")
		require.Equal(t, 200, status, "%s: %s", path, answer)
		if into != nil {
			require.NoError(t, json.Unmarshal(answer, into))
		}
	}
	numbers := map[string]map[int]bool{}
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				Data struct {
					Writer string
					N      int
				}
			}
			Cursor string
		}
		get("docs/all?limit=1000&cursor="+cursor, &page)
		for _, doc := range page.Items {
			if numbers[doc.Data.Writer] == nil {
				numbers[doc.Data.Writer] = map[int]bool{}
			}
			numbers[doc.Data.Writer][doc.Data.N] = true
		}
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	for _, writer := range []string{"both-0", "both-1"} {
		var entry struct{ Value int }
		get("kv/last/"+writer, &entry)
		assert.GreaterOrEqual(t, entry.Value, before[writer], "%s: what was acknowledged is there", writer)
		assert.Len(t, numbers[writer], entry.Value, "%s: of each transaction there is all or nothing", writer)
		for n := 1; n <= entry.Value; n++ {
			assert.True(t, numbers[writer][n], "%s: write %d", writer, n)
		}
	}
	found := map[string]bool{}
	for _, collection := range []string{"new", "one", "short"} {
		for cursor := ""; ; {
			var page wire.Page[wire.File]
			get("files/"+collection+"?limit=1000&cursor="+cursor, &page)
			for _, file := range page.Items {
				status, content := d.fetch("GET", "/api/v1/admin/apps/default/files/"+collection+"/"+file.ID, token, "")
				require.Equal(t, 200, status, "the bytes of %s in %s: %s", file.Name, collection, content)
				switch collection {
				case "new":
					found[file.Name] = true
					assert.Equal(t, "file "+file.Name, string(content))
				case "one":
					assert.Equal(t, bytes.Repeat(content[:1], replacedBytes), content)
				}
			}
			if cursor = page.Cursor; cursor == "" {
				break
			}
		}
	}
	for n := 1; n <= before["files"]; n++ {
		assert.True(t, found[strconv.Itoa(n)], "file %d, which was acknowledged", n)
	}
	require.NoError(t, d.end(syscall.SIGTERM))
	assert.NotContains(t, d.output.String(), "level=ERROR")
}

// TestBackupCommands: what the commands say, and what they refuse.
func TestBackupCommands(t *testing.T) {
	eachtest.SQLiteOnly(t, "each of its restores would need a database of PostgreSQL, as TestBackupUnderLoad has one")
	p := newPlace(t)
	d := launch(t, p)
	p.env = append(p.env, "PICLOUD_URL="+d.url, "PICLOUD_TOKEN="+d.login())
	status, answer := d.fetch("PUT", "/api/v1/admin/apps/default/secrets/key", strings.TrimPrefix(p.env[len(p.env)-1], "PICLOUD_TOKEN="), `{"value":"v"}`)
	require.Equal(t, 200, status, "%s", answer)
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	for name, text := range map[string]string{"key.txt": identity.String(), "words": "open, sesame\nand more", "short": "abc", "other words": "open barley"} {
		require.NoError(t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
	}
	p.must(t, "backup", "plain")
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "sent"), []byte(p.must(t, "backup", "-")), 0o600))
	assert.Contains(t, p.must(t, "verify", "sent"), "sent is whole")
	p.fails(t, exitUsage, "a backup is read more than once: keep it in a file", "verify", "-")
	assert.Contains(t, p.must(t, "backup", "sealed", "--recipient", identity.Recipient().String()), "and is encrypted")
	p.must(t, "backup", "worded", "--passphrase-file", "words")
	info, err := os.Stat(filepath.Join(p.dir, "plain"))
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())
	assert.Contains(t, p.must(t, "verify", "sealed", "--identity", "key.txt"), "sealed is whole")
	assert.Contains(t, p.must(t, "verify", "worded", "--passphrase-file", "words"), "worded is whole")
	var checked struct {
		Backup struct{ Database string }
		Has    struct{ Files int }
	}
	require.NoError(t, json.Unmarshal([]byte(p.must(t, "verify", "plain", "-o", "json")), &checked))
	assert.Equal(t, "sqlite", checked.Backup.Database)

	content, err := os.ReadFile(filepath.Join(p.dir, "plain"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "half"), content[:len(content)/2], 0o600))
	for _, c := range []struct {
		says   string
		status int
		args   []string
	}{
		{"plain is there already: name another file", exitUsage, []string{"backup", "plain"}},
		{`key 1 of 1 is no public key`, exitUsage, []string{"backup", "new", "--recipient", "nobody"}},
		{"no such file", exitUsage, []string{"backup", "nowhere/new"}},
		{"the passphrase must have at least 12 characters, got 3", exitUsage, []string{"backup", "new", "--passphrase-file", "short"}},
		{"half: the backup is damaged: it ends in the middle", exitFailed, []string{"verify", "half"}},
		{"words: this is no backup of PiCloud", exitFailed, []string{"verify", "words"}},
		{"with --identity", exitFailed, []string{"verify", "sealed"}},
		{"the passphrase is not that of the backup", exitFailed, []string{"verify", "worded", "--passphrase-file", "other words"}},
		{"not a terminal", exitUsage, []string{"verify", "worded"}},
		{"data is not empty", exitFailed, []string{"restore", "plain", "--data", "data"}},
		{"half: the backup is damaged", exitFailed, []string{"restore", "half", "--data", "restored"}},
	} {
		r := p.run(t, "", c.args...)
		assert.Equal(t, c.status, r.status, r)
		assert.Contains(t, r.stderr, c.says, r)
	}
	assert.NoFileExists(t, filepath.Join(p.dir, "new"))
	assert.NoDirExists(t, filepath.Join(p.dir, "restored"))
	leftovers, err := filepath.Glob(filepath.Join(p.dir, ".*-*"))
	require.NoError(t, err)
	assert.Empty(t, leftovers)

	for i, from := range [][]string{{"plain"}, {"sealed", "--identity", "key.txt"}, {"worded", "--passphrase-file", "words"}} {
		r := p.run(t, "", append([]string{"restore", "--data", "restored-" + strconv.Itoa(i)}, from...)...)
		require.Equal(t, exitOK, r.status, r)
		assert.Contains(t, r.stdout, from[0]+" is restored to restored-"+strconv.Itoa(i)+": a backup of ")
		assert.Contains(t, r.stderr, ", with which secrets and second factors are sealed (1), is not in the backup", r)
	}
	var log []wire.AuditEntry
	require.NoError(t, json.Unmarshal([]byte(p.must(t, "audit", "list", "--action", "create-backup", "-o", "json")), &log))
	assert.Len(t, log, 4)
	require.NoError(t, d.end(syscall.SIGTERM))
}

// benchBackupMB is how many MiB BenchmarkBackup keeps; 64 when it is not set.
const benchBackupMB = "PICLOUD_BACKUP_BENCH_MB"

// BenchmarkBackup measures how fast a client gets a backup from the built server and writes it to a file, beside how fast the
// file is copied, while four clients ask for a route whose script reads and writes. A part of it is BenchmarkBackup of package
// backup, which has the same contents and makes no requests. "failed" are requests that were not answered 200.
func BenchmarkBackup(b *testing.B) {
	size, err := strconv.Atoi(cmp.Or(os.Getenv(benchBackupMB), "64"))
	require.NoError(b, err)
	b.Run("SQLite", func(b *testing.B) { benchmarkBackup(b, size) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkBackup(b, size, "--database-url", pgtest.URL(b)) })
}

func benchmarkBackup(b *testing.B, size int, args ...string) {
	p := newPlace(b)
	d := launch(b, p, append(args, "--kv-quota", "0", "--files-quota", "0")...)
	c, err := client.New(d.url, d.login())
	require.NoError(b, err)
	fillForBackup(b, c, size)
	script, err := c.CreateScript(b.Context(), "default", wire.ScriptCreate{Name: "count", Source: `kv::collection("written").incr("n", 1)`})
	require.NoError(b, err)
	_, err = c.CreateRoute(b.Context(), script.ID, wire.RouteCreate{Method: "POST", Path: "/count"})
	require.NoError(b, err)

	asking, stop := context.WithCancel(b.Context())
	clients := make([]asked, 4)
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() { clients[i].ask(asking, d.url+"/count") })
	}
	var backups, copies time.Duration
	for b.Loop() {
		path := filepath.Join(p.dir, "backup")
		began := time.Now()
		made, err := c.Backup(b.Context())
		require.NoError(b, err)
		writeSynced(b, path, made)
		require.NoError(b, made.Close())
		backups += time.Since(began)

		began = time.Now()
		from, err := os.Open(path)
		require.NoError(b, err)
		writeSynced(b, path+".copy", struct{ io.Reader }{from}) // through memory, as the backup was
		require.NoError(b, from.Close())
		copies += time.Since(began)
	}
	stop()
	wait.Wait()
	var took []time.Duration
	failed := 0
	for _, c := range clients {
		took, failed = append(took, c.took...), failed+c.failed
	}
	require.NotEmpty(b, took)
	slices.Sort(took)
	made, err := os.Stat(filepath.Join(p.dir, "backup"))
	require.NoError(b, err)
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	b.ReportMetric(float64(size<<20)*float64(b.N)/1e6/backups.Seconds(), "MB/s")
	b.ReportMetric(float64(made.Size())*float64(b.N)/1e6/copies.Seconds(), "copy-MB/s")
	b.ReportMetric(float64(len(took)), "requests")
	b.ReportMetric(float64(failed), "failed")
	b.ReportMetric(milliseconds(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(milliseconds(took[len(took)-1]), "longest-ms")
}

// fillForBackup keeps so many MiB: half in values of kv, a quarter in files of 64 MiB at most, and a quarter in files of 16 KiB.
func fillForBackup(b *testing.B, c *client.Client, size int) {
	filling, ctx := errgroup.WithContext(b.Context())
	filling.SetLimit(8)
	random := func(seed, length int) []byte {
		content := make([]byte, length)
		chance := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
		_, _ = chance.Read(content) // which does not fail
		return content
	}
	seed := 0
	file := func(collection string, length int) {
		seed++
		of := seed
		filling.Go(func() error {
			_, err := c.UploadFile(ctx, "default", collection, "content", "a/b", bytes.NewReader(random(of, length)))
			return err
		})
	}
	for rest := size << 20 / 4; rest > 0; rest -= 64 << 20 {
		file("large", min(rest, 64<<20))
	}
	for range size << 20 / 4 / (16 << 10) {
		file("small", 16<<10)
	}
	for i := range size << 20 / 2 / (16 << 10) {
		filling.Go(func() error {
			value, err := json.Marshal(base64.StdEncoding.EncodeToString(random(1<<20+i, 12<<10)))
			if err != nil {
				return err
			}
			_, err = c.SetKV(ctx, "default", "values", strconv.Itoa(i), wire.KVSet{Value: value})
			return err
		})
	}
	require.NoError(b, filling.Wait())
}

// writeSynced writes what there is to be read to a file, until the disk has it.
func writeSynced(b *testing.B, path string, from io.Reader) {
	to, err := os.Create(path)
	require.NoError(b, err)
	_, err = io.Copy(struct{ io.Writer }{to}, from)
	require.NoError(b, err)
	require.NoError(b, to.Sync())
	require.NoError(b, to.Close())
}

// asked is what became of the requests of a client.
type asked struct {
	took   []time.Duration
	failed int
}

// ask makes a request every 10 ms, until ctx ends.
func (a *asked) ask(ctx context.Context, url string) {
	for ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
		began := time.Now()
		resp, err := http.Post(url, "", nil)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		a.took = append(a.took, time.Since(began))
		if err != nil || resp.StatusCode != http.StatusOK {
			a.failed++
		}
	}
}
