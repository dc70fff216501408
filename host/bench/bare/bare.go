// Package bare is a program without PiCloud to compare PiCloud's services with. It works in the
// same database and writes the same bytes to the disk, with SQL of its own, for one app, without
// checks, capabilities and events.
package bare

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// A Place is where operations work: a database that PiCloud made, and what is in it. It can be
// handed to another process as JSON.
type Place struct {
	SQLite   string `json:"sqlite"`   // the path of its file; "" for PostgreSQL
	Postgres string `json:"postgres"` // its URL

	App     string         `json:"app"`     // an id
	Doc     string         `json:"doc"`     // the id of a document
	Term    int64          `json:"term"`    // one that only this document has
	Files   map[int]string `json:"files"`   // the ids of files, by their size in bytes
	Kept    string         `json:"kept"`    // where PiCloud keeps the bytes of files
	Written string         `json:"written"` // where new ones go
}

// Operations are what can be done, by name. All are safe for concurrent use.
var Operations = map[string]func(ctx context.Context, d *Database, in Input) error{
	"kv_get":       kvGet,
	"kv_set":       kvSet,
	"docs_create":  docsCreate,
	"docs_get":     docsGet,
	"docs_find":    docsFind,
	"files_create": filesCreate,
	"files_get":    filesGet,
}

// Input is what a request asks for.
type Input struct {
	Key  string // of kv
	Size int    // of a file, bytes
}

// Database is a place that is open.
type Database struct {
	Place
	read, write *sql.DB
	terms       func([]int64) any // as an argument
	termsOf     string            // a query of a document's terms, as JSON
	byTerm      string            // the condition that a document has one of the terms $4
	prepared    sync.Map          // of query to *sql.Stmt
	number      atomic.Int64      // of what is written: never the same twice
}

// Open connects to a place, with as many connections as PiCloud's stores have.
func Open(place Place) (*Database, error) {
	d := &Database{Place: place}
	if place.SQLite == "" {
		db, err := sql.Open("pgx", place.Postgres)
		if err != nil {
			return nil, err
		}
		d.read, d.write = pooled(db), db
		d.terms = func(terms []int64) any { return terms }
		d.termsOf = `SELECT array_to_json(terms)::text FROM docs WHERE id = $1`
		d.byTerm = `terms && $4::bigint[]`
		return d, nil
	}
	options := url.Values{
		"_pragma":              {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
		"_time_integer_format": {"unix_micro"},
	}
	writing := options.Encode() + "&_txlock=immediate"
	options.Add("_pragma", "query_only(1)")
	var err, failed error
	d.write, err = sql.Open("sqlite", "file:"+place.SQLite+"?"+writing)
	d.read, failed = sql.Open("sqlite", "file:"+place.SQLite+"?"+options.Encode())
	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}
	d.write.SetMaxOpenConns(1)
	pooled(d.read)
	d.terms = func(terms []int64) any { text, _ := json.Marshal(terms); return string(text) }
	d.termsOf = `SELECT terms FROM docs WHERE id = $1`
	d.byTerm = `position IN (SELECT position FROM docs_terms WHERE term IN (SELECT value FROM json_each($4)))`
	return d, nil
}

func pooled(db *sql.DB) *sql.DB {
	n := max(4, runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db
}

// Close releases the database.
func (d *Database) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Terms returns the terms of the document with an id.
func (d *Database) Terms(ctx context.Context, doc string) (terms []int64, err error) {
	var text []byte
	if err := d.read.QueryRowContext(ctx, d.termsOf, doc).Scan(&text); err != nil {
		return nil, err
	}
	return terms, json.Unmarshal(text, &terms)
}

// statement returns a query prepared, each query once.
func (d *Database) statement(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	if known, ok := d.prepared.Load(query); ok {
		return known.(*sql.Stmt), nil
	}
	made, err := db.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	if known, loaded := d.prepared.LoadOrStore(query, made); loaded {
		return known.(*sql.Stmt), made.Close()
	}
	return made, nil
}

// scan reads the row that a query finds.
func (d *Database) scan(ctx context.Context, to []any, query string, args ...any) error {
	s, err := d.statement(ctx, d.read, query)
	if err != nil {
		return err
	}
	return s.QueryRowContext(ctx, args...).Scan(to...)
}

func (d *Database) exec(ctx context.Context, query string, args ...any) error {
	s, err := d.statement(ctx, d.write, query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, args...)
	return err
}
