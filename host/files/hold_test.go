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

// Under a hold the bytes of files that are replaced or deleted stay, of other services on the root too, and go
// with the sweep after it.
func TestHold(t *testing.T) {
	later := func(c *Config) { c.Now = func() time.Time { return time.Now().Add(24 * time.Hour) } }
	f := newFixture(t, later)
	replaced, deleted, kept := f.create(t, random(10)), f.create(t, random(20)), f.create(t, random(30))
	f.sweep(t)
	hold, err := f.Hold()
	require.NoError(t, err)

	node, err := New(f.config) // another one
	require.NoError(t, err)
	_, err = node.Update(f.ctx, f.app.ID, "c", replaced.ID, Update{Data: bytes.NewReader(random(11))})
	require.NoError(t, err)
	require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", deleted.ID, ""))
	require.Zero(t, f.sweep(t))
	for _, file := range []struct {
		blob string
		size int64
	}{{replaced.Blob, 10}, {deleted.Blob, 20}, {kept.Blob, 30}} {
		opened, err := f.OpenBlob(file.blob, file.size)
		require.NoError(t, err)
		require.NoError(t, opened.Close())
	}
	_, err = f.OpenBlob(kept.Blob, 31)
	require.ErrorIs(t, err, os.ErrNotExist, "there are not as many bytes")

	require.NoError(t, hold.Release())
	require.Equal(t, 2, f.sweep(t))
	_, err = f.OpenBlob(replaced.Blob, 10)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, random(30), f.read(t, kept))
	require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", kept.ID, ""))
	require.NoFileExists(t, f.directory.path(kept.Blob), "without a hold bytes go at once")
}

// A hold whose process has been killed counts for an hour.
func TestForgottenHold(t *testing.T) {
	f := newFixture(t, nil)
	file := f.create(t, random(10))
	path := filepath.Join(f.config.Root, holds, newBlob())
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.True(t, f.directory.held())
	old := time.Now().Add(-holdAge)
	require.NoError(t, os.Chtimes(path, old, old))
	require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", file.ID, ""))
	require.NoFileExists(t, f.directory.path(file.Blob))
	f.sweep(t)
	require.NoFileExists(t, path)
}

// What a refill has added is what a service on the root serves.
func TestRefill(t *testing.T) {
	f := newFixture(t, nil)
	file := f.create(t, random(2<<20))
	content, err := os.ReadFile(f.directory.path(file.Blob))
	require.NoError(t, err)
	require.NoError(t, os.Remove(f.directory.path(file.Blob)))
	refill, err := NewRefill(f.config.Root)
	require.NoError(t, err)
	require.NoError(t, refill.Add(f.ctx, file.Blob, file.Size, bytes.NewReader(content)))
	require.Equal(t, random(2<<20), f.read(t, file))
	for _, name := range []string{"", "../../etc/passwd", file.Blob[1:], "." + file.Blob[1:]} {
		require.ErrorContains(t, refill.Add(f.ctx, name, 1, bytes.NewReader([]byte("x"))), "cannot be the name of a blob")
	}
	require.ErrorContains(t, refill.Add(f.ctx, file.Blob, 1, bytes.NewReader([]byte("x"))), "is there already")

	// What is undone takes nothing else with it.
	other := f.create(t, random(10))
	require.NoError(t, refill.Undo())
	require.NoError(t, refill.Close())
	require.NoFileExists(t, f.directory.path(file.Blob))
	require.Equal(t, random(10), f.read(t, other))
	require.Equal(t, random(11), f.read(t, f.create(t, random(11))), "and the root can be used on")
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
