package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// pusher pushes messages to the topic t of an app.
type pusher struct {
	*events.Emitter
	t   *testing.T
	db  store.Store
	app string
}

// maxDepth is how deep triggers may cause one another in these tests.
const maxDepth = 2

// onPusher runs a test on every kind of database.
func onPusher(t *testing.T, test func(t *testing.T, p pusher)) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		test(t, newPusher(t, open, events.Config{MaxPending: func(string) int { return 100 }, Log: slog.New(slog.DiscardHandler)}))
	})
}

// newPusher makes one with a table and [maxDepth].
func newPusher(t *testing.T, open eachtest.Opener, config events.Config) pusher {
	t.Helper()
	config.Table, config.MaxDepth = events.NewTable(), maxDepth
	emitter := events.NewEmitter(config)
	db, err := open(events.NewRegistry(emitter.Deliver))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	emitter.Bind(db)
	app, err := db.Apps().Create(t.Context(), store.App{Slug: "a"})
	require.NoError(t, err)
	return pusher{emitter, t, db, app.ID}
}

func (p pusher) push(ctx context.Context, m events.Message, body string) (id string) {
	p.t.Helper()
	m.Body = json.RawMessage(body)
	ids, err := p.Push(ctx, p.app, "t", []events.Message{m})
	require.NoError(p.t, err)
	require.Len(p.t, ids, 1)
	return ids[0]
}

// waiting returns the bodies of the messages, in the order in which they were pushed.
func (p pusher) waiting() (bodies []string) {
	p.t.Helper()
	page, err := p.db.Outbox().List(p.t.Context(), store.EventQuery{AppID: p.app})
	require.NoError(p.t, err)
	for _, e := range page.Items {
		whole, err := p.db.Outbox().Get(p.t.Context(), e.ID)
		require.NoError(p.t, err)
		var payload events.Payload
		require.NoError(p.t, json.Unmarshal(whole.Payload, &payload))
		bodies = append(bodies, string(payload.Message))
	}
	return bodies
}

// A message that is left out as too deep leaves nothing behind: one with the same key is not its repeat, and
// what it would have replaced waits as it was.
func TestPushTooDeep(t *testing.T) {
	onPusher(t, func(t *testing.T, p pusher) {
		within := events.WithCause(t.Context(), events.Cause{Depth: maxDepth - 1, Root: "r"})
		beyond := events.WithCause(t.Context(), events.Cause{Depth: maxDepth, Root: "r"})
		debounced := events.Message{Key: "k", Debounce: time.Hour}
		p.push(within, debounced, `"as it was"`)
		left := p.push(beyond, events.Message{Dedupe: "d"}, `"too deep"`)
		p.push(beyond, debounced, `"too deep"`)
		require.Equal(t, []string{`"as it was"`}, p.waiting())

		kept := p.push(within, events.Message{Dedupe: "d"}, `"kept"`)
		require.NotEqual(t, left, kept)
		require.Equal(t, kept, p.push(within, events.Message{Dedupe: "d"}, `"a repeat"`))
		require.Equal(t, []string{`"as it was"`, `"kept"`}, p.waiting())
	})
}

// What is left out as too deep is counted, and the log says what caused it.
func TestLoopsAreCounted(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		registry := prometheus.NewRegistry()
		var log bytes.Buffer
		p := newPusher(t, open, events.Config{Registerer: registry, Log: slog.New(slog.NewJSONHandler(&log, nil))})
		three := []events.Message{{Body: []byte(`1`)}, {Body: []byte(`2`)}, {Body: []byte(`3`)}}
		for depth, said := range map[int]bool{maxDepth - 1: false, maxDepth: true} {
			log.Reset()
			ids, err := p.Push(events.WithCause(t.Context(), events.Cause{Depth: depth, Root: "the first"}), p.app, "t", three)
			require.NoError(t, err)
			require.Len(t, ids, len(three))
			if !said {
				require.Empty(t, log.String())
				continue
			}
			var line map[string]any
			require.NoError(t, json.Unmarshal(log.Bytes(), &line), "%s", log.String())
			require.Equal(t, []any{"WARN", p.app, "the first", maxDepth + 1.0, float64(maxDepth)},
				[]any{line["level"], line["app_id"], line["root_execution_id"], line["depth"], line["max_trigger_depth"]})
		}
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`# HELP picloud_events_dropped_total Events that were not made because triggers caused one another too deep.
# TYPE picloud_events_dropped_total counter
picloud_events_dropped_total 3
# HELP picloud_events_made_total Events made, by source. One of a transaction that is undone counts too.
# TYPE picloud_events_made_total counter
picloud_events_made_total{source="queue"} 3
`)))
	})
}

// A debounced message takes the place of a debounced one of its key, and of no other.
func TestPushDebounced(t *testing.T) {
	onPusher(t, func(t *testing.T, p pusher) {
		debounced := events.Message{Key: "k", Debounce: time.Hour}
		p.push(t.Context(), events.Message{Key: "k"}, `"plain"`)
		p.push(t.Context(), events.Message{Key: "k", Delay: time.Hour}, `"delayed"`)
		first := p.push(t.Context(), debounced, `"first"`)
		p.push(t.Context(), events.Message{Key: "k"}, `"plain, too"`)
		other := p.push(t.Context(), events.Message{Key: "other", Debounce: time.Hour}, `"other"`)
		require.NotEqual(t, first, other)
		require.Equal(t, first, p.push(t.Context(), debounced, `"second"`))
		require.Equal(t, []string{`"plain"`, `"delayed"`, `"second"`, `"plain, too"`, `"other"`}, p.waiting())
	})
}
