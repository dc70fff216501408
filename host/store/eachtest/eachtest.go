// Package eachtest runs tests on every kind of database.
//
// With PICLOUD_TEST_STORE set to sqlite or postgres they run on that kind alone. Tests that need one kind only run on
// SQLite without it, and on PostgreSQL with it: see `make unit-postgres`.
package eachtest

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// EnvStore names the only kind of database on which tests run. Without it [Run] runs them on all kinds, and [New]
// makes a database of SQLite.
const EnvStore = "PICLOUD_TEST_STORE"

// Kinds of databases, as [store.Store] tells them.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// An Opener opens one database, again if called again, as several nodes do. Who opens it closes it.
type Opener func(store.Listeners) (store.Store, error)

// Run runs a test on a new SQLite database, and on a new one of PostgreSQL.
func Run(t *testing.T, test func(t *testing.T, open Opener)) {
	for _, kind := range Kinds(t) {
		t.Run(kind, func(t *testing.T) { test(t, Of(t, kind).Open) })
	}
}

// Kinds returns the kinds of databases on which [Run] runs tests.
func Kinds(t testing.TB) []string {
	t.Helper()
	if kind := chosen(t); kind != "" {
		return []string{kind}
	}
	return []string{SQLite, Postgres}
}

// Kind returns the kind of database on which tests run that need one only.
func Kind(t testing.TB) string {
	t.Helper()
	return cmp.Or(chosen(t), SQLite)
}

// SQLiteOnly skips a test where [Kind] is another one, and says why there is no such test there.
func SQLiteOnly(t testing.TB, why string) {
	t.Helper()
	if Kind(t) != SQLite {
		t.Skip("only on SQLite: " + why)
	}
}

// chosen is what EnvStore names; "": nothing.
func chosen(t testing.TB) string {
	t.Helper()
	kind := os.Getenv(EnvStore)
	require.Contains(t, []string{"", SQLite, Postgres}, kind, EnvStore)
	return kind
}

// A Database is one for a test, empty at first.
type Database struct {
	Now func() time.Time // the clock of the stores that are opened; nil: time.Now

	t    testing.TB
	kind string
	at   string // the file, or the URL
}

// New makes a database of the [Kind] that tests run on.
func New(t testing.TB) *Database {
	t.Helper()
	return Of(t, Kind(t))
}

// Of makes a database of a kind.
func Of(t testing.TB, kind string) *Database {
	t.Helper()
	d := &Database{t: t, kind: kind}
	if kind == Postgres {
		d.at = PostgresURL(t)
	} else {
		d.at = filepath.Join(t.TempDir(), sqlite.FileName)
	}
	return d
}

// PostgresURL makes a database of PostgreSQL that has the schema and nothing else, and returns its URL. Tests of how the
// schema is made have [pgtest.URL].
func PostgresURL(t testing.TB) string {
	t.Helper()
	return migrated.URL(t)
}

var migrated = pgtest.NewTemplate(func(url string) error {
	s, err := postgres.Open(context.Background(), postgres.Config{URL: url})
	if err != nil {
		return errors.Join(err, fault.Cause(err))
	}
	return s.Close()
})

// Open is an [Opener].
func (d *Database) Open(listeners store.Listeners) (store.Store, error) {
	if d.kind == Postgres {
		return postgres.Open(d.t.Context(), postgres.Config{URL: d.at, Now: d.Now, Listeners: listeners})
	}
	return sqlite.Open(d.t.Context(), sqlite.Config{Path: d.at, Now: d.Now, Listeners: listeners})
}

// SQL opens the database beside its stores, for the time of the test.
func (d *Database) SQL() *sql.DB {
	d.t.Helper()
	driver := map[string]string{SQLite: "sqlite", Postgres: "pgx"}[d.kind] // which the packages of the stores register
	db, err := sql.Open(driver, d.at)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { require.NoError(d.t, db.Close()) })
	return db
}

// Text returns all that the database holds: of SQLite its file and the log of that, of PostgreSQL the rows of its
// tables, for which text in bytes is text, too.
func (d *Database) Text() string {
	d.t.Helper()
	if d.kind == SQLite {
		file, err := os.ReadFile(d.at)
		require.NoError(d.t, err)
		log, err := os.ReadFile(d.at + "-wal")
		require.NoError(d.t, err)
		return string(file) + string(log)
	}
	ctx := d.t.Context()
	conn, err := d.SQL().Conn(ctx)
	require.NoError(d.t, err)
	defer conn.Close()
	_, err = conn.ExecContext(ctx, `SET bytea_output = 'escape'`)
	require.NoError(d.t, err)
	rows, err := conn.QueryContext(ctx, `SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()`)
	require.NoError(d.t, err)
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var table string
		require.NoError(d.t, rows.Scan(&table))
		tables = append(tables, table)
	}
	require.NoError(d.t, rows.Err())
	var all strings.Builder
	for _, table := range tables {
		var text string
		require.NoError(d.t, conn.QueryRowContext(ctx, `SELECT COALESCE(string_agg(t::text, ' '), '') FROM `+table+` t`).Scan(&text))
		all.WriteString(text)
	}
	return all.String()
}
