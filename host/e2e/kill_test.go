package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/server"
)

// killRounds is how many times the server is killed in each of the tests below:
// PICLOUD_KILL_ROUNDS, or a few.
func killRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("PICLOUD_KILL_ROUNDS")
	if text == "" {
		return 4
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "PICLOUD_KILL_ROUNDS")
	return n
}

// A server that is killed at any moment has kept every write that it
// acknowledged, shows none by half, and leaves no bytes that the sweeper does
// not find.
func TestKilledWhileDataIsWritten(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, args ...string) {
		p := newPlace(t)
		written := &acknowledged{kv: map[string]string{}, docs: map[string]string{}, files: map[string]string{}, whole: map[string]bool{}}
		token := ""
		for round := range killRounds(t) {
			d := launch(t, p, args...)
			if token == "" {
				token = d.login()
			}
			c, err := client.New(d.url, token)
			require.NoError(t, err)
			written.check(t, c)
			var writers sync.WaitGroup
			for w := range 6 {
				writers.Go(func() { written.write(c, fmt.Sprintf("%d-%d", round, w)) })
			}
			time.Sleep(time.Duration(20+rand.IntN(400)) * time.Millisecond) // the moment is what is tested
			_ = d.end(syscall.SIGKILL)
			writers.Wait()
		}
		d := launch(t, p, args...)
		c, err := client.New(d.url, token)
		require.NoError(t, err)
		clear(written.whole)
		written.check(t, c)
		t.Logf("%d entries, %d documents and %d files were acknowledged", len(written.kv), len(written.docs), len(written.files))
		kept, err := client.Collect(c.Files(t.Context(), "default", "f"))
		require.NoError(t, err)
		require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
		sweepOrphans(t, p, args, len(kept))
	})
}

// acknowledged is what a server answered that it has written. Each writer has
// keys of its own, so what the last acknowledged value of each is, is known: all
// but the one that was under way.
type acknowledged struct {
	mu    sync.Mutex
	kv    map[string]string // value by key; "" for one that was deleted
	docs  map[string]string // data by id
	files map[string]string // SHA-256 by id
	doubt sync.Map          // keys whose last write got no answer

	whole map[string]bool // files that were read and are not read again until the end
}

func (a *acknowledged) note(what map[string]string, key, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	what[key] = value
}

// write writes until the server is gone.
func (a *acknowledged) write(c *client.Client, name string) {
	ctx := context.Background()
	for i := 0; ; i++ {
		key, value := fmt.Sprintf("k-%s-%d", name, i%20), document(fmt.Sprintf("%s-%d", name, i))
		a.doubt.Store(key, true)
		if _, err := c.SetKV(ctx, "default", "c", key, wire.KVSet{Value: json.RawMessage(value)}); err != nil {
			return
		}
		a.note(a.kv, key, value)
		if i%3 == 2 {
			if err := c.DeleteKV(ctx, "default", "c", key); err != nil {
				return
			}
			a.note(a.kv, key, "")
		}
		a.doubt.Delete(key)

		doc, err := c.CreateDoc(ctx, "default", "d", json.RawMessage(value))
		if err != nil {
			return
		}
		a.note(a.docs, doc.ID, value)

		content := bytes.Repeat([]byte(value), 1+i*37%400)
		file, err := c.UploadFile(ctx, "default", "f", "f", "", bytes.NewReader(content))
		if err != nil {
			return
		}
		a.note(a.files, file.ID, fmt.Sprintf("%x", sha256.Sum256(content)))
	}
}

// document is a JSON text in which one half tells the other.
func document(name string) string {
	return fmt.Sprintf(`{"name":%q,"again":%q}`, name, name)
}

// check compares what the server has with what it acknowledged.
func (a *acknowledged) check(t *testing.T, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	entries := map[string]string{}
	for entry, err := range c.KV(ctx, "default", "c", "") {
		require.NoError(t, err)
		requireWhole(t, entry.Value)
		entries[entry.Key] = string(entry.Value)
	}
	for key, value := range a.kv {
		if _, doubtful := a.doubt.Load(key); !doubtful {
			require.Equal(t, value, entries[key], "key %s", key)
		}
	}
	docs := map[string]string{}
	for doc, err := range c.Docs(ctx, "default", "d", "", "") {
		require.NoError(t, err)
		requireWhole(t, doc.Data)
		docs[doc.ID] = string(doc.Data)
	}
	for id, data := range a.docs {
		require.Equal(t, data, docs[id], "document %s", id)
	}
	sums := map[string]string{}
	for file, err := range c.Files(ctx, "default", "f") {
		require.NoError(t, err)
		sums[file.ID] = file.SHA256
		if a.whole[file.ID] {
			continue
		}
		a.whole[file.ID] = true
		content, err := c.DownloadFile(ctx, "default", "f", file.ID)
		require.NoError(t, err)
		hash := sha256.New()
		_, err = io.Copy(hash, content)
		content.Close()
		require.NoError(t, err)
		require.Equal(t, file.SHA256, fmt.Sprintf("%x", hash.Sum(nil)), "file %s", file.ID)
	}
	for id, sum := range a.files {
		require.Equal(t, sum, sums[id], "file %s", id)
	}
}

func requireWhole(t *testing.T, value json.RawMessage) {
	t.Helper()
	var parts struct{ Name, Again string }
	require.NoError(t, json.Unmarshal(value, &parts), "%s", value)
	require.Equal(t, document(parts.Name), string(value))
}

// sweepOrphans sweeps orphans of any age and counts what is left.
func sweepOrphans(t *testing.T, p *place, args []string, kept int) {
	t.Helper()
	c := &config.Config{Location: config.Location{Data: filepath.Join(p.dir, "data")}}
	if len(args) > 0 {
		c.DatabaseURL = args[1]
	}
	db, err := server.OpenStore(t.Context(), &c.Location, nil)
	require.NoError(t, err)
	defer db.Close()
	service, err := files.New(files.Config{Store: db.Files(), Root: c.FilesDir(), Now: func() time.Time { return time.Now().Add(24 * time.Hour) }})
	require.NoError(t, err)
	swept, err := service.Sweep(t.Context())
	require.NoError(t, err)
	blobs := 0
	require.NoError(t, filepath.WalkDir(c.FilesDir(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && len(entry.Name()) == 32 {
			blobs++
		}
		return err
	}))
	assert.Equal(t, kept, blobs, "blobs left after %d were swept", swept)
	t.Logf("%d orphans were swept, %d files are left", swept, blobs)
}
