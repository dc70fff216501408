package server

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/config"
)

// mount mounts a small disk for the time of a test.
func mount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size=4m,mode=0700"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

func fill(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	_, err = io.Copy(file, zeros{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
}

// zeros is read without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A start that cannot write says where and what to do.
func TestDirectoriesThatCannotBeUsed(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, c *config.Config, dir string)
		says    []string // of the directory DIR
	}{
		{"data on a full disk", func(t *testing.T, c *config.Config, dir string) {
			mount(t, dir, 0)
			fill(t, dir)
			c.Data = dir
		}, []string{"data: the disk of DIR is full (no space left on device): free at least 1 MiB there", "--data"}},
		{"files on a full disk", func(t *testing.T, c *config.Config, dir string) {
			mount(t, dir, 0)
			fill(t, dir)
			c.FilesRoot = dir
		}, []string{"files_root: the disk of DIR is full", "--files-root"}},
		{"data on a disk for reading", func(t *testing.T, c *config.Config, dir string) {
			mount(t, dir, syscall.MS_RDONLY)
			c.Data = dir
		}, []string{"data: DIR cannot be written (read-only file system): mount its file system for writing", "--data"}},
		{"a file in the place of data", func(t *testing.T, c *config.Config, dir string) {
			require.NoError(t, os.WriteFile(dir, nil, 0o600))
			c.Data = dir
		}, []string{"data: DIR is no directory, or not in one (not a directory): remove the file in the way", "--data"}},
		{"data below a file", func(t *testing.T, c *config.Config, dir string) {
			require.NoError(t, os.WriteFile(dir, nil, 0o600))
			c.Data = filepath.Join(dir, "data")
		}, []string{"data: DIR/data is no directory, or not in one", "--data"}},
		{"data of somebody else", func(t *testing.T, c *config.Config, dir string) {
			if os.Getuid() == 0 {
				t.Skip("root may write everywhere")
			}
			require.NoError(t, os.Mkdir(dir, 0o500))
			c.Data = dir
		}, []string{"data: DIR cannot be written by this user (permission denied)", "--data"}},
		{"a cache that cannot be made", func(t *testing.T, c *config.Config, dir string) {
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "cache"), nil, 0o600))
			c.Data = dir
		}, []string{"data: DIR/cache is no directory", "--data"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings, dir := settings(t), filepath.Join(t.TempDir(), "place")
			c.prepare(t, settings, dir)
			_, err := (&Config{Settings: settings}).quiet(t)
			require.Error(t, err)
			for _, says := range c.says {
				assert.Contains(t, err.Error(), strings.ReplaceAll(says, "DIR", dir))
			}
			if entries, err := os.ReadDir(dir); err == nil {
				for _, entry := range entries {
					assert.NotContains(t, entry.Name(), ".room", "nothing is left of the attempt")
				}
			}
		})
	}
}
