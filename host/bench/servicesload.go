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

// load measures requests of three kinds, in turn: to routes whose scripts do one operation each, to
// the same scripts when they do nothing, and to a bare fiber server that does the operation.
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
	for _, op := range operations {
		if op.size == largeFile {
			continue
		}
		source, err := op.script(s)
		if err != nil {
			return err
		}
		if err := deploy(ctx, ours, "bench", op.name, source, "/"+op.name); err != nil {
			return fmt.Errorf("%s: %w", op.title, err)
		}
		if err := d.loadOperation(ctx, s, r, op, ours, theirs); err != nil {
			return fmt.Errorf("%s: %w", op.title, err)
		}
	}
	return nil
}

func (d *database) loadOperation(ctx context.Context, s settings, r *report, op operation, ours, theirs *process.Process) error {
	sides := []*struct {
		name   string
		urls   []string
		rounds samples
	}{
		{name: "PiCloud", urls: d.urls(ours, op, 0, 1)},
		{name: "the same script without the operation", urls: d.urls(ours, op, 1, 0)},
		{name: "bare fiber, the same SQL", urls: d.urls(theirs, op, 0, 1)},
	}
	// There are many figures: each gets less time than those of measureHTTP.
	length := s.load / 8
	for round := range s.rounds + 1 { // the first warms up
		for _, side := range sides {
			result, err := applyLoad(ctx, side.urls, servicesConnections, length, "done")
			if err != nil {
				return fmt.Errorf("%s: %w", side.name, err)
			}
			if round > 0 {
				side.rounds = append(side.rounds, result.PerSecond)
			}
		}
	}
	r.compare(fmt.Sprintf("services on %s, by a route, %d connections", d.name, servicesConnections), op.title, perSecond, "", sides[0].rounds,
		measured{sides[1].name, sides[1].rounds}, measured{sides[2].name, sides[2].rounds})
	return nil
}

// urls returns URLs that ask a server for an operation, one for each key.
func (d *database) urls(server *process.Process, op operation, empty, n int) (urls []string) {
	for _, key := range loadKeys() {
		query := url.Values{}
		for name, value := range d.query(op, empty, n) {
			query.Set(name, value)
		}
		query.Set("key", key)
		urls = append(urls, server.Address+"/"+op.name+"?"+query.Encode())
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
