package postgres

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/picloud/picloud/host/store"
)

// dumper returns what takes dumps. A dump is a transaction REPEATABLE READ on a connection of its
// own, and a part is what COPY writes of a table as text: what pg_dump does. A first line has the names of the
// columns. No table is altered while it lasts: all are locked before the time of the dump.
func dumper(config *pgx.ConnConfig) func(context.Context, func(store.Dump) error) error {
	return func(ctx context.Context, use func(store.Dump) error) error {
		conn, err := connectToCopy(ctx, config)
		if err != nil {
			return err
		}
		defer closeSoon(ctx, conn)
		there, err := tables(ctx, conn)
		if err != nil {
			return err
		}
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err != nil {
			return err
		}
		lock := "LOCK TABLE goose_db_version"
		for _, t := range there {
			lock += ", " + t.String()
		}
		if _, err := conn.Exec(ctx, lock+" IN ACCESS SHARE MODE"); err != nil {
			return err
		}
		s := &dump{conn: conn}
		if err := conn.QueryRow(ctx, schemaNow).Scan(&s.schema); err != nil { // the time of the dump
			return err
		}
		if s.tables, err = tables(ctx, conn); err != nil {
			return err
		}
		for _, t := range s.tables {
			if !slices.ContainsFunc(there, func(locked table) bool { return locked.name == t.name }) {
				return fmt.Errorf("the table %s has come meanwhile: the database is being migrated, try again", t.name)
			}
		}
		if err := use(s); err != nil {
			return err
		}
		return tx.Rollback(ctx)
	}
}

const schemaNow = `SELECT MAX(version_id) FROM goose_db_version WHERE is_applied`

// endless lifts what ends a connection or a transaction for its age, of which an older server knows not all.
const endless = `SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')`

// connectToCopy makes a connection on which values are written and read in one way whatever the server's
// settings are, and that no setting ends.
func connectToCopy(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	config = config.Copy()
	for name, value := range map[string]string{
		"client_encoding": "UTF8", "datestyle": "ISO, YMD", "intervalstyle": "postgres", "timezone": "UTC", "bytea_output": "hex",
		"extra_float_digits": "3", "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
	} {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, endless); err != nil {
		closeSoon(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// closeSoon says goodbye, also after ctx has ended.
func closeSoon(ctx context.Context, conn *pgx.Conn) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(closing)
}

// A table is one of the schema.
type table struct {
	name    string
	columns []string
}

func (t table) String() string { return pgx.Identifier{t.name}.Sanitize() }

// columnList is the names of columns as SQL has them.
func columnList(columns []string) string {
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = pgx.Identifier{column}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

// tables lists the tables with what is to be kept, each behind those that it refers to. Of what was published
// of late the positions count for this server alone; what is not logged is not to be kept.
func tables(ctx context.Context, conn *pgx.Conn) (ordered []table, err error) {
	rows, err := conn.Query(ctx, `
		SELECT c.relname,
			ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
			ARRAY(SELECT DISTINCT r.relname::text FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid WHERE k.conrelid = c.oid AND k.contype = 'f' AND r.oid <> c.oid)
		FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relpersistence = 'p'
			AND c.relname NOT IN ('goose_db_version', 'published') ORDER BY c.relname`)
	if err != nil {
		return nil, err
	}
	refers := map[string][]string{}
	waiting, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		var to []string
		err = row.Scan(&t.name, &t.columns, &to)
		refers[t.name] = to
		return t, err
	})
	if err != nil {
		return nil, err
	}
	placed := map[string]bool{}
	for len(waiting) > 0 {
		var left []table
	next:
		for _, t := range waiting {
			for _, other := range refers[t.name] {
				if _, kept := refers[other]; kept && !placed[other] {
					left = append(left, t)
					continue next
				}
			}
			ordered, placed[t.name] = append(ordered, t), true
		}
		if len(left) == len(waiting) {
			return nil, fmt.Errorf("the tables %v refer to one another", left)
		}
		waiting = left
	}
	return ordered, nil
}

type dump struct {
	conn   *pgx.Conn
	schema int64
	tables []table
}

func (s *dump) Database() string { return store.DatabasePostgres }
func (s *dump) Schema() int64    { return s.schema }

func (s *dump) Parts() (names []string) {
	for _, t := range s.tables {
		names = append(names, t.name)
	}
	return names
}

func (s *dump) Blobs(ctx context.Context, each func(store.Blob) error) error {
	rows, err := s.conn.Query(ctx, `SELECT blob, size, sha256, app_id, collection, id FROM files ORDER BY blob`)
	if err != nil {
		return store.Failed("dump", err)
	}
	defer rows.Close()
	for rows.Next() {
		blob, err := pgx.RowToStructByPos[store.Blob](rows)
		if err != nil {
			return store.Failed("dump", err)
		}
		if err := each(blob); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return store.Failed("dump", err)
	}
	return nil
}

// Copy writes a table. An error of to is returned as it is.
func (s *dump) Copy(ctx context.Context, part string, to io.Writer) (int64, error) {
	for _, t := range s.tables {
		if t.name != part {
			continue
		}
		if _, err := io.WriteString(to, strings.Join(t.columns, "\t")+"\n"); err != nil {
			return 0, err
		}
		watched := &watched{to: to}
		done, err := s.conn.PgConn().CopyTo(ctx, watched, fmt.Sprintf(`COPY %s (%s) TO STDOUT`, t, columnList(t.columns)))
		switch {
		case watched.failed != nil:
			return 0, watched.failed
		case err != nil:
			return 0, store.Failed("dump", err)
		}
		return done.RowsAffected(), nil
	}
	return 0, fmt.Errorf("there is no part %q", part)
}

// watched remembers an error of a writer.
type watched struct {
	to     io.Writer
	failed error
}

func (w *watched) Write(p []byte) (n int, err error) {
	n, err = w.to.Write(p)
	w.failed = err
	return n, err
}

// restoreTimeout is how long what an attempt has left may take to be removed.
const restoreTimeout = time.Minute
