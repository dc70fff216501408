package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// An import for which the disk has no room is refused, and leaves nothing: neither an app nor bytes in the way
// of others.
func TestDiskIsFullForAnImport(t *testing.T) {
	p := newPlace(t)
	data := filepath.Join(p.dir, "data")
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(data, syscall.MNT_DETACH)) })
	require.NoError(t, os.Symlink(compiled, filepath.Join(data, "cache"))) // lest it take the room
	d := launch(t, p)
	c, err := client.New(d.url, d.login())
	require.NoError(t, err)
	ctx := t.Context()
	_, err = c.CreateApp(ctx, wire.AppCreate{Slug: "shop"})
	require.NoError(t, err)
	noise := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for range 2 {
		_, err = c.UploadFile(ctx, "shop", "c", "f", "", bytes.NewReader(noise))
		require.NoError(t, err)
	}
	exported, err := c.ExportApp(ctx, "shop")
	require.NoError(t, err)
	archive, err := io.ReadAll(exported)
	require.NoError(t, err)
	require.NoError(t, exported.Close())

	made := 0
	for ; ; made++ {
		require.Less(t, made, 10, "the disk does not get full")
		if _, err = c.ImportApp(ctx, fmt.Sprint("copy-", made), bytes.NewReader(archive)); err != nil {
			break
		}
	}
	require.Positive(t, made)
	require.True(t, client.HasStatus(err, http.StatusServiceUnavailable), "%v", err)
	assert.Contains(t, err.Error(), "storage is full")
	require.Eventually(t, func() bool {
		_, err := c.App(ctx, fmt.Sprint("copy-", made))
		return client.HasStatus(err, http.StatusNotFound)
	}, patience, 10*time.Millisecond)
	_, err = c.UploadFile(ctx, "shop", "c", "f", "", bytes.NewReader(noise[:1<<20]))
	assert.NoError(t, err, "what it had written is gone")
	apps, err := client.Collect(c.Apps(ctx))
	require.NoError(t, err)
	assert.Len(t, apps, 2+made)
	require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
}
