package dispatch

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/sqlite"
)

// What refuses an event refuses the others too: they are left alone for as long.
func TestARefusalIsNotAskedForAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		fares func() (*executions.Outcome, error)
		most  int // refusals in a second
	}{
		{"a full gate", func() (*executions.Outcome, error) { return failed(abi.CodeOverloaded, "full"), nil }, 2 * 4 * 21},
		{"no processor time", func() (*executions.Outcome, error) {
			return nil, &fault.Error{Code: fault.RateLimited, Text: "enough for today", RetryAfter: time.Hour}
		}, 2 * 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
				var mu sync.Mutex
				runs := 0
				n := newNode(t, open, 8, func(event) (*executions.Outcome, error) {
					mu.Lock()
					defer mu.Unlock()
					runs++
					return c.fares()
				})
				script := n.app("a")
				n.consume(script, nil)
				n.consume(script, func(t *store.Trigger) { t.Name, t.Queue.Topic = "other", "u" })
				n.push(script.AppID, "", slices.Repeat([]string{`1`}, 500)...)
				_, err := n.emitter.Push(t.Context(), script.AppID, "u", slices.Repeat([]events.Message{{Body: json.RawMessage(`1`)}}, 500))
				require.NoError(t, err)
				n.start()
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				assert.NotZero(t, runs)
				assert.LessOrEqual(t, runs, c.most)
			})
		})
	}
}

// What its key has held back is found also where something was claimed that was due later.
func TestAKeyGoesOnWhenItsTurnComes(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		other := make(chan struct{}, 1)
		var n *node
		var script store.Script
		n = newNode(t, open, 4, func(e event) (*executions.Outcome, error) {
			if *e.Queue.Messages[0].Key == "b" {
				other <- struct{}{}
				return succeeded, nil
			}
			n.push(script.AppID, "b", `1`)
			<-other
			return succeeded, nil
		})
		script = n.app("app")
		n.consume(script, func(t *store.Trigger) { t.Queue.Ordered = true })
		n.push(script.AppID, "a", `1`, `2`, `3`, `4`, `5`, `6`)
		time.Sleep(floorMargin + 100*time.Millisecond)
		began := time.Now()
		n.start()
		n.drained(script.AppID)
		assert.Less(t, time.Since(began), 2*time.Second)
	})
}

// A batch is delivered when it is full, and one that is not when its first message has waited long enough.
func TestABatchWaitsNoLongerThanItMust(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		came := make(chan int, 10)
		n := newNode(t, open, 4, func(e event) (*executions.Outcome, error) {
			came <- len(e.Queue.Messages)
			return succeeded, nil
		})
		script := n.app("a")
		const wait = 3 * time.Second
		n.consume(script, func(t *store.Trigger) { t.Queue.MaxBatch, t.Queue.MaxWait = 3, wait })
		n.start()
		turns := func() int {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.turns
		}
		for range 2 {
			began, before := time.Now(), turns()
			n.push(script.AppID, "", `1`)
			require.Eventually(t, func() bool { return turns() > before }, 10*time.Second, time.Millisecond)
			n.push(script.AppID, "", `2`, `3`)
			assert.Equal(t, 3, <-came)
			assert.Less(t, time.Since(began), wait/2, "it is full")
		}
		began, before := time.Now(), turns()
		n.push(script.AppID, "", `1`)
		assert.Equal(t, 1, <-came)
		assert.GreaterOrEqual(t, time.Since(began), wait)
		assert.Less(t, time.Since(began), wait+wait/2)
		n.drained(script.AppID)
		time.Sleep(wait / 2)
		assert.Less(t, turns()-before, 15, "nobody asks again and again")
	})
}

// slow is a store that takes its time to write down what became of events.
type slow struct{ store.Store }

func (s slow) Outbox() store.Outbox { return slowOutbox{s.Store.Outbox()} }

type slowOutbox struct{ store.Outbox }

func (o slowOutbox) Turn(ctx context.Context, turn store.Turn) (store.Turned, error) {
	if len(turn.Settlements) > 0 {
		time.Sleep(50 * time.Millisecond)
	}
	return o.Outbox.Turn(ctx, turn)
}

// A retry is made when it is due, and not found by a look at all lanes later.
func TestARetryIsNotMissed(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, func(l store.Listeners) (store.Store, error) {
			s, err := open(l)
			return slow{s}, err
		}, 4, func(e event) (*executions.Outcome, error) {
			if e.Attempt < 8 {
				return failed(abi.CodeScriptError, "no"), nil
			}
			return succeeded, nil
		})
		script := n.app("a")
		n.consume(script, func(t *store.Trigger) { t.Retry.MaxAttempts, t.Retry.Base = 8, 20*time.Millisecond })
		n.start()
		began := time.Now()
		n.push(script.AppID, "", `1`)
		n.drained(script.AppID)
		assert.Less(t, time.Since(began), 3*time.Second)
		assert.Empty(t, n.letters(script.AppID))
	})
}

// blind is a store that finds no lane that nobody has told of.
type blind struct{ store.Store }

func (b blind) Outbox() store.Outbox { return blindOutbox{b.Store.Outbox()} }

type blindOutbox struct{ store.Outbox }

func (blindOutbox) Lanes(context.Context) ([]store.LaneDue, error) { return nil, nil }

// Each of several events of a lane that are due later is delivered when its time comes: nothing but word of them, and
// what is found with those before, tells of it. So it is with the retries of several.
func TestEachDelayedEventIsDelivered(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		var mu sync.Mutex
		var order []any
		n := newNode(t, func(l store.Listeners) (store.Store, error) {
			s, err := open(l)
			return blind{s}, err
		}, 4, func(e event) (*executions.Outcome, error) {
			m := e.Queue.Messages[0]
			if m.Attempt == 1 {
				return failed(abi.CodeScriptError, "no"), nil
			}
			mu.Lock()
			defer mu.Unlock()
			order = append(order, m.Body)
			return succeeded, nil
		})
		script := n.app("a")
		n.consume(script, func(t *store.Trigger) { t.Retry.Base = 20 * time.Millisecond })
		n.start()
		_, err := n.emitter.Push(t.Context(), script.AppID, "t", []events.Message{
			{Body: json.RawMessage(`3`), Delay: 900 * time.Millisecond}, {Body: json.RawMessage(`1`), Delay: 100 * time.Millisecond},
			{Body: json.RawMessage(`2`), Delay: 500 * time.Millisecond},
		})
		require.NoError(t, err)
		n.drained(script.AppID)
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, []any{1.0, 2.0, 3.0}, order)
	})
}

// many is a store with so many lanes that to look at them takes three seconds.
type many struct {
	store.Store
	mu    sync.Mutex
	looks []time.Time
}

func (m *many) Outbox() store.Outbox { return manyOutbox{m.Store.Outbox(), m} }

type manyOutbox struct {
	store.Outbox
	of *many
}

func (m manyOutbox) Lanes(context.Context) ([]store.LaneDue, error) {
	m.of.mu.Lock()
	m.of.looks = append(m.of.looks, time.Now())
	m.of.mu.Unlock()
	time.Sleep(3 * time.Second)
	return nil, nil
}

// However long a look takes, the next one comes a few seconds later, and not sooner, whoever wants it to.
func TestALookIsRestedFrom(t *testing.T) {
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	defer s.Close()
	synctest.Test(t, func(t *testing.T) {
		m := &many{Store: s}
		d := New(Config{Store: m, Table: events.NewTable(), Emitter: events.NewEmitter(events.Config{}), Concurrency: 1})
		d.looker.Start()
		for i := range 700 {
			time.Sleep(100 * time.Millisecond)
			if i < 348 {
				d.Changed()
			}
		}
		require.NoError(t, d.looker.Stop(context.Background()))
		var between []time.Duration
		for i, at := range m.looks[1:] {
			between = append(between, at.Sub(m.looks[i]))
		}
		woken, alone := 3*time.Second+longestRest, 3*time.Second+longestRest+pollEvery
		assert.Equal(t, slices.Concat(slices.Repeat([]time.Duration{woken}, 5), slices.Repeat([]time.Duration{alone}, 4)), between)
	})
}

// What a look has not found yet may be known by word of it.
func TestALookForgetsNoWord(t *testing.T) {
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	defer s.Close()
	d := New(Config{Store: s, Table: events.NewTable(), Emitter: events.NewEmitter(events.Config{}), Concurrency: 1})
	now := time.Now()
	d.made([]store.Event{{Lane: "a/t/now"}, {Lane: "a/t/later", Delay: time.Hour}})
	d.lanes.get("a/t/idle")
	d.found(nil, now)
	require.Len(t, d.lanes.known, 2)
	require.True(t, d.lanes.known["a/t/now"].ready)
	require.False(t, d.lanes.known["a/t/later"].next.Before(now.Add(time.Hour)))
}
