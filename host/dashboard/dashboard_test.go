//go:build !nodashboard

package dashboard_test

import (
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/dashboard"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/front/coding"
)

// serve serves the dashboard, with an API that answers GET /api/x, and returns its address as host:port.
func serve(t *testing.T, hosts ...string) string {
	t.Helper()
	return serveAt(t, false, hosts...)
}

// serveAt is serve at a port that is the dashboard's for good, or passing.
func serveAt(t *testing.T, passing bool, hosts ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := dashboard.New(front.Config{
		MaxBodyBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler), Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Mount: func(app *fiber.App) { app.Get("/api/x", func(c *fiber.Ctx) error { return c.SendString("api") }) },
	}, dashboard.Place{Hosts: hosts, Passing: passing, Site: &net.TCPAddr{IP: net.IPv4zero, Port: 8080}})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = listener.Close()
		_ = server.Shutdown(t.Context())
		<-ended
	})
	return listener.Addr().String()
}

// get sends a request with headers, "Host" among them, as "Name: value".
func get(t *testing.T, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", "identity")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

// The page is at every address that is nothing else's, so that links can be shared.
func TestPageIsServed(t *testing.T) {
	base := "http://" + serve(t)
	_, page := get(t, "GET", base+"/")
	require.Contains(t, page, `<div id="page">`)
	for _, path := range []string{"/apps/shop/scripts", "/index.html", "/any?thing=1"} {
		resp, body := get(t, "GET", base+path, "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
		assert.Equal(t, 200, resp.StatusCode, path)
		assert.Equal(t, page, body, path)
		assert.Equal(t, "no-cache", resp.Header.Get("Cache-Control"))
	}
	resp, body := get(t, "GET", base+"/api/x")
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, "api", body)
	for _, c := range []struct {
		method, path string
		status       int
	}{{"POST", "/", 405}, {"GET", "/assets/none.js", 404}, {"HEAD", "/", 200}, {"GET", "/healthz", 404}, {"GET", "/metrics", 404}, {"GET", "/mark.svg", 200}} {
		resp, _ := get(t, c.method, base+c.path)
		assert.Equal(t, c.status, resp.StatusCode, "%s %s", c.method, c.path)
	}
}

// What is named by its contents is kept for ever; all is sent compressed to who takes that, and not at all to who
// has it.
func TestFilesAreCachedAndCompressed(t *testing.T) {
	base := "http://" + serve(t)
	for _, path := range paths(t) {
		resp, plain := get(t, "GET", base+path)
		require.Equal(t, 200, resp.StatusCode, path)
		assert.NotEmpty(t, resp.Header.Get("Content-Type"), "%s has no media type", path)
		tag := resp.Header.Get("Etag")
		assert.NotEmpty(t, tag, path)
		if strings.HasPrefix(path, "/assets/") {
			assert.Equal(t, "public, max-age=31536000, immutable", resp.Header.Get("Cache-Control"), path)
		}
		resp, body := get(t, "GET", base+path, "If-None-Match: "+tag)
		assert.Equal(t, 304, resp.StatusCode, path)
		assert.Empty(t, body, path)

		resp, body = get(t, "GET", base+path, "Accept-Encoding: br")
		if len(plain) >= coding.MinBytes {
			assert.Equal(t, "br", resp.Header.Get("Content-Encoding"), path)
			assert.Less(t, len(body), len(plain), path)
			assert.NotEqual(t, tag, resp.Header.Get("Etag"), path)
			assert.Equal(t, "Accept-Encoding", resp.Header.Get("Vary"), path)
		}
	}
}

func TestAnswersAreGuarded(t *testing.T) {
	base := "http://" + serve(t)
	for _, path := range []string{"/", "/api/x", "/assets/none.js"} {
		resp, _ := get(t, "GET", base+path)
		assert.Equal(t, dashboard.Policy, resp.Header.Get("Content-Security-Policy"), path)
		assert.NotContains(t, dashboard.Policy, "unsafe")
		assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"), path)
		assert.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"), path)
		assert.Equal(t, "same-origin", resp.Header.Get("Cross-Origin-Opener-Policy"), path)
		assert.Equal(t, "same-origin", resp.Header.Get("Cross-Origin-Resource-Policy"), path)
		assert.Empty(t, resp.Header.Values("Set-Cookie"), path)
	}
}

// A name that DNS could point here is not answered for, nor a page of another origin.
func TestOnlyItsOwnHostAndOrigin(t *testing.T) {
	own := serve(t, "dash.example", "[2001:db8::1]")
	_, port, _ := net.SplitHostPort(own)
	for _, c := range []struct {
		host, origin string
		status       int
	}{
		{own, "", 200},
		{"localhost:" + port, "", 200},
		{"LOCALHOST:" + port, "http://localhost:" + port, 200},
		{"[::1]:" + port, "", 200},
		{"127.0.0.1:9000", "http://127.0.0.1:9000", 200}, // through a tunnel
		{"dash.example", "https://dash.example", 200},
		{"Dash.Example:8443", "https://dash.example:8443", 200},
		{own, "https://dash.example", 200}, // a proxy has changed the host
		{"[2001:db8::1]:" + port, "", 200},
		{own, "http://" + own, 200},

		{"evil.example", "", 421},
		{"evil.example:" + port, "http://evil.example:" + port, 421},
		{"127.0.0.1.evil.example", "", 421},
		{"localhost.evil.example:" + port, "", 421},
		{"192.0.2.1:" + port, "", 421},
		{"dash.example.evil.example", "", 421},
		{"sub.dash.example", "", 421},
		{"dash.example:8443", "https://dash.example", 403}, // an app of the same name
		{"dash.example", "https://dash.example:9000", 403},
		{own, "https://dash.example:9000", 403},
		{own, "http://127.0.0.1:1", 403}, // an app of the public address
		{own, "http://localhost:" + port, 403},
		{own, "https://evil.example", 403},
		{own, "null", 403}, // a sandboxed frame
		{own, "file://", 403},
		{own, "http://" + own + ".evil.example", 403},
	} {
		for _, path := range []string{"/", "/api/x"} {
			headers := []string{"Host: " + c.host}
			if c.origin != "" {
				headers = append(headers, "Origin: "+c.origin)
			}
			resp, body := get(t, "GET", "http://"+own+path, headers...)
			assert.Equal(t, c.status, resp.StatusCode, "Host %q, Origin %q, %s: %s", c.host, c.origin, path, body)
		}
	}
}

// Browsers say who makes a request also where they send no Origin: an image, a script, a frame.
func TestForeignPagesOnlyOpenIt(t *testing.T) {
	base := "http://" + serve(t)
	for _, c := range []struct {
		site, mode, dest string
		status           int
	}{
		{"none", "navigate", "document", 200}, // typed, or a bookmark
		{"same-origin", "cors", "empty", 200},
		{"cross-site", "navigate", "document", 200},
		{"same-site", "navigate", "document", 200},
		{"cross-site", "navigate", "iframe", 403},
		{"same-site", "navigate", "iframe", 403},
		{"cross-site", "no-cors", "image", 403},
		{"same-site", "no-cors", "script", 403}, // an app of the same host on another port
		{"same-site", "cors", "empty", 403},
	} {
		for _, path := range []string{"/", "/api/x"} {
			resp, _ := get(t, "GET", base+path, "Sec-Fetch-Site: "+c.site, "Sec-Fetch-Mode: "+c.mode, "Sec-Fetch-Dest: "+c.dest)
			assert.Equal(t, c.status, resp.StatusCode, "%+v %s", c, path)
		}
	}
}

// Where a proxy of ours says that the browser has come by https, what is served by http is another origin.
func TestSchemeOfTheOrigin(t *testing.T) {
	own := serve(t, "dash.example")
	for origin, status := range map[string]int{"https://dash.example": 200, "http://dash.example": 403} {
		for _, host := range []string{own, "dash.example"} {
			resp, _ := get(t, "GET", "http://"+own+"/api/x", "Host: "+host, "Origin: "+origin, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https")
			assert.Equal(t, status, resp.StatusCode, "%s at %s", origin, host)
		}
	}
}

// A page is told that its address is one that another program may have next time, and where apps are answered, unless a
// proxy's name stands before it.
func TestPageIsToldWhereItIs(t *testing.T) {
	for _, passing := range []bool{false, true} {
		own := serveAt(t, passing, "dash.example")
		for host, want := range map[string]bool{own: passing, "localhost": passing, "dash.example": false} {
			resp, _ := get(t, "HEAD", "http://"+own+"/", "Host: "+host)
			assert.Equal(t, want, resp.Header.Get(dashboard.PassingHeader) == "true", "%s, passing: %v", host, passing)
			assert.Equal(t, host != "dash.example", resp.Header.Get(dashboard.SiteHeader) == "0.0.0.0:8080", host)
		}
	}
	named := serveAt(t, true, "localhost") // a setting names the listener's own address
	resp, _ := get(t, "HEAD", "http://"+named+"/", "Host: localhost")
	assert.Equal(t, "true", resp.Header.Get(dashboard.PassingHeader))
	resp, _ = get(t, "HEAD", "http://"+named+"/", "Host: evil.example")
	assert.Equal(t, 421, resp.StatusCode)
	assert.Empty(t, resp.Header.Get(dashboard.SiteHeader), "nobody else is told")
}

// maxFirstLoad is the most that a browser has to fetch before it shows something, in bytes.
const maxFirstLoad = 250 << 10

var linked = regexp.MustCompile(`(?:src|href)="(/[^"]+)"`)

func TestFirstLoadIsSmall(t *testing.T) {
	page, err := os.ReadFile("built/index.html")
	require.NoError(t, err)
	assert.NotContains(t, string(page), "<style")
	assert.NotRegexp(t, `<script[^>]*>[^<]`, string(page), "the policy allows nothing inline")
	size := len(coding.Compress(page, "br"))
	names := linked.FindAllSubmatch(page, -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		content, err := os.ReadFile("built" + string(name[1]))
		require.NoError(t, err)
		size += len(coding.Compress(content, "br"))
	}
	t.Logf("the first load is %d bytes", size)
	assert.LessOrEqual(t, size, maxFirstLoad)
}

// paths are those of all built files.
func paths(t *testing.T) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("built", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all = append(all, strings.TrimPrefix(filepath.ToSlash(path), "built"))
		}
		return err
	}))
	require.NotEmpty(t, all)
	return all
}
