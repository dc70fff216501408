package e2e

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
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
)

// An app moves from one server to another by a file, and by a pipe.
func TestAppsMove(t *testing.T) {
	from, _ := loggedIn(t)
	from.must(t, "deploy", "examples/orders")
	from.must(t, "kv", "put", "--app", "orders", "stock", "apples", "7")
	for user, role := range map[string]string{"ada": "editor", "bob": "viewer"} {
		from.must(t, "users", "create", user)
		from.must(t, "members", "set", "--app", "orders", user, role)
	}
	got := from.must(t, "apps", "export", "orders", "orders.picloud.tar.zst")
	assert.Regexp(t, `^App orders exported to orders\.picloud\.tar\.zst \(\d+ bytes\)\.\n$`, got)
	archive := from.read(t, "orders.picloud.tar.zst")
	piped := from.must(t, "apps", "export", "orders", "-")
	assert.Equal(t, "\x28\xb5\x2f\xfd", piped[:4])

	// What fails leaves the file that is there.
	from.fails(t, exitFailed, "there is no app nobodys", "apps", "export", "nobodys", "orders.picloud.tar.zst")
	assert.Equal(t, archive, from.read(t, "orders.picloud.tar.zst"))
	left, err := filepath.Glob(filepath.Join(from.dir, ".picloud-*"))
	require.NoError(t, err)
	assert.Empty(t, left)

	to, _ := loggedIn(t)
	to.must(t, "users", "create", "ada")
	to.write(t, "orders.picloud.tar.zst", archive)
	said := to.must(t, "apps", "import", "orders.picloud.tar.zst")
	assert.Equal(t, "App orders imported: files 3, kv 1, members 2, routes 5, scripts 6, sites 1, topics 1, triggers 5.\n"+
		"Members: ada editor\nLeft out: member bob: there is no such user here\n", said)
	assert.Equal(t, "7\n", to.must(t, "kv", "get", "--app", "orders", "stock", "apples"))
	r := to.run(t, piped, "apps", "import", "-", "--slug", "copy", "--output", "json")
	require.Equal(t, exitOK, r.status, "%s", r)
	assert.Contains(t, r.stdout, `"slug": "copy"`)
	to.fails(t, exitFailed, "the app orders is not empty: it has", "apps", "import", "orders.picloud.tar.zst")
	to.fails(t, exitUsage, "use --slug", "apps", "import", "-")
	to.write(t, "cut.picloud.tar.zst", archive[:len(archive)/2])
	to.fails(t, exitFailed, "is not whole", "apps", "import", "cut.picloud.tar.zst")
	to.fails(t, exitFailed, "there is no app cut", "apps", "show", "cut")
	scripts := decode[[]wire.Script](t, to, "scripts", "list", "--app", "copy")
	assert.NotEmpty(t, scripts)
}

// A file that is damaged on the server keeps neither a backup nor an export from the rest, and both tell which it is.
func TestDamagedFilesAreTold(t *testing.T) {
	p, _ := loggedIn(t)
	p.must(t, "apps", "create", "shop")
	p.write(t, "good.txt", "good")
	p.write(t, "bad.txt", "bad")
	p.must(t, "files", "put", "c", "good.txt", "--app", "shop")
	before := blobs(t, p)
	file := decode[wire.File](t, p, "files", "put", "c", "bad.txt", "--app", "shop")
	for path := range blobs(t, p) {
		if !before[path] {
			require.NoError(t, os.WriteFile(path, []byte("BAD"), 0o600))
		}
	}
	r := p.run(t, "", "backup", "all")
	require.Equal(t, exitPartly, r.status, "%s", r)
	assert.Contains(t, r.stdout, "all is a backup", "%s", r)
	assert.Contains(t, r.stderr, "the bytes of the file "+file.ID+" in the collection c of the app", "%s", r)
	assert.Contains(t, r.stderr, "damaged on the server before: 1 file", "%s", r)
	assert.Contains(t, p.must(t, "verify", "all"), "all is whole", "%s", r)

	for _, to := range []string{"shop.picloud.tar.zst", "-"} {
		r = p.run(t, "", "apps", "export", "shop", to)
		require.Equal(t, exitPartly, r.status, "%s", r.stderr)
		assert.Contains(t, r.stderr, "the file "+file.ID+" (bad.txt) in the collection c is left out")
	}
	r = p.run(t, "", "apps", "export", "shop", "again.picloud.tar.zst", "--output", "json")
	require.Equal(t, exitPartly, r.status, "%s", r)
	assert.Contains(t, r.stdout, `"damaged_files": 1`)
	assert.Contains(t, r.stderr, `"code":"damaged"`)
	said := p.must(t, "apps", "import", "shop.picloud.tar.zst", "--slug", "copy")
	assert.Contains(t, said, "Left out: file c/"+file.ID+": the bytes of \"bad.txt\" were damaged")
	listed := decode[[]wire.File](t, p, "files", "list", "c", "--app", "copy")
	require.Len(t, listed, 1)
	assert.Equal(t, "good.txt", listed[0].Name)
}

// blobs are the paths of the bytes of files on a server.
func blobs(t *testing.T, p *place) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(p.dir, "data", "files", "??", "??", "*"))
	require.NoError(t, err)
	there := map[string]bool{}
	for _, path := range paths {
		there[path] = true
	}
	return there
}

// A server that is killed in the middle of an import has nothing of it when it starts again.
func TestKilledWhileAnAppIsImported(t *testing.T) {
	p := newPlace(t)
	d := launch(t, p)
	token := d.login()
	c, err := client.New(d.url, token)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = c.CreateApp(ctx, wire.AppCreate{Slug: "shop"})
	require.NoError(t, err)
	_, err = c.UploadFile(ctx, "shop", "c", "f", "", io.LimitReader(rand.NewChaCha8([32]byte{}), 1<<20)) // the half of which is much
	require.NoError(t, err)
	exported, err := c.ExportApp(ctx, "shop")
	require.NoError(t, err)
	archive, err := io.ReadAll(exported)
	require.NoError(t, err)
	require.NoError(t, exported.Close())

	from, to := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := c.ImportApp(context.WithoutCancel(ctx), "half", from)
		ended <- err
	}()
	_, err = to.Write(archive[:len(archive)/2])
	require.NoError(t, err)
	found := func(c *client.Client) string {
		_, err := c.App(ctx, "half")
		require.Error(t, err, "it is found")
		return err.Error()
	}
	require.Eventually(t, func() bool { return strings.Contains(found(c), "is being imported") }, patience, time.Millisecond)
	_ = d.end(syscall.SIGKILL)
	to.CloseWithError(os.ErrClosed)
	require.Error(t, <-ended)

	d = launch(t, p)
	c, err = client.New(d.url, token)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(found(c), "there is no app") }, patience, 10*time.Millisecond)
	report, err := c.ImportApp(ctx, "half", bytes.NewReader(archive))
	require.NoError(t, err)
	assert.EqualValues(t, 1, report.Rows["files"])
	require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
}
