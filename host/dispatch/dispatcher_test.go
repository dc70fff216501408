package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// handler is a script, as far as the dispatcher sees it.
type handler func(e event) (*executions.Outcome, error)

// event is what a script sees of ctx.event.
type event struct {
	ID          string `json:"id"`
	Source      string `json:"source"`
	TriggerID   string `json:"trigger_id"`
	TriggerName string `json:"trigger_name"`
	Attempt     int    `json:"attempt"`
	MaxAttempts int    `json:"max_attempts"`
	KV          *struct{ Value any }
	Docs        *struct{ Data any }
	Queue       struct {
		Messages []struct {
			ID      string
			Key     *string
			Body    any
			Attempt int
		}
	} `json:"queue"`
	Cron *struct {
		ScheduledAt time.Time `json:"scheduled_at"`
		Missed      int
	}
	DeadLetter *struct {
		ID    string
		Error string
		Event json.RawMessage
	} `json:"dead_letter"`

	cause events.Cause // of what the handler does
	text  []byte       // all of it, as JSON
}

func (h handler) Run(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
	text, err := abi.AppendJSON(nil, in.Event)
	if err != nil {
		return nil, err
	}
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	e.cause, e.text = in.Cause, text
	return h(e)
}

var succeeded = &executions.Outcome{}

func failed(code abi.ErrorCode, message string) *executions.Outcome {
	return &executions.Outcome{Error: &abi.ScriptError{Code: code, Message: message}}
}

// node is a server as far as these tests go.
type node struct {
	*Dispatcher
	t        testing.TB
	emitter  *events.Emitter
	registry *events.Registry
	user     string
}

// newNode opens a node on a database. Its dispatcher is not started.
func newNode(t testing.TB, open eachtest.Opener, places int, h handler) *node {
	t.Helper()
	n := &node{t: t}
	table := events.NewTable()
	log := slog.New(slog.DiscardHandler)
	n.emitter = events.NewEmitter(events.Config{Table: table, MaxDepth: 8, MaxPending: func(string) int { return 1_000_000 }, Log: log})
	n.registry = n.emitter.Registry()
	s, err := open(n.registry)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	n.emitter.Bind(s)
	n.Dispatcher = New(Config{
		Store: s, Table: table, Emitter: n.emitter, Runner: h, Concurrency: places, CallConcurrency: 4, Log: log,
		Registrant: func(_ context.Context, userID, _ string) ([]abi.Capability, error) {
			if userID == "" {
				return nil, fault.New(fault.Forbidden, "nobody registered it")
			}
			return nil, nil
		},
	})
	return n
}

func (n *node) start() {
	n.Start()
	n.t.Cleanup(func() { require.NoError(n.t, n.Stop(context.WithoutCancel(n.t.Context()))) })
}

// app makes an app with a script.
func (n *node) app(slug string) store.Script {
	n.t.Helper()
	ctx := n.t.Context()
	if n.user == "" {
		user, err := n.store.Users().Create(ctx, store.User{Username: "of " + slug, Role: store.RoleOwner})
		require.NoError(n.t, err)
		n.user = user.ID
	}
	app, err := n.store.Apps().Create(ctx, store.App{Slug: slug})
	require.NoError(n.t, err)
	script, err := n.store.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: "s", Kind: abi.KindEndpoint, Source: "1"})
	require.NoError(n.t, err)
	return script
}

// consume has the script consume the topic t.
func (n *node) consume(script store.Script, change func(*store.Trigger)) store.Trigger {
	n.t.Helper()
	trigger := store.Trigger{
		AppID: script.AppID, ScriptID: script.ID, Kind: store.TriggerQueue, Name: "consumer", Enabled: true, Concurrency: 4, RegisteredBy: n.user,
		Retry: store.Retry{MaxAttempts: 3, Backoff: store.BackoffConstant, Base: time.Millisecond, Max: time.Second},
		Queue: &store.QueueTrigger{Topic: "t", MaxBatch: 1},
	}
	if change != nil {
		change(&trigger)
	}
	trigger, err := n.store.Triggers().Create(n.t.Context(), trigger)
	require.NoError(n.t, err)
	n.know(script.AppID)
	return trigger
}

// know reads the triggers of an app, as the catalog does.
func (n *node) know(appID string) {
	n.t.Helper()
	n.knowPaused(appID, false)
}

func (n *node) knowPaused(appID string, paused bool) {
	n.t.Helper()
	require.NoError(n.t, n.registry.Reload(n.t.Context(), appID, func(ctx context.Context) ([]events.Listener, error) {
		triggers, err := n.store.Triggers().ByApp(ctx, appID)
		if err != nil {
			return nil, err
		}
		n.table.Set(appID, triggers, paused)
		return events.Listeners(triggers), nil
	}))
	n.Changed()
}

func (n *node) push(appID, key string, bodies ...string) (ids []string) {
	n.t.Helper()
	var messages []events.Message
	for _, body := range bodies {
		messages = append(messages, events.Message{Key: key, Body: json.RawMessage(body)})
	}
	ids, err := n.emitter.Push(n.t.Context(), appID, "t", messages)
	require.NoError(n.t, err)
	return ids
}

// drained waits until nothing is to be delivered.
func (n *node) drained(appID string) {
	n.t.Helper()
	n.drainedWithin(appID, 60*time.Second)
}

func (n *node) drainedWithin(appID string, limit time.Duration) {
	n.t.Helper()
	require.Eventually(n.t, func() bool {
		count, err := n.store.Outbox().Count(n.t.Context(), appID, 1)
		return err == nil && count == 0
	}, limit, 2*time.Millisecond)
}

func (n *node) letters(appID string) []store.DeadLetter {
	n.t.Helper()
	page, err := n.store.DeadLetters().List(n.t.Context(), store.DeadLetterFilter{AppID: appID}, store.PageRequest{})
	require.NoError(n.t, err)
	return page.Items
}

// What becomes of an event, by how its handler fares.
func TestOutcomes(t *testing.T) {
	cases := []struct {
		name     string
		fares    func(attempt, run int) (*executions.Outcome, error)
		runs     int
		attempts int    // of the dead letter; 0: there is none
		says     string // it
	}{
		{"success", func(int, int) (*executions.Outcome, error) { return succeeded, nil }, 1, 0, ""},
		{"an error, then success", func(attempt, _ int) (*executions.Outcome, error) {
			if attempt < 3 {
				return failed(abi.CodeScriptError, "no"), nil
			}
			return succeeded, nil
		}, 3, 0, ""},
		{"errors without end", func(int, int) (*executions.Outcome, error) { return failed(abi.CodeScriptError, "never"), nil }, 3, 3, "never"},
		{"a timeout counts", func(int, int) (*executions.Outcome, error) { return failed(abi.CodeTimeout, "slow"), nil }, 3, 3, "slow"},
		{"a limit counts", func(int, int) (*executions.Outcome, error) { return failed(abi.CodeLimitExceeded, "much"), nil }, 3, 3, "much"},
		{"a full gate does not count", func(attempt, run int) (*executions.Outcome, error) {
			if run < 5 {
				return failed(abi.CodeOverloaded, "full"), nil
			}
			return succeeded, nil
		}, 5, 0, ""},
		{"an interruption does not count", func(attempt, run int) (*executions.Outcome, error) {
			if run < 5 {
				return failed(abi.CodeCancelled, "stop"), nil
			}
			return succeeded, nil
		}, 5, 0, ""},
		{"our own failure does not count", func(attempt, run int) (*executions.Outcome, error) {
			if run == 1 {
				return nil, store.Failed("read script", errors.New("away"))
			}
			return succeeded, nil
		}, 2, 0, ""},
		{"an app that has had its processor time waits, and it does not count", func(attempt, run int) (*executions.Outcome, error) {
			if run < 5 {
				return nil, &fault.Error{Code: fault.RateLimited, Text: "enough for today", RetryAfter: time.Millisecond}
			}
			return succeeded, nil
		}, 5, 0, ""},
		{"the storage's failure in the script does not count", func(attempt, run int) (*executions.Outcome, error) {
			if run == 1 {
				out := failed(abi.CodeScriptError, "kv.get: unavailable")
				out.OurFault = true
				return out, nil
			}
			return succeeded, nil
		}, 2, 0, ""},
		{"a trap of the interpreter does not count", func(attempt, run int) (*executions.Outcome, error) {
			if run == 1 {
				return failed(abi.CodeInternal, "internal error"), nil
			}
			return succeeded, nil
		}, 2, 0, ""},
		{"no script", func(int, int) (*executions.Outcome, error) { return nil, fault.Missing("script") }, 1, -1, "the script is gone"},
		{"a script that does not compile", func(int, int) (*executions.Outcome, error) { return failed(abi.CodeScriptInvalid, "syntax"), nil }, 1, -1, "syntax"},
	}
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				var mu sync.Mutex
				runs := 0
				n := newNode(t, open, 2, func(e event) (*executions.Outcome, error) {
					mu.Lock()
					defer mu.Unlock()
					runs++
					return c.fares(e.Queue.Messages[0].Attempt, runs)
				})
				script := n.app(fmt.Sprint("app-", i))
				n.consume(script, nil)
				n.start()
				ids := n.push(script.AppID, "", `1`)
				n.drained(script.AppID)
				assert.Equal(t, c.runs, runs)
				letters := n.letters(script.AppID)
				if c.attempts == 0 {
					require.Empty(t, letters)
					return
				}
				require.Len(t, letters, 1)
				assert.Equal(t, ids[0], letters[0].EventID)
				assert.Equal(t, max(c.attempts, 0), letters[0].Attempts)
				assert.Equal(t, c.says, letters[0].LastError)
				assert.Equal(t, "consumer", letters[0].TriggerName)
			})
		}
	})
}

// A trigger whose registrant is gone, or that is gone itself, leaves dead letters that say so.
func TestNobodyHandles(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open, 2, func(event) (*executions.Outcome, error) { t.Error("it ran"); return succeeded, nil })
		script := n.app("a")
		n.consume(script, func(t *store.Trigger) { t.RegisteredBy = "" })
		n.push(script.AppID, "", `1`)
		require.NoError(t, n.store.Outbox().Add(t.Context(), []store.Event{{
			AppID: script.AppID, Lane: events.TriggerLane(script.AppID, "gone"), TriggerID: "gone", ScriptID: script.ID,
			Source: store.EventKV, Payload: json.RawMessage(`{"kv":{}}`),
		}}))
		n.start()
		n.drained(script.AppID)
		var says []string
		for _, letter := range n.letters(script.AppID) {
			says = append(says, letter.LastError)
		}
		assert.ElementsMatch(t, []string{"nobody registered it", "the trigger is gone"}, says)
	})
}

// The messages of a key come in order, whatever fails; a failing one holds back its key only.
func TestOrder(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		var mu sync.Mutex
		got := map[string][]float64{}
		var firsts []string
		n := newNode(t, open, 4, func(e event) (*executions.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range e.Queue.Messages {
				firsts = append(firsts, *m.Key)
				if *m.Key == "poison" && m.Body == 0.0 && m.Attempt < 3 {
					return failed(abi.CodeScriptError, "not yet"), nil
				}
				got[*m.Key] = append(got[*m.Key], m.Body.(float64))
			}
			return succeeded, nil
		})
		script := n.app("a")
		n.consume(script, func(t *store.Trigger) {
			t.Queue.Ordered, t.Concurrency = true, 3
			t.Retry.Base, t.Retry.Max = 300*time.Millisecond, time.Second
		})
		keys := []string{"poison", "a", "b", "c"}
		want := map[string][]float64{}
		for i := range 10 {
			for _, key := range keys {
				n.push(script.AppID, key, fmt.Sprint(i))
				want[key] = append(want[key], float64(i))
			}
		}
		n.start()
		n.drained(script.AppID)
		assert.Equal(t, want, got)
		last := slices.Index(firsts, "poison")
		assert.Contains(t, firsts[last+1:last+6], "a", "others go on")
	})
}

// One app's flood does not keep another's event waiting.
func TestFairness(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		var mu sync.Mutex
		var order []string
		n := newNode(t, open, 4, func(e event) (*executions.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, fmt.Sprint(e.Queue.Messages[0].Body))
			return succeeded, nil
		})
		flood, lone := n.app("flood"), n.app("lone")
		n.consume(flood, func(t *store.Trigger) { t.Concurrency = 100 })
		n.consume(lone, nil)
		n.push(flood.AppID, "", slices.Repeat([]string{`"flood"`}, 500)...)
		n.push(lone.AppID, "", `"lone"`)
		n.start()
		n.drained(flood.AppID)
		n.drained(lone.AppID)
		require.Len(t, order, 501)
		assert.Less(t, slices.Index(order, "lone"), 10)
	})
}

// However slow an app's handlers are, and however many of its events wait, another app's events go on: here none of the
// slow ones ends before all of the others have. How long these wait is measured by make bench BENCH='-only events'.
func TestASlowAppIsInNobodysWay(t *testing.T) {
	const places, perApp, quick = 4, 2, 100
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		release := make(chan struct{})
		var slow, handled atomic.Int64
		n := newNode(t, open, places, func(e event) (*executions.Outcome, error) {
			if e.Queue.Messages[0].Body == "slow" {
				slow.Add(1)
				<-release
			} else {
				handled.Add(1)
			}
			return succeeded, nil
		})
		n.config.PerApp = perApp
		flood, lone := n.app("flood"), n.app("lone")
		n.consume(flood, func(t *store.Trigger) { t.Concurrency = 100 })
		n.consume(lone, nil)
		n.push(flood.AppID, "", slices.Repeat([]string{`"slow"`}, 500)...)
		n.start()
		end := sync.OnceFunc(func() { close(release) })
		t.Cleanup(end) // before it is stopped
		require.Eventually(t, func() bool { return slow.Load() == perApp }, time.Minute, time.Millisecond, "they have all they may")
		for range quick {
			n.push(lone.AppID, "", `"quick"`)
		}
		n.drained(lone.AppID)
		assert.EqualValues(t, quick, handled.Load())
		assert.EqualValues(t, perApp, slow.Load(), "none of the slow ones has ended")
		end()
		n.drained(flood.AppID)
		assert.EqualValues(t, 500, slow.Load())
	})
}

// No more of a trigger's deliveries run at once than it says.
func TestConcurrency(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		var mu sync.Mutex
		running, most := 0, 0
		n := newNode(t, open, 16, func(event) (*executions.Outcome, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(2 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			running--
			return succeeded, nil
		})
		script := n.app("a")
		n.consume(script, func(t *store.Trigger) { t.Concurrency = 3 })
		n.push(script.AppID, "", slices.Repeat([]string{`1`}, 60)...)
		n.start()
		n.drained(script.AppID)
		assert.Equal(t, 3, most)
	})
}

// manyEvents is how many two nodes share.
func manyEvents(t *testing.T) int {
	const name = "PICLOUD_EVENTS"
	text := os.Getenv(name)
	if text == "" {
		return 2000
	}
	many, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	require.True(t, many >= 200 && many%200 == 0, "%s must be a multiple of 200", name)
	return many
}

// Two nodes on one database handle each event once, and no more at once than one would.
func TestTwoNodes(t *testing.T) {
	url := pgtest.URL(t)
	open := func(l store.Listeners) (store.Store, error) {
		return postgres.Open(t.Context(), postgres.Config{URL: url, Listeners: l})
	}
	var mu sync.Mutex
	handled := map[string]int{}
	running, most := 0, 0
	both := map[int]int{}
	handle := func(node int) handler {
		return func(e event) (*executions.Outcome, error) {
			mu.Lock()
			handled[e.ID]++
			both[node]++
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			running--
			mu.Unlock()
			return succeeded, nil
		}
	}
	one, two := newNode(t, open, 4, handle(1)), newNode(t, open, 4, handle(2))
	script := one.app("a")
	one.consume(script, func(t *store.Trigger) { t.Concurrency = 6 })
	two.know(script.AppID)
	one.start()
	two.start()
	total := manyEvents(t)
	for range total / 200 {
		one.push(script.AppID, "", slices.Repeat([]string{`1`}, 100)...)
		two.push(script.AppID, "", slices.Repeat([]string{`2`}, 100)...)
	}
	one.drainedWithin(script.AppID, time.Duration(total)*30*time.Millisecond)
	assert.Len(t, handled, total)
	for id, times := range handled {
		assert.Equal(t, 1, times, id)
	}
	assert.LessOrEqual(t, most, 6)
	assert.NotZero(t, both[1])
	assert.NotZero(t, both[2])
}

// When one of two nodes ends in the middle of its work the other does the rest, also of what the first had begun.
func TestOneOfTwoNodesIsKilled(t *testing.T) {
	url := pgtest.URL(t)
	var mu sync.Mutex
	handled := map[string]int{}
	var begun []string // by the one that is killed
	total := manyEvents(t)
	stuck, release := make(chan struct{}), make(chan struct{})
	openFaulty := func(handle handler) (*node, *faulty) {
		f := &faulty{lease: 2 * time.Second}
		return newNode(t, func(l store.Listeners) (s store.Store, err error) {
			f.Store, err = postgres.Open(t.Context(), postgres.Config{URL: url, Listeners: l})
			return f, err
		}, 4, handle), f
	}
	one, _ := openFaulty(func(e event) (*executions.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		handled[e.ID]++
		return succeeded, nil
	})
	two, killed := openFaulty(func(e event) (*executions.Outcome, error) {
		mu.Lock()
		if len(begun) == 4 { // as many as it has places
			mu.Unlock()
			return nil, errAway
		}
		if len(handled) < total/4 {
			handled[e.ID]++
			mu.Unlock()
			return succeeded, nil
		}
		if begun = append(begun, e.ID); len(begun) == 4 {
			close(stuck)
		}
		mu.Unlock()
		<-release
		return succeeded, nil
	})
	script := one.app("a")
	one.consume(script, func(t *store.Trigger) { t.Concurrency = 8 })
	two.know(script.AppID)
	two.start()
	t.Cleanup(func() { close(release) }) // before it is stopped
	for range total / 100 {
		two.push(script.AppID, "", slices.Repeat([]string{`1`}, 100)...)
	}
	<-stuck
	killed.die()
	one.start()
	one.drainedWithin(script.AppID, time.Duration(total)*30*time.Millisecond)
	assert.Len(t, handled, total)
	again := 0 // what the killed one could not write down
	for id, times := range handled {
		assert.LessOrEqual(t, times, 2, id)
		again += times - 1
	}
	assert.LessOrEqual(t, again, 4)
	for _, id := range begun {
		assert.Equal(t, 1, handled[id], "begun by the one, ended by the other")
	}
}

// What a node has claimed that is gone, another takes over when the lease ends; a late end of the first
// changes nothing.
func TestANodeIsLost(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		ran := make(chan string, 10)
		n := newNode(t, open, 4, func(e event) (*executions.Outcome, error) { ran <- e.ID; return succeeded, nil })
		script := n.app("a")
		ids := n.push(script.AppID, "", `1`)
		lane := events.QueueLane(script.AppID, "t")
		turned, err := n.store.Outbox().Turn(t.Context(), store.Turn{Lease: -time.Second, Claims: []store.Claim{{Lane: lane, Token: "of the lost", Limit: 1, MaxRunning: 1}}})
		require.NoError(t, err)
		require.Len(t, turned.Claimed["of the lost"], 1)
		n.tookOver = true // it is not this process that was lost
		n.consume(script, nil)
		n.start()
		require.NoError(t, n.rescue(t.Context()))
		assert.Equal(t, ids[0], <-ran)
		turned, err = n.store.Outbox().Turn(t.Context(), store.Turn{Lease: time.Second, Settlements: []store.Settlement{{EventID: ids[0], AppID: script.AppID, Token: "of the lost", Dead: &store.DeadLetter{AppID: script.AppID}}}})
		require.NoError(t, err)
		assert.Equal(t, 1, turned.Void)
		n.drained(script.AppID)
		assert.Empty(t, n.letters(script.AppID))
	})
}

// A stop waits for what is under way and writes down what became of it.
func TestStopSettles(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		began, end := make(chan struct{}), make(chan struct{})
		n := newNode(t, open, 4, func(event) (*executions.Outcome, error) { close(began); <-end; return succeeded, nil })
		script := n.app("a")
		n.consume(script, nil)
		n.Start()
		n.push(script.AppID, "", `1`)
		<-began
		stopped := make(chan error, 1)
		go func() { stopped <- n.Stop(context.WithoutCancel(t.Context())) }()
		close(end)
		require.NoError(t, <-stopped)
		count, err := n.store.Outbox().Count(t.Context(), script.AppID, 10)
		require.NoError(t, err)
		assert.Zero(t, count)
	})
}

func TestPauses(t *testing.T) {
	for _, c := range []struct {
		retry store.Retry
		want  []time.Duration // after 1, 2, ... attempts
	}{
		{store.Retry{Backoff: store.BackoffExponential, Base: time.Second, Max: 5 * time.Second}, []time.Duration{1e9, 2e9, 4e9, 5e9, 5e9}},
		{store.Retry{Backoff: store.BackoffLinear, Base: time.Second, Max: time.Hour}, []time.Duration{1e9, 2e9, 3e9}},
		{store.Retry{Backoff: store.BackoffConstant, Base: time.Second, Max: time.Hour}, []time.Duration{1e9, 1e9, 1e9}},
	} {
		for i, want := range c.want {
			assert.Equal(t, want, pause(c.retry, i+1), "%s %d", c.retry.Backoff, i+1)
			c.retry.Jitter = 0.5
			for range 20 {
				got := pause(c.retry, i+1)
				assert.LessOrEqual(t, got, want)
				assert.GreaterOrEqual(t, got, want/2)
			}
			c.retry.Jitter = 0
		}
	}
}

// A stop does so also when its last turn fails, and while the dispatcher pauses after one that failed.
func TestStopSettlesAfterAFailure(t *testing.T) {
	for _, pausing := range []bool{false, true} {
		t.Run(fmt.Sprint("pausing ", pausing), func(t *testing.T) {
			eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
				var f *faulty
				began, end := make(chan struct{}, 2), make(chan struct{})
				n := newNode(t, func(l store.Listeners) (store.Store, error) {
					s, err := open(l)
					f = &faulty{Store: s}
					return f, err
				}, 4, func(event) (*executions.Outcome, error) { began <- struct{}{}; <-end; return succeeded, nil })
				script := n.app("a")
				n.consume(script, nil)
				failed := n.Group[0].(*background.Task).Ran()
				n.Start()
				n.push(script.AppID, "", `1`)
				<-began
				f.fail(before, false)
				if n.push(script.AppID, "", `2`); pausing { // has it take a turn
					_, err := failed.Next(t.Context())
					require.NoError(t, err)
				}
				stopped := make(chan error, 1)
				go func() { stopped <- n.Stop(context.WithoutCancel(t.Context())) }()
				<-n.Group[0].(*background.Task).Done()
				require.Empty(t, stopped, "it waits for what is under way")
				close(end)
				require.NoError(t, <-stopped)
				events, err := n.store.Outbox().List(t.Context(), store.EventQuery{AppID: script.AppID, State: store.EventRunning})
				require.NoError(t, err)
				assert.Empty(t, events.Items)
			})
		})
	}
}

// undelivered has the script handle the app's dead letters.
func (n *node) undelivered(script store.Script) {
	n.t.Helper()
	_, err := n.store.Triggers().Create(n.t.Context(), store.Trigger{
		AppID: script.AppID, ScriptID: script.ID, Kind: store.TriggerDeadLetter, Name: "undelivered", Enabled: true, Concurrency: 1,
		RegisteredBy: n.user, Retry: store.Retry{MaxAttempts: 1, Backoff: store.BackoffConstant, Base: time.Millisecond, Max: time.Second},
		DeadLetter: &store.DeadLetterTrigger{},
	})
	require.NoError(n.t, err)
	n.know(script.AppID)
}

// A handler of dead letters that has what failed delivered again does so no deeper than triggers may cause
// one another, and the last dead letter stays.
func TestReplayingHandler(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		var n *node
		var script store.Script
		n = newNode(t, open, 2, func(e event) (*executions.Outcome, error) {
			if e.DeadLetter == nil {
				return failed(abi.CodeScriptError, "never"), nil
			}
			_, err := n.emitter.Replay(events.WithCause(t.Context(), e.cause), script.AppID, e.DeadLetter.ID, "script s")
			if err != nil {
				return failed(abi.CodeScriptError, err.Error()), nil
			}
			return succeeded, nil
		})
		script = n.app("a")
		n.consume(script, func(t *store.Trigger) { t.Retry.MaxAttempts = 1 })
		n.undelivered(script)
		n.start()
		n.push(script.AppID, "", `1`)
		n.drained(script.AppID)
		var decided []store.Resolution
		for _, letter := range n.letters(script.AppID) {
			decided = append(decided, letter.Resolution)
		}
		assert.Equal(t, []store.Resolution{store.ResolvedFailed, store.ResolvedReplayed, store.ResolvedReplayed, store.ResolvedReplayed}, decided)
	})
}

// An event that nests deeper than a script can read, which an earlier version may have kept, becomes a dead
// letter whose handler is told of it without the event.
func TestDeepEvent(t *testing.T) {
	deep := strings.Repeat("[", 9_990) + strings.Repeat("]", 9_990)
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		told := make(chan string, 1)
		n := newNode(t, open, 2, func(e event) (*executions.Outcome, error) {
			told <- string(e.DeadLetter.Event)
			return succeeded, nil
		})
		script := n.app("a")
		n.consume(script, nil)
		n.undelivered(script)
		_, err := n.emitter.Push(t.Context(), script.AppID, "t", []events.Message{{Body: json.RawMessage(deep)}})
		assert.ErrorContains(t, err, "message: must be nested at most 56 levels deep")
		require.NoError(t, n.store.Outbox().Add(t.Context(), []store.Event{{
			AppID: script.AppID, Lane: events.QueueLane(script.AppID, "t"), Source: store.EventQueue,
			Payload: json.RawMessage(`{"message":` + deep + `}`),
		}}))
		n.start()
		n.drained(script.AppID)
		assert.Equal(t, "null", <-told)
		require.Len(t, n.letters(script.AppID), 1)
	})
}

// A batch is as deep as the deepest of its messages, so that no loop hides behind what others push.
func TestDepthOfBatch(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		causes := make(chan events.Cause, 3)
		n := newNode(t, open, 1, func(e event) (*executions.Outcome, error) {
			causes <- e.cause
			return succeeded, nil
		})
		script := n.app("a")
		n.consume(script, func(t *store.Trigger) { t.Queue.MaxBatch = 3 })
		for _, depth := range []int{0, 5, 2} {
			ctx := events.WithCause(t.Context(), events.Cause{Depth: depth, Root: fmt.Sprint("root of ", depth)})
			_, err := n.emitter.Push(ctx, script.AppID, "t", []events.Message{{Body: json.RawMessage(`1`)}})
			require.NoError(t, err)
		}
		n.start()
		n.drained(script.AppID)
		assert.Equal(t, events.Cause{Depth: 6, Root: "root of 5"}, <-causes)
		assert.Empty(t, causes, "it is one batch")
	})
}

// A batch has no more than a handler has memory for, however many messages it may have.
func TestLongMessages(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		var mu sync.Mutex
		var batches []int
		n := newNode(t, open, 1, func(e event) (*executions.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			batches = append(batches, len(e.Queue.Messages))
			return succeeded, nil
		})
		script := n.app("a")
		n.consume(script, func(t *store.Trigger) { t.Queue.MaxBatch, t.Concurrency = 1000, 1 })
		long := `"` + strings.Repeat("x", events.MaxMessageBytes-2) + `"`
		n.push(script.AppID, "", slices.Repeat([]string{long}, 40)...)
		n.start()
		n.drained(script.AppID)
		assert.Equal(t, []int{16, 16, 8}, batches)
	})
}

// A group that is held back holds back no other one, however many of its messages are due before theirs.
func TestLongGroup(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		came := make(chan string, 1)
		n := newNode(t, open, 1, func(e event) (*executions.Outcome, error) {
			if *e.Queue.Messages[0].Key == "a" {
				return failed(abi.CodeScriptError, "not yet"), nil
			}
			came <- *e.Queue.Messages[0].Key
			return succeeded, nil
		})
		script := n.app("app")
		n.consume(script, func(t *store.Trigger) {
			t.Queue.Ordered, t.Concurrency = true, 1
			t.Retry.Base, t.Retry.Max = time.Hour, time.Hour
		})
		n.start()
		n.push(script.AppID, "a", `0`)
		require.Eventually(t, func() bool {
			page, err := n.store.Outbox().List(t.Context(), store.EventQuery{AppID: script.AppID, State: store.EventRetrying})
			return err == nil && len(page.Items) == 1
		}, 30*time.Second, 2*time.Millisecond)
		for range 2 {
			n.push(script.AppID, "a", slices.Repeat([]string{`1`}, 600)...)
		}
		n.push(script.AppID, "b", `1`)
		assert.Equal(t, "b", <-came)
	})
}

// An answer that tells in no way that can be read which messages failed is an attempt that all of them failed.
func TestAnswers(t *testing.T) {
	j := &job{events: []store.Event{{ID: "1", Source: store.EventQueue}, {ID: "2", Source: store.EventQueue}}}
	for _, c := range []struct {
		answer string
		failed []string
	}{
		{`"done"`, nil},
		{`{"failed":[]}`, nil},
		{`{"failed":null}`, nil},
		{`{"failed":["2"]}`, []string{"2"}},
		{`{"failed":"2"}`, []string{"1", "2"}},
		{`{"failed":["2",1]}`, []string{"1", "2"}},
	} {
		value, err := abi.AppendFromJSON(nil, []byte(c.answer))
		require.NoError(t, err)
		assert.Equal(t, c.failed, j.answered(&executions.Outcome{Value: value}).failed, c.answer)
	}
}
