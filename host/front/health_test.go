package front_test

import (
	"strings"
	"testing"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/front"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHealth(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok"}`,
		"/readyz":  `{"status":"ready"}`,
		"/version": `"version":"test"`,
		"/metrics": "picloud_records_queued 0",
	} {
		got := s.Fetch("GET", path, "")
		assert.Equal(t, 200, got.StatusCode, path)
		assert.Contains(t, string(got.Content), want, path)
		got = s.Fetch("POST", path, "")
		assert.Equal(t, 405, got.StatusCode, path)
		assert.Equal(t, "GET, HEAD", got.Header.Get("Allow"), path)
		assert.Equal(t, 200, s.Fetch("HEAD", path, "").StatusCode, path)
	}
}

func TestNotReadyWithoutDatabase(t *testing.T) {
	s := newSite(t)
	require.NoError(t, s.DB.Close())
	got := s.Fetch("GET", "/readyz", "")
	assert.Equal(t, 503, got.StatusCode)
	assert.JSONEq(t, `{"status":"the database does not take writes"}`, string(got.Content))
	assert.Equal(t, 200, s.Fetch("GET", "/healthz", "").StatusCode)

	got = s.Admin(s.Token, "GET", "apps", "")
	s.Refused(got, 503, "", "the storage is not available just now")
	assert.NotContains(t, string(got.Content), "sql")
}

func TestMetricsNeedTheirToken(t *testing.T) {
	s := &site{apitest.New(t, func(c *front.Config) { c.MetricsToken = "a token for metrics" })}
	for header, want := range map[string]int{
		"X-None: x": 401, "Authorization: Bearer wrong": 401, "Authorization: Bearer " + s.Token: 401, "Authorization: Bearer a token for metrics": 200,
	} {
		got := s.Fetch("GET", "/metrics", "", header)
		assert.Equal(t, want, got.StatusCode, header)
		assert.Equal(t, want == 200, strings.Contains(string(got.Content), "picloud_records_queued"), header)
	}
	assert.Equal(t, 200, s.Fetch("GET", "/healthz", "").StatusCode)
}
