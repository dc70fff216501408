package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/bench/bare"
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
	largeFile   = 10_000_000 // bytes: a little less than a blob may have
)

// A database is one that the services are measured on, with an app in it. It is open a second time
// for package bare.
type database struct {
	name       string
	open       func(ctx context.Context) (store.Store, error)
	bare       *bare.Database
	root       string // of PiCloud's files
	dispatcher *hostcalls.Dispatcher
	next       int      // numbers of what is written: never the same twice
	above      []func() // report what operations cost more than bare, in a group of its own
}

// An operation is done by scripts and by package bare.
type operation struct {
	title string
	name  string // in workloads/services and in package bare
	size  int    // of the file
	reach string
}

var operations = []operation{
	{"kv get", "kv_get", 0, "15"},
	{"kv set", "kv_set", 0, "15"},
	{"docs create", "docs_create", 0, "15"},
	{"docs get", "docs_get", 0, "15"},
	{"docs find, one of 10,000", "docs_find", 0, "15"},
	{"files create, 1 KiB", "files_create", smallFile, ""},
	{"files get, 1 KiB", "files_get", smallFile, ""},
	{"files create, 10 MB", "files_create", largeFile, ""},
	{"files get, 10 MB", "files_get", largeFile, ""},
}

// script returns the script of an operation. The query of its request says how often to do the
// operation (n), and how often to do nothing instead (empty).
func (op operation) script(s settings) (string, error) {
	source, err := os.ReadFile(filepath.Join(s.root, "host/bench/workloads/services", op.name+".rhai"))
	return string(source), err
}

// query returns the query for the script of an operation.
func (d *database) query(op operation, empty, n int) map[string]string {
	d.next += n
	return map[string]string{"empty": strconv.Itoa(empty), "n": strconv.Itoa(n), "key": "key", "doc": d.bare.Doc,
		"first": strconv.Itoa(d.next), "file": d.bare.Files[op.size], "size": strconv.Itoa(op.size)}
}

// measureServices measures what an operation costs inside a script, in this process: a loop of
// operations less an empty loop, beside package bare. Then it puts load on routes whose scripts do
// one operation.
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
	path := filepath.Join(data, sqlite.FileName)
	err = measureServicesOn(ctx, s, r, box, data, database{
		name: "SQLite",
		open: func(ctx context.Context) (store.Store, error) { return sqlite.Open(ctx, sqlite.Config{Path: path}) },
	}, bare.Place{SQLite: path})
	if err != nil {
		return fmt.Errorf("SQLite: %w", err)
	}
	private := &cluster{}
	defer private.close()
	address, missing := private.url()
	if missing != "" {
		r.note("not measured on PostgreSQL: %s", missing)
		return nil
	}
	if os.Getenv("PICLOUD_TEST_DATABASE_URL") == "" {
		r.note("the PostgreSQL started for them does not sync to the disk, for either side")
	}
	err = measureServicesOn(ctx, s, r, box, data, database{
		name: "PostgreSQL",
		open: func(ctx context.Context) (store.Store, error) {
			return postgres.Open(ctx, postgres.Config{URL: address})
		},
	}, bare.Place{Postgres: address})
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return nil
}

func measureServicesOn(ctx context.Context, s settings, r *report, box *sandbox.Sandbox, data string, d database, place bare.Place) (err error) {
	opened, err := d.open(ctx)
	if err != nil {
		return errors.Join(err, errors.Unwrap(err))
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	d.root = filepath.Join(data, "files "+d.name)
	place.Kept, place.Written = d.root, filepath.Join(data, "bare "+d.name)
	if err := os.MkdirAll(place.Written, 0o700); err != nil {
		return err
	}
	if d.bare, err = bare.Open(place); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.bare.Close()) }()
	if err := d.fill(ctx, opened); err != nil {
		return err
	}
	for _, op := range operations {
		if err := d.measure(ctx, s, r, box, op); err != nil {
			return fmt.Errorf("%s: %w", op.title, err)
		}
	}
	for _, add := range d.above {
		add()
	}
	return d.load(ctx, s, r, data)
}

// measure takes the rounds of one operation.
func (d *database) measure(ctx context.Context, s settings, r *report, box *sandbox.Sandbox, op operation) error {
	source, err := op.script(s)
	if err != nil {
		return err
	}
	script := endpoint(d.name+op.title, source, abi.DefaultCeiling)
	run := func(empty, n int) (time.Duration, error) {
		inv := request(script.ID)
		inv.AppID = d.bare.App
		inv.Request.Query = abi.Lists{}
		for name, value := range d.query(op, empty, n) {
			inv.Request.Query[name] = []string{value}
		}
		var capabilities []abi.Capability
		for _, row := range abi.Operations {
			capabilities = append(capabilities, row.Capability)
		}
		world := sandbox.NewWorld(nil)
		world.Operations = d.dispatcher.For(&hostcalls.Scope{AppID: d.bare.App, ScriptID: script.ID,
			Capabilities: capabilities, Log: &hostcalls.Log{}, Started: world.Started, Now: world.Now})
		began := time.Now()
		_, err := box.Execute(ctx, script, inv, world)
		return time.Since(began), err
	}
	without := func(n int) (time.Duration, error) {
		began := time.Now()
		for range n {
			if err := bare.Operations[op.name](ctx, d.bare, bare.Input{Key: "key", Size: op.size}); err != nil {
				return 0, fmt.Errorf("bare: %w", err)
			}
		}
		return time.Since(began), nil
	}
	// A few runs show how many make a round.
	const few = 2
	if _, err := without(1); err != nil {
		return err
	}
	took, err := without(few)
	if err != nil {
		return err
	}
	n := min(max(int(s.load/10*few/max(took, 1)), few), 5000)
	var ours, theirs, overhead samples
	for round := range s.rounds + 1 { // the first warms up
		var whole, loop, alone time.Duration
		sides := []func() error{
			func() (err error) { whole, err = run(0, n); return err },
			func() (err error) { loop, err = run(n, 0); return err },
			func() (err error) { alone, err = without(n); return err },
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
		ours, theirs = append(ours, us(whole-loop)), append(theirs, us(alone))
		overhead = append(overhead, us(whole-loop-alone))
	}
	r.compare("services on "+d.name+", in a script", op.title, "µs", "", ours, measured{"bare Go", theirs})
	d.above = append(d.above, func() { r.add("services on "+d.name+", above bare Go", op.title, "µs", op.reach, overhead) })
	return nil
}

// fill makes the services and stores what is read.
func (d *database) fill(ctx context.Context, opened store.Store) error {
	stored, err := files.New(files.Config{Store: opened.Files(), Root: d.root})
	if err != nil {
		return err
	}
	services := hostcalls.Services{KV: kv.New(kv.Config{Store: opened.KV()}), Docs: docs.New(docs.Config{Store: opened.Docs()}), Files: stored}
	d.dispatcher = hostcalls.New(hostcalls.Config{Services: services})
	app, err := opened.Apps().Create(ctx, store.App{Slug: "bench", Name: "bench"})
	if err != nil {
		return err
	}
	d.bare.App, d.bare.Files = app.ID, map[int]string{}
	for _, key := range append(loadKeys(), "key") {
		if _, err := services.KV.Set(ctx, app.ID, "bench", key, kv.JSON([]byte(`{"n":0}`)), kv.SetOptions{}); err != nil {
			return err
		}
	}
	for _, size := range []int{smallFile, largeFile} {
		content := bytes.NewReader(bytes.Repeat([]byte{7}, size))
		file, err := stored.Create(ctx, app.ID, "bench", "file", "application/octet-stream", content)
		if err != nil {
			return err
		}
		d.bare.Files[size] = file.ID
	}
	other := ""
	err = opened.InTx(ctx, func(tx store.Store) error {
		service := docs.New(docs.Config{Store: tx.Docs()})
		for i := range serviceDocs {
			content := msgp.AppendMapHeader(nil, 3)
			content = msgp.AppendInt(msgp.AppendString(content, "number"), i)
			content = msgp.AppendString(msgp.AppendString(content, "name"), "document")
			content = msgp.AppendString(msgp.AppendString(content, "city"), "Bern")
			doc, err := service.Create(ctx, app.ID, "bench", content)
			if err != nil {
				return err
			}
			if i == 4711 {
				d.bare.Doc = doc.ID
			}
			other = doc.ID
		}
		return nil
	})
	if err != nil {
		return err
	}
	of, err := d.bare.Terms(ctx, d.bare.Doc)
	if err != nil {
		return err
	}
	others, err := d.bare.Terms(ctx, other)
	if err != nil {
		return err
	}
	of = slices.DeleteFunc(of, func(term int64) bool { return slices.Contains(others, term) })
	if len(of) != 1 {
		return fmt.Errorf("a document has %d terms of its own, want 1", len(of))
	}
	d.bare.Term = of[0]
	return nil
}
