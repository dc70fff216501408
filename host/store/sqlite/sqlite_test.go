package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
	"github.com/picloud/picloud/host/store/storetest"
)

func fresh(tb testing.TB) storetest.Opener {
	// A directory that does not exist, with what is special in a URL.
	path := filepath.Join(tb.TempDir(), "a ?b#c%20", sqlite.FileName)
	return func(now func() time.Time, listeners store.Listeners) (store.Store, error) {
		return sqlite.Open(context.Background(), sqlite.Config{Path: path, Now: now, Listeners: listeners})
	}
}

func TestStore(t *testing.T) { storetest.Exercise(t, fresh) }

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, fresh) }

func TestFilesAreForTheOwner(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "data")
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(directory, sqlite.FileName)})
	require.NoError(t, err)
	defer s.Close()
	info, err := os.Stat(directory)
	require.NoError(t, err)
	require.Equal(t, "drwx------", info.Mode().String())
	files, err := filepath.Glob(filepath.Join(directory, "*"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 2, "%q", files) // the database and its log
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, "-rw-------", info.Mode().String(), file)
	}
}

func TestOpenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(file, []byte("This is not a database, and long enough to tell. "), 0o600))
	for name, path := range map[string]string{
		"no path":        "",
		"not a database": file,
		"a directory":    filepath.Dir(file),
		"below a file":   filepath.Join(file, "x", sqlite.FileName),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
			require.EqualError(t, err, "open database: storage failed")
			require.NotEmpty(t, fault.Cause(err).Error())
		})
	}
}

// A transaction that lasts too long is undone, and so keeps other apps from writing for no longer.
func TestLongTransaction(t *testing.T) {
	s, err := fresh(t)(nil, nil)
	require.NoError(t, err)
	defer s.Close()
	set := func(ctx context.Context, s store.Store, app store.App) error {
		_, err := s.KV().Set(ctx, app.ID, "c", store.KVEntry{Key: "k", Value: []byte(`1`)}, false)
		return err
	}
	slow, err := s.Apps().Create(t.Context(), store.App{Slug: "slow"})
	require.NoError(t, err)
	other, err := s.Apps().Create(t.Context(), store.App{Slug: "other"})
	require.NoError(t, err)
	tx, err := s.Begin(t.Context(), slow.ID)
	require.NoError(t, err)
	require.NoError(t, tx.Do(func(ctx context.Context, tx store.Store) error { return set(ctx, tx, slow) }))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, set(ended, s, other), context.Canceled, "the one writer is taken")
	_, err = s.Begin(ended, other.ID)
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, set(t.Context(), s, other), "which ends by itself")
	next, err := s.Begin(t.Context(), other.ID)
	require.NoError(t, err)
	require.NoError(t, next.Rollback())
	require.EqualError(t, tx.Commit(), "the transaction has not ended within 1000 ms")
	require.Equal(t, fault.Timeout, fault.Of(tx.Rollback()))
	found, err := s.KV().Has(t.Context(), slow.ID, "c", "k")
	require.NoError(t, err)
	require.False(t, found)
}

// What is sealed later leaves nothing of what it was before in the file, and so in no backup.
func TestSealedLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	ctx := t.Context()
	s, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	require.NoError(t, err)
	const plain = "JBSWY3DPEHPK3PXP"
	var factors []store.SecondFactor
	for i := range 300 { // of several pages
		user, err := s.Users().Create(ctx, store.User{Username: fmt.Sprint("user", i), Role: store.RoleMember})
		require.NoError(t, err)
		factors = append(factors, store.SecondFactor{UserID: user.ID, Secret: plain})
		require.NoError(t, s.SecondFactors().Begin(ctx, factors[i]))
	}
	require.NoError(t, s.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(content), plain)

	s, err = sqlite.Open(ctx, sqlite.Config{Path: path})
	require.NoError(t, err)
	for _, factor := range factors {
		sealed, err := s.SecondFactors().Seal(ctx, factor, "key", []byte("something longer, as what is sealed is"))
		require.NoError(t, err)
		require.True(t, sealed)
	}
	require.NoError(t, s.Close())
	content, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Zero(t, strings.Count(string(content), plain))
}
