package api_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/store"
)

// An owner is sent a backup that is whole, which is recorded; nobody else is.
func TestBackup(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	stored := s.store(app.ID, "c", "f.txt", "text/plain", "hello")
	got := s.Admin(s.Token, "POST", "backup", "")
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	assert.Equal(t, "application/zstd", got.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	head, end, err := archive.Read(bytes.NewReader(got.Content), archive.Taker{})
	require.NoError(t, err)
	assert.Equal(t, s.DB.Kind(), head.Database)
	assert.Equal(t, "test", head.Version)
	assert.EqualValues(t, 1, end.Files)
	assert.EqualValues(t, stored.Size, end.FileBytes)
	assert.False(t, end.SecretKey, "the keys of secrets are never given away")

	s.Refused(s.Admin(s.User("admin", store.RoleAdmin), "POST", "backup", ""), 403, "", "backup.create")
	recorded := do[wire.Page[wire.AuditEntry]](s, "GET", "audit?action=create-backup", nil, 200).Items
	require.Len(t, recorded, 2)
	assert.Equal(t, "admin refused", recorded[0].Username+" "+recorded[0].Outcome)
	assert.Equal(t, "owner done", recorded[1].Username+" "+recorded[1].Outcome)
	assert.Equal(t, "backup", recorded[1].Kind)
}
