package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// A list of blobs takes no memory, however long it is, and comes out as it went in.
func TestManyBlobs(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "blobs"))
	require.NoError(t, err)
	list := newBlobs(file)
	defer list.close()
	blob := func(n int) store.Blob {
		return store.Blob{Name: fmt.Sprintf("%032x", n), Size: int64(n), SHA256: fmt.Sprintf("%064x", n)}
	}
	const many = 200_000 // 40 MB in memory
	before := inUse()
	for n := range many {
		require.NoError(t, list.add(blob(n)))
	}
	n := 0
	require.NoError(t, list.each(func(got store.Blob) error {
		if n == many-1 {
			require.Less(t, inUse()-before, int64(2<<20), "bytes of memory for %d blobs", many)
		}
		require.Equal(t, blob(n), got)
		n++
		return nil
	}))
	require.Equal(t, many, n)
	refused := errors.New("refused")
	require.Equal(t, refused, list.each(func(store.Blob) error { return refused }))
}

// inUse is how many bytes are reachable.
func inUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
