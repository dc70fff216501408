package sqlite_test

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
	"github.com/picloud/picloud/host/store/storetest"
	"github.com/picloud/picloud/migrations"
)

func TestDomainsOfOldRoutes(t *testing.T) {
	migrated(t, 16, storetest.DomainsOfOldRoutes) // before there were claims
}

func TestVersionsOfOldScripts(t *testing.T) {
	migrated(t, 21, storetest.VersionsOfOldScripts) // before there were versions
}

func TestExecutionsOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer s.Close()
	db, _ := provider(t, path)
	storetest.ExecutionsOfBefore(t, s, func(statement string, args ...any) {
		_, err := db.Exec(statement, args...)
		require.NoError(t, err)
	}, func(at time.Time) any { return at.UnixMicro() })
}

func TestDamagedSegments(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer s.Close()
	db, _ := provider(t, path)
	storetest.DamagedSegments(t, s, db)
}

// What was recorded when several entries could have the same time is there in its order, and each time is one entry's.
func TestAuditOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer s.Close()
	db, schema := provider(t, path)
	_, err = schema.DownTo(t.Context(), 27) // the last with both time and id as the key
	require.NoError(t, err)
	const insert = `INSERT INTO audit VALUES (?, ?, 'user', 'u', 'ada', 'k', '192.0.2.1', 'r', ?, 'done', 'why', 'app', 'o', ?, '{"n":1}', '{"n":2}', 1, 3)`
	var want []store.AuditEntry // the newest first, as in a listing
	for _, row := range []struct {
		at, becomes int64 // microseconds
		id, app     string
	}{
		{1_000_000, 1_000_000, "c", "one"}, {1_000_001, 1_000_001, "b", "two"}, {1_000_001, 1_000_002, "d", "one"}, {1_000_001, 1_000_003, "e", ""},
		{1_000_002, 1_000_004, "a", "one"}, {1_000_009, 1_000_009, "f", "one"}, {1_000_009, 1_000_010, "g", "two"},
	} {
		_, err := db.Exec(insert, row.at, row.id, "do-"+row.id, row.app)
		require.NoError(t, err)
		want = slices.Insert(want, 0, store.AuditEntry{
			ID: row.id, At: time.UnixMicro(row.becomes).UTC(), Actor: store.ActorUser, UserID: "u", Username: "ada", KeyID: "k", Address: "192.0.2.1",
			RequestID: "r", Action: "do-" + row.id, Outcome: store.OutcomeDone, Reason: "why", Kind: "app", Object: "o", AppID: row.app,
			Before: []byte(`{"n":1}`), After: []byte(`{"n":2}`), Truncated: true, Count: 3,
		})
	}
	there := func(query store.AuditQuery, want []store.AuditEntry) {
		t.Helper()
		var got []store.AuditEntry
		for query.Page.Limit = 2; ; {
			page, err := s.Audit().List(t.Context(), query)
			require.NoError(t, err)
			got = append(got, page.Items...)
			if query.Page.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		require.Equal(t, want, got)
	}
	for range 2 { // and back, with what is there then
		_, err = schema.Up(t.Context())
		require.NoError(t, err)
		there(store.AuditQuery{}, want)
		there(store.AuditQuery{AppID: "one"}, slices.DeleteFunc(slices.Clone(want), func(e store.AuditEntry) bool { return e.AppID != "one" }))
		there(store.AuditQuery{From: want[4].At, To: want[1].At}, want[2:5])
		for _, statement := range []string{`UPDATE audit SET username = 'bob'`, `DELETE FROM audit`} {
			_, err = db.Exec(statement)
			require.ErrorContains(t, err, "an entry of the audit cannot be", statement)
		}
		_, err = schema.DownTo(t.Context(), 27)
		require.NoError(t, err)
		there(store.AuditQuery{}, want)
	}
	_, err = schema.Up(t.Context())
	require.NoError(t, err)
	n, err := s.Audit().DeleteBefore(t.Context(), want[2].At, 10)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	there(store.AuditQuery{}, want[:3])
}

// migrated runs a test on a database that it can have made anew by the migrations after one.
func migrated(t *testing.T, after int64, test func(t *testing.T, s store.Store, migrate func() error)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer s.Close()
	_, schema := provider(t, path)
	test(t, s, func() error {
		_, err := schema.DownTo(t.Context(), after)
		require.NoError(t, err)
		_, err = schema.Up(t.Context())
		return err
	})
}

// provider opens the database at a path, and the migrations of it.
func provider(t *testing.T, path string) (*sql.DB, *goose.Provider) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	require.NoError(t, err)
	return db, provider
}
