// Package eachtest runs tests on every kind of database.
package eachtest

import (
	"path/filepath"
	"testing"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// An Opener opens one database, again if called again, as several nodes do. Who opens it closes it.
type Opener func(store.Listeners) (store.Store, error)

// Run runs a test on a new SQLite database, and on a new one of PostgreSQL.
func Run(t *testing.T, test func(t *testing.T, open Opener)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), sqlite.FileName)
		test(t, func(listeners store.Listeners) (store.Store, error) {
			return sqlite.Open(t.Context(), sqlite.Config{Path: path, Listeners: listeners})
		})
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.URL(t)
		test(t, func(listeners store.Listeners) (store.Store, error) {
			return postgres.Open(t.Context(), postgres.Config{URL: url, Listeners: listeners})
		})
	})
}
