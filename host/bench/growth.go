package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/bench/process"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// A size is how much a server holds besides the route that is measured.
type size struct{ scripts, routes int }

func (s size) String() string { return fmt.Sprintf("%d scripts, %d routes", s.scripts, s.routes) }

var sizes = []size{{10, 100}, {1000, 10_000}, {10_000, 100_000}}

// measureGrowth puts the same load on servers of different size, in turn: on one route that is
// always the same, and on a thousand scripts one after another, which is more than the script cache
// holds. The data is written through the store before the server starts.
func measureGrowth(ctx context.Context, s settings, r *report) (err error) {
	const connections = 1
	data, err := os.MkdirTemp("", "picloud-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	var sides []*side
	for _, size := range sizes {
		dir := filepath.Join(data, size.String())
		server, err := startGrown(ctx, s, dir, size)
		if err != nil {
			return fmt.Errorf("%v: %w", size, err)
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		body, err := helloAnswer(server.Address + helloPath)
		if err != nil {
			return err
		}
		grown := &side{
			name: size.String(), server: server, asked: question{urls: []string{server.Address + helloPath}, want: body},
			rounds: map[int]*loadRounds{connections: {}},
		}
		sides = append(sides, grown)
		r.add("growth, start with warm cache", size.String(), "ms", "", samples{milliseconds(server.Started)})
		if _, err := applyLoad(ctx, grown.asked, connections, s.warmup); err != nil {
			return err
		}
	}
	for range s.rounds {
		for _, side := range sides {
			if err := side.take(ctx, s, connections); err != nil {
				return err
			}
		}
	}
	small, large := sides[0], sides[len(sides)-1]
	for _, side := range sides[1:] {
		reach := ""
		if side == large {
			reach = "at most 1.1 times"
		}
		r.compare("growth, p50 of a route", side.name, "ms", reach, side.rounds[connections].p50, measured{small.name, small.rounds[connections].p50})
	}
	if err := cold(ctx, s, r, large, connections); err != nil {
		return err
	}
	for _, side := range sides {
		resident, err := side.server.ResidentMiB()
		if err != nil {
			return err
		}
		r.add("growth, resident memory", side.name, "MiB", "", samples{resident})
	}
	return nil
}

// cold asks a thousand scripts of the largest server in turn. None is still in the cache when it is
// asked again.
func cold(ctx context.Context, s settings, r *report, large *side, connections int) error {
	var urls []string
	for i := range 1000 {
		urls = append(urls, large.server.Address+routePath(i, 0))
	}
	var p50 samples
	for range s.rounds {
		result, err := applyLoad(ctx, question{urls: urls, want: large.asked.want}, connections, s.load)
		if err != nil {
			return fmt.Errorf("1000 scripts in turn: %w", err)
		}
		p50 = append(p50, result.P50)
	}
	r.add("growth, p50 when no script is in the cache", large.name, "ms", "", p50)
	return nil
}

// startGrown starts a server of a size. More settings are those of [process.PiCloud].
func startGrown(ctx context.Context, s settings, data string, size size, more ...string) (*process.Process, error) {
	// The first start makes the schema and the default app.
	server, err := startPiCloud(ctx, s, data)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(deployHello(ctx, server), server.Stop()); err != nil {
		return nil, err
	}
	if err := grow(ctx, filepath.Join(data, sqlite.FileName), size); err != nil {
		return nil, err
	}
	return startPiCloud(ctx, s, data, more...)
}

// grow adds an app with scripts and routes to a database.
func grow(ctx context.Context, path string, size size) (err error) {
	db, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	if err != nil {
		return errors.Join(err, errors.Unwrap(err))
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.InTx(ctx, func(tx store.Store) error {
		app, err := tx.Apps().Create(ctx, store.App{Slug: "growth", Name: "Growth"})
		if err != nil {
			return err
		}
		each := size.routes / size.scripts
		for i := range size.scripts {
			script, err := tx.Scripts().Create(ctx, store.Script{
				AppID: app.ID, Name: fmt.Sprintf("script%d", i), Kind: abi.KindEndpoint,
				Source: fmt.Sprintf("// script %d\n%s", i, helloSource),
			})
			if err != nil {
				return err
			}
			for k := range each {
				route, err := routing.Parse("GET", "", "", routePath(i, k), "")
				if err != nil {
					return err
				}
				route.AppID, route.ScriptID, route.Dispatch = app.ID, script.ID, store.DispatchSync
				if _, err := tx.Routes().Create(ctx, route); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// routePath returns the path of a script's k-th route: exact, with a parameter, a prefix, and so
// on.
func routePath(script, k int) string {
	base := fmt.Sprintf("/growth/s%d/%d", script, k)
	switch k % 3 {
	case 1:
		return base + "/:id"
	case 2:
		return base + "/*"
	}
	return base
}
