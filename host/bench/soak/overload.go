package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/bench/process"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/e2e/hostile"
)

const (
	// thinks is how long a client of the overload does nothing between two requests, on average.
	thinks = 2 * time.Second

	// overloaded is by how much memory may grow from the first third to the end: how many large
	// requests are under way at a moment is chance.
	overloaded = 1.5
)

// overload has many connections at once, each from one of a few addresses: one half asks the good
// scripts and looks at the answers, the other attacks. The apps are there already.
func (s *soak) overload(ctx context.Context, d time.Duration, connections int) error {
	c, err := client.New(s.server.Address, "")
	if err != nil {
		return err
	}
	if _, err := c.Login(ctx, wire.Login{Username: "admin", Password: process.AdminPassword}); err != nil {
		return err
	}
	if err := hostile.Deploy(ctx, c, "attacker"); err != nil {
		return err
	}
	soaking, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	attacks := append(append([]hostile.Attack(nil), hostile.Connections...), hostile.Scripts...)
	address := strings.TrimPrefix(s.server.Address, "http://")
	var running sync.WaitGroup
	for i := range connections / 2 {
		attacker := hostile.Client{Server: address, From: net.IPv4(127, 0, 1, byte(1+i%8))}
		running.Go(func() {
			for pause(soaking, rand.N(thinks)) {
				attacks[rand.IntN(len(attacks))].Do(soaking, attacker)
			}
		})
		one := &soak{server: s.server, http: &fasthttp.Client{
			MaxConnsPerHost: 1, ReadTimeout: time.Minute, MaxIdleConnDuration: time.Minute,
			Dial: (&fasthttp.TCPDialer{Concurrency: connections, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i%8))}}).Dial,
		}}
		running.Go(func() {
			defer one.http.CloseIdleConnections()
			for pause(soaking, rand.N(2*thinks)) {
				sc := &cases[rand.IntN(len(cases))]
				if !sc.isGood() {
					continue
				}
				right, err := one.ask(sc, apps[rand.IntN(len(apps))])
				s.count(sc.name, right, err, cancel)
			}
		})
	}
	err = s.watch(soaking)
	running.Wait()
	s.http = &fasthttp.Client{ReadTimeout: time.Minute}
	defer s.http.CloseIdleConnections()
	return errors.Join(err, ctx.Err(), errors.Join(s.failures...), s.settled(ctx), s.flat(overloaded))
}

// pause waits, and reports whether the context goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
