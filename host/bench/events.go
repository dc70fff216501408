package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store/sqlite"
)

// The groups of figures that measureEvents takes; a figure's name begins with its database.
const (
	groupDelivered = "events, from commit to done"
	groupLatency   = "events, from commit to the handler's start"
	groupBeside    = "events, from commit to the handler's start, beside a slow app"
	groupMemory    = "events, peak of resident memory"
	groupCreate    = "events, a docs create, p50"
	groupClaim     = "events, a look for what is due"
)

const (
	eventWorkers = 64                    // handlers at once, and events of a claim
	eventPace    = 10 * time.Millisecond // between events whose latency is measured
	eventsUnit   = "events/s"
)

// A queue takes messages, and has a handler run for each. Package dispatch and River are measured as
// one.
type queue interface {
	// push commits n messages together, 1 to events.MaxMessages; of one it returns the id.
	push(ctx context.Context, n int) (id string, err error)
	// start runs eventWorkers handlers at once, until stop.
	start(ctx context.Context, handler func(id string)) error
	stop(ctx context.Context) error
	// empty reports whether all messages are done, and that is committed.
	empty(ctx context.Context) (bool, error)
	close(ctx context.Context) error
}

// A contender is a queue with its rounds.
type contender struct {
	name string
	queue
	share int // of the events of a round it takes one of so many; more take too long

	// A process of its own shows the memory, see eventsNode: what it is of, and an empty database.
	where string
	place func() (string, error)

	delivered, p50, p99, memory samples
}

// measureEvents measures the delivery of events by handlers that do nothing, on both databases, and on
// PostgreSQL beside River; the latency beside a slow app; what events add to a write; and how much more a claim takes when
// many wait.
func measureEvents(ctx context.Context, s settings, r *report) (err error) {
	data, err := os.MkdirTemp("", "picloud-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	files := 0
	err = measureEventsOn(ctx, s, r, eventPlace{"SQLite", func() (string, error) {
		files++
		return filepath.Join(data, fmt.Sprint(files), sqlite.FileName), nil
	}, openSQLite})
	if err != nil {
		return fmt.Errorf("SQLite: %w", err)
	}
	private := &cluster{}
	defer private.close()
	if _, missing := private.url(); missing != "" {
		r.note("not measured on PostgreSQL: %s", missing)
		return nil
	}
	if os.Getenv("PICLOUD_TEST_DATABASE_URL") == "" {
		r.note("the PostgreSQL started for them does not sync to the disk, for either side")
	}
	err = measureEventsOn(ctx, s, r, eventPlace{"PostgreSQL", func() (string, error) {
		url, missing := private.url()
		if missing != "" {
			return "", errors.New(missing)
		}
		return url, nil
	}, openPostgres})
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return nil
}

// eventPlace is where databases are made.
type eventPlace struct {
	name string
	make func() (string, error) // an empty one
	open openStore
}

func measureEventsOn(ctx context.Context, s settings, r *report, place eventPlace) (err error) {
	first, err := place.make()
	if err != nil {
		return err
	}
	node, err := openNode(ctx, first, place.open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.close(context.WithoutCancel(ctx))) }()
	sides := []*contender{{name: "PiCloud", queue: node, share: 1, where: place.name, place: place.make}}
	if place.name == "PostgreSQL" {
		for _, peer := range riverPeers {
			url, err := place.make()
			if err != nil {
				return err
			}
			queue, err := openRiver(ctx, url, peer.fetchEvery)
			if err != nil {
				return fmt.Errorf("%s: %w", peer.name, err)
			}
			defer func() { err = errors.Join(err, queue.close(context.WithoutCancel(ctx))) }()
			sides = append(sides, &contender{name: peer.title(), queue: queue, share: peer.share, where: peer.name, place: place.make})
		}
	}
	for round := range s.rounds + 1 { // the first warms up
		for _, side := range sides {
			if err := side.takeEvents(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", side.name, err)
			}
		}
		if round == 0 {
			for _, side := range sides {
				side.delivered, side.p50, side.p99, side.memory = nil, nil, nil, nil
			}
		}
	}
	beyond := "" // what is to be reached
	if len(sides) > 1 {
		beyond = "more than River"
	}
	for _, f := range []struct {
		group, name, unit, reach string
		of                       func(*contender) samples
	}{
		{groupDelivered, place.name, eventsUnit, beyond, func(c *contender) samples { return c.delivered }},
		{groupLatency, place.name + ", p50", "ms", "below 5", func(c *contender) samples { return c.p50 }},
		{groupLatency, place.name + ", p99", "ms", "", func(c *contender) samples { return c.p99 }},
		{groupMemory, place.name, "MiB", "", func(c *contender) samples { return c.memory }},
	} {
		var others []measured
		for _, side := range sides[1:] {
			if rounds := f.of(side); len(rounds) > 0 {
				others = append(others, measured{side.name, rounds})
			}
		}
		r.compare(f.group, f.name, f.unit, f.reach, f.of(sides[0]), others...)
	}
	if err := measureWaiting(ctx, s, r, place); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	if err := measureBeside(ctx, s, r, place); err != nil {
		return fmt.Errorf("beside a slow app: %w", err)
	}
	if err := measureCreates(ctx, s, r, place); err != nil {
		return fmt.Errorf("docs create: %w", err)
	}
	if err := measureClaims(ctx, s, r, place); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	return nil
}

// takeEvents takes a round of each figure.
func (c *contender) takeEvents(ctx context.Context, s settings) error {
	rate, err := drain(ctx, c.queue, s.executions/2/c.share)
	if err != nil {
		return err
	}
	latencies, err := paced(ctx, c.queue, int(2*s.load/eventPace))
	if err != nil {
		return err
	}
	c.delivered = append(c.delivered, rate)
	c.p50, c.p99 = append(c.p50, percentile(latencies, 50)), append(c.p99, percentile(latencies, 99))
	if c.share > 1 {
		return nil // the memory for fewer events compares with nothing
	}
	place, err := c.place()
	if err != nil {
		return err
	}
	peak, err := startEventsNode(ctx, c.where, place, s.executions/2, "")
	c.memory = append(c.memory, peak)
	return err
}

// drain has n messages wait, and returns how many are done a second from the start of the first handler
// on: what starting the workers takes is not counted.
func drain(ctx context.Context, q queue, n int) (perSecond float64, err error) {
	for left := n; left > 0; left -= events.MaxMessages {
		if _, err := q.push(ctx, min(left, events.MaxMessages)); err != nil {
			return 0, err
		}
	}
	var began time.Time
	var once sync.Once
	var handled atomic.Int64
	err = q.start(ctx, func(string) {
		once.Do(func() { began = time.Now() })
		handled.Add(1)
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, q.stop(context.WithoutCancel(ctx))) }()
	if err := drained(ctx, q, func() bool { return handled.Load() >= int64(n) }); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// drained waits until each message has had its handler, and is done. Only then is the database asked.
func drained(ctx context.Context, q queue, handled func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		if handled() {
			if empty, err := q.empty(ctx); err != nil || empty {
				return err
			}
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("messages are left: %w", ctx.Err())
		}
	}
}

// paced pushes n messages one by one, eventPace apart, and returns, sorted, the milliseconds from when
// each push has returned to the start of its handler; 0 of one that was faster.
func paced(ctx context.Context, q queue, n int) (latencies samples, err error) {
	var mu sync.Mutex
	began := map[string]time.Time{}
	err = q.start(ctx, func(id string) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		began[id] = now
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, q.stop(context.WithoutCancel(ctx))) }()
	const early = 100 // by then the workers have begun, and listen
	committed := make(map[string]time.Time, n)
	tick := time.NewTicker(eventPace)
	defer tick.Stop()
	for i := range early + n {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		id, err := q.push(ctx, 1)
		if err != nil {
			return nil, err
		}
		if i >= early {
			committed[id] = time.Now()
		}
	}
	err = drained(ctx, q, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(began) >= early+n
	})
	if err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	for id, at := range committed {
		latencies = append(latencies, milliseconds(max(began[id].Sub(at), 0)))
	}
	slices.Sort(latencies)
	return latencies, nil
}
