package codecache

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t *testing.T, dir string, maxBytes int64) *Cache {
	t.Helper()
	c, err := Open(Config{Dir: dir, MaxBytes: maxBytes, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return c
}

// make1 makes sure of an entry of so many bytes, and reports whether it had to be made.
func (c *Cache) make1(t *testing.T, name, owner string, bytes int) (made bool) {
	t.Helper()
	release, err := c.Ensure(NewKey([]byte(name)), owner, func(dir string) error {
		made = true
		return fake(dir, c.code, name, bytes)
	})
	require.NoError(t, err)
	release()
	return made
}

// fake leaves a file as wazero does.
func fake(dir, code, name string, bytes int) error {
	if err := os.MkdirAll(filepath.Join(dir, code), 0o700); err != nil {
		return err
	}
	content := make([]byte, bytes)
	copy(content, name)
	return os.WriteFile(filepath.Join(dir, code, "code-of-"+name), content, 0o600)
}

// files are those of wazero's that there are.
func (c *Cache) files(t *testing.T) (names []string) {
	found, err := filepath.Glob(filepath.Join(c.dir, "wazero-*", "*"))
	require.NoError(t, err)
	for _, f := range found {
		names = append(names, filepath.Base(f))
	}
	return names
}

func TestEntriesAreMadeOnce(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, 0)
	assert.True(t, c.make1(t, "a", "", 10))
	assert.False(t, c.make1(t, "a", "", 10))
	assert.True(t, c.make1(t, "b", "", 20))
	assert.EqualValues(t, 30, c.Bytes())

	again := open(t, dir, 0) // the next start
	assert.False(t, again.make1(t, "a", "", 10))
	assert.EqualValues(t, 30, again.Bytes())
	assert.Equal(t, []string{"code-of-a", "code-of-b"}, again.files(t))

	_, err := again.Ensure("k", "", func(string) error { return errors.New("does not compile") })
	assert.EqualError(t, err, "does not compile")
	_, err = again.Ensure("k", "", func(dir string) error { return os.MkdirAll(filepath.Join(dir, again.code), 0o700) })
	assert.ErrorContains(t, err, "wazero kept nothing")
	left, err := os.ReadDir(filepath.Join(dir, workDir))
	require.NoError(t, err)
	assert.Empty(t, left)

	nothing := open(t, "", 0)
	release, err := nothing.Ensure("k", "", func(string) error { panic("nothing is kept") })
	require.NoError(t, err)
	release()
}

// What is damaged is made anew, whenever that happens: while the cache is open or not.
func TestDamageIsMended(t *testing.T) {
	const name = "a"
	code := func(c *Cache) string { return c.path(c.code, "code-of-"+name) }
	record := func(c *Cache) string { return c.path(entriesDir, NewKey([]byte(name)).file()) }
	for what, damage := range map[string]func(t *testing.T, c *Cache) error{
		"an emptied file":   func(_ *testing.T, c *Cache) error { return os.WriteFile(code(c), nil, 0o600) },
		"a truncated file":  func(_ *testing.T, c *Cache) error { return os.Truncate(code(c), 7) },
		"a longer file":     func(_ *testing.T, c *Cache) error { return os.Truncate(code(c), 11) },
		"a file is gone":    func(_ *testing.T, c *Cache) error { return os.Remove(code(c)) },
		"a directory":       func(_ *testing.T, c *Cache) error { return errors.Join(os.Remove(code(c)), os.Mkdir(code(c), 0o700)) },
		"an emptied record": func(_ *testing.T, c *Cache) error { return os.WriteFile(record(c), nil, 0o600) },
		"a record of other files": func(_ *testing.T, c *Cache) error {
			return os.WriteFile(record(c), []byte(`{"files":[{"name":"../../etc/passwd","size":1,"xxh64":""}]}`), 0o600)
		},
		"a record without files": func(_ *testing.T, c *Cache) error { return os.WriteFile(record(c), []byte(`{"files":[]}`), 0o600) },
		"a flipped bit": func(t *testing.T, c *Cache) error {
			content, err := os.ReadFile(code(c))
			require.NoError(t, err)
			content[5] ^= 1
			return os.WriteFile(code(c), content, 0o600)
		},
	} {
		for _, reopened := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, opened again: %t", what, reopened), func(t *testing.T) {
				dir := t.TempDir()
				c := open(t, dir, 0)
				c.make1(t, name, "", 10)
				require.NoError(t, damage(t, c))
				if reopened {
					c = open(t, dir, 0)
				} else if _, err := readEntry(record(c)); err != nil {
					return // the record is only read when the cache is opened
				}
				assert.Equal(t, what != "a record without files" && what != "a record of other files" || reopened, c.make1(t, name, "", 10))
				assert.False(t, c.make1(t, name, "", 10), "it is whole again")
				assert.EqualValues(t, 10, c.Bytes())
				assert.Equal(t, []string{"code-of-a"}, c.files(t))
			})
		}
	}
}

// What was used least recently makes room, unless it is in use.
func TestTheBound(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, 30)
	for _, name := range []string{"a", "b", "c"} {
		c.make1(t, name, "", 10)
		time.Sleep(time.Millisecond) // the order is by time
	}
	c.make1(t, "a", "", 10) // is used again
	c.make1(t, "d", "", 10)
	assert.Equal(t, []string{"code-of-a", "code-of-c", "code-of-d"}, c.files(t))
	assert.EqualValues(t, 30, c.Bytes())

	release, err := c.Ensure(NewKey([]byte("c")), "", nil)
	require.NoError(t, err)
	c.make1(t, "large", "", 30)
	assert.Equal(t, []string{"code-of-c"}, c.files(t), "the one in use, and not even the new one")
	release()
	release()
	c.make1(t, "e", "", 25)
	assert.Equal(t, []string{"code-of-e"}, c.files(t))

	assert.Equal(t, []string(nil), open(t, dir, 5).files(t), "a lower bound after the next start")
}

// The cache shrinks with what is deleted.
func TestRetain(t *testing.T) {
	c := open(t, t.TempDir(), 0)
	c.make1(t, "guest", "", 10)
	for _, owner := range []string{"one", "two"} {
		for _, code := range []string{"as it is", "initialised"} {
			c.make1(t, owner+" "+code, owner, 10)
		}
	}
	assert.Zero(t, c.Retain(map[string]bool{"one": true, "two": true}, 0))
	release, err := c.Ensure(NewKey([]byte("two as it is")), "two", nil)
	require.NoError(t, err)
	assert.Equal(t, 1, c.Retain(map[string]bool{"one": true}, 0), "but what is in use")
	release()
	assert.Zero(t, c.Retain(map[string]bool{"one": true}, time.Hour), "what was in use a moment ago")
	assert.Equal(t, 1, c.Retain(map[string]bool{"one": true}, 0))
	assert.Equal(t, []string{"code-of-guest", "code-of-one as it is", "code-of-one initialised"}, c.files(t))
	assert.EqualValues(t, 30, c.Bytes())
}

// What belongs to nothing is removed when the cache is opened, but not what may be another process's.
func TestStrays(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, 0)
	c.make1(t, "a", "", 10)
	long := time.Now().Add(-time.Hour)
	for path, old := range map[string]bool{
		c.path(c.code, "old"): true, c.path(c.code, "new"): false, c.path(workDir, "compile-old"): true, c.path(workDir, "compile-new"): false,
		c.path("wazero-v0.0.1-amd64-linux"): true,
	} {
		require.NoError(t, os.MkdirAll(path, 0o700))
		if old {
			require.NoError(t, os.Chtimes(path, long, long))
		}
	}
	c = open(t, dir, 0)
	assert.Equal(t, []string{"code-of-a", "new"}, c.files(t))
	left, err := filepath.Glob(filepath.Join(dir, workDir, "*"))
	require.NoError(t, err)
	assert.Equal(t, []string{c.path(workDir, "compile-new")}, left)
	assert.NoDirExists(t, c.path("wazero-v0.0.1-amd64-linux"))
}

// Several that want the same at the same time, in a cache that is too small.
func TestAtTheSameTime(t *testing.T) {
	c := open(t, t.TempDir(), 25)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for round := range 30 {
				name := string(rune('a' + (worker+round)%5))
				release, err := c.Ensure(NewKey([]byte(name)), "", func(dir string) error { return fake(dir, c.code, name, 10) })
				if !assert.NoError(t, err) {
					return
				}
				content, err := os.ReadFile(c.path(c.code, "code-of-"+name))
				assert.NoError(t, err)
				assert.Len(t, content, 10)
				release()
			}
		})
	}
	all.Wait()
	assert.LessOrEqual(t, c.Bytes(), int64(25))
	assert.Len(t, c.files(t), c.Len())
}

func TestADirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(Config{Dir: file})
	assert.ErrorContains(t, err, "compilation cache: ")
}
