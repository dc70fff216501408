package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		"public/about/index.html": "About", "public/404.html": "Not here", "public/.env": "secret", "public/.git/config": "secret",
		"public/ünï cödé.txt": "text", "manual/index.html": "Manual", "manual/start.html": "Start",
	})
	assert.Contains(t, p.must(t, "deploy", "shop", "--dry-run"), "6 to upload")
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
	assert.Contains(t, changed, "2 to delete")
	for path, want := range map[string]string{"/": "<h1>New</h1>", "/new.txt": "new", "/about/": "About", "/css/page.css": "Not here"} {
		_, _, body := visit("GET", path)
		assert.Equal(t, want, body, path)
	}
	files := p.must(t, "files", "list", "static", "--app", "shop", "--output", "json")
	assert.Equal(t, 8, strings.Count(files, `"sha256"`), "what is not of the site any more is gone")
	assert.NotContains(t, files, ".env")
	p.fails(t, exitFailed, "a static site cannot be run", "invoke", "static", "--app", "shop")
}
