package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/sites"
)

// A folder becomes a site, beside scripts of the app; a deploy changes what has changed, all at once.
func TestStaticSite(t *testing.T) {
	p, server := loggedIn(t)
	write := func(files map[string]string) {
		t.Helper()
		for name, content := range files {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(p.dir, "shop", name)), 0o700))
			p.write(t, filepath.Join("shop", name), content)
		}
	}
	write(map[string]string{
		"picloud.yaml":      "app: shop\nstatic:\n  - from: public/\n    to: /\n    immutable: [assets/]\n  - {name: manual, from: manual, to: /manual, fallback: index.html}\nscripts:\n  - name: api\n    routes: [GET /api-of-shop]\n",
		"api.rhai":          `"from the script"`,
		"public/index.html": "<h1>Home</h1>", "public/css/page.css": "h1 { color: red }", "public/assets/app.js": "let a = 1;",
		"public/about/index.html": "About", "public/404.html": "Not here", "public/.env": "secret", "public/.well-known/security.txt": "Contact: mailto:a@shop.example", "public/.git/config": "secret",
		"public/ünï cödé.txt": "text", "manual/index.html": "Manual", "manual/start.html": "Start",
	})
	dry := p.run(t, "", "deploy", "shop", "--dry-run")
	assert.Equal(t, exitOK, dry.status, "%s", dry.stderr)
	assert.Contains(t, dry.stdout, "7 to upload")
	assert.Contains(t, dry.stderr, "static site static: not published, as sources, tests, keys, backups, links and hidden files are not: .env, .git\n")
	assert.Contains(t, dry.stderr, "what would be uploaded the server has not seen: 7 files of the static site static, 2 files of the static site manual\n")
	p.must(t, "deploy", "shop")

	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	visit := func(method, path string, headers ...string) (int, http.Header, string) {
		t.Helper()
		r, err := http.NewRequest(method, server.url+path, nil)
		require.NoError(t, err)
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		resp, err := client.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		body := make([]byte, 1<<16)
		n, _ := resp.Body.Read(body)
		return resp.StatusCode, resp.Header, string(body[:n])
	}
	for _, c := range []struct {
		path, accept string
		status       int
		body         string
	}{
		{"/", "", 200, "<h1>Home</h1>"},
		{"/index.html", "", 200, "<h1>Home</h1>"},
		{"/css/page.css", "", 200, "h1 { color: red }"},
		{"/about/", "", 200, "About"},
		{"/%C3%BCn%C3%AF%20c%C3%B6d%C3%A9.txt", "", 200, "text"},
		{"/nothing", "", 404, "Not here"},
		{"/.env", "", 404, "Not here"},
		{"/.well-known/security.txt", "", 200, "Contact: mailto:a@shop.example"},
		{"/.git/config", "", 404, "Not here"},
		{"/..%2f..%2fpicloud.yaml", "", 404, "Not here"},
		{"/css/%2e%2e/index.html", "", 400, ""},
		{"/api-of-shop", "", 200, "from the script"},
		{"/manual/", "", 200, "Manual"},
		{"/manual/start.html", "", 200, "Start"},
		{"/manual/any/where", "text/html,*/*", 200, "Manual"},
		{"/manual/any/where.json", "application/json", 404, ""},
	} {
		status, _, body := visit("GET", c.path, "Accept: "+c.accept)
		assert.Equal(t, c.status, status, "%s: %s", c.path, body)
		if c.body != "" {
			assert.Equal(t, c.body, body, c.path)
		}
	}
	status, header, _ := visit("GET", "/about?a=b")
	assert.Equal(t, 308, status)
	assert.Equal(t, "about/?a=b", header.Get("Location"))
	status, header, _ = visit("GET", "/manual")
	assert.Equal(t, 308, status)
	assert.Equal(t, "manual/", header.Get("Location"))
	_, header, _ = visit("GET", "/css/page.css")
	assert.Equal(t, "text/css; charset=utf-8", header.Get("Content-Type"))
	assert.Equal(t, "no-cache", header.Get("Cache-Control"))
	assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	status, _, _ = visit("GET", "/css/page.css", "If-None-Match: "+header.Get("ETag"))
	assert.Equal(t, 304, status)
	status, _, body := visit("GET", "/css/page.css", "Range: bytes=0-1")
	assert.Equal(t, 206, status)
	assert.Equal(t, "h1", body)
	status, header, body = visit("HEAD", "/")
	assert.Equal(t, 200, status)
	assert.Equal(t, "13", header.Get("Content-Length"))
	assert.Empty(t, body)
	_, header, _ = visit("GET", "/assets/app.js")
	assert.Equal(t, "public, max-age=31536000, immutable", header.Get("Cache-Control"))
	status, header, _ = visit("POST", "/")
	assert.Equal(t, 405, status)
	assert.Contains(t, header.Get("Allow"), "GET")

	assert.NotContains(t, p.must(t, "deploy", "shop"), "updated", "nothing has changed")
	write(map[string]string{"public/index.html": "<h1>New</h1>", "public/new.txt": "new"})
	require.NoError(t, os.Remove(filepath.Join(p.dir, "shop/public/css/page.css")))
	changed := p.must(t, "deploy", "shop")
	assert.Contains(t, changed, "2 to upload")
	assert.Contains(t, changed, "1 to remove")
	for path, want := range map[string]string{"/": "<h1>New</h1>", "/new.txt": "new", "/about/": "About", "/css/page.css": "Not here"} {
		_, _, body := visit("GET", path)
		assert.Equal(t, want, body, path)
	}
	p.fails(t, exitFailed, "a static site cannot be run", "invoke", "static", "--app", "shop")
	files := p.must(t, "files", "list", sites.Collection, "--app", "shop", "--output", "json")
	assert.Equal(t, 11, strings.Count(files, `"sha256"`), "two more are kept of the version before")
	assert.NotContains(t, files, ".env")
	p.must(t, "scripts", "delete", "static", "--app", "shop", "--yes")
	files = p.must(t, "files", "list", sites.Collection, "--app", "shop", "--output", "json")
	assert.Equal(t, 2, strings.Count(files, `"sha256"`), "those of the other site")
}

// A page that was loaded before a deploy loads its parts after it, until the deploy after that.
func TestPagesLoadedBeforeADeploy(t *testing.T) {
	p, server := loggedIn(t)
	public := filepath.Join(p.dir, "app", "public")
	p.write(t, "app/picloud.yaml", "app: app\nstatic: public/ -> /\n")
	deploy := func(files map[string]string) string {
		t.Helper()
		require.NoError(t, os.RemoveAll(public))
		for name, content := range files {
			p.write(t, filepath.Join("app", "public", name), content)
		}
		return p.must(t, "deploy", "app")
	}
	get := func(path string) (int, string, http.Header) {
		t.Helper()
		response, err := http.Get(server.url + path)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body), response.Header
	}
	stored := func() (names []string) {
		t.Helper()
		for _, file := range decode[[]wire.File](t, p, "files", "list", sites.Collection, "--app", "app") {
			names = append(names, file.Name)
		}
		slices.Sort(names)
		return names
	}
	one := map[string]string{"index.html": "one", "app.1f9a1c2b.js": "1", "old.css": "old", "logo-BxY12abc.svg": "logo"}
	two := map[string]string{"index.html": "two", "app.2f9a1c2b.js": "2", "logo-BxY12abc.svg": "logo"}
	three := map[string]string{"index.html": "three", "app.3f9a1c2b.js": "3", "logo-BxY12abc.svg": "logo"}
	deploy(one)
	deploy(two)
	for path, want := range map[string]struct {
		status int
		body   string
		cache  string
	}{
		"/":                  {200, "two", "no-cache"},
		"/app.2f9a1c2b.js":   {200, "2", "public, max-age=31536000, immutable"},
		"/app.1f9a1c2b.js":   {200, "1", "public, max-age=31536000, immutable"},
		"/logo-BxY12abc.svg": {200, "logo", "public, max-age=31536000, immutable"},
		"/old.css":           {404, "", "no-store"},
	} {
		status, body, header := get(path)
		assert.Equal(t, want.status, status, path)
		if status == 200 {
			assert.Equal(t, want.body, body, path)
			assert.Equal(t, want.cache, header.Get("Cache-Control"), path)
			assert.NotEmpty(t, header.Get("ETag"), path)
		}
	}
	assert.Contains(t, deploy(two), "unchanged", "a deploy of the same is none")
	status, _, _ := get("/app.1f9a1c2b.js")
	assert.Equal(t, 200, status)
	assert.Equal(t, []string{"app.1f9a1c2b.js", "app.2f9a1c2b.js", "index.html", "index.html", "logo-BxY12abc.svg", "old.css"}, stored())

	deploy(three)
	for path, want := range map[string]int{"/app.3f9a1c2b.js": 200, "/app.2f9a1c2b.js": 200, "/app.1f9a1c2b.js": 404} {
		status, _, _ := get(path)
		assert.Equal(t, want, status, path)
	}
	assert.Equal(t, []string{"app.2f9a1c2b.js", "app.3f9a1c2b.js", "index.html", "index.html", "logo-BxY12abc.svg"}, stored())

	assert.NotContains(t, deploy(two), "to upload", "going back finds what was kept")
	_, body, _ := get("/")
	assert.Equal(t, "two", body)
	p.must(t, "apps", "delete", "app", "--yes")
	status, _, _ = get("/")
	assert.Equal(t, 404, status)
}

// A deploy that fails half-way changes nothing of the site and leaves nothing.
func TestDeployOfASiteFails(t *testing.T) {
	p, server := loggedIn(t, "PICLOUD_FILES_QUOTA=100000")
	p.write(t, "app/picloud.yaml", "app: app\nstatic: public/ -> /\n")
	p.write(t, "app/public/index.html", "one")
	p.must(t, "deploy", "app")
	p.write(t, "app/public/a.txt", "small")
	p.write(t, "app/public/index.html", "two")
	p.write(t, "app/public/z.bin", strings.Repeat("large", 50_000))
	p.fails(t, exitFailed, "public/z.bin: ", "deploy", "app")
	response, err := http.Get(server.url + "/")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "one", string(body))
	assert.Len(t, decode[[]wire.File](t, p, "files", "list", sites.Collection, "--app", "app"), 1, "what was uploaded is gone again")
	require.NoError(t, os.Remove(filepath.Join(p.dir, "app/public/z.bin")))
	assert.Contains(t, p.must(t, "deploy", "app"), "2 to upload")
}
