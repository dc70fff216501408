package sqlite_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// What is deleted gives its disk back, in a new database and in one of before it could.
func TestReclaim(t *testing.T) {
	for name, before := range map[string]bool{"new": false, "of before": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), sqlite.FileName)
			if before {
				old, err := sql.Open("sqlite", path)
				require.NoError(t, err)
				_, err = old.Exec("CREATE TABLE something (x)")
				require.NoError(t, err)
				require.NoError(t, old.Close())
			}
			s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
			require.NoError(t, err)
			app, err := s.Apps().Create(t.Context(), store.App{Slug: "a", Name: "a"})
			require.NoError(t, err)
			value := json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
			for i := range 20 {
				_, err := s.KV().Set(t.Context(), app.ID, "c", store.KVEntry{Key: fmt.Sprint(i), Value: value}, false)
				require.NoError(t, err)
			}
			reclaimed, err := s.Reclaim(t.Context())
			require.NoError(t, err)
			assert.Zero(t, reclaimed, "everything is in use")
			for i := range 20 {
				_, err := s.KV().Delete(t.Context(), app.ID, "c", fmt.Sprint(i))
				require.NoError(t, err)
			}
			reclaimed, err = s.Reclaim(t.Context())
			require.NoError(t, err)
			assert.Greater(t, reclaimed, int64(14<<20))
			require.NoError(t, s.Close()) // which folds the log into the file
			file, err := os.Stat(path)
			require.NoError(t, err)
			assert.Less(t, file.Size(), int64(6<<20))
		})
	}
}
