package main

import (
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
}
