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

// ErrNotEmpty means that there is something in a database that is to be restored to.
var ErrNotEmpty = errors.New("the database is not empty: restore to a new one")

// Restore begins to restore a dump of a schema to the database at a URL, in which there must be no
// tables yet: else it is [ErrNotEmpty].
func Restore(ctx context.Context, url string, schema int64) (_ store.Restoration, err error) {
	pool, err := pgxpool.ParseConfig(url) // which may have the pool's parameters
	if err != nil {
		return nil, err
	}
	config := pool.ConnConfig
	conn, err := connectToCopy(ctx, config)
	if err != nil {
		return nil, err
	}
	r := &restoration{conn: conn, db: stdlib.OpenDB(*config)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close(ctx))
		}
	}()
	var alone bool // two that find the database empty at once would remove each other's tables
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(lockRestore)).Scan(&alone); err != nil {
		return nil, err
	}
	if !alone {
		return nil, errors.New("another restore to the database is under way")
	}
	var tablesThere int
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')`).Scan(&tablesThere); err != nil {
		return nil, err
	}
	if tablesThere > 0 {
		return nil, ErrNotEmpty
	}
	r.began = true
	p, err := provider(r.db)
	if err != nil {
		return nil, err
	}
	if _, err := p.UpTo(ctx, schema); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	if r.tables, err = tables(ctx, conn); err != nil {
		return nil, err
	}
	if r.tx, err = conn.Begin(ctx); err != nil {
		return nil, err
	}
	// What migrations have written comes again, and what triggers count is counted already.
	for _, t := range r.tables {
		if _, err := conn.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s DISABLE TRIGGER USER`, t)); err != nil {
			return nil, err
		}
	}
	for _, t := range slices.Backward(r.tables) {
		if _, err := conn.Exec(ctx, fmt.Sprintf(`DELETE FROM %s`, t)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

type restoration struct {
	conn   *pgx.Conn
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

func (r *restoration) Close(ctx context.Context) error {
	closeSoon(ctx, r.conn) // which ends the transaction
	if r.kept || !r.began {
		return r.db.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	p, err := provider(r.db)
	if err == nil {
		_, err = p.DownTo(ctx, 0)
	}
	if err == nil {
		_, err = r.db.ExecContext(ctx, `DROP TABLE IF EXISTS goose_db_version`)
	}
	return errors.Join(err, r.db.Close())
}
