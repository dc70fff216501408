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
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
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
	fitEvery    = time.Second
	fitEvents   = 500                  // claimed meanwhile, from which on it is worth it
	fitRest     = 20                   // times as long as it has taken there is none
	pollEvery   = time.Second          // a look at all lanes, for what nobody has told of
	lookLimit   = time.Minute          // for such a look
	pollRest    = 10                   // times as long as a look has taken there is none
	longestRest = 4 * time.Second      // but no longer
	floorMargin = 2 * time.Second      // how late a commit may be that is not seen before the next poll
	busyPause   = 5 * time.Millisecond // before a lane that another node was at is tried again
	ourPause    = time.Second          // after a failure of our own
	// limitedPause is how long, at most, an app waits that has had its processor time.
	limitedPause = time.Minute
	fullPause    = 50 * time.Millisecond // after the gate was full; as much again is left to chance
	maxMissed    = 100_000               // times of a schedule that are counted
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

	Now        func() time.Time // the clock of schedules and deliveries, the store's; nil: time.Now
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
	defects *lru.Cache[string, int] // of ours, by event

	wake     chan struct{} // has word when something has changed below
	looker   *background.Task
	announce *announcer // nil: there are no other nodes
	tookOver bool       // with run
	fitFrom  time.Time  // with fit

	mu       sync.Mutex
	lanes    lanes
	ended    []store.Settlement
	told     []waiting      // what there is to wait for once they are written down
	telling  []waiting      // what there is when the turn under way has been taken
	free     int            // places
	tokens   map[string]int // of deliveries under way, by their number
	urgent   bool           // there may be something to claim that there was not before the last turn
	turns    int            // taken so far
	taken    int            // events, since the last look at how many there are
	fresh    int            // deliveries under way that the last of them began
	delivery sync.WaitGroup
}

// New makes a dispatcher and has the emitter wake it.
func New(c Config) *Dispatcher {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	defects, _ := lru.New[string, int](maxDefective) // fails for a size below 1 only
	d := &Dispatcher{
		defects: defects, config: c, store: c.Store, table: c.Table, log: c.Log, metrics: newMetrics(c.Registerer, c.Store, c.Log),
		wake: make(chan struct{}, 1), lanes: newLanes(), free: c.Concurrency, tokens: map[string]int{},
	}
	task := func(name string, every time.Duration, run func(context.Context) error) *background.Task {
		return background.NewTask(background.TaskConfig{Name: name, Every: every, MaxPause: max(every, time.Second), Log: c.Log, Run: run})
	}
	cron := task("fire schedules", pollEvery, d.fireDue)
	d.looker = task("look for events", pollEvery, d.look)
	d.Group = background.Group{
		task("deliver events", time.Second, d.run),
		d.looker,
		task("renew leases of events", renewEvery, d.renew),
		task("rescue events", rescueEvery, d.rescue),
		task("count events", fitEvery, d.fit),
		cron,
		d.metrics.depths.counter,
	}
	if c.Store.Outbox().Shared() {
		d.announce = newAnnouncer(c.Store, c.Log)
		d.Group = append(d.Group, d.announce, task("listen for events of other nodes", time.Second, func(ctx context.Context) error {
			return c.Store.Outbox().Listen(ctx, d.heard)
		}))
	}
	c.Emitter.OnCommit(d.made)
	return d
}

// waiting is an event that is due a while after it was written down.
type waiting struct {
	lane  string
	delay time.Duration
}

// made takes word of events that were committed in this process.
func (d *Dispatcher) made(list []store.Event) {
	now := time.Now()
	d.mu.Lock()
	for _, e := range list {
		d.due(d.lanes.get(e.Lane), e.Delay, now)
	}
	d.urgent = true
	d.mu.Unlock()
	d.wakeUp()
	if d.announce != nil {
		d.announce.made(list)
	}
}

// heard takes word of events of another node.
func (d *Dispatcher) heard(lanes []string) {
	if len(lanes) == 0 {
		d.looker.Wake()
		return
	}
	now := time.Now()
	d.mu.Lock()
	for _, name := range lanes {
		d.due(d.lanes.get(name), 0, now)
	}
	d.urgent = true
	d.mu.Unlock()
	d.wakeUp()
}

// Changed must be called when triggers were changed: what has waited for one may be due.
func (d *Dispatcher) Changed() { d.looker.Wake() }

func (d *Dispatcher) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// gather waits for a moment for the deliveries that the last turn began: those that end at once share the next
// one. It does not hold up anything for which there is a place. The moment is a part of what a turn takes.
func (d *Dispatcher) gather(ctx context.Context, moment time.Duration) {
	timer := time.NewTimer(min(moment, maxGather))
	defer timer.Stop()
	for {
		d.mu.Lock()
		enough := d.fresh == 0 || d.urgent && d.free > 0
		d.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-d.wake:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// due takes word of an event of a lane that is due after a delay. The caller holds the lock.
func (d *Dispatcher) due(l *lane, delay time.Duration, now time.Time) {
	if delay <= 0 {
		l.ready, l.word = true, lastOf(l.word, now.Add(delay))
	} else if at := now.Add(delay); l.next.IsZero() || at.Before(l.next) {
		l.next = at
	}
	d.lanes.place(l, now)
}

// run takes turns until ctx ends.
func (d *Dispatcher) run(ctx context.Context) error {
	if err := d.takeOver(ctx); err != nil {
		return err
	}
	d.looker.Wake()
	for ctx.Err() == nil {
		now := time.Now()
		turn, wait := d.plan(now)
		if len(turn.Settlements)+len(turn.Claims) == 0 {
			d.sleep(ctx, wait)
			continue
		}
		if err := d.turn(background.Grace(ctx), turn); err != nil {
			return err
		}
		d.gather(ctx, time.Since(now)/2)
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

// look looks at all lanes. Very many of them, or rows that are gone and that a long reader keeps, make that slow; so
// it rests for a while then, whoever wants it to look again.
func (d *Dispatcher) look(ctx context.Context) error {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	found, err := d.store.Outbox().Lanes(limited)
	if err != nil {
		return err
	}
	d.found(found, time.Now())
	d.wakeUp()
	rest := time.NewTimer(min(pollRest*time.Since(began), longestRest))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
	}
	return nil
}

// found takes word of all lanes that have something. Of one that is not among them there may be word that is newer.
func (d *Dispatcher) found(found []store.LaneDue, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.urgent = d.urgent || len(found) > 0
	there := make(map[*lane]bool, len(found))
	for _, f := range found {
		l := d.lanes.get(f.Lane)
		there[l] = true
		l.since = f.Due
		d.due(l, f.Due.Sub(f.Now), now)
	}
	for _, l := range d.lanes.known {
		if !there[l] && !l.ready && l.waiting < 0 && l.running == 0 {
			d.lanes.forget(l)
		}
	}
}

// policy is how a lane is delivered.
type policy struct {
	concurrency int
	queue       *store.QueueTrigger // nil: one event at a time
}

// policyOf returns how a lane is delivered; false: it waits until a poll after that has changed.
func (d *Dispatcher) policyOf(of *lane) (policy, bool) {
	l := of.of
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
	d.urgent = false
	turn.Settlements, d.ended = d.ended, nil
	d.telling, d.told = append(d.telling, d.told...), nil
	wait = pollEvery
	if next := d.lanes.awake(now); !next.IsZero() {
		wait = min(wait, next.Sub(now))
	}
	for _, s := range d.lanes.giveOut(d.free, d.config.PerApp, d.policyOf, now) {
		if s.queue == nil || s.queue.MaxBatch == 1 { // all by one statement
			turn.Claims = append(turn.Claims, d.claim(s, s.places, false))
			continue
		}
		for range s.places {
			turn.Claims = append(turn.Claims, d.claim(s, s.queue.MaxBatch, true))
		}
	}
	return turn, max(wait, time.Millisecond)
}

func (d *Dispatcher) claim(s *share, limit int, together bool) store.Claim {
	c := store.Claim{
		Lane: s.lane.name, Token: uuid.Must(uuid.NewV7()).String(), Limit: limit, MaxRunning: s.concurrency, Together: together,
	}
	if !s.lane.since.IsZero() {
		c.Since = s.lane.since.Add(-floorMargin)
	}
	if !s.lane.leased.IsZero() {
		// For a clock that goes back. A version with shorter leases would have to count from further back.
		c.Leased = s.lane.leased.Add(-floorMargin)
	}
	if s.queue != nil {
		c.Ordered = s.queue.Ordered
	}
	if together {
		c.MaxWait = s.queue.MaxWait
	}
	return c
}

// turn settles and claims, and starts what was claimed. One that takes as long as a lease has failed: a connection may
// hang that nobody has cut.
func (d *Dispatcher) turn(ctx context.Context, turn store.Turn) error {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	turned, err := d.store.Outbox().Turn(ctx, turn)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if err != nil {
		d.ended = append(turn.Settlements, d.ended...)
		for _, c := range turn.Claims {
			d.due(d.lanes.get(c.Lane), 0, now)
		}
		return err
	}
	d.metrics.void.Add(float64(turned.Void))
	d.turns++
	d.fresh = 0
	for _, w := range d.telling {
		d.due(d.lanes.get(w.lane), w.delay, now)
	}
	d.telling = nil
	for _, c := range turn.Claims {
		claimed, l := turned.Claimed[c.Token], d.lanes.get(c.Lane)
		if leased, ok := turned.Leased[c.Lane]; ok {
			l.leased = leased
		}
		if next, ok := turned.Next[c.Lane]; ok {
			d.due(l, next, now)
		}
		if len(claimed) > 0 {
			l.full = 0
			if !c.Ordered { // else what a key holds back may be due before what was claimed
				l.since = claimed[len(claimed)-1].DueAt
			}
		}
		switch {
		case slices.Contains(turned.Busy, c.Lane):
			l.ready, l.after = true, now.Add(rand.N(busyPause/2))
		case slices.Contains(turned.Full, c.Lane):
			l.full = min(max(2*l.full, othersPause), pollEvery)
			l.ready, l.after = true, now.Add(l.full)
		case c.MaxWait > 0 && len(claimed) == 0: // what there is may be waiting for more
			if at := l.word.Add(c.MaxWait); l.batch.IsZero() && at.After(now) {
				l.batch = at
			}
		case len(claimed) == c.Limit || bytesOf(claimed) >= store.MaxClaimBytes:
			l.ready = true
		}
		d.lanes.place(l, now)
		d.taken += len(claimed)
		if len(claimed) == 0 {
			continue
		}
		if c.Together {
			d.start(l, c.Token, claimed, now)
			continue
		}
		for _, event := range claimed {
			d.start(l, c.Token, []store.Event{event}, now)
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
func (d *Dispatcher) start(l *lane, token string, claimed []store.Event, now time.Time) {
	d.lanes.begins(l, now)
	d.free--
	d.tokens[token]++
	d.fresh++
	of := d.turns
	d.delivery.Go(func() {
		settled, v := d.deliver(claimed)
		d.rates.count(claimed, settled)
		d.mu.Lock()
		d.free++
		if of == d.turns {
			d.fresh--
		}
		if d.tokens[token]--; d.tokens[token] == 0 {
			delete(d.tokens, token)
		}
		now := time.Now()
		for _, s := range settled {
			if s.Retry != nil {
				d.told = append(d.told, waiting{l.name, s.Retry.Delay})
			}
			for _, then := range s.Then {
				d.told = append(d.told, waiting{then.Lane, then.Delay})
			}
		}
		for _, e := range claimed {
			l.ready = l.ready || e.GroupKey != "" // the next of its group may be due
		}
		switch v.refused { // or all that waits would be claimed and refused at once
		case ofLane:
			l.held = lastOf(l.held, now.Add(min(v.at, ourPause)))
		case ofApp:
			l.app.held = lastOf(l.app.held, now.Add(v.at))
		}
		d.lanes.ends(l, now)
		d.ended = append(d.ended, settled...)
		d.mu.Unlock()
		d.wakeUp()
	})
}

// fit has the database keep up with how much there is, while that is much. It may have to count, and find as little
// again; so it rests for a while then.
func (d *Dispatcher) fit(ctx context.Context) error {
	d.mu.Lock()
	taken := d.taken
	d.taken = 0
	d.mu.Unlock()
	began := time.Now()
	if taken < fitEvents || began.Before(d.fitFrom) {
		return nil
	}
	err := d.store.Outbox().Fit(ctx)
	d.fitFrom = time.Now().Add(fitRest * time.Since(began))
	return err
}

// renew makes the leases of what is under way last.
func (d *Dispatcher) renew(ctx context.Context) error {
	d.mu.Lock()
	tokens := slices.Collect(maps.Keys(d.tokens))
	d.mu.Unlock()
	if len(tokens) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	return d.store.Outbox().Renew(ctx, tokens, lease)
}

// rescue frees what a node that is gone had claimed.
func (d *Dispatcher) rescue(ctx context.Context) error {
	for {
		n, err := d.store.Outbox().Rescue(ctx, store.MaxBatch, false)
		if n > 0 {
			d.log.Warn("events are taken over whose leases have ended", "events", n)
			d.looker.Wake()
		}
		if err != nil || n < store.MaxBatch {
			return err
		}
	}
}

// gone reports whether there is no such thing.
func gone(err error) bool { return fault.Of(err) == fault.NotFound }
