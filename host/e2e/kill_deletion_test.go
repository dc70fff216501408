package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/server"
	"github.com/picloud/picloud/host/store"
)

// A server that is killed while it removes a deleted app goes on when it is started again: in the end nothing is left
// of it, neither rows nor bytes, and a new app of that name has all that is its own.
func TestKilledWhileAnAppIsRemoved(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, args ...string) {
		const many, files = 20_000, 50
		p := newPlace(t)
		location := config.Location{Data: filepath.Join(p.dir, "data")}
		if len(args) > 0 {
			location.DatabaseURL = args[1]
		}
		// left returns how many rows of deleted apps there are, without removing them.
		left := func(remove bool) (rows int) {
			db, err := server.OpenStore(t.Context(), &location, nil)
			require.NoError(t, err)
			defer db.Close()
			for {
				removed, err := db.Deletions().Remove(t.Context(), 1)
				require.NoError(t, err)
				rows += removed.Rows
				if removed.Rows == 0 || !remove {
					return rows
				}
			}
		}
		d := launch(t, p, args...)
		token := d.login()
		c, err := client.New(d.url, token)
		require.NoError(t, err)
		app, err := c.CreateApp(t.Context(), wire.AppCreate{Slug: "large"})
		require.NoError(t, err)
		for i := range files {
			_, err := c.UploadFile(t.Context(), app.ID, "c", "f", "", bytes.NewReader(fmt.Append(nil, "file ", i)))
			require.NoError(t, err)
		}
		require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
		db, err := server.OpenStore(t.Context(), &location, nil)
		require.NoError(t, err)
		require.NoError(t, db.InTx(t.Context(), func(tx store.Store) error {
			for i := range many {
				_, err := tx.Docs().Create(t.Context(), store.DocumentKey{AppID: app.ID, Collection: "d"}, store.DocumentContent{
					Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)), Terms: []int64{int64(i)},
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, db.Close())

		d = launch(t, p, args...)
		c, err = client.New(d.url, token)
		require.NoError(t, err)
		require.NoError(t, c.DeleteApp(t.Context(), "large"))
		again, err := c.CreateApp(t.Context(), wire.AppCreate{Slug: "large"})
		require.NoError(t, err)
		_, err = c.CreateDoc(t.Context(), again.ID, "d", json.RawMessage(`{"n":0}`))
		require.NoError(t, err)
		unfinished := true
		for round := range killRounds(t) {
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // the moment is what is tested
			_ = d.end(syscall.SIGKILL)
			unfinished = left(false) > 0
			t.Logf("kill %d: rows were left: %v", round, unfinished)
			d = launch(t, p, args...)
		}
		removed := func() {
			require.Eventually(t, func() bool { return strings.Contains(d.output.String(), "deleted rows removed") }, patience, 10*time.Millisecond, "%s", d.output)
		}
		if unfinished {
			removed()
		}
		c, err = client.New(d.url, token)
		require.NoError(t, err)
		documents, err := client.Collect(c.Docs(t.Context(), again.ID, "d", "", ""))
		require.NoError(t, err)
		assert.Len(t, documents, 1)
		require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
		// PostgreSQL may not have noticed a kill yet when it was asked what is left: then nobody else could remove anything.
		if left(false) > 0 {
			d = launch(t, p, args...)
			removed()
			require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
		}
		assert.Zero(t, left(true), "rows of the deleted app")
		sweepOrphans(t, p, args, 0) // those whose rows were removed just before a kill
	})
}
