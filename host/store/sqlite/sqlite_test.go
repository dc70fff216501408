package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
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
