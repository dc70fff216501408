package dispatch

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
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
