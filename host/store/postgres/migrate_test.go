//go:build unix

package postgres_test

import (
	"io/fs"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/storetest"
	"github.com/picloud/picloud/migrations"
)

func TestDomainsOfOldRoutes(t *testing.T) {
	migrated(t, 17, storetest.DomainsOfOldRoutes) // before there were claims
}

func TestVersionsOfOldScripts(t *testing.T) {
	migrated(t, 22, storetest.VersionsOfOldScripts) // before there were versions
}

func TestExecutionsOfBefore(t *testing.T) {
	s, db := openBeside(t)
	storetest.ExecutionsOfBefore(t, s, func(statement string, args ...any) {
		_, err := db.Exec(statement, args...)
		require.NoError(t, err)
	}, func(at time.Time) any { return at })
}

func TestDamagedSegments(t *testing.T) {
	s, db := openBeside(t)
	storetest.DamagedSegments(t, s, db)
}

// migrated runs a test on a database that it can have made anew by the migrations after one.
func migrated(t *testing.T, after int64, test func(t *testing.T, s store.Store, migrate func() error)) {
	t.Helper()
	s, db := openBeside(t)
	test(t, s, func() error {
		files, err := fs.Sub(migrations.Postgres, "postgres")
		require.NoError(t, err)
		provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
		require.NoError(t, err)
		_, err = provider.DownTo(t.Context(), after)
		require.NoError(t, err)
		_, err = provider.Up(t.Context())
		return err
	})
}
