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
	const age = 24 * time.Hour
	log := slog.New(slog.DiscardHandler)
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		var app string
		dies := func(ago time.Duration) *node {
			n := newNode(t, open, 1, func(event) (*executions.Outcome, error) { return failed(abi.CodeScriptInvalid, "syntax"), nil })
			n.config.Now = func() time.Time { return time.Now().Add(-ago) }
			if app == "" {
				script := n.app("a")
				app = script.AppID
				n.consume(script, nil)
			} else {
				n.know(app)
			}
			n.Start()
			n.push(app, "", `1`)
			n.drained(app)
			require.NoError(t, n.Stop(context.WithoutCancel(t.Context())))
			return n
		}
		dies(age + time.Hour)
		dies(age - time.Hour)
		n := dies(0)
		require.Len(t, n.letters(app), 3)
		for key, known := range map[string]time.Duration{"known": time.Hour, "forgotten": time.Microsecond} {
			_, first, err := n.store.Idempotency().Once(t.Context(), store.IdempotencyKey{AppID: app, Scope: "queue/t", Key: key}, "id", known)
			require.NoError(t, err)
			require.True(t, first)
		}

		forever := NewRetention(n.store, 0, log).(background.Group)
		require.Len(t, forever, 1, "nothing removes dead letters")

		kept := NewRetention(n.store, age, log).(background.Group)
		keys, letters := kept[0].(*background.Sweep).Swept(), kept[1].(*background.Sweep).Swept()
		kept.Start()
		swept, err := keys.Next(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 1, swept)
		swept, err = letters.Next(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 1, swept)
		require.NoError(t, kept.Stop(context.WithoutCancel(t.Context())))
		left := n.letters(app)
		require.Len(t, left, 2)
		for _, letter := range left {
			assert.Less(t, time.Since(letter.LastAt), age)
		}
	})
}
