package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// What is read from the environment.
const (
	envSeeds = "PICLOUD_MODEL_SEEDS" // how many programs are run
	envSeed  = "PICLOUD_MODEL_SEED"  // the only one that is
)

// How many programs a plain test runs. On PostgreSQL, where pauses and leases take their time, only a part of those
// that are asked for is run.
const (
	plainSeeds         = 60
	plainPostgresSeeds = 1
	postgresShare      = 50
)

// Random programs push messages and change data, make, switch, pause and delete triggers, fail, lose turns and whole
// processes, and put the database's clock forward and back. Whatever comes, each event is handled as a small model
// says. The clock is synctest's: pauses and leases cost nothing.
func TestModel(t *testing.T) {
	empty := template(t)
	runPrograms(t, plainSeeds, 1, func(t *testing.T, seed uint64) { runProgram(t, empty, seed) })
}

// The same on PostgreSQL, with the machine's clock.
func TestModelOnPostgres(t *testing.T) {
	runPrograms(t, plainPostgresSeeds, postgresShare, func(t *testing.T, seed uint64) {
		url := pgtest.URL(t)
		p := newProgram(t, seed)
		p.real = true
		p.open = func(l store.Listeners) (store.Store, error) {
			return postgres.Open(context.WithoutCancel(t.Context()), postgres.Config{URL: url, Listeners: l})
		}
		p.run()
	})
}

// runPrograms runs the program of the seed that is asked for, or one of so many that are, or plain ones.
func runPrograms(t *testing.T, plain, of int, run func(t *testing.T, seed uint64)) {
	if only := os.Getenv(envSeed); only != "" {
		seed, err := strconv.ParseUint(only, 10, 64)
		require.NoError(t, err)
		run(t, seed)
		return
	}
	seeds := plain
	if many := os.Getenv(envSeeds); many != "" {
		asked, err := strconv.Atoi(many)
		require.NoError(t, err)
		seeds = max(asked/of, 1)
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			run(t, seed)
			if t.Failed() {
				t.Logf("again: %s=%d", envSeed, seed)
			}
		})
	}
}

// template is an empty database, which takes longer to make than a program.
func template(t *testing.T) []byte {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// fate is how an attempt fares.
type fate int

const (
	fine       fate = iota
	listed          // as one that failed, in the answer of a batch; others know no such thing
	thrown          // the rest is of all messages of a batch
	timedOut        //
	atOnce          // thrown, with the advice to try again at once
	given           // thrown, with the advice that no attempt will do
	invalid         // it does not compile
	overloaded      // the rest does not count
	cancelled
	ours
	ourError
	fates
)

func (f fate) counts() bool { return f >= listed && f <= given }
func (f fate) dead() bool   { return f == given || f == invalid }

// outcome is what the dispatcher is told of it.
func (f fate) outcome() (*executions.Outcome, error) {
	switch f {
	case thrown:
		return failed(abi.CodeScriptError, "no"), nil
	case timedOut:
		return failed(abi.CodeTimeout, "slow"), nil
	case atOnce, given:
		out := failed(abi.CodeScriptError, "no")
		out.Error.Advice = &abi.Advice{RetryAfterMS: 0, DeadLetter: f == given}
		return out, nil
	case invalid:
		return failed(abi.CodeScriptInvalid, "syntax"), nil
	case overloaded:
		return failed(abi.CodeOverloaded, "full"), nil
	case cancelled:
		return failed(abi.CodeCancelled, "stop"), nil
	case ours:
		out := failed(abi.CodeScriptError, "kv.get: unavailable")
		out.OurFault = true
		return out, nil
	case ourError:
		return nil, store.Failed("read script", errors.New("away"))
	}
	return succeeded, nil
}

// cause is what may make an event: a message, or a change of data.
type cause struct {
	number   int
	of       store.EventSource
	key      string
	made     bool   // it was committed, and somebody listened
	plan     []fate // of its attempts; then all is fine, or with hopeless as the last
	hopeless bool

	id       string // of the event, once it is known
	attempts int    // that were counted and written down
	runs     int
	running  bool
	fate     fate // of the attempt that has ended and is not written down
	unsaid   bool // there is one
	done     bool
	dead     bool
	orphan   bool // its trigger is gone: what is not done of it then is dead
}

func (c *cause) over() bool { return c.done || c.dead }

// fare is how the present attempt fares.
func (c *cause) fare() fate {
	if c.runs <= len(c.plan) {
		return c.plan[c.runs-1]
	}
	if c.hopeless {
		return thrown
	}
	return fine
}

// program is a random program and the model of what it must come to.
type program struct {
	t      *testing.T
	random *rand.Rand
	open   eachtest.Opener
	app    string
	queue  store.Trigger
	data   map[store.EventSource]store.Trigger
	paused bool // the app
	real   bool // the clock is the machine's, and leases are short

	skew atomic.Int64 // of the database's clock: nanoseconds
	back bool         // it was put back

	node   *node
	faulty *faulty

	mu      sync.Mutex
	life    int // of processes: what one that is gone does is of no account
	causes  []*cause
	running map[string]int                  // by lane
	closed  map[store.EventSource]time.Time // since when nothing may begin
}

// sources are those of events that a program makes.
var sources = []store.EventSource{store.EventQueue, store.EventDocs, store.EventKV}

// runProgram runs a program on SQLite.
func runProgram(t *testing.T, empty []byte, seed uint64) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	require.NoError(t, os.WriteFile(path, empty, 0o600))
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(t, seed)
		now := func() time.Time { return time.Now().Add(time.Duration(p.skew.Load())) }
		p.open = func(l store.Listeners) (store.Store, error) {
			return sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Config{Path: path, Listeners: l, Now: now})
		}
		p.run()
	})
}

func newProgram(t *testing.T, seed uint64) *program {
	return &program{
		t: t, random: rand.New(rand.NewPCG(seed, 17)), data: map[store.EventSource]store.Trigger{},
		running: map[string]int{}, closed: map[store.EventSource]time.Time{},
	}
}

func (p *program) run() {
	p.boot()
	p.prepare()
	p.node.Start()
	for range 5 + p.random.IntN(40) {
		p.step()
	}
	p.settle()
	p.check()
}

// chance is true once in n times.
func (p *program) chance(n int) bool { return p.random.IntN(n) == 0 }

// realLease is how long a lease lasts where the clock is real.
const realLease = 8 * time.Second

// boot opens the database, as a process does that starts.
func (p *program) boot() {
	p.mu.Lock()
	p.life++
	life := p.life
	p.mu.Unlock()
	p.node = newNode(p.t, func(l store.Listeners) (store.Store, error) {
		s, err := p.open(l)
		p.faulty = &faulty{Store: s, settled: p.settled}
		if p.real {
			p.faulty.lease = realLease
		}
		return p.faulty, err
	}, 1+p.random.IntN(6), func(e event) (*executions.Outcome, error) { return p.handle(life, e) })
	if p.app != "" {
		p.node.knowPaused(p.app, p.paused)
	}
}

// prepare makes the triggers.
func (p *program) prepare() {
	script := p.node.app("a")
	p.app = script.AppID
	change := func(t *store.Trigger) {
		t.Concurrency = 1 + p.random.IntN(5)
		t.Retry = store.Retry{MaxAttempts: 1 + p.random.IntN(4), Backoff: store.BackoffExponential, Base: 10 * time.Millisecond, Max: time.Minute, Jitter: 0.5}
	}
	p.queue = p.node.consume(script, func(t *store.Trigger) {
		change(t)
		t.Queue.Ordered = p.chance(2)
		if p.chance(2) {
			t.Queue.MaxBatch = 1 + p.random.IntN(5)
		}
		if t.Queue.MaxBatch > 1 && p.chance(2) {
			t.Queue.MaxWait = 100 * time.Millisecond
		}
	})
	for _, of := range sources[1:] {
		p.data[of] = p.node.consume(script, func(t *store.Trigger) {
			change(t)
			t.Name, t.Kind, t.Queue = string(of), store.TriggerKind(of), nil
			t.Data = &store.DataTrigger{Collection: "c*"}
		})
	}
	p.node.consume(script, func(t *store.Trigger) {
		change(t)
		t.Name, t.Kind, t.Queue, t.DeadLetter = "dead letters", store.TriggerDeadLetter, nil, &store.DeadLetterTrigger{}
	})
}

func (p *program) step() {
	ctx := p.t.Context()
	switch p.random.IntN(22) {
	default:
		p.push()
	case 0, 1, 2, 3, 4:
		p.change()
	case 5:
		p.modify(p.queue.ID, func(t *store.Trigger) { t.Enabled = !t.Enabled })
	case 6, 7:
		p.modify(p.data[sources[1+p.random.IntN(2)]].ID, func(t *store.Trigger) { t.Enabled = !t.Enabled })
	case 8:
		all := []string{p.queue.ID, p.data[store.EventDocs].ID, p.data[store.EventKV].ID}
		p.modify(all[p.random.IntN(3)], func(t *store.Trigger) { t.Paused = !t.Paused })
	case 9:
		p.paused = !p.paused
		p.know()
	case 10:
		p.faulty.fail(before+failing(p.random.IntN(2)), false)
	case 11:
		p.crash()
	case 12:
		require.NoError(p.t, p.node.Stop(context.WithoutCancel(ctx)))
		p.boot()
		p.node.Start()
	case 13, 14, 15:
		pauses := []time.Duration{time.Millisecond, 10 * time.Millisecond, 200 * time.Millisecond, 2 * time.Second}
		time.Sleep(pauses[p.random.IntN(len(pauses))])
	case 16:
		p.replace(sources[p.random.IntN(3)])
	case 17:
		p.turnClock()
	}
}

// replace deletes a trigger and makes one like it. Messages wait for it; what the old one had of changes is dead.
func (p *program) replace(of store.EventSource) {
	ctx := p.t.Context()
	trigger, data := p.data[of]
	if !data {
		trigger = p.queue
	}
	p.mu.Lock()
	for _, c := range p.causes {
		c.orphan = c.orphan || data && c.of == of && !c.over()
	}
	p.mu.Unlock()
	require.NoError(p.t, p.node.store.Triggers().Delete(ctx, trigger.ID))
	p.know()
	if p.chance(2) {
		time.Sleep(100 * time.Millisecond)
	}
	trigger.ID, trigger.Enabled, trigger.Paused = "", true, false
	trigger, err := p.node.store.Triggers().Create(ctx, trigger)
	require.NoError(p.t, err)
	p.has(trigger)
}

// turnClock puts the database's clock back, once, by less than the dispatcher is prepared for, or forward by more than
// a lease. That ends leases of what runs, which is then lawfully handled twice; so nothing may run just then.
func (p *program) turnClock() {
	if p.real {
		return
	}
	if !p.back && p.chance(2) {
		p.back = true
		p.skew.Add(-int64(p.random.IntN(1500)) * int64(time.Millisecond))
		return
	}
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.ContainsFunc(p.causes, func(c *cause) bool { return c.running || c.unsaid }) {
		p.skew.Add(int64(lease + 10*time.Second))
	}
}

// cause makes one that nobody has committed yet.
func (p *program) cause(of store.EventSource) *cause {
	c := &cause{of: of}
	for range max(0, p.random.IntN(6)-2) {
		c.plan = append(c.plan, fate(p.random.IntN(int(fates))))
	}
	c.hopeless = p.chance(10)
	p.mu.Lock()
	defer p.mu.Unlock()
	c.number = len(p.causes)
	p.causes = append(p.causes, c)
	return c
}

// happens does what makes events of causes. An event may be handled before do returns.
func (p *program) happens(causes []*cause, do func() error) {
	set := func(made bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range causes {
			trigger, data := p.data[c.of]
			c.made = made && (!data || trigger.Enabled)
		}
	}
	set(true)
	if err := do(); err != nil {
		require.ErrorIs(p.t, err, errRolledBack)
		set(false)
	}
}

var errRolledBack = errors.New("rolled back")

func (p *program) push() {
	key := []string{"", "a", "b"}[p.random.IntN(3)]
	var causes []*cause
	var bodies []string
	for range 1 + p.random.IntN(5) {
		c := p.cause(store.EventQueue)
		c.key = key
		causes, bodies = append(causes, c), append(bodies, strconv.Itoa(c.number))
	}
	p.happens(causes, func() error { p.node.push(p.app, key, bodies...); return nil })
}

// change changes data: alone, or more in a transaction, which may be undone.
func (p *program) change() {
	ctx := p.t.Context()
	write := func(tx store.Store, c *cause) error {
		body := json.RawMessage(strconv.Itoa(c.number))
		if c.of == store.EventKV {
			_, err := tx.KV().Set(ctx, p.app, "c", store.KVEntry{Key: "k", Value: body}, false)
			return err
		}
		_, err := tx.Docs().Create(ctx, store.DocumentKey{AppID: p.app, Collection: "c"}, store.DocumentContent{Data: json.RawMessage(`{"n":` + string(body) + `}`)})
		return err
	}
	of := func() store.EventSource { return sources[1+p.random.IntN(2)] }
	if p.chance(2) {
		c := p.cause(of())
		p.happens([]*cause{c}, func() error { return write(p.node.store, c) })
		return
	}
	var causes []*cause
	for range 1 + p.random.IntN(3) {
		causes = append(causes, p.cause(of()))
	}
	undone := p.chance(2)
	if undone { // none may be handled, not even for a moment
		p.rollBack(causes, write)
		return
	}
	p.happens(causes, func() error {
		return p.node.store.InTx(ctx, func(tx store.Store) error {
			for _, c := range causes {
				if err := write(tx, c); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (p *program) rollBack(causes []*cause, write func(store.Store, *cause) error) {
	require.ErrorIs(p.t, p.node.store.InTx(p.t.Context(), func(tx store.Store) error {
		for _, c := range causes {
			if err := write(tx, c); err != nil {
				return err
			}
		}
		return errRolledBack
	}), errRolledBack)
}

func (p *program) modify(id string, change func(*store.Trigger)) {
	trigger, err := p.node.store.Triggers().Modify(p.t.Context(), id, func(t *store.Trigger) error { change(t); return nil })
	require.NoError(p.t, err)
	p.has(trigger)
}

// has has the model and the node know a trigger as it is now.
func (p *program) has(trigger store.Trigger) {
	p.mu.Lock()
	if trigger.Kind == store.TriggerQueue {
		p.queue = trigger
	} else {
		p.data[store.EventSource(trigger.Kind)] = trigger
	}
	p.mu.Unlock()
	p.know()
}

// know has the node read the triggers, and the model remember which may not begin anything.
func (p *program) know() {
	p.node.knowPaused(p.app, p.paused)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, of := range sources {
		trigger, data := p.data[of]
		if !data {
			trigger = p.queue
		}
		closed := p.paused || trigger.Paused || !data && !trigger.Enabled
		if _, already := p.closed[of]; closed && !already {
			p.closed[of] = time.Now()
		} else if !closed {
			delete(p.closed, of)
		}
	}
}

// crash ends the process: at once, or at one of the two ends of its next turn. What its handlers do is lost.
func (p *program) crash() {
	if p.chance(2) {
		p.faulty.fail(before+failing(p.random.IntN(2)), true)
		for range 1 + p.random.IntN(4) {
			p.push()
		}
		time.Sleep(time.Duration(p.random.IntN(100)) * time.Millisecond)
	}
	p.faulty.die()
	p.mu.Lock()
	p.life++
	clear(p.running)
	for _, c := range p.causes {
		c.running, c.unsaid = false, false
	}
	p.mu.Unlock()
	_ = p.node.Stop(context.WithoutCancel(p.t.Context())) // it cannot write down what it did
	p.boot()
	p.node.Start()
}

// number is that of the cause which a part of ctx.event tells of.
func (p *program) number(value any) int {
	if document, ok := value.(map[string]any); ok {
		value = document["n"]
	}
	number, ok := value.(float64)
	assert.True(p.t, ok, "%v", value)
	return int(number)
}

// handle is the handler of all.
func (p *program) handle(life int, e event) (*executions.Outcome, error) {
	if e.DeadLetter != nil {
		return p.told(life, e)
	}
	batch, took, all, ok := p.begin(life, e)
	if !ok {
		return succeeded, nil
	}
	time.Sleep(took)
	return p.end(life, e, batch, all)
}

// told is the handler of dead letters: it fails of each second event.
func (p *program) told(life int, e event) (*executions.Outcome, error) {
	var of struct{ ID string }
	if err := json.Unmarshal(e.DeadLetter.Event, &of); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if life != p.life {
		return succeeded, nil
	}
	i := slices.IndexFunc(p.causes, func(c *cause) bool { return c.id == of.ID })
	if assert.GreaterOrEqual(p.t, i, 0, "a dead letter of nothing") {
		assert.True(p.t, p.causes[i].dead, "%s %d has a dead letter", p.causes[i].of, i)
		if p.causes[i].resolution() == store.ResolvedFailed {
			return thrown.outcome()
		}
	}
	return succeeded, nil
}

// resolution is what becomes of its dead letter.
func (c *cause) resolution() store.Resolution {
	if c.number%2 == 0 {
		return store.ResolvedByScript
	}
	return store.ResolvedFailed
}

// begin checks that an attempt may be made, and returns how long it takes and how it fares.
func (p *program) begin(life int, e event) (batch []*cause, took time.Duration, all fate, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if life != p.life {
		return nil, 0, fine, false
	}
	of := store.EventSource(e.Source)
	note := func(number int, id string, attempt int) {
		if !assert.Less(p.t, number, len(p.causes)) {
			return
		}
		c := p.causes[number]
		about := fmt.Sprintf("%s %d, run %d", of, number, c.runs+1)
		assert.True(p.t, c.made, "%s: it has no cause", about)
		assert.False(p.t, c.over(), "%s: it is over", about)
		assert.False(p.t, c.running, "%s: it is handled already", about)
		assert.Equal(p.t, c.attempts+1, attempt, about)
		assert.True(p.t, c.id == "" || c.id == id, "%s: it has another id", about)
		c.id, c.running = id, true
		c.runs++
		batch = append(batch, c)
	}
	switch of {
	case store.EventQueue:
		for _, m := range e.Queue.Messages {
			note(p.number(m.Body), m.ID, m.Attempt)
		}
		assert.LessOrEqual(p.t, len(batch), p.queue.Queue.MaxBatch)
	case store.EventDocs:
		note(p.number(e.Docs.Data), e.ID, e.Attempt)
	case store.EventKV:
		note(p.number(e.KV.Value), e.ID, e.Attempt)
	}
	if p.queue.Queue.Ordered {
		for _, c := range batch {
			p.inOrder(c)
		}
	}
	if since, closed := p.closed[of]; closed { // a claim may be under way just then
		late := 100 * time.Millisecond
		if p.real {
			late = realLease
		}
		assert.LessOrEqual(p.t, time.Since(since), late, "%s begins while it is paused", of)
	}
	lane := laneOf(e)
	p.running[lane]++
	trigger, data := p.data[of]
	if !data {
		trigger = p.queue
	}
	assert.LessOrEqual(p.t, p.running[lane], trigger.Concurrency, "%s", of)
	for _, c := range batch {
		if f := c.fare(); f > listed && all == fine {
			all = f
		}
		took = max(took, []time.Duration{0, time.Millisecond, 30 * time.Millisecond}[(c.number+c.runs)%3])
		if c.number%50 == 7 && !p.real {
			took = 45 * time.Second // longer than a lease
		}
	}
	return batch, took, all, true
}

// laneOf names what is delivered in turn with an event. Of a trigger that was replaced something may still run.
func laneOf(e event) string {
	if store.EventSource(e.Source) == store.EventQueue {
		return e.Source
	}
	return e.TriggerID
}

// inOrder checks that none before a message of its key is left.
func (p *program) inOrder(c *cause) {
	if c.key == "" {
		return
	}
	for _, other := range p.causes[:c.number] {
		if other.key == c.key && other.made {
			assert.True(p.t, other.over(), "message %d of key %s comes before %d", c.number, c.key, other.number)
		}
	}
}

// end makes the outcome of an attempt, and remembers it until it is written down.
func (p *program) end(life int, e event, batch []*cause, all fate) (*executions.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if life != p.life {
		return all.outcome()
	}
	p.running[laneOf(e)]--
	var list []string
	for _, c := range batch {
		c.running, c.unsaid, c.fate = false, true, all
		if all == fine && c.of == store.EventQueue && c.fare() == listed {
			c.fate = listed
			list = append(list, c.id)
		}
	}
	if len(list) == 0 {
		return all.outcome()
	}
	answer, err := json.Marshal(map[string]any{"failed": list})
	if err != nil {
		return nil, err
	}
	value, err := abi.AppendFromJSON(nil, answer)
	return &executions.Outcome{Value: value}, err
}

// settled has the model know what has been written down.
func (p *program) settled(turn store.Turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range turn.Settlements {
		i := slices.IndexFunc(p.causes, func(c *cause) bool { return c.id == s.EventID })
		if i < 0 && s.Dead != nil { // nobody has handled it
			i = p.numberOf(s.Dead)
		}
		if i < 0 {
			continue
		}
		c := p.causes[i]
		if !c.unsaid { // it was not handled, or is written down a second time
			if c.orphan && s.Dead != nil && !c.over() {
				c.id, c.dead = s.EventID, true
			}
			continue
		}
		c.unsaid = false
		if c.fate.counts() {
			c.attempts++
		}
		max := p.queue.Retry.MaxAttempts
		if trigger, data := p.data[c.of]; data {
			max = trigger.Retry.MaxAttempts
		}
		c.done = c.fate == fine
		c.dead = c.fate.dead() || c.fate.counts() && c.attempts >= max
	}
}

// numberOf is that of the cause of a dead letter of a change, -1 of another one.
func (p *program) numberOf(dead *store.DeadLetter) int {
	var payload events.Payload
	if !assert.NoError(p.t, json.Unmarshal(dead.Payload, &payload)) {
		return -1
	}
	var change struct{ Value, Data any }
	switch {
	case payload.KV != nil:
		assert.NoError(p.t, json.Unmarshal(payload.KV, &change))
		return p.number(change.Value)
	case payload.Docs != nil:
		assert.NoError(p.t, json.Unmarshal(payload.Docs, &change))
		return p.number(change.Data)
	}
	return -1
}

// settle lets everything come to its end.
func (p *program) settle() {
	p.faulty.fail(well, false)
	p.paused = false
	for _, id := range []string{p.queue.ID, p.data[store.EventDocs].ID, p.data[store.EventKV].ID} {
		p.modify(id, func(t *store.Trigger) { t.Enabled, t.Paused = true, false })
	}
	deadline := time.Now().Add(time.Hour)
	for {
		count, err := p.node.store.Outbox().Count(p.t.Context(), p.app, 1)
		require.NoError(p.t, err)
		if count == 0 {
			break
		}
		require.True(p.t, time.Now().Before(deadline), "something is left")
		time.Sleep(500 * time.Millisecond)
	}
	require.NoError(p.t, p.node.Stop(context.WithoutCancel(p.t.Context())))
}

// check compares what is there with the model.
func (p *program) check() {
	letters := map[string]store.DeadLetter{}
	for page := (store.PageRequest{Limit: store.MaxPageSize}); ; {
		found, err := p.node.store.DeadLetters().List(p.t.Context(), store.DeadLetterFilter{AppID: p.app}, page)
		require.NoError(p.t, err)
		for _, letter := range found.Items {
			assert.NotContains(p.t, letters, letter.EventID, "two dead letters of an event")
			letters[letter.EventID] = letter
		}
		if page.Cursor = found.Next; page.Cursor == "" {
			break
		}
	}
	for _, c := range p.causes {
		about := fmt.Sprintf("%s %d", c.of, c.number)
		letter, dead := letters[c.id]
		delete(letters, c.id)
		if !c.made {
			assert.Zero(p.t, c.runs, about)
			continue
		}
		assert.True(p.t, c.over(), "%s is lost", about)
		assert.Equal(p.t, c.dead, dead, "%s: a dead letter", about)
		if dead {
			assert.Equal(p.t, c.attempts, letter.Attempts, about)
			assert.Equal(p.t, c.key, letter.GroupKey, about)
			assert.Equal(p.t, c.resolution(), letter.Resolution, about)
		}
	}
	assert.Empty(p.t, letters, "dead letters of nothing")
}
