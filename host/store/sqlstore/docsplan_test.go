//go:build unix

package sqlstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
	"github.com/picloud/picloud/host/store/sqlstore"
)

// TestDocsAreFoundByTheirTerms reads the databases' plans: a query for terms that few documents
// have goes by the index of terms, whatever the statistics say, and one for the first documents
// with a common term by their order.
func TestDocsAreFoundByTheirTerms(t *testing.T) {
	const (
		rare, common = 1_000_000, 2_000_000
		documents    = 6000 // more than make a term common
	)
	ctx := context.Background()
	for _, database := range []struct {
		name             string
		open             func(t *testing.T) (store.Store, error)
		explain, analyze string
		byTerm, byOrder  string // lines of plans
		gate             string // a pattern: docs is not read before the terms are known to be rare
	}{
		{
			"sqlite",
			func(t *testing.T) (store.Store, error) {
				return sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
			},
			"EXPLAIN QUERY PLAN", "ANALYZE",
			"SEARCH docs_terms USING PRIMARY KEY (term=?)",
			"SEARCH docs USING INDEX sqlite_autoindex_docs_1 (app_id=? AND collection=? AND id>?)",
			`(?s)^.*SEARCH docs_terms.*SCAN gate1.*SEARCH docs USING`,
		},
		{
			"postgres",
			func(t *testing.T) (store.Store, error) {
				return postgres.Open(ctx, postgres.Config{URL: pgtest.URL(t)})
			},
			"EXPLAIN", "ANALYZE docs",
			"Bitmap Index Scan on docs_terms",
			"Index Scan using docs_pkey",
			"One-Time Filter",
		},
	} {
		t.Run(database.name, func(t *testing.T) {
			s, err := database.open(t)
			require.NoError(t, err)
			defer s.Close()
			app, err := s.Apps().Create(ctx, store.App{Slug: "many"})
			require.NoError(t, err)
			require.NoError(t, s.InTx(ctx, func(tx store.Store) error {
				for i := range int64(documents) {
					_, err := tx.Docs().Create(ctx, store.DocumentKey{AppID: app.ID, Collection: "c"},
						store.DocumentContent{Data: json.RawMessage(`{}`), Terms: []int64{i, rare + i%1000, common}})
					if err != nil {
						return err
					}
				}
				return nil
			}))
			for _, statistics := range []string{"without", "with"} {
				if statistics == "with" {
					require.NoError(t, sqlstore.Exec(ctx, s, database.analyze))
				}
				for _, c := range []struct {
					name  string
					terms [][]int64
					limit int
					plan  string
				}{
					{"one document", [][]int64{{77, 5}}, 51, database.byTerm},
					{"one document, no limit", [][]int64{{77, 5}}, 0, database.byTerm},
					{"few documents", [][]int64{{rare + 7, -1}}, 51, database.byTerm},
					{"of two terms", [][]int64{{rare + 7}, {77}}, 51, database.byTerm},
					{"a rare and a common term", [][]int64{{77}, {common}}, 51, database.byTerm},
					{"a common term", [][]int64{{common}}, 51, database.byOrder},
					{"no term", nil, 51, database.byOrder},
				} {
					query := store.DocumentQuery{AppID: app.ID, Collection: "c", Terms: c.terms, Limit: c.limit}
					plan, err := sqlstore.Plan(ctx, s, database.explain, query)
					require.NoError(t, err)
					require.Contains(t, plan, c.plan, "%s, %s statistics", c.name, statistics)
					require.NotContains(t, plan, "Seq Scan")
					require.NotContains(t, plan, "SCAN docs")
					if c.terms != nil && c.limit > 0 {
						plan, err := sqlstore.GatedPlan(ctx, s, database.explain, query)
						require.NoError(t, err)
						require.Regexp(t, database.gate, plan, c.name)
					}
				}
			}
		})
	}
}

// TestIndexesAreReadInTheirOrder reads the databases' plans of queries of an index: they go by the entries' primary
// key, and from there to the documents by theirs, whatever the statistics say.
func TestIndexesAreReadInTheirOrder(t *testing.T) {
	ctx := context.Background()
	for _, database := range []struct {
		name             string
		open             func(t *testing.T) (store.Store, error)
		explain, analyze string
		entries, docs    string // lines of plans
	}{
		{
			"sqlite",
			func(t *testing.T) (store.Store, error) {
				return sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
			},
			"EXPLAIN QUERY PLAN", "ANALYZE",
			"SEARCH docs_entries USING PRIMARY KEY (index_id=? AND", "SEARCH d USING INDEX sqlite_autoindex_docs_1 (app_id=? AND collection=? AND id=?)",
		},
		{
			"postgres",
			func(t *testing.T) (store.Store, error) {
				return postgres.Open(ctx, postgres.Config{URL: pgtest.URL(t)})
			},
			"EXPLAIN", "ANALYZE docs, docs_entries",
			"docs_entries_pkey", "Index Scan using docs_pkey",
		},
	} {
		t.Run(database.name, func(t *testing.T) {
			s, err := database.open(t)
			require.NoError(t, err)
			defer s.Close()
			app, err := s.Apps().Create(ctx, store.App{Slug: "many"})
			require.NoError(t, err)
			index, _, err := s.Docs().Declare(ctx, store.DocumentIndex{AppID: app.ID, Collection: "c", Path: "n"})
			require.NoError(t, err)
			require.NoError(t, s.InTx(ctx, func(tx store.Store) error {
				for i := range 5000 {
					_, err := tx.Docs().Create(ctx, store.DocumentKey{AppID: app.ID, Collection: "c"}, store.DocumentContent{
						Data: json.RawMessage(`{}`), Entries: []store.DocumentEntry{{Index: index.ID, Key: fmt.Appendf(nil, "%05d", i%1000)}},
					})
					if err != nil {
						return err
					}
				}
				return nil
			}))
			for _, statistics := range []string{"without", "with"} {
				if statistics == "with" {
					require.NoError(t, sqlstore.Exec(ctx, s, database.analyze))
				}
				for name, order := range map[string]store.IndexOrder{"up": store.IndexUp, "down": store.IndexDown, "by id": store.IndexByID} {
					query := store.IndexQuery{Index: index, From: []byte("00100"), To: []byte("00200"), Order: order, Limit: 51}
					plan, err := sqlstore.IndexPlan(ctx, s, database.explain, query)
					require.NoError(t, err)
					require.Contains(t, plan, database.entries, "%s, %s statistics", name, statistics)
					require.Contains(t, plan, database.docs, "%s, %s statistics", name, statistics)
					require.NotContains(t, plan, "Seq Scan")
					require.NotContains(t, plan, "SCAN d")
					// All entries of equal keys would be read, to be sorted.
					require.NotContains(t, plan, "Incremental Sort", "%s, %s statistics", name, statistics)
					require.NotContains(t, plan, "LAST TERM OF ORDER BY", "%s, %s statistics", name, statistics)
				}
				plan, err := sqlstore.IndexCountPlan(ctx, s, database.explain, store.IndexQuery{Index: index, From: []byte("00100"), To: []byte("00200"), Limit: 500})
				require.NoError(t, err)
				require.Contains(t, plan, database.entries)
				require.NotContains(t, plan, "Seq Scan")
			}
		})
	}
}

// TestNoPlanReadsAllDocs has PostgreSQL count what it does: of a statement that has run a few times
// it makes a plan without knowing the arguments, which EXPLAIN does not show.
func TestNoPlanReadsAllDocs(t *testing.T) {
	const (
		documents = 3000 // of few it would be right to read all, of many no plan would
		scans     = `COALESCE(max(seq_scan), 0)::text FROM pg_stat_xact_user_tables WHERE relname = 'docs'`
		begin     = `SELECT set_config('test.scans', (SELECT ` + scans + `), true)`
		nothing   = `DO $$ BEGIN
			IF current_setting('test.scans') <> (SELECT ` + scans + `) THEN
				RAISE EXCEPTION 'docs was read from end to end';
			END IF;
		END $$`
	)
	data := fmt.Appendf(nil, "%q", strings.Repeat("x", 50))
	ctx := context.Background()
	base := pgtest.URL(t)
	for _, plans := range []string{"force_custom_plan", "force_generic_plan"} {
		t.Run(plans, func(t *testing.T) {
			address, err := url.Parse(base)
			require.NoError(t, err)
			query := address.Query()
			query.Set("plan_cache_mode", plans)
			address.RawQuery = query.Encode()
			s, err := postgres.Open(ctx, postgres.Config{URL: address.String()})
			require.NoError(t, err)
			defer s.Close()
			app, err := s.Apps().Create(ctx, store.App{Slug: strings.ReplaceAll(plans, "_", "-")})
			require.NoError(t, err)
			require.NoError(t, s.InTx(ctx, func(tx store.Store) error {
				for i := range int64(documents) {
					if _, err := tx.Docs().Create(ctx, store.DocumentKey{AppID: app.ID, Collection: "c"},
						store.DocumentContent{Data: data, Terms: []int64{i, 1_000_000 + i%10}}); err != nil {
						return err
					}
				}
				return nil
			}))
			for _, statistics := range []string{"SELECT 'none'", "ANALYZE docs"} {
				require.NoError(t, sqlstore.Exec(ctx, s, statistics))
				for _, q := range []store.DocumentQuery{
					{Terms: [][]int64{{77, 5}}, Limit: 51},
					{Terms: [][]int64{{77, 5}}},
					{Terms: [][]int64{{1_000_007}, {77}}, Limit: 51},
					{Limit: 51},
				} {
					q.AppID, q.Collection = app.ID, "c"
					require.NoError(t, s.InTx(ctx, func(tx store.Store) error {
						require.NoError(t, sqlstore.Exec(ctx, tx, begin))
						if _, err := tx.Docs().Scan(ctx, q, func(store.Document) error { return nil }); err != nil {
							return err
						}
						err := sqlstore.Exec(ctx, tx, nothing)
						require.NoError(t, err, "terms %v, limit %d, statistics: %s", q.Terms, q.Limit, statistics)
						return err
					}))
				}
			}
		})
	}
}
