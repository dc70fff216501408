package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/valyala/fasthttp"

	"github.com/picloud/picloud/host/bench/bare"
	"github.com/picloud/picloud/host/bench/process"
)

const (
	servicesConnections = 32
	// servicesPeer is the program of package bare behind HTTP.
	servicesPeer = "host/bench/peers/services"
)

// loadKeys returns the keys that requests in parallel work on. They are many, so that not all
// requests wait for one row.
func loadKeys() (keys []string) {
	for i := range servicesConnections {
		keys = append(keys, fmt.Sprintf("key%d", i))
	}
	return keys
}

// peersDoc is the id of the one document that is read of those that the peers hold.
const peersDoc = "doc000000004711"

// load measures requests of several kinds, in turn: to routes whose scripts do one operation each, to
// the same scripts when they do nothing, to a bare fiber server that does the operation, and to peers
// that have a database of their own, SQLite, and the operation.
func (d *database) load(ctx context.Context, s settings, r *report, data string) (err error) {
	ours, err := startPiCloud(ctx, s, data, "PICLOUD_DATABASE_URL="+d.bare.Postgres, "PICLOUD_FILES_ROOT="+d.root,
		"PICLOUD_FILES_QUOTA=0") // the files of the operations measured before fill it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Stop()) }()
	theirs, err := startBareServices(ctx, s, d.bare.Place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.Stop()) }()
	var others []serviceSide
	if d.bare.Postgres == "" {
		made, err := peers(ctx, s, r, servicePeers)
		if err != nil {
			return err
		}
		for i, p := range made {
			server, err := startPeer(ctx, p, "/docs_get?doc="+peersDoc, filepath.Join(data, fmt.Sprintf("peer %d", i)))
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			defer func() { err = errors.Join(err, server.Stop()) }()
			others = append(others, serviceSide{name: p.name, server: server, doc: peersDoc, n: 1})
		}
	}
	for _, op := range operations {
		if op.size == largeFile {
			continue
		}
		source, err := op.script(s)
		if err != nil {
			return err
		}
		if err := deploy(ctx, ours, "bench", op.name, source, "GET", "/"+op.name); err != nil {
			return fmt.Errorf("%s: %w", op.title, err)
		}
		if err := d.loadOperation(ctx, s, r, op, ours, theirs, others); err != nil {
			return fmt.Errorf("%s: %w", op.title, err)
		}
	}
	return nil
}

// A serviceSide is a server that does operations, n and empty times a request, with a document.
type serviceSide struct {
	name     string
	server   *process.Process
	doc      string // the id of the document that is read
	empty, n int
	rounds   samples
}

func (d *database) loadOperation(ctx context.Context, s settings, r *report, op operation, ours, theirs *process.Process, others []serviceSide) error {
	sides := []*serviceSide{
		{name: "PiCloud", server: ours, doc: d.bare.Doc, n: 1},
		{name: "the same script without the operation", server: ours, doc: d.bare.Doc, empty: 1},
		{name: "bare fiber, the same SQL", server: theirs, doc: d.bare.Doc, n: 1},
	}
	for _, other := range others {
		answers, err := other.does(op)
		if err != nil {
			return err
		}
		if answers {
			sides = append(sides, &other)
		}
	}
	// There are many figures: each gets less time than those of measureHTTP.
	length := s.load / 8
	for round := range s.rounds + 1 { // the first warms up
		for _, side := range sides {
			result, err := applyLoad(ctx, question{urls: d.urls(side, op), want: "done"}, servicesConnections, length)
			if err != nil {
				return fmt.Errorf("%s: %w", side.name, err)
			}
			if round > 0 {
				side.rounds = append(side.rounds, result.PerSecond)
			}
		}
	}
	var compared []measured
	for _, side := range sides[1:] {
		compared = append(compared, measured{side.name, side.rounds})
	}
	r.compare(fmt.Sprintf("services on %s, by a route, %d connections", d.name, servicesConnections), op.title, perSecond, "",
		sides[0].rounds, compared...)
	return nil
}

// does tells whether a peer has an operation: PocketBase has no keys, and neither peer has files.
func (side *serviceSide) does(op operation) (bool, error) {
	status, _, err := fasthttp.Get(nil, side.server.Address+"/"+op.name+"?key=key0&first=0&doc="+side.doc)
	return status != fasthttp.StatusNotFound, err
}

// urls returns URLs that ask a server for an operation, one for each key.
func (d *database) urls(side *serviceSide, op operation) (urls []string) {
	for _, key := range loadKeys() {
		query := url.Values{}
		for name, value := range d.query(op, side.empty, side.n) {
			query.Set(name, value)
		}
		query.Set("key", key)
		query.Set("doc", side.doc)
		urls = append(urls, side.server.Address+"/"+op.name+"?"+query.Encode())
	}
	return urls
}

func startBareServices(ctx context.Context, s settings, place bare.Place) (*process.Process, error) {
	binary, err := buildPeer(ctx, filepath.Join(s.root, servicesPeer), "services")
	if err != nil {
		return nil, err
	}
	where, err := json.Marshal(place)
	if err != nil {
		return nil, err
	}
	return process.Start(ctx, "/kv_get?key=key", os.Stderr, func(addr string) *exec.Cmd { return exec.Command(binary, addr, string(where)) })
}
