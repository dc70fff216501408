package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/api/apitest"
)

// The API takes no cookies and sets none, so a page of another origin, whose requests a browser sends
// with all cookies, can do nothing with it; nor does it let such a page read an answer.
func TestNoCookies(t *testing.T) {
	s := newSite(t)
	login := s.Fetch("POST", api.AdminPrefix+"/auth/login", `{"username":"owner","password":"`+apitest.AdminPassword+`"}`, "Content-Type: application/json")
	require.Equal(t, 200, login.StatusCode)
	assert.Empty(t, login.Header.Values("Set-Cookie"))
	tried := 0
	for _, op := range documentOf(t, s).operations() {
		if op.says["security"] == nil {
			continue // anybody may
		}
		tried++
		path := api.AdminPrefix + strings.NewReplacer("{", "", "}", "").Replace(op.path)
		for _, cookie := range []string{"token=" + s.Token, "session=" + s.Token, "Authorization=Bearer " + s.Token, "authorization=" + s.Token, "bearer=" + s.Token} {
			got := s.Fetch(op.method, path, "", "Cookie: "+cookie, "Origin: https://evil.example")
			assert.Equal(t, 401, got.StatusCode, "%s with the cookie %.13s", op.id, cookie)
			assert.Empty(t, got.Header.Values("Set-Cookie"), op.id)
			assert.Empty(t, got.Header.Values("Access-Control-Allow-Origin"), op.id)
		}
		good := s.Fetch(op.method, path, "", "Authorization: Bearer "+s.Token, "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
		assert.Empty(t, good.Header.Values("Set-Cookie"), op.id)
		assert.Empty(t, good.Header.Values("Access-Control-Allow-Origin"), op.id)
		if op.id == "logout" || op.id == "end-sessions" {
			s.Token = decoded[struct{ Token string }](s, s.Fetch("POST", api.AdminPrefix+"/auth/login", `{"username":"owner","password":"`+apitest.AdminPassword+`"}`, "Content-Type: application/json"), 200).Token
		}
	}
	assert.Greater(t, tried, 50)
	preflight := s.Fetch("OPTIONS", api.AdminPrefix+"/apps", "", "Origin: https://evil.example", "Access-Control-Request-Method: POST",
		"Access-Control-Request-Headers: authorization, content-type")
	for _, header := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Credentials"} {
		assert.Empty(t, preflight.Header.Values(header))
	}
	// Nor does it take a token from an address or a form, which pages of others can make.
	for _, path := range []string{"/apps?token=" + s.Token, "/apps?access_token=" + s.Token} {
		assert.Equal(t, 401, s.Fetch("GET", api.AdminPrefix+path, "").StatusCode)
	}
	form := s.Fetch("POST", api.AdminPrefix+"/apps", "access_token="+s.Token+"&slug=made", "Content-Type: application/x-www-form-urlencoded", "Authorization: Bearer "+s.Token)
	assert.Equal(t, 415, form.StatusCode)
}
