//go:build unix

package postgres_test

import (
	"database/sql"
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/storetest"
	"github.com/picloud/picloud/migrations"
)

func TestDomainsOfOldRoutes(t *testing.T) {
	url := pgtest.URL(t)
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	defer s.Close()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer db.Close()
	storetest.DomainsOfOldRoutes(t, s, func() error {
		files, err := fs.Sub(migrations.Postgres, "postgres")
		require.NoError(t, err)
		provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
		require.NoError(t, err)
		_, err = provider.DownTo(t.Context(), 17) // before there were claims
		require.NoError(t, err)
		_, err = provider.Up(t.Context())
		return err
	})
}
