package dispatch

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// A defect of ours that one event comes upon, a panic or a trap of the interpreter, leaves the node and the other events
// alone, those of its key too: a panic is logged with its stack, and in the end the event is a dead letter, of which those
// who wait for some are told.
func TestADefectIsSurvived(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		for how, defect := range map[string]func() *executions.Outcome{
			"panic": func() *executions.Outcome { panic("nobody thought of this") },
			"trap":  func() *executions.Outcome { return failed(abi.CodeInternal, "internal error") },
		} {
			t.Run(how, func(t *testing.T) {
				var mu sync.Mutex
				var told []string
				var done []any
				tries := 0
				n := newNode(t, open, 4, func(e event) (*executions.Outcome, error) {
					mu.Lock()
					defer mu.Unlock()
					if e.DeadLetter != nil {
						told = append(told, e.DeadLetter.Error)
						return succeeded, nil
					}
					if e.Queue.Messages[0].Body == "poison" {
						tries++
						return defect(), nil
					}
					done = append(done, e.Queue.Messages[0].Body)
					return succeeded, nil
				})
				var log bytes.Buffer
				n.log = slog.New(slog.NewJSONHandler(&log, nil))
				script := n.app("app-" + how)
				n.consume(script, func(t *store.Trigger) { t.Queue.Ordered = true })
				n.undelivered(script)
				ids := n.push(script.AppID, "key", `1`, `"poison"`, `2`)
				n.defects.Add(ids[1], maxDefects-2)
				n.start()
				n.drained(script.AppID)
				require.NoError(t, n.Stop(t.Context()))
				letters := n.letters(script.AppID)
				require.Len(t, letters, 1)
				assert.Equal(t, []any{ids[1], "internal", 0}, []any{letters[0].EventID, letters[0].LastError, letters[0].Attempts})
				assert.Equal(t, store.ResolvedByScript, letters[0].Resolution)
				assert.Equal(t, []string{"internal"}, told)
				assert.Equal(t, []any{1.0, 2.0}, done)
				assert.Equal(t, 2, tries)
				if how == "panic" {
					assert.Equal(t, 2, strings.Count(log.String(), "nobody thought of this"), log.String())
					assert.Contains(t, log.String(), "defect_test.go")
				}
			})
		}
	})
}

// A defect in what becomes of an event has it delivered again.
func TestADefectOfTheVerdictIsSurvived(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open, 4, func(event) (*executions.Outcome, error) {
			return &executions.Outcome{Error: &abi.ScriptError{Code: abi.CodeScriptError, Advice: &abi.Advice{DeadLetter: true}}}, nil
		})
		script := n.app("a")
		n.consume(script, nil)
		ids := n.push(script.AppID, "", `1`)
		e, err := n.store.Outbox().Get(t.Context(), ids[0])
		require.NoError(t, err)
		e.Token = "t"
		n.config.Emitter = nil // who would make an event of the dead letter
		settled, v := n.deliver([]store.Event{e})
		assert.True(t, v.retry && !v.count)
		require.Len(t, settled, 1)
		assert.Equal(t, store.Settlement{EventID: ids[0], AppID: e.AppID, Token: "t", Retry: &store.RetryAt{Delay: v.at}}, settled[0])
	})
}

// A defect that one schedule comes upon is in the way of no other one.
func TestADefectOfAScheduleIsSurvived(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open, 1, func(event) (*executions.Outcome, error) { return succeeded, nil })
		script := n.app("a")
		due := time.Now().Add(-time.Second)
		var ids []string
		for _, name := range []string{"a", "b"} {
			trigger, err := n.store.Triggers().Create(t.Context(), store.Trigger{
				AppID: script.AppID, ScriptID: script.ID, Kind: store.TriggerCron, Name: name, Enabled: true, Concurrency: 1,
				Cron: &store.CronTrigger{Schedule: "@daily", Timezone: "UTC", CatchUp: store.CatchUpOnce, NextAt: due},
			})
			require.NoError(t, err)
			ids = append(ids, trigger.ID)
		}
		n.config.Emitter = nil // who would make their events
		require.NoError(t, n.fireDue(t.Context()))
		for _, id := range ids {
			trigger, err := n.store.Triggers().Get(t.Context(), id)
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now().Add(defectPause), trigger.Cron.NextAt, time.Minute)
		}
	})
}
