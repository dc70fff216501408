//go:build unix

package files

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// As long as somebody holds them the bytes of what is deleted and changed stay, whoever sweeps.
func TestHeldBytes(t *testing.T) {
	ahead := time.Duration(0)
	f := newFixture(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(ahead) } })
	deleted, changed, later := f.create(t, random(10)), f.create(t, random(10)), f.create(t, random(10))
	another, err := New(f.config) // another process
	require.NoError(t, err)
	release, err := another.Hold()
	require.NoError(t, err)
	second, err := f.Hold()
	require.NoError(t, err)
	second()
	second()

	require.NoError(t, f.Delete(f.ctx, f.app.ID, deleted.Collection, deleted.ID, ""))
	_, err = f.Update(f.ctx, f.app.ID, changed.Collection, changed.ID, Update{Data: bytes.NewReader(random(10))})
	require.NoError(t, err)
	ahead = 2 * time.Hour
	require.Zero(t, f.sweep(t), "another still holds")
	require.FileExists(t, f.directory.path(deleted.Blob))
	require.FileExists(t, f.directory.path(changed.Blob))
	release()
	require.Equal(t, 2, f.sweep(t))
	require.NoError(t, f.Delete(f.ctx, f.app.ID, later.Collection, later.ID, ""))
	require.NoFileExists(t, f.directory.path(later.Blob))

	// Of one who has died nobody waits for ever.
	dead := filepath.Join(f.directory.root, holds, newBlob())
	require.NoError(t, os.WriteFile(dead, nil, 0o600))
	require.True(t, f.held())
	long := time.Now().Add(-holdAge)
	require.NoError(t, os.Chtimes(dead, long, long))
	require.False(t, f.held())
	require.NoFileExists(t, dead)
}

// A file that comes from elsewhere is what it was there, or is refused and leaves nothing.
func TestRestore(t *testing.T) {
	f := newFixture(t, nil)
	content := random(2*partSize + 5)
	from := f.create(t, content)
	moved := store.File{
		ID: uuid.NewString(), Name: "n", ContentType: "Text/Plain", Size: from.Size, SHA256: from.SHA256,
		CreatedAt: from.CreatedAt.Add(-time.Hour), UpdatedAt: from.CreatedAt.Add(-time.Minute),
	}
	require.NoError(t, f.Restore(f.ctx, f.app.ID, "c", moved, bytes.NewReader(content)))
	got, err := f.Head(f.ctx, f.app.ID, "c", moved.ID)
	require.NoError(t, err)
	require.Equal(t, from.Sums, got.Sums)
	require.Equal(t, "text/plain", got.ContentType)
	require.Equal(t, moved.CreatedAt, got.CreatedAt)
	require.Equal(t, moved.UpdatedAt, got.UpdatedAt)
	used, err := f.store.Files().Usage(f.ctx, f.app.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2*len(content), used)

	for field, change := range map[string]func(*store.File){
		"id":           func(m *store.File) { m.ID = "x" },
		"name":         func(m *store.File) { m.Name = "a/b" },
		"content_type": func(m *store.File) { m.ContentType = "text" },
		"size":         func(m *store.File) { m.Size++ },
		"sha256":       func(m *store.File) { m.SHA256 = "x" },
		"created_at":   func(m *store.File) { m.CreatedAt = time.Time{} },
		"updated_at":   func(m *store.File) { m.UpdatedAt = m.CreatedAt.Add(-1) },
	} {
		wrong := moved
		wrong.ID = uuid.NewString()
		change(&wrong)
		err := f.Restore(f.ctx, f.app.ID, "c", wrong, bytes.NewReader(content))
		require.Equal(t, fault.Invalid, fault.Of(err), "%s: %v", field, err)
		require.Equal(t, field, fault.From(err).Field)
	}
	require.Equal(t, fault.Conflict, fault.Of(f.Restore(f.ctx, f.app.ID, "c", moved, bytes.NewReader(content))))
	blobs, err := filepath.Glob(filepath.Join(f.directory.root, "[0-9a-f][0-9a-f]", "*", "*"))
	require.NoError(t, err)
	require.Len(t, blobs, 2)
}
