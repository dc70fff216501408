package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store/eachtest"
)

// A development is a `picloud dev` that runs, with --output json.
type development struct {
	p       *place
	process *exec.Cmd
	events  chan devEvent
	url     string
}

// devEvent is a line of it.
type devEvent struct {
	Event       string
	URL         string
	App         string
	MS          float64
	Changes     []change
	Method      string
	Path        string
	Status      int
	Script      string
	ExecutionID string `json:"execution_id"`
	Invocation  string `json:"invocation_type"`
	Log         struct{ Message string }
	Error       struct {
		Message string
		Script  struct {
			Name       string
			Line       int
			Column     int
			SourceLine string `json:"source_line"`
		}
	}
}

// develop starts it, and waits until it has deployed.
func develop(t testing.TB, p *place, args ...string) *development {
	t.Helper()
	d := &development{p: p, events: make(chan devEvent, 1000)}
	d.process = exec.Command(filepath.Join(p.dir, "bin", "picloud"), append([]string{"dev", "--output", "json"}, args...)...)
	d.process.Dir, d.process.Env = p.dir, p.env
	said := &transcript{}
	d.process.Stderr = said
	stdout, err := d.process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, d.process.Start())
	go func() {
		defer close(d.events)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			fmt.Fprintln(said, lines.Text())
			var e devEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err == nil {
				d.events <- e
			}
		}
	}()
	t.Cleanup(func() {
		_ = d.process.Process.Kill()
		_ = d.process.Wait()
		if t.Failed() {
			t.Logf("picloud dev said:\n%s", said)
		}
	})
	d.url = d.await(t, "ready").URL
	return d
}

// await waits for an event of a kind, and leaves out others.
func (d *development) await(t testing.TB, kind string) devEvent {
	t.Helper()
	return d.awaitAll(t, kind)[kind]
}

// awaitAll waits for an event of each kind, in whatever order they come, and leaves out others.
func (d *development) awaitAll(t testing.TB, kinds ...string) map[string]devEvent {
	t.Helper()
	late := time.After(patience)
	told := map[string]devEvent{}
	for len(told) < len(kinds) {
		select {
		case e, open := <-d.events:
			require.True(t, open, "it ended before it told of %v, only %v", kinds, told)
			if _, again := told[e.Event]; slices.Contains(kinds, e.Event) && !again {
				told[e.Event] = e
			}
		case <-late:
			require.Fail(t, fmt.Sprintf("not all of %v are told of, only %v", kinds, told))
		}
	}
	return told
}

// interrupt does what Ctrl-C does, and waits for the end.
func (d *development) interrupt(t testing.TB) {
	t.Helper()
	require.NoError(t, d.process.Process.Signal(syscall.SIGINT))
	ended := make(chan error, 1)
	go func() {
		for range d.events { // until its output has ended
		}
		ended <- d.process.Wait()
	}()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "it goes on after it was interrupted")
	}
}

func answers(t testing.TB, url, path string, status int, body string) {
	t.Helper()
	got, _, text := request(t, http.MethodGet, url+path, "")
	require.Equal(t, status, got, "GET %s: %s", path, text)
	if body != "" {
		require.Equal(t, body, text, "GET %s", path)
	}
}

// devPlace is a place whose `picloud dev` finds what is compiled already, and leaves its data in tmp.
func devPlace(t testing.TB) (p *place, tmp string) {
	p = newPlace(t)
	caches := filepath.Join(p.dir, ".cache", "picloud")
	tmp = filepath.Join(p.dir, "tmp")
	require.NoError(t, os.MkdirAll(caches, 0o700))
	require.NoError(t, os.Symlink(compiled, filepath.Join(caches, "dev")))
	require.NoError(t, os.Mkdir(tmp, 0o700))
	p.env = append(p.env, "TMPDIR="+tmp, "XDG_CACHE_HOME=")
	return p, tmp
}

// A folder is edited: what changes is served, a slip is shown and changes nothing, and in the end nothing
// is left.
func TestDev(t *testing.T) {
	p, tmp := devPlace(t)
	const manifest = "app: shop\nsecrets: [mail-key]\nscripts:\n  - {name: cart, routes: [GET /cart]}\n  - {name: old, routes: [GET /old]}\n"
	p.write(t, "shop/picloud.yaml", manifest)
	p.write(t, "shop/cart.rhai", "print(`at ${secrets::get(\"mail-key\")}`);\n`one`")
	p.write(t, "shop/old.rhai", "`old`")
	p.write(t, "shop/.env", "MAIL_KEY=a1\n")
	d := develop(t, p, "shop", "--addr", "127.0.0.1:0")
	require.NotEmpty(t, d.url)
	answers(t, d.url, "/cart", 200, "one")
	told := d.awaitAll(t, "request", "log")
	asked := told["request"]
	require.Equal(t, "GET /cart 200", fmt.Sprint(asked.Method, " ", asked.Path, " ", asked.Status))
	require.NotEmpty(t, asked.ExecutionID)
	require.Equal(t, "at a1", told["log"].Log.Message, "the secret of .env is shorter than what is masked")

	// An edit, as editors make it: another file takes the place.
	p.write(t, "shop/cart.rhai.new", "`two`")
	require.NoError(t, os.Rename(filepath.Join(p.dir, "shop/cart.rhai.new"), filepath.Join(p.dir, "shop/cart.rhai")))
	edited := d.await(t, "deployed")
	require.Len(t, edited.Changes, 1)
	require.Equal(t, "cart updated", edited.Changes[0].Name+" "+edited.Changes[0].Result)
	answers(t, d.url, "/cart", 200, "two")
	t.Logf("deployed %.0f ms after the change", edited.MS)

	// A slip in one of two scripts, and both stay as they are.
	p.write(t, "shop/old.rhai", "`older`\n let")
	failed := d.await(t, "failed")
	require.Equal(t, filepath.Join("shop", "old.rhai"), failed.Error.Script.Name)
	require.Equal(t, 2, failed.Error.Script.Line)
	require.Equal(t, " let", failed.Error.Script.SourceLine)
	answers(t, d.url, "/old", 200, "old")
	p.write(t, "shop/old.rhai", "let x = 1;\nx.nothing()")
	d.await(t, "deployed")

	// What fails when it runs is shown with its place.
	answers(t, d.url, "/old", 502, "")
	wrong := d.await(t, "error")
	require.Equal(t, "x.nothing()", wrong.Error.Script.SourceLine)
	require.Equal(t, filepath.Join("shop", "old.rhai"), wrong.Error.Script.Name)

	// A file that the manifest names is gone, and then the manifest does not name it.
	require.NoError(t, os.Remove(filepath.Join(p.dir, "shop/old.rhai")))
	require.Contains(t, d.await(t, "failed").Error.Message, "old.rhai")
	p.write(t, "shop/picloud.yaml", strings.Replace(manifest, "  - {name: old, routes: [GET /old]}\n", "  - {name: new, file: lib/new.rhai, routes: [GET /new]}\n", 1))
	p.write(t, "shop/lib/new.rhai", "`new`")
	for {
		if e := d.await(t, "deployed"); len(e.Changes) > 0 {
			break
		}
	}
	answers(t, d.url, "/new", 200, "new")
	answers(t, d.url, "/old", 404, "")
	p.write(t, "shop/lib/new.rhai", "`newer`")
	d.await(t, "deployed")
	answers(t, d.url, "/new", 200, "newer")

	d.interrupt(t)
	if _, err := http.Get(d.url + "/cart"); err == nil {
		t.Error("the server goes on after picloud dev has ended")
	}
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, left, "data of the server are left")
}

// On a server that runs, the app stays when picloud dev ends, and so does what the folder does not name.
func TestDevOnARunningServer(t *testing.T) {
	p, server := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts:\n  - {name: cart, routes: [GET /cart]}\n")
	p.write(t, "shop/cart.rhai", "`one`")
	p.write(t, "by-hand.rhai", "`hand`")
	p.must(t, "deploy", "shop")
	p.must(t, "deploy", "by-hand.rhai", "--app", "shop")
	p.fails(t, exitUsage, "--data and --addr are for a server that is started here", "dev", "shop", "--url", server.url, "--data", "x")
	p.fails(t, exitUsage, "cannot be deployed", "dev", "bin")
	d := develop(t, p, "shop", "--url", server.url)
	require.Equal(t, server.url, d.url)
	p.write(t, "shop/cart.rhai", "print(\"asked\"); `two`")
	require.Equal(t, "cart", d.await(t, "deployed").Changes[0].Name)
	answers(t, server.url, "/cart", 200, "two")
	told := d.awaitAll(t, "request", "log")
	asked := told["request"]
	require.Equal(t, "GET /cart 200", fmt.Sprint(asked.Method, " ", asked.Path, " ", asked.Status))
	require.Equal(t, "asked", told["log"].Log.Message)
	d.interrupt(t)
	answers(t, server.url, "/cart", 200, "two")
	p.must(t, "scripts", "show", "by-hand", "--app", "shop")
}

// Data that are named stay, and the server is the same the next time.
func TestDevKeepsData(t *testing.T) {
	p := newPlace(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts:\n  - {name: count, routes: [GET /count]}\n")
	p.write(t, "shop/count.rhai", "kv::collection(\"c\").incr(\"n\", 1)")
	for _, want := range []string{"1", "2"} {
		d := develop(t, p, "shop", "--data", "data", "--addr", "127.0.0.1:0") // its cache is that of the tests
		answers(t, d.url, "/count", 200, want)
		d.interrupt(t)
	}
}

// Each example is the same after it was pulled.
func TestPull(t *testing.T) {
	p, _ := loggedIn(t)
	examples, err := filepath.Glob(filepath.Join(p.dir, "examples", "*", "picloud.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	for _, example := range examples {
		name := filepath.Base(filepath.Dir(example))
		t.Run(name, func(t *testing.T) {
			var app string
			for _, c := range decode[[]change](t, p, "deploy", filepath.Dir(example)) {
				if c.What == "app" {
					app = c.Name
				}
			}
			require.NotEmpty(t, app)
			p.must(t, "pull", app, "pulled/"+name)
			for _, c := range decode[[]change](t, p, "deploy", "pulled/"+name, "--dry-run", "--prune") {
				if c.Result != "unchanged" && c.Result != "missing" {
					t.Errorf("%s %s would be %s by what was pulled", c.What, c.Name, c.Result)
				}
			}
			// Again, and over the example itself: nothing is to be written.
			for _, file := range decode[[]struct{ File, Result string }](t, p, "pull", app, "pulled/"+name) {
				if file.Result != "unchanged" {
					t.Errorf("%s is %s by the second pull", file.File, file.Result)
				}
			}
			require.NoError(t, os.CopyFS(filepath.Join(p.dir, "copies", name), os.DirFS(filepath.Dir(example))))
			require.Contains(t, p.must(t, "pull", app, "copies/"+name), "nothing is written")
		})
	}
}

// What a deploy can say beside the examples is pulled, too, and no file is lost that is otherwise.
func TestPullOfAll(t *testing.T) {
	for _, kind := range eachtest.Kinds(t) {
		t.Run(kind, func(t *testing.T) { pullAll(t, databaseOf(t, kind)) })
	}
}

func pullAll(t *testing.T, variables []string) {
	p, _ := loggedIn(t, variables...)
	p.write(t, "shop/picloud.yaml", `
app: shop
name: "yes"
cors: {origins: [https://a.example], max_age: 60}
domains: [shop.example, "*.shop.example"]
static:
  - {name: pages, from: public/, to: shop.example/pages, not_found: none.html, max_age: 60, immutable: [assets/]}
scripts:
  - name: lib/prices
    kind: module
  - name: cart
    read_only: true
    limits: {timeout_ms: 500, memory_mb: 32}
    routes:
      - GET /cart/:id
      - {route: ANY /hooks/*, dispatch: async, rate_limit: {requests: 5, per_seconds: 60, by: "header:x-key"}}
      - {route: POST shop.example/paid, cors: {origins: ["*"]}, signature: {scheme: stripe, secret: stripe-hooks, tolerance: 60}}
triggers:
  - {name: failed, kind: dead_letter, script: cart, source: queue, failed_trigger: q, failed_script: cart}
  - {name: q, kind: queue, script: cart, topic: t, max_batch: 10, ordered: true, enabled: false, retry: {max_attempts: 3, jitter: 0.5}, concurrency: 1}
  - {name: "on", kind: docs, script: cart, collection: "orders*", operations: [create], filter: {paid: true, at: {"$gt": "2026-01-01"}}}
  - {name: nightly, kind: cron, script: cart, schedule: "0 3 * * *", timezone: Europe/Zurich, catch_up: skip}
topics: [{topic: news.sport, access: public}, {topic: prices}]
`)
	p.write(t, "shop/lib/prices.rhai", "fn of(x) { x }")
	p.write(t, "shop/cart.rhai", "import \"lib/prices\" as p;\np::of(1)\n")
	for _, name := range []string{"index.html", "none.html", "assets/a.css"} {
		p.write(t, "shop/public/"+name, name)
	}
	p.must(t, "deploy", "shop")
	if r := p.run(t, "key", "secrets", "set", "stripe-hooks", "--app", "shop"); r.status != exitOK {
		t.Fatal(r)
	}
	p.must(t, "pull", "shop", "pulled")
	for _, c := range decode[[]change](t, p, "deploy", "pulled", "--dry-run", "--prune") {
		if c.Result != "unchanged" {
			t.Errorf("%s %s would be %s by what was pulled", c.What, c.Name, c.Result)
		}
	}
	pulled, err := os.ReadFile(filepath.Join(p.dir, "pulled", "picloud.yaml"))
	require.NoError(t, err)
	t.Logf("pulled:\n%s", pulled)

	p.write(t, "pulled/cart.rhai", "mine")
	p.write(t, "pulled/notes.txt", "mine")
	require.NoError(t, os.Remove(filepath.Join(p.dir, "pulled", "lib", "prices.rhai")))
	p.fails(t, exitFailed, "which --force would write over: cart.rhai", "pull", "shop", "pulled")
	_, err = os.Stat(filepath.Join(p.dir, "pulled", "lib", "prices.rhai"))
	require.ErrorIs(t, err, fs.ErrNotExist, "something was written by a pull that was refused")
	p.must(t, "pull", "shop", "pulled", "--force")
	mended, err := os.ReadFile(filepath.Join(p.dir, "pulled", "cart.rhai"))
	require.NoError(t, err)
	require.Equal(t, "import \"lib/prices\" as p;\np::of(1)\n", string(mended))
	notes, err := os.ReadFile(filepath.Join(p.dir, "pulled", "notes.txt"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(notes))
}

// How long it takes from a save to the new answer, in a folder with as many scripts as the examples have in all.
func BenchmarkDev(b *testing.B) {
	p, _ := devPlace(b)
	manifest := "app: shop\nscripts:\n  - {name: cart, routes: [GET /cart]}\n"
	for i := range 20 {
		name := fmt.Sprintf("s%d", i)
		manifest += "  - {name: " + name + ", routes: [GET /" + name + "]}\n"
		p.write(b, "shop/"+name+".rhai", strings.Repeat("let x = 1;\n", 100))
	}
	p.write(b, "shop/picloud.yaml", manifest)
	p.write(b, "shop/cart.rhai", "0")
	d := develop(b, p, "shop", "--addr", "127.0.0.1:0")
	go func() {
		for range d.events { // so that it is not held up
		}
	}()
	for n := 1; b.Loop(); n++ {
		want := fmt.Sprint(n)
		p.write(b, "shop/cart.rhai", want)
		for {
			if _, _, got := request(b, http.MethodGet, d.url+"/cart", ""); got == want {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}
