//go:build unix

package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// Nothing stays of an execution whose recording began before its script or its app was deleted, and ends while that is deleted
// or removed.
func TestDeletedWhileRecording(t *testing.T) {
	ctx := t.Context()
	s, db := openBeside(t)
	waiting := func(want int) {
		t.Helper()
		require.Eventually(t, func() bool {
			var n int
			err := db.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
			require.NoError(t, err)
			return n == want
		}, time.Minute, time.Millisecond)
	}
	for name, remove := range map[string]func(script store.Script) error{
		"script": func(script store.Script) error { return s.Scripts().Delete(ctx, script.ID) },
		"app":    func(script store.Script) error { return s.Apps().Delete(ctx, script.AppID) },
	} {
		t.Run(name, func(t *testing.T) {
			app, err := s.Apps().Create(ctx, store.App{Slug: name})
			require.NoError(t, err)
			script, err := s.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: "s", Kind: abi.KindEndpoint})
			require.NoError(t, err)
			positions, err := db.Begin() // which whoever records waits for
			require.NoError(t, err)
			defer positions.Rollback()
			_, err = positions.Exec(`SELECT value FROM meta WHERE name = 'executions' FOR UPDATE`)
			require.NoError(t, err)
			recorded, removed := make(chan error, 1), make(chan error, 1)
			go func() {
				recorded <- s.Executions().Record(ctx, []store.Execution{{ID: name, AppID: app.ID, ScriptID: script.ID, StartedAt: time.Now()}})
			}()
			waiting(1)
			go func() {
				err := remove(script)
				if err == nil {
					_, err = s.Deletions().Remove(ctx, store.MaxBatch)
				}
				removed <- err
			}()
			waiting(2)
			require.NoError(t, positions.Rollback())
			require.NoError(t, <-recorded)
			require.NoError(t, <-removed)
			for _, table := range []string{"scripts", "segments", "segment_index"} {
				var n int
				require.NoError(t, db.QueryRow(`SELECT COUNT(*) FROM `+table).Scan(&n))
				require.Zero(t, n, table)
			}
		})
	}
}
