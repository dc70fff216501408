package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// A database is brought back to what it was, however often, for connections that read and write, and is whole.
func TestRewind(t *testing.T) {
	var rewinder sqlite.Rewinder
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Rewinder: &rewinder})
	require.NoError(t, err)
	before, err := s.Apps().Create(t.Context(), store.App{Slug: "before"})
	require.NoError(t, err)
	require.NoError(t, rewinder.Mark(t.Context()))
	for range 3 {
		after, err := s.Apps().Create(t.Context(), store.App{Slug: "after"})
		require.NoError(t, err)
		_, err = s.Apps().Get(t.Context(), after.ID)
		require.NoError(t, err)
		require.NoError(t, s.Apps().Delete(t.Context(), before.ID))

		require.NoError(t, rewinder.Rewind(t.Context()))
		_, err = s.Apps().Get(t.Context(), after.ID)
		require.Equal(t, fault.NotFound, fault.Of(err))
		found, err := s.Apps().GetBySlug(t.Context(), "before")
		require.NoError(t, err)
		require.Equal(t, before, found)
	}
	require.NoError(t, s.Close())
	require.NoError(t, sqlite.Check(t.Context(), path))
}
