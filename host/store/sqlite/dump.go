package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/migrations"
)

// dumper returns what makes dumps of the file at a path. A dump is a read transaction, on a
// connection of its own, and a copy is all pages of the file as that transaction sees them, those in the log
// too. Nothing is written for it. Nobody waits either; but the log grows until the dump has gone.
func dumper(path string) func(context.Context, func(store.Dump) error) error {
	return func(ctx context.Context, use func(store.Dump) error) (err error) {
		db, err := sql.Open("sqlite", dsn(path, true))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		s := &dump{tx: tx}
		if s.schema, err = schemaOf(ctx, tx); err != nil { // the first statement is the time of the dump
			return err
		}
		return use(s)
	}
}

const schemaNow = `SELECT MAX(version_id) FROM goose_db_version WHERE is_applied`

// schemaOf returns the number of the last migration.
func schemaOf(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (n int64, err error) {
	err = q.QueryRowContext(ctx, schemaNow).Scan(&n)
	return n, err
}

type dump struct {
	tx     *sql.Tx
	schema int64
}

func (s *dump) Database() string { return store.DatabaseSQLite }
func (s *dump) Schema() int64    { return s.schema }
func (s *dump) Parts() []string  { return []string{FileName} }

func (s *dump) Blobs(ctx context.Context, each func(store.Blob) error) error {
	rows, err := s.tx.QueryContext(ctx, `SELECT blob, size, sha256, app_id, collection, id FROM files ORDER BY blob`)
	if err != nil {
		return store.Failed("dump", err)
	}
	defer rows.Close()
	for rows.Next() {
		var blob store.Blob
		if err := rows.Scan(&blob.Name, &blob.Size, &blob.SHA256, &blob.AppID, &blob.Collection, &blob.ID); err != nil {
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

// Copy writes the file. An error of to is returned as it is.
func (s *dump) Copy(ctx context.Context, part string, to io.Writer) (int64, error) {
	if part != FileName {
		return 0, fmt.Errorf("there is no part %q", part)
	}
	rows, err := s.tx.QueryContext(ctx, `SELECT data FROM sqlite_dbpage ORDER BY pgno`)
	if err != nil {
		return 0, store.Failed("dump", err)
	}
	defer rows.Close()
	var page sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&page); err != nil {
			return 0, store.Failed("dump", err)
		}
		if _, err := to.Write(page); err != nil {
			return 0, err
		}
	}
	if err := rows.Err(); err != nil {
		return 0, store.Failed("dump", err)
	}
	return 0, nil
}

// Schema returns the number of the last migration that this package knows.
func Schema() (int64, error) {
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		return 0, err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, new(sql.DB), files)
	if err != nil {
		return 0, err
	}
	sources := provider.ListSources()
	return sources[len(sources)-1].Version, nil
}

// Restore begins to restore a dump to a path, where there must be no file yet.
func Restore(path string) (store.Restoration, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &restoration{path: path, file: file}, nil
}

type restoration struct {
	path   string
	file   *os.File
	loaded bool
	kept   bool
}

func (r *restoration) Load(_ context.Context, part string, from io.Reader) error {
	if part != FileName || r.loaded {
		return fmt.Errorf("%q is no part of a SQLite database", part)
	}
	r.loaded = true
	if _, err := io.Copy(r.file, from); err != nil {
		return err
	}
	return r.file.Sync()
}

func (r *restoration) Finish(ctx context.Context) error {
	if !r.loaded {
		return errors.New("there is no database")
	}
	if err := Check(ctx, r.path); err != nil {
		return err
	}
	s, err := open(ctx, Config{Path: r.path})
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil { // which folds the log into the file
		return err
	}
	if err := strip(ctx, r.path); err != nil {
		return err
	}
	r.kept = true
	return nil
}

// strip removes what belongs to the place of before.
func strip(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", dsn(path, false))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, `DELETE FROM file_root; DELETE FROM outbox_requests; DELETE FROM inbox_answers`)
	return err
}

// Check returns an error unless the file at a path is a whole database, whose rows refer to rows that are
// there.
func Check(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", dsn(path, true))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	var says string
	if err := db.QueryRowContext(ctx, `SELECT group_concat(integrity_check, '; ') FROM pragma_integrity_check`).Scan(&says); err != nil {
		return fmt.Errorf("the database in the backup cannot be read: %w", err)
	}
	if says != "ok" {
		return fmt.Errorf("the database in the backup is damaged: %s", says)
	}
	var orphans int64
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM pragma_foreign_key_check`).Scan(&orphans); err != nil {
		return fmt.Errorf("the database in the backup cannot be read: %w", err)
	}
	if orphans > 0 {
		return fmt.Errorf("the database in the backup is damaged: %d rows refer to others that are not there", orphans)
	}
	return nil
}

func (r *restoration) Close(context.Context) error {
	err := r.file.Close()
	if r.kept {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if failed := os.Remove(r.path + suffix); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}
