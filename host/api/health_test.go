package api

import (
	"testing"

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
		got := s.fetch("GET", path, "")
		assert.Equal(t, 200, got.StatusCode, path)
		assert.Contains(t, string(got.body), want, path)
		got = s.fetch("POST", path, "")
		assert.Equal(t, 405, got.StatusCode, path)
		assert.Equal(t, "GET, HEAD", got.Header.Get("Allow"), path)
		assert.Equal(t, 200, s.fetch("HEAD", path, "").StatusCode, path)
	}
}

func TestNotReadyWithoutDatabase(t *testing.T) {
	s := newSite(t)
	require.NoError(t, s.db.Close())
	got := s.fetch("GET", "/readyz", "")
	assert.Equal(t, 503, got.StatusCode)
	assert.JSONEq(t, `{"status":"the database does not answer"}`, string(got.body))
	assert.Equal(t, 200, s.fetch("GET", "/healthz", "").StatusCode)

	got = s.admin(s.token, "GET", "apps", "")
	s.refused(got, 503, "", "the storage is not available just now")
	assert.NotContains(t, string(got.body), "sql")
}
