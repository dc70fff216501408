//go:build unix

package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// While a dump lasts no table can be altered, also none that it has not come to yet.
func TestDumpLocks(t *testing.T) {
	ctx, url := t.Context(), pgtest.URL(t)
	s, err := postgres.Open(ctx, postgres.Config{URL: url})
	require.NoError(t, err)
	defer s.Close()
	other, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer other.Close(ctx)
	alter := func(table string) error {
		tx, err := other.Begin(ctx)
		require.NoError(t, err)
		defer tx.Rollback(ctx)
		_, err = tx.Exec(ctx, "LOCK TABLE "+pgx.Identifier{table}.Sanitize()+" IN ACCESS EXCLUSIVE MODE NOWAIT")
		return err
	}
	var last string
	require.NoError(t, s.Dump(ctx, func(dump store.Dump) error {
		parts := dump.Parts()
		require.NotEmpty(t, parts)
		for _, last = range append(parts, "goose_db_version") {
			var refused *pgconn.PgError
			require.ErrorAs(t, alter(last), &refused, last)
			require.Equal(t, "55P03", refused.Code, "lock_not_available: %s", last)
		}
		return nil
	}))
	require.NoError(t, alter(last), "after it")
}

// Two do not restore to the same database at once.
func TestRestoresOneAtATime(t *testing.T) {
	ctx, url := t.Context(), pgtest.URL(t)
	schema, err := postgres.Schema()
	require.NoError(t, err)
	first, err := postgres.Restore(ctx, url, schema)
	require.NoError(t, err)
	_, err = postgres.Restore(ctx, url, schema)
	require.EqualError(t, err, "a server is starting on the database, or another restore to it is under way")
	require.NoError(t, first.Close(ctx), "which has not finished")
	second, err := postgres.Restore(ctx, url, schema)
	require.NoError(t, err, "the database is empty again")
	require.NoError(t, second.Close(ctx))
}

// A restore whose lock is lost is not taken for one that broke off, and does not end as if nothing had been.
func TestRestoreWithoutItsLock(t *testing.T) {
	ctx, url := t.Context(), pgtest.URL(t)
	schema, err := postgres.Schema()
	require.NoError(t, err)
	first, err := postgres.Restore(ctx, url, schema)
	require.NoError(t, err)
	other, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer other.Close(ctx)
	holder := `SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND (classid::bigint << 32 | objid::bigint) = $1`
	var ended int
	require.NoError(t, other.QueryRow(ctx, holder, int64(0x7069636c6f756404)).Scan(&ended))
	require.Equal(t, 1, ended)
	// Until the server is done with the connection.
	_, err = other.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(0x7069636c6f756404))
	require.NoError(t, err)
	_, err = other.Exec(ctx, `SELECT pg_advisory_unlock($1)`, int64(0x7069636c6f756404))
	require.NoError(t, err)

	_, err = postgres.Restore(ctx, url, schema)
	require.EqualError(t, err, "a server is starting on the database, or another restore to it is under way")
	_, err = postgres.Open(ctx, postgres.Config{URL: url})
	require.ErrorIs(t, fault.Cause(err), postgres.ErrRestoreBroken)
	require.ErrorContains(t, first.Finish(ctx), "the connection that keeps others from the database was lost")
	require.Error(t, first.Close(ctx), "what it has left stays")
	second, err := postgres.Restore(ctx, url, schema)
	require.NoError(t, err, "which removes it")
	require.NoError(t, second.Finish(ctx))
	require.NoError(t, second.Close(ctx))
	s, err := postgres.Open(ctx, postgres.Config{URL: url})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// Nothing is restored to a database on which a server is just starting, and none starts on what is restored to.
func TestRestoreAndStart(t *testing.T) {
	ctx, url := t.Context(), pgtest.URL(t)
	schema, err := postgres.Schema()
	require.NoError(t, err)
	starting, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer starting.Close(ctx)
	_, err = starting.Exec(ctx, `SELECT pg_advisory_lock_shared($1)`, int64(0x7069636c6f756404)) // as Open does
	require.NoError(t, err)
	_, err = postgres.Restore(ctx, url, schema)
	require.EqualError(t, err, "a server is starting on the database, or another restore to it is under way")
	// PostgreSQL would notice the end of the connection late.
	_, err = starting.Exec(ctx, `SELECT pg_advisory_unlock_shared($1)`, int64(0x7069636c6f756404))
	require.NoError(t, err)

	restoring, err := postgres.Restore(ctx, url, schema)
	require.NoError(t, err)
	_, err = postgres.Open(ctx, postgres.Config{URL: url})
	require.ErrorIs(t, fault.Cause(err), postgres.ErrRestoring)
	require.NoError(t, restoring.Close(ctx))
	s, err := postgres.Open(ctx, postgres.Config{URL: url})
	require.NoError(t, err, "nothing is left of it")
	require.NoError(t, s.Close())
}
