package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
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
	p, _ := smallDisk(t)
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
