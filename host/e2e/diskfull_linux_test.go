package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/store/eachtest"
)

// smallDisk is a place whose data lie on a disk of 24 MiB.
func smallDisk(t *testing.T) (p *place, data string) {
	t.Helper()
	p = newPlace(t)
	data = filepath.Join(p.dir, "data")
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(data, syscall.MNT_DETACH)) })
	require.NoError(t, os.Symlink(compiled, filepath.Join(data, "cache"))) // lest it take the room
	return p, data
}

// A server whose disk is full says so, still reads, and writes again as soon as
// there is room. Nothing that it acknowledged is lost.
func TestDiskIsFullForAWhile(t *testing.T) {
	eachtest.SQLiteOnly(t, "the disk that gets full is the one of the data directory")
	p, data := smallDisk(t)
	d := launch(t, p)
	token := d.login()
	d.deploy(token, "read", `kv::collection("c").get("0").len()`)
	d.deploy(token, "write", `try { kv::collection("c").set("mine", 1) } catch (e) { return #{ statusCode: 503, body: e }; }`)
	c, err := client.New(d.url, token)
	require.NoError(t, err)

	kept := map[string]string{}
	write := func(i int) error {
		key, value := fmt.Sprint(i), fmt.Sprintf("%q", strings.Repeat(fmt.Sprint(i%10), 100_000))
		_, err := c.SetKV(t.Context(), "default", "c", key, wire.KVSet{Value: json.RawMessage(value)})
		if err == nil {
			kept[key] = value
		}
		return err
	}
	upload := func() (wire.File, error) {
		return c.UploadFile(t.Context(), "default", "f", "f", "", bytes.NewReader(bytes.Repeat([]byte("f"), 1<<20)))
	}
	for i := range 5 {
		require.NoError(t, write(i))
	}
	file, err := upload()
	require.NoError(t, err)

	filler, err := os.Create(filepath.Join(data, "filler"))
	require.NoError(t, err)
	_, err = io.Copy(filler, zeros{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, filler.Close())

	i := 5
	for ; err == nil || i == 5; i++ { // the write-ahead log may have room left
		require.Less(t, i, 300, "the disk does not get full")
		err = write(i)
	}
	require.True(t, client.HasStatus(err, http.StatusServiceUnavailable), "%v", err)
	assertNoLeak(t, "", err.Error())
	_, err = upload()
	require.True(t, client.HasStatus(err, http.StatusServiceUnavailable), "%v", err)
	assert.Contains(t, err.Error(), "storage is full")
	for range 20 { // each would fill what the one before left
		if err := write(i); err != nil {
			require.True(t, client.HasStatus(err, http.StatusServiceUnavailable), "%v", err)
		}
		i++
	}
	status, body := d.fetch("POST", "/write", "", "")
	if status != 200 { // a small value may find room where a large one does not
		assert.Equal(t, 503, status, "%s", body)
		assert.Contains(t, string(body), `"code":"unavailable"`)
	}
	status, body = d.fetch("POST", "/read", "", "")
	assert.Equal(t, 200, status, "reading needs no room: %s", body)
	content, err := c.DownloadFile(t.Context(), "default", "f", file.ID)
	require.NoError(t, err)
	read, err := io.ReadAll(content)
	content.Close()
	require.NoError(t, err)
	assert.Len(t, read, 1<<20)

	require.NoError(t, os.Remove(filler.Name()))
	require.Eventually(t, func() bool { return write(i) == nil }, patience, 10*time.Millisecond, "there is room again")
	_, err = upload()
	require.NoError(t, err)
	status, body = d.fetch("POST", "/write", "", "")
	assert.Equal(t, 200, status, "%s", body)
	check := func(c *client.Client) {
		found := map[string]string{}
		for entry, err := range c.KV(t.Context(), "default", "c", "") {
			require.NoError(t, err)
			found[entry.Key] = string(entry.Value)
		}
		for key, value := range kept {
			require.True(t, found[key] == value, "key %s", key)
		}
	}
	check(c)
	require.Error(t, d.end(syscall.SIGKILL))
	d = launch(t, p)
	c, err = client.New(d.url, token)
	require.NoError(t, err)
	check(c)
	require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
}

// zeros is read without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
