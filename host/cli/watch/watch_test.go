package watch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/cli/watch"
)

// patience is how long a test waits for what must come, before it fails.
const patience = 10 * time.Second

// watched is a folder whose changes are received.
type watched struct {
	dir     string
	changes <-chan time.Time
}

func watching(t *testing.T, skip ...string) watched {
	t.Helper()
	w := watched{dir: t.TempDir()}
	for i := range skip {
		skip[i] = filepath.Join(w.dir, skip[i])
		require.NoError(t, os.Mkdir(skip[i], 0o755))
	}
	changes, err := watch.Folder(t.Context(), w.dir, skip...)
	require.NoError(t, err)
	w.changes = changes
	return w
}

func (w watched) write(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(time.Now().String()), 0o644))
}

// tells waits until a change is told, and returns when it began.
func (w watched) tells(t *testing.T, what string) time.Time {
	t.Helper()
	select {
	case began, open := <-w.changes:
		require.True(t, open, "%s: it has ended", what)
		return began
	case <-time.After(patience):
		require.Fail(t, "nothing is told of "+what)
		return time.Time{}
	}
}

func TestFolder(t *testing.T) {
	w := watching(t)
	before := time.Now()
	w.write(t, "a.rhai")
	began := w.tells(t, "a new file")
	require.False(t, began.Before(before) || began.After(time.Now()), "it began at %v, not between %v and now", began, before)

	w.write(t, "deep/down/b.rhai")
	w.tells(t, "a new folder")
	w.write(t, "deep/down/b.rhai")
	w.tells(t, "a file in a folder that is new")

	w.write(t, "a.rhai.new")
	require.NoError(t, os.Rename(filepath.Join(w.dir, "a.rhai.new"), filepath.Join(w.dir, "a.rhai")))
	w.tells(t, "a file that another has replaced")

	require.NoError(t, os.Remove(filepath.Join(w.dir, "a.rhai")))
	w.tells(t, "a file that is gone")
	require.NoError(t, os.RemoveAll(filepath.Join(w.dir, "deep")))
	w.tells(t, "a folder that is gone")

	// The same way into the folder is watched when the folder is made anew.
	w.write(t, "deep/down/b.rhai")
	w.tells(t, "a folder that is back")
	w.write(t, "deep/down/b.rhai")
	w.tells(t, "a file in a folder that is back")
}

// What is of no interest is not told: the change after it is the next one.
func TestIgnored(t *testing.T) {
	w := watching(t, "data")
	for _, name := range []string{".a.rhai.swp", "a.rhai~", ".#a.rhai", "4913", ".picloud-1.tmp", ".git/index", "node_modules/x/y.js", "data/picloud.db"} {
		w.write(t, name)
	}
	time.Sleep(100 * time.Millisecond) // .git and others are folders that come
	after := time.Now()
	w.write(t, "a.rhai")
	if began := w.tells(t, "a file"); began.Before(after) {
		t.Errorf("a change is told that began %v before the one of interest", after.Sub(began))
	}
}

// Many changes at once are told as few.
func TestCheckout(t *testing.T) {
	w := watching(t)
	for i := range 500 {
		w.write(t, fmt.Sprintf("folder%d/file%d", i%10, i))
	}
	told := 0
	for w.tells(t, "a checkout"); ; told++ {
		select {
		case <-w.changes:
			continue
		case <-time.After(300 * time.Millisecond):
		}
		break
	}
	if told > 20 {
		t.Errorf("500 files that are written at once are told as %d changes", told+1)
	}
}

func TestEnd(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := watch.Folder(ctx, dir)
	require.NoError(t, err)
	cancel()
	_, open := <-changes
	require.False(t, open, "it goes on after its context has ended")

	gone := watching(t)
	require.NoError(t, os.Remove(gone.dir))
	select {
	case _, open := <-gone.changes:
		require.False(t, open, "it goes on without the folder")
	case <-time.After(patience):
		require.Fail(t, "nothing is told of the end of the folder")
	}

	_, err = watch.Folder(t.Context(), filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "no such file")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err = watch.Folder(t.Context(), file)
	require.ErrorContains(t, err, "is not a folder")
}
