package dispatch

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// Dead letters that failed longer ago than they are kept are removed, and repeats that are known for long enough are
// forgotten; without an age dead letters stay.
func TestRetention(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open, 1, func(event) (*executions.Outcome, error) { return failed(abi.CodeScriptInvalid, "syntax"), nil })
		script := n.app("a")
		n.consume(script, nil)
		n.start()
		for range 3 {
			n.push(script.AppID, "", `1`)
		}
		n.drained(script.AppID)
		require.Len(t, n.letters(script.AppID), 3)
		for key, known := range map[string]time.Duration{"known": time.Hour, "forgotten": time.Microsecond} {
			_, first, err := n.store.Idempotency().Once(t.Context(), store.IdempotencyKey{AppID: script.AppID, Scope: "queue/t", Key: key}, "id", known)
			require.NoError(t, err)
			require.True(t, first)
		}
		sweep := func(age time.Duration) (keys, letters int64) {
			kept := NewRetention(n.store, age, log).(background.Group)
			swept := make([]*background.Subscription[int64], 2)
			for i := range kept {
				swept[i] = kept[i].(*background.Sweep).Swept()
			}
			kept.Start()
			keys, err := swept[0].Next(t.Context())
			require.NoError(t, err)
			if age > 0 {
				letters, err = swept[1].Next(t.Context())
				require.NoError(t, err)
			}
			require.NoError(t, kept.Stop(context.WithoutCancel(t.Context())))
			return keys, letters
		}
		keys, _ := sweep(0)
		assert.EqualValues(t, 1, keys)
		assert.Len(t, n.letters(script.AppID), 3, "they are kept for ever")
		keys, letters := sweep(time.Hour)
		assert.Zero(t, keys)
		assert.Zero(t, letters, "they are younger")
		_, letters = sweep(time.Nanosecond)
		assert.EqualValues(t, 3, letters)
		assert.Empty(t, n.letters(script.AppID))
	})
}
