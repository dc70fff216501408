//go:build unix

package files

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
}
