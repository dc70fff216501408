package postgres

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/migrations"
)

// provider returns what migrates a database.
func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations.Postgres, "postgres")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(migrationLock{}))
}

// Schema returns the number of the last migration that this package knows.
func Schema() (int64, error) {
	p, err := provider(new(sql.DB))
	if err != nil {
		return 0, err
	}
	sources := p.ListSources()
	return sources[len(sources)-1].Version, nil
}

// Why a database cannot be restored to, or opened.
var (
	// ErrNotEmpty means that there is something in a database that is to be restored to.
	ErrNotEmpty = errors.New("the database is not empty: restore to a new one")
	// ErrRestoring means that a backup is restored to the database.
	ErrRestoring = errors.New("a backup is being restored to the database: start the server when that has ended")
	// ErrRestoreBroken means that a restore has ended without its end, as one that was killed.
	ErrRestoreBroken = errors.New("a restore to the database broke off, and there is nothing whole in it: restore the backup again, to a new data directory")
)

// A restore makes a table before all others, and removes it in the transaction that keeps what was loaded. It is
// not logged, so that it is in no dump.
const (
	markRestore   = `CREATE UNLOGGED TABLE IF NOT EXISTS unfinished_restore ()`
	unmarkRestore = `DROP TABLE IF EXISTS unfinished_restore`
	restoreBroken = `SELECT to_regclass('unfinished_restore') IS NOT NULL`
)

// Restore begins to restore a dump of a schema to the database at a URL, in which there must be no
// tables yet: else it is [ErrNotEmpty]. What a restore has left that broke off is removed.
func Restore(ctx context.Context, url string, schema int64) (_ store.Restoration, err error) {
	pool, err := pgxpool.ParseConfig(url) // which may have the pool's parameters
	if err != nil {
		return nil, err
	}
	config := pool.ConnConfig
	r := &restoration{db: stdlib.OpenDB(*config)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close(ctx))
		}
	}()
	if r.lock, err = connectToCopy(ctx, config); err != nil {
		return nil, err
	}
	if r.conn, err = connectToCopy(ctx, config); err != nil {
		return nil, err
	}
	// Two that find the database empty at once would remove each other's tables. One that has lost the connection with
	// its lock still has the other's, on which it loads.
	for _, lock := range []struct {
		conn *pgx.Conn
		key  int64
	}{{r.lock, lockRestore}, {r.conn, lockLoad}} {
		var alone bool
		if err := lock.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, lock.key).Scan(&alone); err != nil {
			return nil, err
		}
		if !alone {
			return nil, errors.New("a server is starting on the database, or another restore to it is under way")
		}
	}
	var broken bool
	if err := r.conn.QueryRow(ctx, restoreBroken).Scan(&broken); err != nil {
		return nil, err
	}
	if broken {
		if err := r.clear(ctx); err != nil {
			return nil, err
		}
	}
	var tablesThere int
	if err := r.conn.QueryRow(ctx, `SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')`).Scan(&tablesThere); err != nil {
		return nil, err
	}
	if tablesThere > 0 {
		return nil, ErrNotEmpty
	}
	if _, err := r.conn.Exec(ctx, markRestore); err != nil {
		return nil, err
	}
	r.began = true
	p, err := provider(r.db)
	if err != nil {
		return nil, err
	}
	if _, err := p.UpTo(ctx, schema); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	if r.tables, err = tables(ctx, r.conn); err != nil {
		return nil, err
	}
	if r.tx, err = r.conn.Begin(ctx); err != nil {
		return nil, err
	}
	// What migrations have written comes again, and what triggers count is counted already.
	for _, t := range r.tables {
		if _, err := r.conn.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s DISABLE TRIGGER USER`, t)); err != nil {
			return nil, err
		}
	}
	for _, t := range slices.Backward(r.tables) {
		if _, err := r.conn.Exec(ctx, fmt.Sprintf(`DELETE FROM %s`, t)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

type restoration struct {
	lock   *pgx.Conn // has the lock until what an attempt has left is removed
	conn   *pgx.Conn // has a lock of its own
	db     *sql.DB
	tables []table
	tx     pgx.Tx
	began  bool // the database was empty
	kept   bool
}

func (r *restoration) Load(ctx context.Context, part string, from io.Reader) error {
	i := slices.IndexFunc(r.tables, func(t table) bool { return t.name == part })
	if i < 0 {
		return fmt.Errorf("there is no table %q", part)
	}
	rows := bufio.NewReader(from)
	head, err := rows.ReadString('\n')
	if err != nil {
		return fmt.Errorf("table %s: its columns are not named: %w", part, err)
	}
	columns := strings.Split(strings.TrimSuffix(head, "\n"), "\t")
	_, err = r.conn.PgConn().CopyFrom(ctx, rows, fmt.Sprintf(`COPY %s (%s) FROM STDIN`, r.tables[i], columnList(columns)))
	return err
}

func (r *restoration) Finish(ctx context.Context) error {
	for _, t := range r.tables {
		if err := r.count(ctx, t); err != nil {
			return err
		}
		if _, err := r.conn.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s ENABLE TRIGGER USER`, t)); err != nil {
			return err
		}
	}
	if _, err := r.conn.Exec(ctx, `DELETE FROM file_root`); err != nil {
		return err
	}
	if _, err := r.conn.Exec(ctx, unmarkRestore); err != nil {
		return err
	}
	if err := r.lock.Ping(ctx); err != nil {
		return fmt.Errorf("the connection that keeps others from the database was lost: %w", err)
	}
	if err := r.tx.Commit(ctx); err != nil {
		return err
	}
	p, err := provider(r.db)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := r.conn.Exec(ctx, `ANALYZE`); err != nil { // so that the first queries are planned as the later ones
		return err
	}
	r.kept = true
	return nil
}

// count has the numbers that a table gives its rows go on behind those that it has.
func (r *restoration) count(ctx context.Context, t table) error {
	rows, err := r.conn.Query(ctx, `SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attidentity <> ''`, t.String())
	if err != nil {
		return err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, column := range columns {
		quoted := pgx.Identifier{column}.Sanitize()
		if _, err := r.conn.Exec(ctx, fmt.Sprintf(`SELECT setval(pg_get_serial_sequence($1, $2), COALESCE(max(%s), 0) + 1, false) FROM %s`, quoted, t), t.String(), column); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoration) Close(ctx context.Context) (err error) {
	if r.conn != nil {
		closeSoon(ctx, r.conn) // which ends the transaction
	}
	if r.began && !r.kept {
		err = r.undo(ctx)
	}
	if r.lock != nil {
		closeSoon(ctx, r.lock)
	}
	return errors.Join(err, r.db.Close())
}

// undo removes what was loaded. Without the lock somebody else may have come since: what is there stays, and the
// mark tells of it.
func (r *restoration) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	if err := r.lock.Ping(ctx); err != nil {
		return err
	}
	return r.clear(ctx)
}

// clear removes all tables of ours, and the mark last.
func (r *restoration) clear(ctx context.Context) error {
	p, err := provider(r.db)
	if err == nil {
		_, err = r.db.ExecContext(ctx, markRestore) // which Finish may have removed
	}
	if err == nil {
		_, err = p.DownTo(ctx, 0)
	}
	if err == nil {
		_, err = r.db.ExecContext(ctx, `DROP TABLE IF EXISTS goose_db_version`)
	}
	if err == nil {
		_, err = r.db.ExecContext(ctx, unmarkRestore)
	}
	return err
}
