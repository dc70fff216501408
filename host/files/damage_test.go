//go:build unix

package files

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// flip changes one bit of a file and none of its times.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer file.Close()
	var b [1]byte
	_, err = file.ReadAt(b[:], at)
	require.NoError(t, err)
	b[0] ^= 1
	_, err = file.WriteAt(b[:], at)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
}

func TestDamageIsFound(t *testing.T) {
	f := newFixture(t, nil)
	stranger := f.create(t, random(10))
	for _, size := range []int64{1, 1000, partSize, partSize + 1, 3*partSize - 7} {
		for name, damage := range map[string]func(t *testing.T, path string){
			"first byte":  func(t *testing.T, path string) { flip(t, path, 0) },
			"middle byte": func(t *testing.T, path string) { flip(t, path, size/2) },
			"last byte":   func(t *testing.T, path string) { flip(t, path, size-1) },
			"shorter":     func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, size-1)) },
			"empty":       func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
			"longer":      func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, size+1)) },
			"missing":     func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
			"zeros": func(t *testing.T, path string) {
				require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
			},
			"another file": func(t *testing.T, path string) {
				require.NoError(t, os.Remove(path))
				require.NoError(t, os.Link(f.directory.path(stranger.Blob), path))
			},
		} {
			t.Run(fmt.Sprint(name, " of ", size), func(t *testing.T) {
				file := f.create(t, random(int(size)))
				path := f.directory.path(file.Blob)
				damage(t, path)
				for operation, read := range map[string]func() error{
					"open": func() error { return second(f.Open(f.ctx, f.app.ID, "c", file.ID)) },
					"get":  func() error { return second(f.Get(f.ctx, f.app.ID, "c", file.ID, Range{})) },
				} {
					f.log.Reset()
					text := failed(t, read(), fault.Corrupted)
					require.Equal(t, "file "+file.ID+": its bytes are not what was stored", text, operation)
					require.Contains(t, f.log.String(), file.ID, operation)
				}
				head, err := f.Head(f.ctx, f.app.ID, "c", file.ID)
				require.NoError(t, err, "what is known of the file is known still")
				require.Equal(t, file.SHA256, head.SHA256)

				_, err = f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Data: bytes.NewReader(random(5))})
				require.NoError(t, err, "a damaged file can be replaced")
				require.Equal(t, random(5), f.read(t, file))
				require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", file.ID, ""))
			})
		}
	}
}

// Damage that comes after a file was found whole, and that shows in nothing but the bytes, ends a
// download before it.
func TestDamageAfterwards(t *testing.T) {
	f := newFixture(t, nil)
	data := random(3 * partSize)
	file := f.create(t, data)
	f.read(t, file)
	flip(t, f.directory.path(file.Blob), 2*partSize+5)

	r, err := f.Open(f.ctx, f.app.ID, "c", file.ID)
	require.NoError(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	failed(t, err, fault.Corrupted)
	require.True(t, bytes.Equal(data[:2*partSize], got))

	_, err = r.Seek(10, io.SeekStart)
	require.NoError(t, err)
	part := make([]byte, 5)
	_, err = io.ReadFull(r, part)
	require.NoError(t, err, "the rest can be read")
	require.Equal(t, data[10:15], part)
}

// A file found whole is not gone through again, until something about it is new.
func TestWholeFilesAreRemembered(t *testing.T) {
	f := newFixture(t, nil)
	file := f.create(t, random(2*partSize))
	partsRead := func() int64 {
		r, err := f.Open(f.ctx, f.app.ID, "c", file.ID)
		require.NoError(t, err)
		defer r.Close()
		return r.part + 1 // the last one
	}
	require.EqualValues(t, 2, partsRead())
	require.EqualValues(t, 0, partsRead())
	path := f.directory.path(file.Blob)
	info, err := os.Stat(path)
	require.NoError(t, err)
	later := info.ModTime().Add(1)
	require.NoError(t, os.Chtimes(path, later, later))
	require.EqualValues(t, 2, partsRead())
	require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", file.ID, ""))
	require.Zero(t, f.verified.Len(), "what is gone is forgotten")
}

// Metadata whose sums do not belong to the size is damage too, not a crash.
func TestDamagedMetadata(t *testing.T) {
	f := newFixture(t, nil)
	for name, change := range map[string]func(*store.FileContent){
		"no sums":      func(c *store.FileContent) { c.Sums = nil },
		"half a sum":   func(c *store.FileContent) { c.Sums = c.Sums[:40] },
		"another size": func(c *store.FileContent) { c.Size = -1 },
		"another sum":  func(c *store.FileContent) { c.Sums[0]++ },
		"no blob":      func(c *store.FileContent) { c.Blob = "x" },
		"a path":       func(c *store.FileContent) { c.Blob = "../../" + c.Blob },
	} {
		t.Run(name, func(t *testing.T) {
			file := f.create(t, random(partSize+1))
			content := store.FileContent{Size: file.Size, SHA256: file.SHA256, Blob: file.Blob, Sums: file.Sums}
			change(&content)
			_, _, err := f.config.Store.Update(context.Background(), f.app.ID, "c", file.ID, store.FileChange{Content: &content}, 0)
			require.NoError(t, err)
			_, err = f.Open(f.ctx, f.app.ID, "c", file.ID)
			failed(t, err, fault.Corrupted)
			_, err = f.Get(f.ctx, f.app.ID, "c", file.ID, Range{})
			failed(t, err, fault.Corrupted)
			require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", file.ID, ""))
		})
	}
}
