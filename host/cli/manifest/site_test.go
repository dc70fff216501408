package manifest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/sites"
)

// hosting is a remote that keeps files, and a static site.
type hosting struct {
	*remote
	files   []wire.File
	uploads int
	breaks  int   // which upload fails; 0: none
	refuses error // of the change that makes the site
	source  string
}

func (h *hosting) Files(context.Context, string, string) iter.Seq2[wire.File, error] {
	return listing(h.files)
}

func (h *hosting) UploadFile(_ context.Context, _, collection, name, contentType string, content io.Reader) (wire.File, error) {
	if h.uploads++; h.uploads == h.breaks {
		return wire.File{}, errors.New("the line broke")
	}
	if collection != sites.Collection {
		return wire.File{}, fmt.Errorf("collection is %q", collection)
	}
	text, err := io.ReadAll(content)
	file := wire.File{ID: fmt.Sprintf("01a20970-f805-7922-8ded-%012d", h.uploads), Name: name, ContentType: contentType, SHA256: fmt.Sprintf("%x", sha256.Sum256(text))}
	h.files = append(h.files, file)
	return file, err
}

func (h *hosting) DeleteFile(_ context.Context, _, _, id string) error {
	h.files = slices.DeleteFunc(h.files, func(f wire.File) bool { return f.ID == id })
	return nil
}

func (h *hosting) CreateScript(_ context.Context, _ string, s wire.ScriptCreate) (wire.Script, error) {
	if h.refuses == nil {
		h.source = s.Source
		h.scripts = append(h.scripts, wire.Script{ID: "site", Name: s.Name, Kind: s.Kind, Source: s.Source, Version: 1})
	}
	return wire.Script{ID: "site", Version: 1}, h.refuses
}

func (h *hosting) UpdateScript(_ context.Context, _ string, change wire.ScriptUpdate) (wire.Script, error) {
	if h.refuses != nil {
		return wire.Script{}, h.refuses
	}
	script := &h.scripts[len(h.scripts)-1]
	h.source, script.Source = *change.Source, *change.Source
	script.Version++
	return *script, nil
}

func (h *hosting) Deploy(ctx context.Context, app string, deploy wire.Deploy) (wire.Deployed, error) {
	return deployParts(ctx, h, nil, app, deploy)
}

func (h *hosting) deploy(t *testing.T, files map[string]string) (changes []Change, err error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, "public", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte("app: shop\nstatic: public/ -> /\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	app, err := Read(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Make(t.Context(), h, app)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Apply(t.Context(), h)
}

// A deploy of a site that fails deletes what it has uploaded, unless the site may have come about all
// the same.
func TestFailedDeployOfASite(t *testing.T) {
	status := func(status int) error { return &client.Error{Problem: wire.Problem{Status: status, Detail: "no"}} }
	for _, c := range []struct {
		name    string
		breaks  int
		refuses error
		left    int // of the new files
		says    string
	}{
		{"an upload breaks off", 3, nil, 0, "b.js: the line broke"},
		{"another was faster", 0, status(http.StatusConflict), 0, "static site static: no"},
		{"a proxy gave up", 0, status(http.StatusBadGateway), 2, "no"},
		{"the line broke", 0, io.ErrUnexpectedEOF, 2, "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hosting{remote: deployed()}
			if _, err := h.deploy(t, map[string]string{"a.html": "1"}); err != nil {
				t.Fatal(err)
			}
			before := h.source
			h.breaks, h.refuses = c.breaks, c.refuses
			_, err := h.deploy(t, map[string]string{"a.html": "2", "b.js": "3"})
			if err == nil || !strings.HasSuffix(err.Error(), c.says) {
				t.Errorf("error = %v, want %s", err, c.says)
			}
			if h.source != before {
				t.Errorf("the site has become %s", h.source)
			}
			if left := len(h.files) - 1; left != c.left {
				t.Errorf("%d new files are left, want %d: %v", left, c.left, h.files)
			}
		})
	}
}

// What a deploy replaces is kept by the site until the next.
func TestSiteKeepsTheVersionBefore(t *testing.T) {
	h := &hosting{remote: deployed()}
	for _, step := range []struct {
		files   map[string]string
		uploads int
		result  Result
		kept    []string
	}{
		{map[string]string{"a.html": "1", "b.js": "1", "c.css": "1"}, 3, Created, nil},
		{map[string]string{"a.html": "2", "c.css": "1"}, 1, Updated, []string{"a.html", "b.js"}},
		{map[string]string{"a.html": "2", "c.css": "1"}, 0, Unchanged, []string{"a.html", "b.js"}},
		{map[string]string{"a.html": "1", "b.js": "1", "c.css": "1"}, 0, Updated, []string{"a.html"}},
		{map[string]string{"a.html": "1", "c.css": "3"}, 1, Updated, []string{"b.js", "c.css"}},
	} {
		before := h.uploads
		changes, err := h.deploy(t, step.files)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(changes, func(c Change) bool { return c.What == string(abi.KindStatic) })
		if changes[i].Result != step.result || h.uploads-before != step.uploads {
			t.Errorf("%v: %+v after %d uploads, want %s after %d", step.files, changes[i], h.uploads-before, step.result, step.uploads)
		}
		site, err := sites.Parse(h.source)
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		for name := range site.Previous {
			kept = append(kept, name)
		}
		slices.Sort(kept)
		if !slices.Equal(kept, step.kept) {
			t.Errorf("%v: kept %v, want %v", step.files, kept, step.kept)
		}
	}
}

// Of a folder that is served, sources, tests, keys, backups, links and hidden files are left out, but for .well-known, and it is told.
func TestSourcesAreNotPublished(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"a.rhai", "draft.rhai", "a_test.rhai", ".env", ".git/config", "seed.json", "lib/prices.rhai", "plugin.wasm", "index.html", "css/page.css",
		".well-known/security.txt", ".well-known/.hidden", "public/shown.rhai", "public/b_test.rhai", "public/picloud.yaml", "public/b.rhai",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		content := []byte("1")
		if strings.HasSuffix(name, WasmSuffix) {
			content = wasmMagic
		}
		if name == "seed.json" {
			content = []byte(`{"a":1}`)
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const rest = "scripts: [{name: a}, {name: prices, file: lib/prices.rhai}, {name: b, file: ./public/b.rhai}, {name: p, file: plugin.wasm}]\nseed: {kv: {s: seed.json}}\n"
	for _, c := range []struct{ static, published, warning string }{
		{". -> /", ".well-known/security.txt css/page.css index.html",
			"static site static: not published, as sources, tests, keys, backups, links and hidden files are not: .env, .git, .well-known/.hidden, a.rhai, a_test.rhai, draft.rhai, lib/prices.rhai, picloud.yaml and 6 more"},
		{"public/ -> /", "shown.rhai", "static site static: not published, as sources, tests, keys, backups, links and hidden files are not: b.rhai, b_test.rhai, picloud.yaml"},
		{"css -> /", "page.css", ""},
	} {
		t.Run(c.static, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, FileName), []byte("app: shop\nstatic: "+c.static+"\n"+rest), 0o600); err != nil {
				t.Fatal(err)
			}
			app, err := Read(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(app.Scripts[len(app.Scripts)-1].Site.paths, " "); got != c.published {
				t.Errorf("published are %s, want %s", got, c.published)
			}
			if got := strings.Join(app.Warnings(), "\n"); got != c.warning {
				t.Errorf("told is\n%s\nwant\n%s", got, c.warning)
			}
		})
	}
}

// However a static site comes to a file, a source stays one: by a link, in another environment, or as a copy.
func TestSourcesInDisguise(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"main.rhai", "lib/prices.rhai", "lib/page.html", "seed.json", "late.json", "env.js", "prod.env", "Env.Local", "main.bak", "index.html~", "a.orig",
		"picloud.yaml.old", "tls.pem", "tls.KEY", "index.html", "environment.html",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"web": ".", "code": "lib", "shared.css": "index.html"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err) // where links need a right
		}
	}
	const rest = `
scripts: [{name: main}]
seed: {kv: {s: seed.json}}
environments: {live: {scripts: [{name: prices, file: lib/prices.rhai}], seed: {kv: {s: late.json}}}}
`
	const left = "Env.Local, a.orig, code, index.html~, late.json, lib/prices.rhai, main.bak, main.rhai and 8 more"
	const said = "static site static: not published, as sources, tests, keys, backups, links and hidden files are not: "
	for _, c := range []struct{ from, published, warning string }{
		{".", "env.js environment.html index.html lib/page.html", said + left},
		{"web", "env.js environment.html index.html lib/page.html", said + left},
		{"code", "page.html", said + "prices.rhai"},
	} {
		for _, environment := range []string{"", "live"} {
			t.Run(c.from+" "+environment, func(t *testing.T) {
				if err := os.WriteFile(filepath.Join(dir, FileName), []byte("app: shop\nstatic: "+c.from+" -> /"+rest), 0o600); err != nil {
					t.Fatal(err)
				}
				app, err := Read(dir, environment)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(app.Scripts[len(app.Scripts)-1].Site.paths, " "); got != c.published {
					t.Errorf("published are %s, want %s", got, c.published)
				}
				if got := strings.Join(app.Warnings(), "\n"); got != c.warning {
					t.Errorf("told is\n%s\nwant\n%s", got, c.warning)
				}
			})
		}
	}
}
