package dispatch

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// Each message of a batch counts by what became of it.
func TestAttemptsAreCounted(t *testing.T) {
	fails := func(event) (*executions.Outcome, error) { return failed(abi.CodeScriptError, "no"), nil }
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		for _, c := range []struct {
			name   string
			batch  int
			handle handler
			want   map[string]float64
		}{
			{"done", 3, func(event) (*executions.Outcome, error) { return succeeded, nil }, map[string]float64{"done": 3}},
			{"one that dies", 1, fails, map[string]float64{"retry": 3, "dead_letter": 3}},
			{"a batch that dies", 3, fails, map[string]float64{"retry": 3, "dead_letter": 3}},
			{"a batch with an advice to die", 3, func(event) (*executions.Outcome, error) {
				return &executions.Outcome{Error: &abi.ScriptError{Code: abi.CodeScriptError, Advice: &abi.Advice{DeadLetter: true, RetryAfterMS: -1}}}, nil
			}, map[string]float64{"dead_letter": 3}},
			{"one of a batch fails, and dies", 3, func(e event) (*executions.Outcome, error) {
				for _, m := range e.Queue.Messages {
					if m.Body == 2.0 {
						value, err := abi.AppendFromJSON(nil, []byte(`{"failed":["`+m.ID+`"]}`))
						return &executions.Outcome{Value: value}, err
					}
				}
				return succeeded, nil
			}, map[string]float64{"done": 2, "retry": 1, "dead_letter": 1}},
			{"our own failure", 3, once(func(event) (*executions.Outcome, error) { return nil, store.Failed("read script", errors.New("away")) }),
				map[string]float64{"refused": 3, "done": 3}},
		} {
			t.Run(c.name, func(t *testing.T) {
				n := newNode(t, open, 2, c.handle)
				script := n.app("app-" + slug(c.name))
				n.consume(script, func(trigger *store.Trigger) {
					trigger.Queue.MaxBatch, trigger.Retry.MaxAttempts, trigger.Concurrency = c.batch, 2, 1
				})
				n.push(script.AppID, "", `1`, `2`, `3`)
				n.start()
				n.drained(script.AppID)
				got := map[string]float64{}
				for _, outcome := range []string{"done", "retry", "dead_letter", "failed", "refused"} {
					if count := testutil.ToFloat64(n.metrics.outcomes.WithLabelValues("queue", outcome)); count > 0 {
						got[outcome] = count
					}
				}
				assert.Equal(t, c.want, got)
				require.Len(t, n.letters(script.AppID), int(c.want["dead_letter"]))
				assert.Equal(t, c.want["done"]/rateSeconds, n.QueueRate(events.QueueLane(script.AppID, "t")))
			})
		}
	})
}

// once fails the first time and succeeds from then on.
func once(fails handler) handler {
	failed := false
	return func(e event) (*executions.Outcome, error) {
		if !failed {
			failed = true
			return fails(e)
		}
		return succeeded, nil
	}
}

// slug makes one of a name.
func slug(name string) string {
	return strings.NewReplacer(" ", "-", ",", "").Replace(name)
}
