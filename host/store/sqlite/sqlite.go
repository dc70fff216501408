// Package sqlite is the store in one SQLite file, for a single node.
//
// The file is in WAL mode with synchronous=FULL: a commit is on the disk before it is acknowledged.
// One connection writes and the others read, so readers never wait and writers wait for each other
// in Go, where a context can end the wait, instead of in SQLite. Short changes of data that wait at the same time share a
// commit.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite" // which registers itself as "sqlite"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore"
	"github.com/picloud/picloud/migrations"
)

// FileName is the name of the database in the data directory.
const FileName = "picloud.db"

// LongestTransaction is how long a transaction of [store.Store.Begin] may last: nobody else writes
// meanwhile.
const LongestTransaction = time.Second

// Config says where the database is.
type Config struct {
	Path string           // of the file; it and its directory are made if missing, for the owner only
	Now  func() time.Time // the clock, nil for time.Now
	// Listeners are told of changes of apps' data; nil: nobody is.
	Listeners store.Listeners
	// Rewinder is set up for the database, which then need not outlast a crash of the machine; nil: it is to last.
	Rewinder *Rewinder
}

// Open opens the store and brings its schema up to date. The cause of an error, a [store.Failed],
// tells what went wrong.
func Open(ctx context.Context, config Config) (store.Store, error) {
	s, err := open(ctx, config)
	if err != nil {
		return nil, store.Failed("open database", err)
	}
	return s, nil
}

func open(ctx context.Context, config Config) (_ store.Store, err error) {
	if config.Path == "" {
		return nil, errors.New("no path")
	}
	path, err := filepath.Abs(config.Path)
	if err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	location := dsn(path, false)
	if config.Rewinder != nil {
		location = strings.Replace(location, url.QueryEscape("synchronous(FULL)"), url.QueryEscape("synchronous(OFF)"), 1)
	}
	writer, err := sql.Open("sqlite", location)
	if err != nil {
		return nil, err
	}
	if config.Rewinder != nil {
		*config.Rewinder = Rewinder{writer: writer, mark: path + ".mark"}
	}
	writer.SetMaxOpenConns(1)
	if err := patiently(ctx, func() error { return makeReclaimable(ctx, writer) }); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	if err := migrate(ctx, writer); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	reader, err := readers(path)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	lookup, err := readers(path)
	if err != nil {
		return nil, errors.Join(err, reader.Close(), writer.Close())
	}
	long, err := sql.Open("sqlite", dsn(path, true)) // beside those, which requests wait for
	if err != nil {
		return nil, errors.Join(err, lookup.Close(), reader.Close(), writer.Close())
	}
	long.SetMaxIdleConns(0)
	return sqlstore.New(sqlstore.Config{
		Read:      reader,
		Long:      long,
		Lookup:    lookup,
		Write:     writer,
		Now:       config.Now,
		Listeners: config.Listeners,
		Prepare:   true,
		Dialect: sqlstore.Dialect{ // BEGIN IMMEDIATE is the lock
			Name: store.DatabaseSQLite,
			Size: `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`,
			Clock: func(micros string) string {
				if micros == "" {
					return "$1"
				}
				return "$1 + " + micros
			},
			DeleteLeased: `DELETE FROM outbox WHERE (id, token, app_id) IN (SELECT ids.value, tokens.value, apps.value
				FROM json_each($1) AS ids JOIN json_each($2) AS tokens ON ids.key = tokens.key JOIN json_each($3) AS apps ON ids.key = apps.key) RETURNING id, token`,
			DocOfEntry:   `docs AS d WHERE d.app_id = $2 AND d.collection = $3 AND d.id = e.id`,
			Snapshot:     sql.TxOptions{ReadOnly: true}, // which is no BEGIN IMMEDIATE
			Texts:        func(texts []string) any { return encodeTexts(texts) },
			OneOfTexts:   `(SELECT value FROM json_each($1))`,
			Place:        "rowid",
			Among:        [2]string{"IN", ""},
			ShareCommits: true,
			Owned:        sqlstore.Owned{Places: 1, PlacesOfApp: 1, Longest: LongestTransaction},
			Reclaim:      func(ctx context.Context) (int64, error) { return reclaim(ctx, writer) },
			Dump:         dumper(path),
			Positions: sqlstore.Positions{ // the number of the last row
				Now:     `SELECT CAST(COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'published'), 0) AS TEXT)`,
				Of:      `CAST(seq AS TEXT)`,
				Between: `seq > CAST($1 AS INTEGER) AND seq <= CAST($2 AS INTEGER)`,
			},
			Terms: sqlstore.TermIndex{
				Value: encodeTerms,
				Any: func(terms []int64, first int) (string, []any) {
					list, args := termList(terms, first)
					return "position IN (SELECT position FROM docs_terms WHERE term IN (" + list + "))", args
				},
				Count: func(terms []int64, first, limit int) (string, []any) {
					list, args := termList(terms, first)
					return "SELECT count(*) AS hits FROM (SELECT 1 FROM docs_terms WHERE term IN (" + list + ") LIMIT " + strconv.Itoa(limit) + ")", args
				},
				// Joined in this order, the count is made and compared first.
				Gate: func(count string, limit, nth int) (string, string) {
					gate := "gate" + strconv.Itoa(nth)
					return "(" + count + ") AS " + gate + " CROSS JOIN ", gate + ".hits < " + strconv.Itoa(limit)
				},
			},
		},
		// The writer last: the last connection folds the log into the file.
		Close: func() error { return errors.Join(long.Close(), lookup.Close(), reader.Close(), writer.Close()) },
	}), nil
}

// readers opens connections that read.
func readers(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, true))
	if err != nil {
		return nil, err
	}
	n := max(4, runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// patiently calls fn again while others open the same new file: what makes it a database with a
// write-ahead log finds it locked at once then, whatever the busy_timeout.
func patiently(ctx context.Context, fn func() error) (err error) {
	const attempts, pause = 100, 50 * time.Millisecond
	for range attempts {
		var failure *driver.Error
		if err = fn(); !errors.As(err, &failure) || failure.Code()&0xff != busy || ctx.Err() != nil {
			return err
		}
		time.Sleep(pause)
	}
	return err
}

// busy is the primary result code SQLITE_BUSY.
const busy = 5

// encodeTexts writes texts as a JSON array.
func encodeTexts(texts []string) string {
	encoded, err := json.Marshal(texts)
	if err != nil {
		panic(err) // texts always encode
	}
	return string(encoded)
}

// encodeTerms writes terms as a JSON array.
func encodeTerms(terms []int64) any {
	text := []byte{'['}
	for i, term := range terms {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, term, 10)
	}
	return string(append(text, ']'))
}

// termList is what a term may be: one of the arguments, or of the one that has many.
func termList(terms []int64, first int) (list string, args []any) {
	if len(terms) != 2 { // a value, or what stands for any, is what most filters ask for
		return "SELECT value FROM json_each($" + strconv.Itoa(first) + ")", []any{encodeTerms(terms)}
	}
	return "$" + strconv.Itoa(first) + ", $" + strconv.Itoa(first+1), []any{terms[0], terms[1]}
}

// create makes the file, which SQLite would make readable by others.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// dsn is the data source name of a connection that writes or only reads.
func dsn(path string, readOnly bool) string {
	options := url.Values{
		// Another process may write too: a backup, the command line.
		"_pragma": {"busy_timeout(10000)"},
		"_txlock": {"immediate"},
		// Times are integers. They are read by sqlstore.
		"_time_integer_format": {"unix_micro"},
	}
	if readOnly {
		// Nothing that is the file's, or about writing: it would wait for whoever writes.
		options.Add("_pragma", "query_only(1)")
	} else {
		options["_pragma"] = append(options["_pragma"],
			"auto_vacuum(INCREMENTAL)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
			"secure_delete(FAST)",   // what is deleted is overwritten where its page is written anyway: backups have all pages
			"recursive_triggers(1)", // so that what INSERT OR REPLACE deletes is deleted as by DELETE
			"journal_size_limit("+strconv.Itoa(maxLogFile)+")")
	}
	location := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options.Encode()}
	if location.Path[0] != '/' {
		location.Path = "/" + location.Path // a drive letter
	}
	return location.String()
}

// migrate brings the schema up to date. When two processes start at once, one of them may find a
// change made that it was about to make, fail, and find nothing left to do when it looks again.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	for range 5 {
		if _, err = provider.Up(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
