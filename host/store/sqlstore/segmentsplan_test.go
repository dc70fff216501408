//go:build unix

package sqlstore_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
	"github.com/picloud/picloud/host/store/sqlstore"
)

const manySegments = 3000 // of few it would be right to read all

// recordSegments records so many executions that none is in a segment with another, each hundredth of a script that runs seldom.
func recordSegments(t *testing.T, s store.Store) (seldom store.Script, id string) {
	t.Helper()
	ctx := t.Context()
	app, err := s.Apps().Create(ctx, store.App{Slug: "many"})
	require.NoError(t, err)
	busy, err := s.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: "busy", Kind: abi.KindEndpoint})
	require.NoError(t, err)
	seldom, err = s.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: "seldom", Kind: abi.KindEndpoint})
	require.NoError(t, err)
	require.NoError(t, s.InTx(ctx, func(tx store.Store) error {
		for i := range manySegments {
			of := busy
			if i%100 == 50 {
				of = seldom
			}
			at := time.UnixMicro(1_700_000_000_000_000).Add(time.Duration(i) * time.Second)
			id = madeAt(at)
			e := store.Execution{
				ID: id, AppID: app.ID, ScriptID: of.ID, StartedAt: at,
				Lines: []store.LogLine{{At: at, Level: abi.LogInfo, Message: fmt.Sprint("line ", i)}},
			}
			if err := tx.Executions().Record(ctx, []store.Execution{e}); err != nil {
				return err
			}
		}
		return nil
	}))
	return seldom, id
}

// madeAt returns a UUIDv7 as of a time.
func madeAt(at time.Time) string {
	id := uuid.Must(uuid.NewV7())
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16|uint64(binary.BigEndian.Uint16(id[6:8])))
	return id.String()
}

// TestSegmentsAreFoundByTheirIndexes reads the databases' plans: whoever looks for executions goes by the index of segments
// to those that can have them, whatever the statistics say.
func TestSegmentsAreFoundByTheirIndexes(t *testing.T) {
	ctx := context.Background()
	for _, database := range []struct {
		name             string
		open             func(t *testing.T) (store.Store, error)
		explain, analyze string
		byKey, one       string // lines of plans
	}{
		{
			"sqlite",
			func(t *testing.T) (store.Store, error) {
				return sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
			},
			"EXPLAIN QUERY PLAN", "ANALYZE",
			"SEARCH segment_index USING PRIMARY KEY (key=?", "USING INTEGER PRIMARY KEY (rowid=?)",
		},
		{
			"postgres",
			func(t *testing.T) (store.Store, error) {
				return postgres.Open(ctx, postgres.Config{URL: pgtest.URL(t)})
			},
			"EXPLAIN", "ANALYZE segments, segment_index",
			"segment_index_pkey", "segments_pkey",
		},
	} {
		t.Run(database.name, func(t *testing.T) {
			s, err := database.open(t)
			require.NoError(t, err)
			defer s.Close()
			script, id := recordSegments(t, s)
			for _, statistics := range []string{"without", "with"} {
				if statistics == "with" {
					require.NoError(t, sqlstore.Exec(ctx, s, database.analyze))
				}
				plans, err := sqlstore.SegmentPlans(ctx, s, database.explain, script.ID, id)
				require.NoError(t, err)
				for name, plan := range plans {
					require.NotRegexp(t, `Seq Scan on (segments|segment_index|executions)\b`, plan, "%s, %s statistics", name, statistics)
					require.NotRegexp(t, `SCAN (segments|segment_index|executions)\b`, plan, "%s, %s statistics", name, statistics)
				}
				for _, name := range []string{"newest first", "oldest first", "ids"} {
					require.Contains(t, plans[name], database.byKey, "%s, %s statistics", name, statistics)
					require.Contains(t, plans[name], database.one, "%s, %s statistics", name, statistics)
				}
			}
		})
	}
}

// TestNoPlanReadsAllSegments has PostgreSQL count what it does, as [TestNoPlanReadsAllDocs] does.
func TestNoPlanReadsAllSegments(t *testing.T) {
	const (
		scans   = `COALESCE(sum(seq_scan), 0)::text FROM pg_stat_xact_user_tables WHERE relname IN ('segments', 'segment_index')`
		begin   = `SELECT set_config('test.scans', (SELECT ` + scans + `), true)`
		nothing = `DO $$ BEGIN
			IF current_setting('test.scans') <> (SELECT ` + scans + `) THEN
				RAISE EXCEPTION 'segments were read from end to end';
			END IF;
		END $$`
	)
	ctx := context.Background()
	for _, plans := range []string{"force_custom_plan", "force_generic_plan"} {
		t.Run(plans, func(t *testing.T) {
			address, err := url.Parse(pgtest.URL(t))
			require.NoError(t, err)
			query := address.Query()
			query.Set("plan_cache_mode", plans)
			address.RawQuery = query.Encode()
			s, err := postgres.Open(ctx, postgres.Config{URL: address.String()})
			require.NoError(t, err)
			defer s.Close()
			script, id := recordSegments(t, s)
			of := store.Execution{ID: id, AppID: script.AppID, RootID: id}
			list := func(q store.ExecutionQuery) func(tx store.Store) error {
				q.AppID = script.AppID
				return func(tx store.Store) error {
					_, err := tx.Executions().List(ctx, q)
					return err
				}
			}
			require.NoError(t, sqlstore.Exec(ctx, s, "ANALYZE segments, segment_index")) // of less than autovacuum looks at all may be read
			for name, does := range map[string]func(tx store.Store) error{
				"app":    list(store.ExecutionQuery{}),
				"script": list(store.ExecutionQuery{ScriptID: script.ID}),
				"failed": list(store.ExecutionQuery{Outcome: store.OutcomeAnyError}),
				"text":   list(store.ExecutionQuery{Text: "line 7", Lines: true}),
				"root":   list(store.ExecutionQuery{RootID: id}),
				"get": func(tx store.Store) error {
					_, err := tx.Executions().Get(ctx, id)
					return err
				},
				"callees": func(tx store.Store) error {
					_, err := tx.Executions().Callees(ctx, of)
					return err
				},
				"logs": func(tx store.Store) error {
					_, err := tx.Executions().Logs(ctx, store.LogQuery{ScriptID: script.ID, Order: store.OldestFirst})
					return err
				},
				"contents": func(tx store.Store) error {
					_, err := tx.Apps().Contents(ctx, script.AppID)
					return err
				},
				"record": func(tx store.Store) error {
					one := of
					one.ScriptID, one.RootID = script.ID, ""
					return tx.Executions().Record(ctx, []store.Execution{one}) // again, so it is looked for
				},
			} {
				require.NoError(t, s.InTx(ctx, func(tx store.Store) error {
					require.NoError(t, sqlstore.Exec(ctx, tx, begin))
					require.NoError(t, does(tx))
					err := sqlstore.Exec(ctx, tx, nothing)
					require.NoError(t, err, name)
					return err
				}))
			}
		})
	}
}
