package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/picloud/picloud/host/bench/process"
)

// connectionCounts are the loads that HTTP is measured under.
var connectionCounts = []int{1, 8, 32, 128}

// The groups of figures that measureHTTP takes; the chart draws them.
const (
	groupThroughput = "HTTP, requests a second"
	groupP50        = "HTTP, p50"
	groupP99        = "HTTP, p99"
	groupProcessor  = "HTTP, processor time of the server for a request"
)

// perSecond is the unit of requests a second. Of a unit of something a second more is better; of all
// others less is.
const perSecond = "req/s"

// A side is a running server and the answer expected of it.
type side struct {
	name   string
	server *process.Process
	asked  question
	rounds map[int]*loadRounds // by connections
}

// loadRounds are the rounds of one side.
type loadRounds struct {
	perSecond, p50, p99 samples
	processor           samples // µs of the server's processor time for a request
}

// measureHTTP puts the same load on PiCloud and on its peers, in turn. All answer with the same
// JSON.
func measureHTTP(ctx context.Context, s settings, r *report) (err error) {
	data, err := os.MkdirTemp("", "picloud-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	others, err := peers(ctx, s, r, httpPeers)
	if err != nil {
		return err
	}
	ours, err := startPiCloud(ctx, s, filepath.Join(data, "picloud"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Stop()) }()
	if err := deployHello(ctx, ours); err != nil {
		return err
	}
	sides := []*side{{name: "PiCloud", server: ours, asked: question{urls: []string{ours.Address + helloPath}}}}
	for _, p := range others {
		server, err := startPeer(ctx, p, "/hello", filepath.Join(data, strconv.Itoa(len(sides))))
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		sides = append(sides, &side{name: p.name, server: server, asked: question{urls: []string{server.Address + "/hello"}}})
	}
	for _, side := range sides {
		if side.asked.want, err = helloAnswer(side.asked.urls[0]); err != nil {
			return err
		}
		side.rounds = map[int]*loadRounds{}
	}
	for _, connections := range connectionCounts {
		for _, side := range sides {
			side.rounds[connections] = &loadRounds{}
			if _, err := applyLoad(ctx, side.asked, connections, s.warmup); err != nil {
				return fmt.Errorf("%s with %d connections: %w", side.name, connections, err)
			}
		}
		for range s.rounds {
			for _, side := range sides {
				if err := side.take(ctx, s, connections); err != nil {
					return err
				}
			}
		}
	}
	reportHTTP(r, sides)
	if s.profile != "" {
		if err := sides[0].profile(ctx, s); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
	}
	resident := make([]measured, len(sides))
	for i, side := range sides {
		mib, err := side.server.ResidentMiB()
		if err != nil {
			return err
		}
		resident[i] = measured{side.name, samples{mib}}
	}
	r.compare("HTTP", "resident memory after the load", "MiB", "", resident[0].rounds, resident[1:]...)
	return nil
}

// startPeer starts a peer on a data directory, new or used, and waits until it answers on a path.
func startPeer(ctx context.Context, p peer, path, data string) (*process.Process, error) {
	return process.Start(ctx, path, os.Stderr, func(addr string) *exec.Cmd { return p.command(addr, data) })
}

func (s *side) take(ctx context.Context, settings settings, connections int) error {
	before, err := s.server.ProcessorTime()
	if err != nil {
		return err
	}
	result, err := applyLoad(ctx, s.asked, connections, settings.load)
	if err != nil {
		return fmt.Errorf("%s with %d connections: %w", s.name, connections, err)
	}
	after, err := s.server.ProcessorTime()
	if err != nil {
		return err
	}
	rounds := s.rounds[connections]
	rounds.add(result)
	rounds.processor = append(rounds.processor, 1e6*(after-before).Seconds()/float64(result.Requests))
	return nil
}

func (l *loadRounds) add(result loadResult) {
	l.perSecond = append(l.perSecond, result.PerSecond)
	l.p50 = append(l.p50, result.P50)
	l.p99 = append(l.p99, result.P99)
}

// profile runs perf on the server while it is under load.
func (s *side) profile(ctx context.Context, settings settings) error {
	perf := exec.CommandContext(ctx, "perf", "record", "--call-graph", "fp", "--event", "cpu-clock", "--quiet",
		"--output", settings.profile, "--pid", strconv.Itoa(s.server.ID()),
		"--", "sleep", strconv.Itoa(int(settings.load.Seconds())))
	perf.Stderr = os.Stderr
	if err := perf.Start(); err != nil {
		return err
	}
	if _, err := applyLoad(ctx, s.asked, 32, 2*settings.load); err != nil {
		return errors.Join(err, perf.Wait())
	}
	return perf.Wait()
}

func reportHTTP(r *report, sides []*side) {
	for _, group := range []struct {
		name, unit string
		of         func(*loadRounds) samples
	}{
		{groupThroughput, perSecond, func(l *loadRounds) samples { return l.perSecond }},
		{groupP50, "ms", func(l *loadRounds) samples { return l.p50 }},
		{groupP99, "ms", func(l *loadRounds) samples { return l.p99 }},
		{groupProcessor, "µs", func(l *loadRounds) samples { return l.processor }},
	} {
		for _, connections := range connectionCounts {
			var others []measured
			for _, side := range sides[1:] {
				others = append(others, measured{side.name, group.of(side.rounds[connections])})
			}
			reach := ""
			if connections == 32 && group.name == groupThroughput {
				reach = "2 times workerd, 3 times PocketBase"
			}
			name := fmt.Sprintf("%d connections", connections)
			if connections == 1 {
				name = "1 connection"
			}
			r.compare(group.name, name, group.unit, reach, group.of(sides[0].rounds[connections]), others...)
		}
	}
}

// helloAnswer checks that a server greets, and returns the body as it came: some end it with a line
// feed.
func helloAnswer(url string) (string, error) {
	status, body, err := fasthttp.Get(nil, url)
	if err != nil {
		return "", err
	}
	var answer struct{ Message string }
	if err := json.Unmarshal(body, &answer); err != nil || status != fasthttp.StatusOK || answer.Message != "Hello, world!" {
		return "", fmt.Errorf("%s answered %d %q", url, status, body)
	}
	return string(body), nil
}
