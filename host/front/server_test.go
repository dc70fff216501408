package front_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/front"
)

func TestBodyLimit(t *testing.T) {
	s := newSite(t)
	large := strings.Repeat("x", apitest.MaxBody+1)
	got := s.Fetch("POST", "/anything", large)
	assert.Equal(t, 413, got.StatusCode)
	assert.JSONEq(t, fmt.Sprintf(`{"error":{"code":"body_too_large","message":"the body of a request must not be larger than %d bytes"}}`, apitest.MaxBody), string(got.Content))
	s.Refused(s.Fetch("POST", "/api/v1/admin/apps", large, "Authorization: Bearer "+s.Token), 413, "", fmt.Sprint(apitest.MaxBody))
	assert.Equal(t, 200, s.Fetch("GET", "/healthz", "").StatusCode, "the server survives")
}

func TestMalformedHTTP(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct{ name, raw, status string }{
		{"not HTTP", "hello\r\n\r\n", "400"},
		{"unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "501"},
		{"bad length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", "400"},
		{"large head", "GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("x", front.MaxHeaderBytes) + "\r\n\r\n", "431"},
		{"no path", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "204"},
		{"control character", "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"path that is not UTF-8", "GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"path with dots", "GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"escape", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
			_, err = io.WriteString(conn, c.raw)
			require.NoError(t, err)
			line := make([]byte, 12)
			_, err = io.ReadFull(conn, line)
			require.NoError(t, err)
			assert.Equal(t, "HTTP/1.1 "+c.status, string(line))
		})
	}
	assert.Equal(t, 200, s.Fetch("GET", "/healthz", "").StatusCode)
}

func TestUnknownPaths(t *testing.T) {
	s := newSite(t)
	s.Refused(s.Fetch("GET", "/api/v1/nope", ""), 404, "", "nothing at GET /api/v1/nope")
	s.Refused(s.Fetch("GET", "/api", ""), 404, "", "nothing at")
	s.Refused(s.Admin(s.Token, "POST", "apps/x/routesXmatch", "{}"), 404, "", "nothing at")
	for _, path := range []string{"/", "/admin/x", "/realtime/x", "/Healthz", "/%61pi/v1/openapi.json"} {
		got := s.Fetch("GET", path, "")
		assert.Equal(t, 404, got.StatusCode, path)
		assert.Contains(t, string(got.Content), `"code":"not_found"`, path)
	}
}

func TestRequestID(t *testing.T) {
	s := newSite(t)
	assert.Equal(t, "my-id.1:2_3", s.Fetch("GET", "/healthz", "", "X-Request-Id: my-id.1:2_3").Header.Get("X-Request-Id"))
	for _, wrong := range []string{"a b", "a\"b", strings.Repeat("x", 129)} {
		got := s.Fetch("GET", "/healthz", "", "X-Request-Id: "+wrong).Header.Get("X-Request-Id")
		assert.NotEqual(t, wrong, got)
		assert.Len(t, got, 36)
	}
}
