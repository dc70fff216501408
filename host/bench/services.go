package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

const (
	serviceDocs = 10_000     // documents that are searched
	smallFile   = 1 << 10    // bytes
	largeFile   = 10_000_000 // bytes: the most that max_array_size may be, a little less than 10 MiB
)

// A database is one the services are measured on, with an app in it, and what a
// program without PiCloud does there.
type database struct {
	name        string
	read, write *sql.DB // the bare program's
	terms       func([]int64) any
	termsOf     string   // the terms of a document as JSON
	scan, count string   // find by a term
	above       []func() // report what operations cost more than bare, a group of its own
	store       store.Store
	app         string
	root        string // of the bare program's files
	dispatcher  *hostcalls.Dispatcher
	doc         string         // the id of a document
	file        map[int]string // the id of a file of so many bytes
	term        int64          // that only one document has
	blob        map[int][]byte // contents
	prepared    map[string]*sql.Stmt
	next        int // numbers of what is written: never the same twice
}

// An operation is one that scripts do, and the same without PiCloud.
type operation struct {
	name   string
	script string // in workloads/services
	size   int    // of the file
	reach  string
	bare   func(ctx context.Context, d *database) error
}

var operations = []operation{
	{"kv get", "kv_get", 0, "15", bareKVGet},
	{"kv set", "kv_set", 0, "15", bareKVSet},
	{"docs create", "docs_create", 0, "15", bareDocsCreate},
	{"docs get", "docs_get", 0, "15", bareDocsGet},
	{"docs find, one of 10,000", "docs_find", 0, "15", bareDocsFind},
	{"files create, 1 KiB", "files_create", smallFile, "", bareFilesCreate(smallFile)},
	{"files get, 1 KiB", "files_get", smallFile, "", bareFilesGet(smallFile)},
	{"files create, 10 MB", "files_create", largeFile, "", bareFilesCreate(largeFile)},
	{"files get, 10 MB", "files_get", largeFile, "", bareFilesGet(largeFile)},
}

// measureServices takes what an operation costs from inside a script, in this
// process: a loop of operations less an empty loop, beside a bare program that
// does the same in the same database, with the same statements.
func measureServices(ctx context.Context, s settings, r *report) (err error) {
	data, err := os.MkdirTemp("", "picloud-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	box, err := newSandbox(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()
	if err := measureServicesOn(ctx, s, r, box, data, openSQLite); err != nil {
		return fmt.Errorf("SQLite: %w", err)
	}
	private := &cluster{}
	defer private.close()
	address, missing := private.url()
	if missing != "" {
		r.note("services are not measured on PostgreSQL: %s", missing)
		return nil
	}
	if os.Getenv("PICLOUD_TEST_DATABASE_URL") == "" {
		r.note("services: the PostgreSQL started for them does not sync to the disk, for either side")
	}
	err = measureServicesOn(ctx, s, r, box, data, func(ctx context.Context, _ string) (*database, error) {
		return openPostgres(ctx, address)
	})
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return nil
}

func measureServicesOn(ctx context.Context, s settings, r *report, box *sandbox.Sandbox, data string,
	open func(context.Context, string) (*database, error)) (err error) {
	d, err := open(ctx, data)
	if err != nil {
		return errors.Join(err, errors.Unwrap(err))
	}
	defer func() { err = errors.Join(err, d.read.Close(), d.write.Close(), d.store.Close()) }()
	if err := d.fill(ctx, data); err != nil {
		return err
	}
	for _, op := range operations {
		if err := d.measure(ctx, s, r, box, op); err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
	}
	for _, add := range d.above {
		add()
	}
	return nil
}

// measure takes the rounds of one operation.
func (d *database) measure(ctx context.Context, s settings, r *report, box *sandbox.Sandbox, op operation) error {
	source, err := os.ReadFile(filepath.Join(s.root, "host/bench/workloads/services", op.script+".rhai"))
	if err != nil {
		return err
	}
	script := endpoint(d.name+op.name, string(source), abi.DefaultCeiling)
	run := func(empty, n int) (time.Duration, error) {
		inv := request(script.ID)
		inv.AppID = d.app
		d.next += n
		inv.Request.Query = map[string]string{"empty": strconv.Itoa(empty), "n": strconv.Itoa(n), "doc": d.doc,
			"first": strconv.Itoa(d.next), "file": d.file[op.size], "size": strconv.Itoa(op.size)}
		var capabilities []abi.Capability
		for _, row := range abi.Operations {
			capabilities = append(capabilities, row.Capability)
		}
		host := hostcalls.Caller{Dispatcher: d.dispatcher, Scope: &hostcalls.Scope{AppID: d.app, ScriptID: script.ID,
			Capabilities: capabilities, Log: &hostcalls.Log{}, Started: time.Now()}}
		began := time.Now()
		_, err := box.Execute(ctx, script, inv, host)
		return time.Since(began), err
	}
	bare := func(n int) (time.Duration, error) {
		began := time.Now()
		for range n {
			if err := op.bare(ctx, d); err != nil {
				return 0, fmt.Errorf("bare: %w", err)
			}
		}
		return time.Since(began), nil
	}
	// The first few tell how many make a round.
	const few = 3
	if _, err := run(few, few); err != nil {
		return err
	}
	if _, err := bare(few); err != nil {
		return err
	}
	took, err := bare(few)
	if err != nil {
		return err
	}
	n := min(max(int(s.load/10*few/max(took, 1)), few), 5000)
	var ours, theirs, overhead samples
	for round := range s.rounds + 1 { // the first warms up
		var whole, loop, without time.Duration
		sides := []func() error{
			func() (err error) { whole, err = run(0, n); return err },
			func() (err error) { loop, err = run(n, 0); return err },
			func() (err error) { without, err = bare(n); return err },
		}
		if round%2 == 1 {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			if err := side(); err != nil {
				return err
			}
		}
		if round == 0 {
			continue
		}
		us := func(d time.Duration) float64 { return 1e3 * milliseconds(d) / float64(n) }
		ours, theirs = append(ours, us(whole-loop)), append(theirs, us(without))
		overhead = append(overhead, us(whole-loop-without))
	}
	r.compare("services on "+d.name+", in a script", op.name, "µs", "", ours, measured{"bare Go", theirs})
	d.above = append(d.above, func() { r.add("services on "+d.name+", above bare Go", op.name, "µs", op.reach, overhead) })
	return nil
}

func openSQLite(ctx context.Context, data string) (*database, error) {
	path := filepath.Join(data, sqlite.FileName)
	db, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	if err != nil {
		return nil, err
	}
	options := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
		"_txlock": {"immediate"}, "_time_integer_format": {"unix_micro"},
	}
	bare, err := sql.Open("sqlite", "file:"+path+"?"+options.Encode())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	bare.SetMaxOpenConns(1)
	options.Del("_txlock")
	options.Add("_pragma", "query_only(1)")
	reader, err := sql.Open("sqlite", "file:"+path+"?"+options.Encode())
	if err != nil {
		return nil, errors.Join(err, bare.Close(), db.Close())
	}
	return &database{name: "SQLite", store: db, read: reader, write: bare,
		terms:   func(terms []int64) any { text, _ := json.Marshal(terms); return string(text) },
		termsOf: `SELECT terms FROM docs WHERE id = $1`,
		scan: `SELECT id, version, created_at, updated_at, data FROM docs WHERE app_id || '' = $1 AND collection || '' = $2 AND id > $3
			AND position IN (SELECT position FROM docs_terms WHERE term IN (SELECT value FROM json_each($4))) ORDER BY id LIMIT $5`,
		count: `SELECT count(*) FROM (SELECT 1 FROM docs_terms WHERE term IN (SELECT value FROM json_each($1)) LIMIT $2)`,
	}, nil
}

func openPostgres(ctx context.Context, address string) (*database, error) {
	db, err := postgres.Open(ctx, postgres.Config{URL: address})
	if err != nil {
		return nil, err
	}
	bare, err := sql.Open("pgx", address)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &database{name: "PostgreSQL", store: db, read: bare, write: bare,
		terms:   func(terms []int64) any { return terms },
		termsOf: `SELECT array_to_json(terms)::text FROM docs WHERE id = $1`,
		scan: `SELECT id, version, created_at, updated_at, data FROM docs WHERE app_id || '' = $1 AND collection || '' = $2 AND id > $3
			AND terms && $4::bigint[] ORDER BY id LIMIT $5`,
		count: `SELECT count(*) FROM (SELECT 1 FROM docs WHERE terms && $1::bigint[] LIMIT $2) AS found`,
	}, nil
}

// fill makes the services and what is read.
func (d *database) fill(ctx context.Context, data string) error {
	d.root = filepath.Join(data, "bare "+d.name)
	if err := os.MkdirAll(d.root, 0o700); err != nil {
		return err
	}
	stored, err := files.New(files.Config{Store: d.store.Files(), Root: filepath.Join(data, "files "+d.name)})
	if err != nil {
		return err
	}
	services := hostcalls.Services{KV: kv.New(kv.Config{Store: d.store.KV()}), Docs: docs.New(docs.Config{Store: d.store.Docs()}), Files: stored}
	d.dispatcher = hostcalls.New(hostcalls.Config{Services: services})
	app, err := d.store.Apps().Create(ctx, store.App{Slug: "bench", Name: "bench"})
	if err != nil {
		return err
	}
	d.app, d.file, d.blob, d.prepared = app.ID, map[int]string{}, map[int][]byte{}, map[string]*sql.Stmt{}
	if _, err := services.KV.Set(ctx, d.app, "bench", "key", json.RawMessage(`{"n":0}`), kv.SetOptions{}); err != nil {
		return err
	}
	for _, size := range []int{smallFile, largeFile} {
		d.blob[size] = bytes.Repeat([]byte{7}, size)
		file, err := stored.Create(ctx, d.app, "bench", "file", "application/octet-stream", bytes.NewReader(d.blob[size]))
		if err != nil {
			return err
		}
		d.file[size] = file.ID
	}
	other := ""
	err = d.store.InTx(ctx, func(tx store.Store) error {
		service := docs.New(docs.Config{Store: tx.Docs()})
		for i := range serviceDocs {
			content := msgp.AppendMapHeader(nil, 3)
			content = msgp.AppendInt(msgp.AppendString(content, "number"), i)
			content = msgp.AppendString(msgp.AppendString(content, "name"), "document")
			content = msgp.AppendString(msgp.AppendString(content, "city"), "Bern")
			doc, err := service.Create(ctx, d.app, "bench", content)
			if err != nil {
				return err
			}
			if i == 4711 {
				d.doc = doc.ID
			}
			other = doc.ID
		}
		return nil
	})
	if err != nil {
		return err
	}
	var of, others []int64
	for id, terms := range map[string]*[]int64{d.doc: &of, other: &others} {
		var text []byte
		if err := d.read.QueryRowContext(ctx, d.termsOf, id).Scan(&text); err != nil {
			return err
		}
		if err := json.Unmarshal(text, terms); err != nil {
			return err
		}
	}
	of = slices.DeleteFunc(of, func(term int64) bool { return slices.Contains(others, term) })
	if len(of) != 1 {
		return fmt.Errorf("a document has %d terms of its own, want 1", len(of))
	}
	d.term = of[0]
	return nil
}

// row runs a query, prepared as the stores' readers have theirs.
func (d *database) row(ctx context.Context, query string, args ...any) *sql.Row {
	statement := d.prepared[query]
	if statement == nil {
		var err error
		if statement, err = d.read.PrepareContext(ctx, query); err != nil {
			return d.read.QueryRowContext(ctx, query, args...) // tells the error
		}
		d.prepared[query] = statement
	}
	return statement.QueryRowContext(ctx, args...)
}

func bareKVGet(ctx context.Context, d *database) error {
	var key, value string
	var expires any
	return d.row(ctx, `SELECT key, value, expires_at FROM kv_entries WHERE app_id = $1 AND collection = $2 AND key = $3
		AND (expires_at IS NULL OR expires_at > $4)`, d.app, "bench", "key", time.Now()).Scan(&key, &value, &expires)
}

func bareKVSet(ctx context.Context, d *database) error {
	d.next++
	_, err := d.write.ExecContext(ctx, `INSERT INTO kv_entries (app_id, collection, key, value, expires_at)
		SELECT id, $2, $3, $4, $5 FROM apps WHERE id = $1
		ON CONFLICT (app_id, collection, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
		d.app, "bench", "key", fmt.Sprintf(`{"n":%d}`, d.next), nil)
	return err
}

func bareDocsCreate(ctx context.Context, d *database) error {
	d.next++
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	now := time.Now()
	return d.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO docs (app_id, collection, id, version, created_at, updated_at, terms, data)
			SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM apps WHERE id = $1 ON CONFLICT DO NOTHING`, d.app, "new", id.String(), 1, now, now,
			d.terms([]int64{1, 2, rand.Int64()}), fmt.Sprintf(`{"number":%d,"name":"document","city":"Bern"}`, d.next))
		return err
	})
}

func (d *database) transact(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// document is where columns of a document go.
type document struct {
	id, data         string
	version          int64
	created, updated any
}

func (to *document) columns() []any {
	return []any{&to.id, &to.version, &to.created, &to.updated, &to.data}
}

func bareDocsGet(ctx context.Context, d *database) error {
	return d.row(ctx, `SELECT id, version, created_at, updated_at, data FROM docs
		WHERE app_id = $1 AND collection = $2 AND id = $3`, d.app, "bench", d.doc).Scan((&document{}).columns()...)
}

func bareDocsFind(ctx context.Context, d *database) error {
	term := d.terms([]int64{d.term})
	var count int
	if err := d.row(ctx, d.count, term, 5000).Scan(&count); err != nil {
		return err
	}
	return d.row(ctx, d.scan, d.app, "bench", "", term, store.DefaultPageSize+1).Scan((&document{}).columns()...)
}

// bareFilesCreate writes a file in the crash-safe order, then its row.
func bareFilesCreate(size int) func(context.Context, *database) error {
	return func(ctx context.Context, d *database) error {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		blob := hex.EncodeToString(id[:])
		file, err := os.Create(filepath.Join(d.root, blob+".tmp"))
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(io.MultiWriter(file, sum), bytes.NewReader(d.blob[size]))
		if err := errors.Join(err, file.Sync(), file.Close(), os.Rename(file.Name(), filepath.Join(d.root, blob))); err != nil {
			return err
		}
		directory, err := os.Open(d.root)
		if err != nil {
			return err
		}
		if err := errors.Join(directory.Sync(), directory.Close()); err != nil {
			return err
		}
		now := time.Now()
		return d.transact(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `UPDATE file_usage SET bytes = bytes + $2 WHERE app_id = $1`, d.app, size); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO files (app_id, collection, id, name, content_type, size, sha256, created_at, updated_at, blob, sums)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, d.app, "bare", id.String(), "file", "application/octet-stream",
				size, hex.EncodeToString(sum.Sum(nil)), now, now, blob, nil)
			return err
		})
	}
}

// bareFilesGet reads the row, then the bytes, and checks their sum.
func bareFilesGet(size int) func(context.Context, *database) error {
	return func(ctx context.Context, d *database) error {
		var name, sum, blob string
		if err := d.read.QueryRowContext(ctx, `SELECT name, sha256, blob FROM files WHERE app_id = $1 AND collection = $2 AND id = $3`,
			d.app, "bench", d.file[size]).Scan(&name, &sum, &blob); err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(filepath.Dir(d.root), "files "+d.name, blob[:2], blob[2:4], blob))
		if err != nil {
			return err
		}
		if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
			return errors.New("the bytes have another sum")
		}
		return nil
	}
}
