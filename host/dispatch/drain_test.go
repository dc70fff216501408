package dispatch

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// What is due is delivered in order and once, with what follows from it; what is not due waits.
func TestDrain(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		var handled []any
		var appID string
		var n *node
		n = newNode(t, open, 1, func(e event) (*executions.Outcome, error) {
			if e.DeadLetter != nil {
				handled = append(handled, "dead")
				return succeeded, nil
			}
			for _, m := range e.Queue.Messages {
				handled = append(handled, m.Body)
			}
			switch e.Queue.Messages[0].Body {
			case "fails":
				return failed(abi.CodeScriptInvalid, "never"), nil
			case "again":
				return failed(abi.CodeScriptError, "later"), nil
			case "first":
				n.push(appID, "", `"from the first"`)
			}
			return succeeded, nil
		})
		script := n.app("drained")
		appID = script.AppID
		n.consume(script, func(t *store.Trigger) {
			t.Queue.MaxBatch, t.Queue.MaxWait, t.Retry.Base = 2, time.Minute, time.Hour
			t.Retry.Max = time.Hour
		})
		n.undelivered(script)

		n.push(script.AppID, "", `"first"`, `"second"`, `"fails"`)
		delivered, err := n.Drain(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []any{"first", "second", "fails", "from the first", "dead", "dead"}, handled)
		require.Len(t, delivered, 4)
		assert.Equal(t, Delivered{Source: store.EventQueue, Trigger: "consumer", ScriptID: script.ID, Events: 2, Result: ResultDone}, delivered[0])
		assert.Equal(t, Delivered{Source: store.EventQueue, Trigger: "consumer", ScriptID: script.ID, Events: 2, Result: ResultDead, Error: "never"}, delivered[1])
		assert.Equal(t, "undelivered", delivered[2].Trigger)

		n.push(script.AppID, "", `"again"`)
		_, err = n.emitter.Push(t.Context(), script.AppID, "t", []events.Message{{Body: []byte(`"tomorrow"`), Delay: 24 * time.Hour}})
		require.NoError(t, err)
		for _, want := range []int{1, 0} { // the retry is in an hour
			delivered, err = n.Drain(t.Context())
			require.NoError(t, err)
			require.Len(t, delivered, want)
		}
		n.knowPaused(script.AppID, true)
		n.push(script.AppID, "", `"paused"`)
		delivered, err = n.Drain(t.Context())
		require.NoError(t, err)
		assert.Empty(t, delivered)
	})
}

// What fails because of us is not tried again and again.
func TestDrainOfOurFailure(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		runs := 0
		ours := errors.New("the storage is gone")
		n := newNode(t, open, 1, func(event) (*executions.Outcome, error) { runs++; return nil, ours })
		script := n.app("failing")
		n.consume(script, nil)
		n.push(script.AppID, "", `1`)
		delivered, err := n.Drain(t.Context())
		require.NoError(t, err)
		require.Len(t, delivered, 1)
		assert.Equal(t, ResultRetried, delivered[0].Result)
		assert.Equal(t, 1, runs)
	})
}
