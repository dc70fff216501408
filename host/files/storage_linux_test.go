package files

import (
	"bytes"
	"io"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

// onDisk is a fixture whose files are on a small disk of their own, mounted at the path it returns.
// Whoever may not mount skips the test.
func onDisk(t *testing.T, size string) (*fixture, string) {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, 0)) })
	return newFixture(t, func(c *Config) { c.Root = filepath.Join(disk, "files") }), disk
}

func TestDiskFull(t *testing.T) {
	f, _ := onDisk(t, "6m")
	data := random(3 * partSize)
	file := f.create(t, data)
	full := func(err error) {
		t.Helper()
		text := failed(t, err, fault.Unavailable)
		require.Equal(t, "the file storage is full", text)
		require.Equal(t, []string{file.Blob}, f.blobs(t), "something is left behind")
		require.True(t, bytes.Equal(data, f.read(t, file)))
	}
	full(second(f.Create(f.ctx, f.app.ID, "c", "n", "a/b", io.LimitReader(endless{}, 5*partSize))))
	full(second(f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Name: new("x"), Data: io.LimitReader(endless{}, 5*partSize)})))
	head, err := f.Head(f.ctx, f.app.ID, "c", file.ID)
	require.NoError(t, err)
	require.Equal(t, file, head)
	page, err := f.store.Files().Usage(f.ctx, f.app.ID)
	require.NoError(t, err)
	require.EqualValues(t, len(data), page)

	require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", file.ID, ""), "which makes room")
	f.create(t, random(5*partSize))
}

func TestDiskCannotBeWritten(t *testing.T) {
	f, disk := onDisk(t, "6m")
	data := random(partSize + 1)
	file := f.create(t, data)
	remount := func(flags uintptr) {
		require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|flags, ""))
	}
	remount(syscall.MS_RDONLY)
	refused := func(err error) {
		t.Helper()
		text := failed(t, err, fault.Unavailable)
		require.Equal(t, "the file storage is not available", text)
		require.True(t, bytes.Equal(data, f.read(t, file)))
	}
	refused(second(f.Create(f.ctx, f.app.ID, "c", "n", "a/b", bytes.NewReader(random(10)))))
	refused(second(f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Data: bytes.NewReader(random(10))})))
	require.Contains(t, f.log.String(), "read-only file system", "the log tells why")
	require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", file.ID, ""), "its bytes are left to the sweeper")
	require.Equal(t, []string{file.Blob}, f.blobs(t))

	remount(0)
	f.create(t, random(10)) // without a restart
}
