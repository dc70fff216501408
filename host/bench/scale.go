package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/picloud/picloud/host/bench/process"
)

// The groups of figures that measureScale takes.
const (
	groupScale    = "scale, requests a second"
	groupScaleP99 = "scale, p99"
	unloaded      = "32 connections"
)

const (
	scaleBody   = 64 << 10      // bytes, of bodies that are sent and of those that come back
	slowAnswer  = 2 * scaleBody // that are read slowly: more than the kernel takes from a server
	slowClients = 1000          // of each server
	manyClients = 1000          // connections that ask as fast as they can
	descriptors = 8192          // that each of the processes may need: PiCloud gives an address a fourth of them
)

// scaleSize is what PiCloud holds: many more scripts than its cache of scripts.
var scaleSize = size{10_000, 10_000}

// scaleText is what is sent and what comes back, the beginning of it.
var scaleText = strings.Repeat("x", slowAnswer)

// givePath returns the path of an answer of n bytes.
func givePath(n int) string { return fmt.Sprintf("/give?size=%d", n) }

// giveSource and takeSource are what PiCloud runs to answer with a body and to look at one.
const (
	giveSource = `let text = ""; text.pad(parse_int(ctx.request.query.size), "x"); text`
	takeSource = `ctx.request.body.len().to_string()`
)

// A scaleLoad is a kind of load.
type scaleLoad struct {
	name        string
	connections int
	ask         func(*scaleSide) question
	beside      func(address string) slowClient // nil: nothing
}

// A scaleSide is a running server.
type scaleSide struct {
	name    string
	address string
	hello   question
	scripts []string // URLs that greet too, each by a script of its own; nil: it has none
}

func (s *scaleSide) greet() question { return s.hello }

func (s *scaleSide) greetByMany() question { return question{urls: s.scripts, want: s.hello.want} }

func (s *scaleSide) give() question {
	return question{urls: []string{s.address + givePath(scaleBody)}, want: scaleText[:scaleBody]}
}

func (s *scaleSide) take() question {
	return question{urls: []string{s.address + "/take"}, send: scaleText[:scaleBody], want: strconv.Itoa(scaleBody)}
}

var scaleLoads = []scaleLoad{
	{unloaded, 32, (*scaleSide).greet, nil},
	{"128 connections", 128, (*scaleSide).greet, nil},
	{"1,000 connections", manyClients, (*scaleSide).greet, nil},
	{"32 connections, 10,000 scripts in turn", 32, (*scaleSide).greetByMany, nil},
	{"32 connections that send 64 KiB", 32, (*scaleSide).take, nil},
	{"32 connections that get 64 KiB", 32, (*scaleSide).give, nil},
	{"32 connections beside 1,000 slow senders", 32, (*scaleSide).greet, slowSender},
	{"32 connections beside 1,000 slow readers", 32, (*scaleSide).greet, slowReader},
}

// measureScale puts loads on PiCloud and its peers, in turn, that are larger than those of
// measureHTTP or have company. What matters is each figure beside that of the smallest load.
func measureScale(ctx context.Context, s settings, r *report) (err error) {
	if err := raiseDescriptors(); err != nil {
		r.note("not measured: %v", err)
		return nil
	}
	data, err := os.MkdirTemp("", "picloud-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	others, err := peers(ctx, s, r, scalePeers)
	if err != nil {
		return err
	}
	ours, err := startGrown(ctx, s, filepath.Join(data, "picloud"), scaleSize,
		admit(manyClients+slowClients)) // answers to slow readers are being made while others ask
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Stop()) }()
	err = errors.Join(deploy(ctx, ours, "default", "give", giveSource, http.MethodGet, "/give"),
		deploy(ctx, ours, "default", "take", takeSource, http.MethodPost, "/take"))
	if err != nil {
		return err
	}
	first, err := newScaleSide("PiCloud", ours, helloPath)
	if err != nil {
		return err
	}
	for i := range scaleSize.scripts {
		first.scripts = append(first.scripts, ours.Address+routePath(i, 0))
	}
	sides := []*scaleSide{first}
	for _, p := range others {
		server, err := startPeer(ctx, p, "/hello", filepath.Join(data, strconv.Itoa(len(sides))))
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		side, err := newScaleSide(p.name, server, "/hello")
		if err != nil {
			return err
		}
		sides = append(sides, side)
	}
	taken := map[string][]*loadRounds{} // by the load's name; nil of a side that has not what is asked
	for _, load := range scaleLoads {
		if taken[load.name], err = load.measure(ctx, s, r, sides); err != nil {
			return fmt.Errorf("%s: %w", load.name, err)
		}
	}
	for _, group := range []struct {
		name, unit string
		of         func(*loadRounds) samples
	}{
		{groupScale, perSecond, func(l *loadRounds) samples { return l.perSecond }},
		{groupScaleP99, "ms", func(l *loadRounds) samples { return l.p99 }},
	} {
		for _, load := range scaleLoads {
			var others []measured
			for i, rounds := range taken[load.name] {
				if i > 0 && rounds != nil {
					others = append(others, measured{sides[i].name, group.of(rounds)})
				}
			}
			r.compare(group.name, load.name, group.unit, "", group.of(taken[load.name][0]), others...)
		}
	}
	return nil
}

// raiseDescriptors has this process and those it starts open as many descriptors as the machine
// lets them.
func raiseDescriptors() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < descriptors {
		return fmt.Errorf("a process may have %d descriptors here (ulimit -n), %d are needed", limit.Max, descriptors)
	}
	limit.Cur = max(limit.Cur, descriptors)
	// Go has raised its own limit; only one that is set goes to the processes it starts.
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

func newScaleSide(name string, server *process.Process, path string) (*scaleSide, error) {
	side := &scaleSide{name: name, address: server.Address}
	body, err := helloAnswer(server.Address + path)
	side.hello = question{urls: []string{server.Address + path}, want: body}
	return side, err
}

// measure takes the rounds of a load. The slow clients of all sides are at work all the time.
func (l scaleLoad) measure(ctx context.Context, s settings, r *report, sides []*scaleSide) ([]*loadRounds, error) {
	if l.beside != nil {
		for _, side := range sides {
			slow, err := startSlowClients(slowClients, l.beside(side.address))
			if err != nil {
				return nil, fmt.Errorf("%s: slow clients: %w", side.name, err)
			}
			defer func() {
				if n, first := slow.stop(); n > 0 {
					r.note("%s: %s ended %d conversations of slow clients early, one with: %v", l.name, side.name, n, first)
				}
			}()
		}
	}
	// There are many figures: each gets less time than those of measureHTTP, but where connecting takes
	// a good part of it.
	length := s.load
	if l.connections < manyClients {
		length = s.load * 2 / 5
	}
	taken := make([]*loadRounds, len(sides))
	for round := range s.rounds + 1 { // the first warms up
		for i, side := range sides {
			q := l.ask(side)
			if len(q.urls) == 0 {
				continue
			}
			result, err := applyLoad(ctx, q, l.connections, length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", side.name, err)
			}
			if round == 0 {
				taken[i] = &loadRounds{}
				continue
			}
			taken[i].add(result)
		}
	}
	return taken, nil
}
