package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The plugins among the examples are deployed as they are committed, and answer
// as their READMEs say.
func TestPluginExamples(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/plugin-c")
	header, picture := visit{"GET /avatars/ada", "", 200, "..."}.check(t, server.url)
	if header.Get("Content-Type") != "image/png" || !strings.HasPrefix(picture, "\x89PNG\r\n\x1a\n") {
		t.Errorf("the picture is %s, %.20q", header.Get("Content-Type"), picture)
	}
	if _, again := (visit{"GET /avatars/ada", "", 200, "..."}).check(t, server.url); again != picture {
		t.Error("the second picture differs from the first")
	}
	visit{"GET /avatars/ada?size=9000", "", 422, `{"error":"size must be an integer between 16 and 1024","got":"9000"}`}.check(t, server.url)
	if got := p.must(t, "kv", "get", "drawn", "ada", "--app", "avatars"); strings.TrimSpace(got) != "2" {
		t.Errorf("drawn %q times, want 2", got)
	}

	p.must(t, "deploy", "examples/plugin-assemblyscript")
	for _, want := range []string{`{"allowed":true,"limit":2,"remaining":1,"reset":`, `{"allowed":true,"limit":2,"remaining":0,"reset":`} {
		if _, body := (visit{"POST /limits/ada?limit=2&window=86400", "", 200, "..."}).check(t, server.url); !strings.HasPrefix(body, want) {
			t.Errorf("answered %s, want %s…", body, want)
		}
	}
	header, _ = visit{"POST /limits/ada?limit=2&window=86400", "", 429, "..."}.check(t, server.url)
	if header.Get("Retry-After") == "" {
		t.Error("no retry-after")
	}
	visit{"POST /limits/ada?limit=many", "", 422, `{"error":"limit must be an integer between 1 and 1000000, got many"}`}.check(t, server.url)
	if got := p.must(t, "logs", "limiter", "--app", "limiter"); !strings.Contains(got, "warn  ada has used up its permits: 2 in 86400 s") {
		t.Errorf("the log is\n%s", got)
	}

	// Another script of the app calls the plugin.
	p.write(t, "caller.rhai", `invoke("limiter", #{key: ctx.request.query.key, limit: 1, window: 86400}).allowed`)
	p.must(t, "deploy", "caller.rhai", "--app", "limiter")
	p.must(t, "routes", "add", "caller", "GET", "/caller", "--app", "limiter")
	visit{"GET /caller?key=grace", "", 200, "true"}.check(t, server.url)
	visit{"GET /caller?key=grace", "", 200, "false"}.check(t, server.url)

	if raced {
		return
	}
	// So does another plugin, which Go's own compiler made.
	p.write(t, "caller.wasm", string(buildPlugin(t, "./testdata/caller")))
	p.must(t, "deploy", "caller.wasm", "--name", "asker", "--app", "limiter")
	p.must(t, "routes", "add", "asker", "GET", "/asker", "--app", "limiter")
	visit{"GET /asker?of=limiter", "", 200, "true"}.check(t, server.url)
	visit{"GET /asker?of=limiter", "", 200, "false"}.check(t, server.url)
	visit{"GET /asker?of=nobody", "", 502, `{"code":"not_found","error":"invoke \"nobody\": the app has no endpoint or plugin of this name"}`}.check(t, server.url)
}

// The example in Go answers the same from TinyGo, as it is committed, and from Go's own
// compiler.
func TestGoPluginExample(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/plugin-go")
	for _, c := range []struct {
		compiler string
		deploy   func()
	}{
		{"TinyGo", func() {}},
		{"Go", func() {
			p.write(t, "pages.wasm", string(buildPlugin(t, "../../examples/plugin-go")))
			p.must(t, "deploy", "pages.wasm", "--app", "pages")
		}},
	} {
		t.Run(c.compiler, func(t *testing.T) {
			if raced && c.compiler == "Go" {
				t.Skip("wazero takes longer than a deployment may, under the race detector, to compile what Go's compiler makes")
			}
			c.deploy()
			visit{"GET /pages/tea", "", 404, `{"error":"there is no such page","got":"tea"}`}.check(t, server.url)
			visit{"PUT /pages/tea", "# Tea & co\n\n~~cold~~ <script>", 200, `{"page":"/pages/tea","title":"Tea & co"}`}.check(t, server.url)
			header, page := visit{"GET /pages/tea", "", 200, "..."}.check(t, server.url)
			want := "<!doctype html>\n<title>Tea &amp; co</title>\n<h1>Tea &amp; co</h1>\n<p><del>cold</del> <!-- raw HTML omitted --></p>\n"
			if page != want || header.Get("Content-Type") != "text/html; charset=utf-8" || header.Get("Last-Modified") == "" {
				t.Errorf("answered %v\n%s\nwant\n%s", header, page, want)
			}
			visit{"PUT /pages/Tea", "text", 422, `{"error":"name must be 1 to 64 of a-z, 0-9 and -","got":"Tea"}`}.check(t, server.url)
			visit{"DELETE /pages/tea", "", 204, ""}.check(t, server.url)
			if got := p.must(t, "logs", "pages", "--app", "pages"); !strings.Contains(got, `info  written {"bytes":29,"page":"tea"}`) {
				t.Errorf("the log is\n%s", got)
			}
		})
	}
}

// buildPlugin makes a plugin of a package with Go's own compiler.
func buildPlugin(t *testing.T, folder string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, folder)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	wasm, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}
