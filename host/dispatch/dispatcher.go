// Package dispatch delivers events: it claims what is due from the outbox, runs the scripts, and writes
// down what became of it.
//
// It works in turns. A turn is one transaction in which the dispatcher settles the deliveries that have
// ended since the turn before, and claims as many as it has places for. While there is work turns follow
// each other without a pause, so that many deliveries share a commit, and a lone one waits for nobody.
//
// What is delivered in turn is a lane (see package events). Places go around the apps, and within an app
// around its lanes, so that no flood starves others; how many events of a lane are handled at once is
// counted in the database, from the leases that live, on all nodes.
//
// A claim is a lease, which lasts as long as it is renewed. What ends is settled under the token of its
// lease: whoever comes late, after the lease has ended and another node has the event, changes nothing.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// How long things take.
const (
	lease       = 30 * time.Second
	renewEvery  = lease / 3
	rescueEvery = lease / 6
	pollEvery   = time.Second           // a look at all lanes, for what nobody has told of
	floorMargin = 2 * time.Second       // how late a commit may be that is not seen before the next poll
	busyPause   = 5 * time.Millisecond  // before a lane that another node was at is tried again
	ourPause    = time.Second           // after a failure of our own
	fullPause   = 50 * time.Millisecond // after the gate was full; as much again is left to chance
	maxMissed   = 100_000               // times of a schedule that are counted
)

// Runner runs scripts: an [executions.Service].
type Runner interface {
	Run(ctx context.Context, in executions.Invocation) (*executions.Outcome, error)
}

// Config is what a [Dispatcher] is made of.
type Config struct {
	Store   store.Store
	Table   *events.Table
	Emitter *events.Emitter
	Runner  Runner
	// Registrant tells what a trigger's executions may do; see [authz.Authority.Registrant].
	Registrant func(ctx context.Context, userID, appID string) ([]abi.Capability, error)

	Concurrency     int         // deliveries at once, on this node
	PerApp          int         // of one app; 0: no other bound. An app's requests need places, too
	CallConcurrency int         // calls of a script at once
	CallRetry       store.Retry // of calls

	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Dispatcher delivers events. It is a [background.Service].
type Dispatcher struct {
	background.Group
	config  Config
	store   store.Store
	table   *events.Table
	log     *slog.Logger
	metrics metrics
	rates   rates

	wake     chan struct{} // has word when something has changed below
	announce *background.Task
	tookOver bool // with run

	mu       sync.Mutex
	lanes    map[string]*lane
	ended    []store.Settlement
	free     int            // places
	tokens   map[string]int // of deliveries under way, by their number
	nextApp  string         // whose turn it is to be first
	polled   time.Time      // the last look at all lanes
	look     bool           // at all lanes
	delivery sync.WaitGroup
}

// lane is what is known here of a lane that may have something to deliver.
type lane struct {
	ready   bool      // something may be due
	since   time.Time // nothing is due before, by the database's clock; zero: not known
	next    time.Time // when something is due that is not yet, by this clock; zero: not known
	after   time.Time // it is left alone until then
	running int       // deliveries here
}

// New makes a dispatcher and has the emitter wake it.
func New(c Config) *Dispatcher {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	d := &Dispatcher{
		config: c, store: c.Store, table: c.Table, log: c.Log, metrics: newMetrics(c.Registerer, c.Store),
		wake: make(chan struct{}, 1), lanes: map[string]*lane{}, free: c.Concurrency, tokens: map[string]int{},
	}
	task := func(name string, every time.Duration, run func(context.Context) error) *background.Task {
		return background.NewTask(background.TaskConfig{Name: name, Every: every, MaxPause: max(every, time.Second), Log: c.Log, Run: run})
	}
	cron := task("fire schedules", pollEvery, d.fireDue)
	d.Group = background.Group{
		task("deliver events", time.Second, d.run),
		task("renew leases of events", renewEvery, d.renew),
		task("rescue events", rescueEvery, d.rescue),
		cron,
	}
	d.announce = task("tell other nodes of events", time.Hour, d.tell)
	if c.Store.Outbox().Shared() {
		d.Group = append(d.Group, d.announce, task("listen for events of other nodes", time.Second, func(ctx context.Context) error {
			return c.Store.Outbox().Listen(ctx, d.lookAtAll)
		}))
	}
	c.Emitter.OnCommit(d.made)
	return d
}

// made takes word of events that were committed in this process.
func (d *Dispatcher) made(list []store.Event) {
	now := time.Now()
	d.mu.Lock()
	for _, e := range list {
		l := d.lane(e.Lane)
		if e.Delay == 0 {
			l.ready = true
		} else if at := now.Add(e.Delay); l.next.IsZero() || at.Before(l.next) {
			l.next = at
		}
	}
	d.mu.Unlock()
	d.wakeUp()
	if d.store.Outbox().Shared() {
		d.announce.Wake()
	}
}

// tell announces events to other nodes: many at once, however many have been made since the last time.
func (d *Dispatcher) tell(ctx context.Context) error { return d.store.Outbox().Announce(ctx) }

// Changed must be called when triggers were changed: what has waited for one may be due.
func (d *Dispatcher) Changed() { d.lookAtAll() }

func (d *Dispatcher) lookAtAll() {
	d.mu.Lock()
	d.look = true
	d.mu.Unlock()
	d.wakeUp()
}

func (d *Dispatcher) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// lane returns what is known of a lane. The caller holds the lock.
func (d *Dispatcher) lane(name string) *lane {
	l := d.lanes[name]
	if l == nil {
		l = &lane{}
		d.lanes[name] = l
	}
	return l
}

// run takes turns until ctx ends.
func (d *Dispatcher) run(ctx context.Context) error {
	if err := d.takeOver(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	d.look = true
	d.mu.Unlock()
	for ctx.Err() == nil {
		if err := d.poll(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		turn, wait := d.plan(time.Now())
		if len(turn.Settlements)+len(turn.Claims) == 0 {
			d.sleep(ctx, wait)
			continue
		}
		if err := d.turn(background.Grace(ctx), turn); err != nil {
			return err
		}
	}
	return nil
}

// takeOver frees, once, what a process before this one had claimed, if no other process can have the
// database.
func (d *Dispatcher) takeOver(ctx context.Context) error {
	if d.tookOver || d.store.Outbox().Shared() {
		return nil
	}
	_, err := store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
		return d.store.Outbox().Rescue(ctx, limit, true)
	})
	d.tookOver = err == nil
	return err
}

// Stop has no more deliveries begin, waits for those under way until ctx ends, and writes down what became of
// them. It does so also if the last turn failed. The error is that of ctx: what is still under way then is
// handled again once its lease has ended.
func (d *Dispatcher) Stop(ctx context.Context) error {
	return errors.Join(d.Group.Stop(ctx), d.finish(ctx))
}

// finish waits for the deliveries under way, and settles them.
func (d *Dispatcher) finish(ctx context.Context) (late error) {
	idle := make(chan struct{})
	go func() { d.delivery.Wait(); close(idle) }()
	renew := time.NewTicker(renewEvery) // the task that does it has ended
	defer renew.Stop()
	for waiting := true; waiting; {
		select {
		case <-idle:
			waiting = false
		case <-renew.C:
			if err := d.renew(ctx); err != nil && ctx.Err() == nil {
				d.log.Warn("the leases of events under way could not be renewed", "error", err)
			}
		case <-ctx.Done():
			waiting, late = false, fmt.Errorf("deliveries did not end in time: %w", ctx.Err())
		}
	}
	d.mu.Lock()
	ended := d.ended
	d.ended = nil
	d.mu.Unlock()
	if len(ended) == 0 {
		return late
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ourPause)
	defer cancel()
	_, err := d.store.Outbox().Turn(ctx, store.Turn{Settlements: ended, Lease: lease})
	for err != nil && ctx.Err() == nil { // the database may be back in a moment
		time.Sleep(fullPause)
		_, err = d.store.Outbox().Turn(ctx, store.Turn{Settlements: ended, Lease: lease})
	}
	if err != nil {
		d.log.Warn("what became of events could not be written down: they are handled again", "events", len(ended), "error", err)
	}
	return late
}

func (d *Dispatcher) sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.wake:
	case <-ctx.Done():
	}
}

// poll looks at all lanes, if it is time to.
func (d *Dispatcher) poll(ctx context.Context) error {
	d.mu.Lock()
	due := d.look || time.Since(d.polled) >= pollEvery
	d.look = false
	d.mu.Unlock()
	if !due {
		return nil
	}
	began := time.Now()
	found, err := d.store.Outbox().Lanes(ctx)
	if err != nil {
		d.lookAtAll()
		return err
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	// Rows that are gone and that a long reader keeps make the look slow: then there are fewer.
	d.polled = now.Add(min(10*now.Sub(began), time.Minute))
	there := make(map[string]bool, len(found))
	for _, f := range found {
		there[f.Lane] = true
		l := d.lane(f.Lane)
		l.since = f.Due
		if ahead := f.Due.Sub(f.Now); ahead > 0 {
			l.next = now.Add(ahead)
		} else {
			l.ready = true
		}
	}
	maps.DeleteFunc(d.lanes, func(name string, l *lane) bool { return !there[name] && !l.ready && l.running == 0 })
	return nil
}

// policy is how a lane is delivered.
type policy struct {
	concurrency int
	queue       *store.QueueTrigger // nil: one event at a time
}

// policyOf returns how a lane is delivered; false: it waits.
func (d *Dispatcher) policyOf(name string) (policy, bool) {
	l := events.ReadLane(name)
	if d.table.Paused(l.AppID) {
		return policy{}, false
	}
	switch {
	case l.Topic != "":
		consumer := d.table.Consumer(l.AppID, l.Topic)
		if consumer == nil || consumer.Paused {
			return policy{}, false
		}
		return policy{consumer.Concurrency, consumer.Queue}, true
	case l.Trigger != "":
		trigger := d.table.Get(l.Trigger)
		if trigger == nil {
			return policy{concurrency: 1}, true // it is gone: what is left becomes dead letters
		}
		return policy{concurrency: trigger.Concurrency}, !trigger.Paused
	}
	return policy{concurrency: d.config.CallConcurrency}, true
}

// plan takes what has ended and shares the free places out; when there is nothing to do it returns for
// how long.
func (d *Dispatcher) plan(now time.Time) (turn store.Turn, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	turn.Lease = lease
	turn.Settlements, d.ended = d.ended, nil
	wait = max(time.Until(d.polled.Add(pollEvery)), time.Millisecond)
	apps := map[string][]*share{}
	for name, l := range d.lanes {
		if !l.next.IsZero() {
			if ahead := l.next.Sub(now); ahead > 0 {
				wait = min(wait, ahead)
			} else {
				l.ready, l.next = true, time.Time{}
			}
		}
		if !l.ready {
			continue
		}
		if ahead := l.after.Sub(now); ahead > 0 {
			wait = min(wait, ahead)
			continue
		}
		policy, open := d.policyOf(name)
		if !open {
			l.ready = false // until a poll after it has changed
			continue
		}
		if spare := policy.concurrency - l.running; spare > 0 {
			app, _, _ := strings.Cut(name, "/")
			apps[app] = append(apps[app], &share{name: name, lane: l, policy: policy, spare: spare})
		}
	}
	for _, s := range d.shareOut(apps) {
		if s.queue == nil || s.queue.MaxBatch == 1 { // all by one statement
			turn.Claims = append(turn.Claims, d.claim(s, s.places, false))
			continue
		}
		for range s.places {
			turn.Claims = append(turn.Claims, d.claim(s, s.queue.MaxBatch, true))
		}
	}
	return turn, wait
}

// share is a lane's part of the free places.
type share struct {
	name string
	lane *lane
	policy
	spare, places int
}

func (d *Dispatcher) claim(s *share, limit int, together bool) store.Claim {
	c := store.Claim{
		Lane: s.name, Token: uuid.Must(uuid.NewV7()).String(), Limit: limit, MaxRunning: s.concurrency, Together: together,
	}
	if !s.lane.since.IsZero() {
		c.Since = s.lane.since.Add(-floorMargin)
	}
	if s.queue != nil {
		c.Ordered = s.queue.Ordered
	}
	if together {
		c.MaxWait = s.queue.MaxWait
	}
	return c
}

// shareOut gives the free places to lanes: one after the other to the apps, and in an app to its lanes.
func (d *Dispatcher) shareOut(apps map[string][]*share) (got []*share) {
	mine := map[string]int{} // that each app may still have
	for app := range apps {
		mine[app] = d.free
	}
	if d.config.PerApp > 0 {
		for app := range apps {
			mine[app] = d.config.PerApp
		}
		for name, l := range d.lanes {
			app, _, _ := strings.Cut(name, "/")
			mine[app] -= l.running
		}
	}
	order := slices.Sorted(maps.Keys(apps))
	if len(order) == 0 || d.free == 0 {
		return nil
	}
	// The one after the last that was first is first now.
	first, _ := slices.BinarySearch(order, d.nextApp)
	order = append(order[first:], order[:first]...)
	d.nextApp = order[0] + "\x00"
	for _, lanes := range apps {
		slices.SortFunc(lanes, func(a, b *share) int { // who has least under way first
			if by := a.lane.running - b.lane.running; by != 0 {
				return by
			}
			return strings.Compare(a.name, b.name)
		})
	}
	free := d.free
	for given := true; given; {
		given = false
		for _, app := range order {
			lanes := apps[app]
			for len(lanes) > 0 && lanes[0].places == lanes[0].spare {
				lanes = lanes[1:]
			}
			apps[app] = lanes
			if len(lanes) == 0 || free == 0 || mine[app] <= 0 {
				continue
			}
			s := lanes[0]
			apps[app] = append(lanes[1:], s) // the next place of the app is another lane's
			if s.places == 0 {
				got = append(got, s)
			}
			s.places++
			mine[app]--
			free--
			given = true
		}
	}
	return got
}

// turn settles and claims, and starts what was claimed.
func (d *Dispatcher) turn(ctx context.Context, turn store.Turn) error {
	turned, err := d.store.Outbox().Turn(ctx, turn)
	if err != nil {
		d.mu.Lock()
		d.ended = append(turn.Settlements, d.ended...)
		d.mu.Unlock()
		return err
	}
	d.metrics.void.Add(float64(turned.Void))
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, busy := range turned.Busy {
		d.lane(busy).after = time.Now().Add(busyPause)
	}
	for _, c := range turn.Claims {
		claimed, l := turned.Claimed[c.Token], d.lane(c.Lane)
		if len(claimed) > 0 {
			l.since = claimed[len(claimed)-1].DueAt
		}
		switch {
		case slices.Contains(turned.Busy, c.Lane):
		case c.MaxWait > 0 && len(claimed) == 0 && l.after.Before(time.Now().Add(-c.MaxWait)):
			l.after = time.Now().Add(c.MaxWait) // what there is may be waiting for more
		case len(claimed) < c.Limit && bytesOf(claimed) < store.MaxClaimBytes:
			l.ready = false
		}
		if len(claimed) == 0 {
			continue
		}
		if c.Together {
			d.start(l, c.Token, claimed)
			continue
		}
		for _, event := range claimed {
			d.start(l, c.Token, []store.Event{event})
		}
	}
	return nil
}

func bytesOf(claimed []store.Event) (n int) {
	for _, e := range claimed {
		n += len(e.Payload)
	}
	return n
}

// start delivers events in a goroutine of its own. The caller holds the lock.
func (d *Dispatcher) start(l *lane, token string, claimed []store.Event) {
	l.running++
	d.free--
	d.tokens[token]++
	d.delivery.Go(func() {
		settled := d.deliver(claimed)
		d.rates.count(claimed, settled)
		d.mu.Lock()
		l.running--
		d.free++
		if d.tokens[token]--; d.tokens[token] == 0 {
			delete(d.tokens, token)
		}
		now := time.Now()
		for _, s := range settled {
			if s.Retry != nil {
				if at := now.Add(s.Retry.Delay); l.next.IsZero() || at.Before(l.next) {
					l.next = at
				}
			}
			for _, then := range s.Then {
				d.lane(then.Lane).ready = true
			}
		}
		for _, e := range claimed {
			l.ready = l.ready || e.GroupKey != "" // the next of its group may be due
		}
		d.ended = append(d.ended, settled...)
		d.mu.Unlock()
		d.wakeUp()
	})
}

// renew makes the leases of what is under way last.
func (d *Dispatcher) renew(ctx context.Context) error {
	d.mu.Lock()
	tokens := slices.Collect(maps.Keys(d.tokens))
	d.mu.Unlock()
	if len(tokens) == 0 {
		return nil
	}
	return d.store.Outbox().Renew(ctx, tokens, lease)
}

// rescue frees what a node that is gone had claimed.
func (d *Dispatcher) rescue(ctx context.Context) error {
	for {
		n, err := d.store.Outbox().Rescue(ctx, store.MaxBatch, false)
		if n > 0 {
			d.log.Warn("events are taken over whose leases have ended", "events", n)
			d.lookAtAll()
		}
		if err != nil || n < store.MaxBatch {
			return err
		}
	}
}

// gone reports whether there is no such thing.
func gone(err error) bool { return fault.Of(err) == fault.NotFound }
