package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// On a full disk a change is refused together with its event, and so is a push. What had been acknowledged is
// handled, at the latest when there is room again.
func TestDiskIsFull(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		mountSmall(t, dir, "")
		diskIsFull(t, dir, func(l store.Listeners) (store.Store, error) {
			return sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, sqlite.FileName), Listeners: l})
		}, func() {})
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.URL(t)
		dir, execute := smallTablespace(t, url)
		diskIsFull(t, dir, func(l store.Listeners) (store.Store, error) {
			return postgres.Open(t.Context(), postgres.Config{URL: url, Listeners: l})
		}, func() { execute("ALTER TABLE outbox SET TABLESPACE " + tablespace) })
	})
}

// mountSmall makes a directory a small disk.
func mountSmall(t *testing.T, dir, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=0700"+options); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

// tablespace is the name of the one that is on a small disk.
const tablespace = "picloud_test_small"

// smallTablespace gives a PostgreSQL a tablespace on a small disk, and returns its directory and what executes statements
// in the database at a URL, whose outbox is moved back when the test ends.
func smallTablespace(t *testing.T, url string) (dir string, execute func(statement string)) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close(ctx)) })
	var data string
	require.NoError(t, conn.QueryRow(ctx, "SHOW data_directory").Scan(&data))
	info, err := os.Stat(data)
	if err != nil {
		t.Skipf("the server is elsewhere: %v", err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	dir, err = os.MkdirTemp("", "picloud-small-") // the tests' own is closed to the server's user
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.Remove(dir)) })
	mountSmall(t, dir, fmt.Sprintf(",uid=%d,gid=%d", owner.Uid, owner.Gid))
	execute = func(statement string) {
		t.Helper()
		_, err := conn.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
	execute("CREATE TABLESPACE " + tablespace + " LOCATION '" + dir + "'")
	t.Cleanup(func() {
		execute("ALTER TABLE IF EXISTS outbox SET TABLESPACE pg_default")
		execute("DROP TABLESPACE " + tablespace)
	})
	return dir, execute
}

// diskIsFull has the disk of a directory, on which the outbox is once it has been moved there, get full and have room
// again.
func diskIsFull(t *testing.T, dir string, open eachtest.Opener, move func()) {
	var mu sync.Mutex
	handled := map[int]int{}
	n := newNode(t, open, 4, func(e event) (*executions.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		if e.Docs != nil {
			handled[int(e.Docs.Data.(map[string]any)["n"].(float64))]++
			return succeeded, nil
		}
		for _, m := range e.Queue.Messages {
			handled[int(m.Body.(map[string]any)["n"].(float64))]++
		}
		return succeeded, nil
	})
	move()
	script := n.app("a")
	n.consume(script, nil)
	n.consume(script, func(t *store.Trigger) {
		t.Kind, t.Name, t.Queue, t.Data = store.TriggerDocs, "changes", nil, &store.DataTrigger{Collection: "c"}
	})
	filling := strings.Repeat("f", 20_000)
	made := map[int]bool{} // by number: whether it was acknowledged
	// write changes a document, or pushes a message.
	write := func() error {
		number := len(made)
		body := json.RawMessage(`{"n":` + strconv.Itoa(number) + `,"filling":"` + filling + `"}`)
		var err error
		if number%2 == 0 {
			_, err = n.store.Docs().Create(t.Context(), store.DocumentKey{AppID: script.AppID, Collection: "c"}, store.DocumentContent{Data: body})
		} else {
			_, err = n.emitter.Push(t.Context(), script.AppID, "t", []events.Message{{Body: body}})
		}
		made[number] = err == nil
		return err
	}
	full := func() {
		t.Helper()
		refused := 0
		for i := 0; refused < 20; i++ { // each would fill what the one before left
			require.Less(t, i, 20_000, "the disk does not get full")
			if err := write(); err != nil {
				require.Equal(t, fault.Storage, fault.Of(err), "%v", err)
				refused++
			}
		}
	}
	for range 10 {
		require.NoError(t, write())
	}
	filler := fillDisk(t, dir)
	full() // with events that wait
	n.start()
	full() // while they are handled, or try to be
	require.NoError(t, os.Remove(filler))
	require.Eventually(t, func() bool { return write() == nil }, time.Minute, 10*time.Millisecond, "there is room again")
	n.drained(script.AppID)

	mu.Lock()
	defer mu.Unlock()
	for number, acknowledged := range made {
		if acknowledged {
			assert.NotZero(t, handled[number], "%d is lost", number)
		} else {
			assert.Zero(t, handled[number], "%d was refused", number)
		}
	}
	changes := 0 // that were acknowledged
	for number, acknowledged := range made {
		if number%2 == 0 && acknowledged {
			changes++
		}
	}
	documents, err := n.store.Docs().Count(t.Context(), script.AppID, "c")
	require.NoError(t, err)
	assert.EqualValues(t, changes, documents, "what was refused is not there")
	assert.Empty(t, n.letters(script.AppID))
}

// fillDisk leaves no room, but in a file that it returns.
func fillDisk(t *testing.T, dir string) string {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	_, err = io.Copy(file, zeros{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
	return file.Name()
}

// zeros is read without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
