//go:build unix

package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// orphan puts a blob into the directory that nothing refers to.
func (f *fixture) orphan(t testing.TB, path func(blob string) string) string {
	t.Helper()
	blob := newBlob()
	require.NoError(t, os.MkdirAll(filepath.Dir(path(blob)), 0o700))
	require.NoError(t, os.WriteFile(path(blob), []byte("orphan"), 0o600))
	return blob
}

func (f *fixture) sweep(t testing.TB) int {
	t.Helper()
	n, err := f.Sweep(f.ctx)
	require.NoError(t, err)
	return n
}

func TestSweep(t *testing.T) {
	ahead := time.Duration(0)
	f := newFixture(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(ahead) } })
	kept := []store.File{f.create(t, random(10)), f.create(t, random(2*partSize))}
	theirs, err := f.Create(f.ctx, f.other.ID, "c", "n", "a/b", bytes.NewReader(random(7)))
	require.NoError(t, err)
	f.orphan(t, f.directory.path)
	f.orphan(t, f.directory.temporary)
	strange := []string{filepath.Join(f.config.Root, "tmp", "notes.txt"), filepath.Join(f.config.Root, "lost+found"), f.directory.path(newBlob()) + ".bak"}
	for _, path := range strange {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}

	ahead = 59 * time.Minute
	require.Zero(t, f.sweep(t), "too young")
	ahead = 61 * time.Minute
	require.Equal(t, 2, f.sweep(t))
	require.Zero(t, f.sweep(t), "again")
	require.NoError(t, f.store.Apps().Delete(f.ctx, f.other.ID))
	removed, err := f.store.Deletions().Remove(f.ctx, store.MaxBatch) // by a server that ends before it discards the bytes
	require.NoError(t, err)
	require.Len(t, removed.Blobs, 1)
	require.Equal(t, 1, f.sweep(t), "the files of the deleted app")
	require.NoFileExists(t, f.directory.path(theirs.Blob))

	require.Equal(t, random(10), f.read(t, kept[0]))
	require.True(t, bytes.Equal(random(2*partSize), f.read(t, kept[1])))
	for _, path := range strange {
		require.FileExists(t, path, "not ours to remove")
	}
}

// However late it has become, a sweep in the middle of an upload takes nothing from it.
func TestSweepSparesWhatIsUnderWay(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(24 * time.Hour) } })
	var at []string
	f.directory.step = func(step string) {
		require.Zero(t, f.sweep(t), "removed after %q", step)
		at = append(at, step)
	}
	file, err := f.Create(f.ctx, f.app.ID, "c", "n", "a/b", io.MultiReader(bytes.NewReader(random(partSize)),
		calling(func() { require.Zero(t, f.sweep(t), "removed while data come") }), bytes.NewReader([]byte("end"))))
	require.NoError(t, err)
	require.Equal(t, []string{"created", "written", "synced", "renamed", "directory synced", "committed"}, at)
	require.True(t, bytes.Equal(append(random(partSize), "end"...), f.read(t, file)))
}

func TestSweepWithoutDatabase(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(24 * time.Hour) } })
	file := f.create(t, random(10))
	f.sweep(t)
	require.NoError(t, f.store.Close())
	n, err := f.Sweep(f.ctx)
	require.Error(t, err)
	require.Zero(t, n)
	require.FileExists(t, f.directory.path(file.Blob))
}

// When the database fails it may have committed all the same: the bytes stay until the sweep, which
// knows.
func TestFailingDatabase(t *testing.T) {
	refuse := false
	listeners := events.NewRegistry(func(context.Context, store.Store, store.Change, []events.Listener) error {
		if refuse {
			return errors.New("outbox is gone")
		}
		return nil
	})
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName), Listeners: listeners})
	require.NoError(t, err)
	f := newFixtureOn(t, s, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(24 * time.Hour) } })
	require.NoError(t, listeners.Reload(f.ctx, f.app.ID, func(context.Context) ([]events.Listener, error) {
		return []events.Listener{{Source: store.ChangeFiles, Collection: "*"}}, nil
	}))
	file := f.create(t, random(10))
	refuse = true
	for operation, err := range map[string]error{
		"create": second(f.Create(f.ctx, f.app.ID, "c", "n", "a/b", bytes.NewReader(random(20)))),
		"update": second(f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Data: bytes.NewReader(random(30))})),
		"delete": f.Delete(f.ctx, f.app.ID, "c", file.ID, ""),
	} {
		require.Equal(t, fault.Storage, fault.Of(err), operation)
		require.EqualError(t, err, operation+" file: storage failed")
	}
	require.Len(t, f.blobs(t), 3)
	require.Equal(t, random(10), f.read(t, file))
	require.Equal(t, 2, f.sweep(t))
	require.Equal(t, random(10), f.read(t, file))
}

func TestSweeper(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(24 * time.Hour) } })
	f.orphan(t, f.directory.path)
	sweeper := f.Sweeper()
	swept := sweeper.Swept()
	sweeper.Start()
	for _, want := range []int64{1, 0} {
		n, err := swept.Next(f.ctx)
		require.NoError(t, err)
		require.Equal(t, want, n)
		sweeper.Wake()
	}
	require.NoError(t, sweeper.Stop(f.ctx))
	require.Empty(t, f.blobs(t))
}

func TestSweepEndsWithItsContext(t *testing.T) {
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(f.ctx)
	f.sweep(t)
	cancel()
	_, err := f.Sweep(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// The bytes of a deleted app go as soon as its rows do, and those of others stay.
func TestDiscard(t *testing.T) {
	f := newFixture(t, nil)
	kept := f.create(t, random(10))
	theirs, err := f.Create(f.ctx, f.other.ID, "c", "n", "a/b", bytes.NewReader(random(7)))
	require.NoError(t, err)
	require.NoError(t, f.store.Apps().Delete(f.ctx, f.other.ID))
	removed, err := f.store.Deletions().Remove(f.ctx, store.MaxBatch)
	require.NoError(t, err)
	f.Discard(removed.Blobs)
	require.NoFileExists(t, f.directory.path(theirs.Blob))
	f.Discard(removed.Blobs) // which are gone
	require.Equal(t, random(10), f.read(t, kept))
	require.Zero(t, f.sweep(t))
}
