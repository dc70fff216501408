package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A person lets pages of another origin call an app, and a browser asks first (Fetch Standard, CORS
// protocol).
func TestCORSOnTheCommandLine(t *testing.T) {
	p, server := loggedIn(t)
	p.write(t, "orders.rhai", `ctx.request.method`)
	p.must(t, "deploy", "orders.rhai")
	p.must(t, "routes", "add", "orders", "POST", "/orders")
	preflight := func() http.Header {
		r, err := http.NewRequest("OPTIONS", server.url+"/orders", nil)
		require.NoError(t, err)
		r.Header.Set("Origin", "https://shop.example")
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "content-type")
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.Header
	}
	allowed := func() string { return preflight().Get("Access-Control-Allow-Origin") }
	assert.Empty(t, allowed())
	assert.Contains(t, p.must(t, "apps", "cors", "default"), "No page of another origin may use the app.")

	shown := p.must(t, "apps", "cors", "default", "--origin", "https://shop.example", "--origin", "https://*.b.example", "--method", "POST", "--header", "content-type", "--credentials", "--max-age", "600")
	assert.Contains(t, shown, "https://shop.example https://*.b.example")
	got := preflight()
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Methods": "POST",
		"Access-Control-Allow-Headers": "content-type", "Access-Control-Allow-Credentials": "true", "Access-Control-Max-Age": "600",
	} {
		assert.Equal(t, want, got.Get(name), name)
	}

	assert.Contains(t, p.must(t, "routes", "cors", "POST", "/orders"), "The policy of the app counts.")
	assert.Contains(t, p.must(t, "routes", "cors", "POST", "/orders", "--off"), "No page of another origin may use POST /orders.")
	assert.Empty(t, allowed())
	p.must(t, "routes", "cors", "POST", "/orders", "--inherit")
	assert.Equal(t, "https://shop.example", allowed())
	p.must(t, "apps", "cors", "default", "--off")
	assert.Empty(t, allowed())

	p.fails(t, exitUsage, "--origin is missing", "apps", "cors", "default", "--credentials")
	p.fails(t, exitUsage, "--off stands alone", "apps", "cors", "default", "--off", "--origin", "*")
	p.fails(t, exitUsage, "--inherit stands alone", "routes", "cors", "POST", "/orders", "--inherit", "--off")
	p.fails(t, exitFailed, "origins", "apps", "cors", "default", "--origin", "shop.example")
	p.fails(t, exitFailed, `has no route "GET /nothing"`, "routes", "cors", "GET", "/nothing")
}
