//go:build unix

package files

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

// node makes the service of another node on the fixture's database.
func (f *fixture) node(t testing.TB, root string) *Service {
	t.Helper()
	s, err := New(Config{Store: f.store.Files(), Root: root, Log: f.config.Log, Now: f.config.Now})
	require.NoError(t, err)
	return s
}

func TestClaim(t *testing.T) {
	f := newFixture(t, nil)
	require.NoError(t, f.Claim(f.ctx), "the first start")
	require.NoError(t, f.Claim(f.ctx))
	require.NoError(t, f.node(t, f.config.Root).Claim(f.ctx), "another node, or a restart")
}

// A node with another root than the other nodes' would find none of their files, and they none of
// its.
func TestClaimOfAnotherRoot(t *testing.T) {
	f := newFixture(t, nil)
	require.NoError(t, f.Claim(f.ctx))
	elsewhere := f.node(t, filepath.Join(t.TempDir(), "elsewhere"))
	path := filepath.Join(elsewhere.config.Root, markFile)
	for range 2 {
		err := elsewhere.Claim(f.ctx)
		require.ErrorContains(t, err, elsewhere.config.Root+" is not where this database's files are")
		require.ErrorContains(t, err, "All servers on one database need the same files_root")
		require.NoFileExists(t, path)
	}
	require.Empty(t, entries(t, filepath.Join(elsewhere.config.Root, temporary)), "nothing is left of the attempts")

	mark, err := f.store.Files().Root(f.ctx, "")
	require.NoError(t, err)
	require.ErrorContains(t, elsewhere.Claim(f.ctx), "write the mark "+mark+" into it")
	require.NoError(t, os.WriteFile(path, []byte(mark), 0o600))
	require.NoError(t, elsewhere.Claim(f.ctx), "who does as told is believed")
}

// A root with another database's blobs, all of which would seem orphans.
func TestClaimOfAnothersRoot(t *testing.T) {
	late := func() time.Time { return time.Now().Add(24 * time.Hour) }
	first := newFixture(t, func(c *Config) { c.Now = late })
	file := first.create(t, random(10))
	require.Zero(t, first.sweep(t))
	second := newFixture(t, func(c *Config) { c.Root, c.Now = first.config.Root, late })
	for range 2 {
		require.ErrorContains(t, second.Claim(second.ctx), first.config.Root+" holds the files of another database")
		n, err := second.Sweep(second.ctx)
		require.ErrorContains(t, err, "another database")
		require.Zero(t, n)
	}
	require.Equal(t, random(10), first.read(t, file))
	require.Zero(t, first.sweep(t), "the first is as it was")

	require.NoError(t, os.Remove(filepath.Join(first.config.Root, markFile)))
	require.NoError(t, second.Claim(second.ctx), "who does as told is believed")
}

// A crash between the steps of the first claim is made good by the next.
func TestClaimAfterACrash(t *testing.T) {
	for _, c := range []struct {
		name  string
		crash func(t *testing.T, f *fixture, mark string)
	}{
		{"before the database took the mark", func(*testing.T, *fixture, string) {}},
		{"after it", func(t *testing.T, f *fixture, mark string) {
			_, err := f.store.Files().Root(f.ctx, mark)
			require.NoError(t, err)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, nil)
			mark := newBlob()
			require.NoError(t, f.directory.writeTemporary(mark, mark))
			c.crash(t, f, mark)
			require.NoError(t, f.Claim(f.ctx))
			require.NoError(t, f.Claim(f.ctx))
			ours, err := f.store.Files().Root(f.ctx, "")
			require.NoError(t, err)
			found, err := os.ReadFile(filepath.Join(f.config.Root, markFile))
			require.NoError(t, err)
			require.Equal(t, ours, string(found))
		})
	}
}

// Nodes that start for the first time at the same time: one root serves all, of two one is refused.
func TestClaimsAtTheSameTime(t *testing.T) {
	for range 20 {
		f := newFixture(t, nil)
		roots := []string{f.config.Root, filepath.Join(t.TempDir(), "other")}
		var failed [2][4]error
		var all sync.WaitGroup
		for i, root := range roots {
			for j := range failed[i] {
				node := f.node(t, root)
				all.Go(func() { failed[i][j] = node.Claim(f.ctx) })
			}
		}
		all.Wait()
		for i := range roots {
			for _, err := range failed[i] {
				require.Equal(t, failed[i][0] == nil, err == nil, "%v", failed)
			}
		}
		require.NotEqual(t, failed[0][0] == nil, failed[1][0] == nil, "%v", failed)
	}
}

func TestClaimWithoutDatabase(t *testing.T) {
	f := newFixture(t, nil)
	require.NoError(t, f.store.Close())
	require.Equal(t, fault.Storage, fault.Of(f.Claim(context.Background())))
	require.NoFileExists(t, filepath.Join(f.config.Root, markFile))
}

func entries(t *testing.T, directory string) (names []string) {
	t.Helper()
	found, err := os.ReadDir(directory)
	require.NoError(t, err)
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}
