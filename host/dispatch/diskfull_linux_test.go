package dispatch

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// On a full disk a change is refused together with its event, and so is a push. What had been acknowledged is
// handled, at the latest when there is room again.
func TestDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=0700"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })

	var mu sync.Mutex
	handled := map[int]int{}
	n := newNode(t, func(l store.Listeners) (store.Store, error) {
		return sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, sqlite.FileName), Listeners: l})
	}, 4, func(e event) (*executions.Outcome, error) {
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
			require.Less(t, i, 2000, "the disk does not get full")
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
