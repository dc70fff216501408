package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/picloud/picloud/host/bench/process"
)

// The groups of figures that measureScale takes.
const (
	groupScale    = "scale, requests a second"
	groupScaleP99 = "scale, p99"
	unloaded      = "32 connections"
)

const (
	scaleBody   = 64 << 10 // bytes, of bodies that are sent and of those that come back
	slowClients = 1000
	manyClients = 1000 // connections that ask as fast as they can
)

// scaleText is what is sent and what comes back.
var scaleText = strings.Repeat("x", scaleBody)

// giveSource and takeSource are what PiCloud runs to answer with a body and to look at one.
const (
	giveSource = `let text = ""; text.pad(65536, "x"); text`
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
	rounds  map[string]*loadRounds // by the load's name
}

func (s *scaleSide) greet() question { return s.hello }

func (s *scaleSide) give() question {
	return question{urls: []string{s.address + "/give"}, want: scaleText}
}

func (s *scaleSide) take() question {
	return question{urls: []string{s.address + "/take"}, send: scaleText, want: strconv.Itoa(scaleBody)}
}

var scaleLoads = []scaleLoad{
	{unloaded, 32, (*scaleSide).greet, nil},
	{"128 connections", 128, (*scaleSide).greet, nil},
	{"1,000 connections", manyClients, (*scaleSide).greet, nil},
	{"32 connections that send 64 KiB", 32, (*scaleSide).take, nil},
	{"32 connections that get 64 KiB", 32, (*scaleSide).give, nil},
	{"32 connections beside 1,000 slow senders", 32, (*scaleSide).greet, slowSender},
	{"32 connections beside 1,000 slow readers", 32, (*scaleSide).greet, slowReader},
}

// measureScale puts loads on PiCloud and its peers, in turn, that are larger than those of
// measureHTTP or have company. What matters is each figure beside that of the smallest load.
func measureScale(ctx context.Context, s settings, r *report) (err error) {
	data, err := os.MkdirTemp("", "picloud-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	others, err := peers(ctx, s, r, scalePeers)
	if err != nil {
		return err
	}
	ours, err := startPiCloud(ctx, s, filepath.Join(data, "picloud"), admit(manyClients))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Stop()) }()
	err = errors.Join(deployHello(ctx, ours), deploy(ctx, ours, "default", "give", giveSource, http.MethodGet, "/give"),
		deploy(ctx, ours, "default", "take", takeSource, http.MethodPost, "/take"))
	if err != nil {
		return err
	}
	first, err := newScaleSide("PiCloud", ours, helloPath)
	if err != nil {
		return err
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
	for _, load := range scaleLoads {
		for round := range s.rounds + 1 { // the first warms up
			for _, side := range sides {
				if err := side.measure(ctx, s, load, round > 0); err != nil {
					return fmt.Errorf("%s, %s: %w", side.name, load.name, err)
				}
			}
		}
		var perSec, p99 []measured
		for _, side := range sides {
			l := side.rounds[load.name]
			perSec, p99 = append(perSec, measured{side.name, l.perSecond}), append(p99, measured{side.name, l.p99})
		}
		r.compare(groupScale, load.name, perSecond, "", perSec[0].rounds, perSec[1:]...)
		r.compare(groupScaleP99, load.name, "ms", "", p99[0].rounds, p99[1:]...)
	}
	return nil
}

func newScaleSide(name string, server *process.Process, path string) (*scaleSide, error) {
	side := &scaleSide{name: name, address: server.Address, rounds: map[string]*loadRounds{}}
	body, err := helloAnswer(server.Address + path)
	side.hello = question{urls: []string{server.Address + path}, want: body}
	return side, err
}

// measure takes a round of a load.
func (s *scaleSide) measure(ctx context.Context, settings settings, load scaleLoad, counts bool) error {
	if load.beside != nil {
		slow, err := startSlowClients(load.beside(s.address))
		if err != nil {
			return fmt.Errorf("slow clients: %w", err)
		}
		defer slow.stop()
	}
	// There are many figures: each gets less time than those of measureHTTP.
	result, err := applyLoad(ctx, load.ask(s), load.connections, settings.load*2/5)
	if err != nil || !counts {
		return err
	}
	if s.rounds[load.name] == nil {
		s.rounds[load.name] = &loadRounds{}
	}
	s.rounds[load.name].add(result)
	return nil
}

// A slowClient is what each of many does: it sends a request, and then goes on once a second as long
// as the server lets it, on a new connection when it does not.
type slowClient struct {
	address string
	begin   string
	goOn    func(net.Conn) error
}

// slowSender sends a byte of a body a second.
func slowSender(address string) slowClient {
	begin := fmt.Sprintf("POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", scaleBody)
	return slowClient{address, begin, func(c net.Conn) error {
		_, err := c.Write([]byte("x"))
		return err
	}}
}

// slowReader reads 2 KiB of an answer of 64 KiB a second.
func slowReader(address string) slowClient {
	return slowClient{address, "GET /give HTTP/1.1\r\nHost: localhost\r\n\r\n", func(c net.Conn) error {
		_, err := io.ReadFull(c, make([]byte, 2<<10))
		return err
	}}
}

// slowConnections are many slow clients at work.
type slowConnections struct {
	cancel  context.CancelFunc
	working sync.WaitGroup
}

// startSlowClients returns when all have sent their first request.
func startSlowClients(client slowClient) (*slowConnections, error) {
	ctx, cancel := context.WithCancel(context.Background())
	slow := &slowConnections{cancel: cancel}
	for range slowClients {
		conn, err := client.dial(ctx)
		if err != nil {
			slow.stop()
			return nil, err
		}
		slow.working.Go(func() { client.work(ctx, conn) })
	}
	return slow, nil
}

func (s *slowConnections) stop() {
	s.cancel()
	s.working.Wait()
}

// dial connects and sends the request. The connection has segments of an Ethernet and a small window,
// without which loopback takes an answer whole before anybody reads it.
func (s slowClient) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		failed := raw.Control(func(fd uintptr) {
			err = errors.Join(syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1460),
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10))
		})
		return errors.Join(failed, err)
	}}
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.address, "http://"))
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, s.begin); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// work goes on with a connection until the context ends.
func (s slowClient) work(ctx context.Context, conn net.Conn) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		end := context.AfterFunc(ctx, func() { _ = conn.Close() })
		for alive := true; alive; {
			select {
			case <-ctx.Done():
				return
			case <-second.C:
				alive = s.goOn(conn) == nil
			}
		}
		end()
		_ = conn.Close() // the server has ended it
		for {
			var err error
			if conn, err = s.dial(ctx); err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return
			case <-second.C:
			}
		}
	}
}
