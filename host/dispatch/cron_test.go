package dispatch

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// A schedule makes one event however many of its times have passed, or none of those that were missed; of
// several nodes that fire it one does.
func TestSchedules(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		name     string
		schedule string
		catchUp  store.CatchUp
		late     time.Duration // after noon
		at       time.Time     // of the event; zero: none
		missed   int
		next     time.Time
	}{
		{"in time", "@hourly", store.CatchUpOnce, 3 * time.Millisecond, noon, 0, noon.Add(time.Hour)},
		{"a day late", "@hourly", store.CatchUpOnce, 24*time.Hour + time.Minute, noon.Add(24 * time.Hour), 24, noon.Add(25 * time.Hour)},
		{"a day late, skipped", "@hourly", store.CatchUpSkip, 24*time.Hour + 2*time.Minute, time.Time{}, 0, noon.Add(25 * time.Hour)},
		{"a day late, and in time", "@hourly", store.CatchUpSkip, 24*time.Hour + time.Second, noon.Add(24 * time.Hour), 24, noon.Add(25 * time.Hour)},
		{"every second, a week late", "* * * * * *", store.CatchUpOnce, 7 * 24 * time.Hour, noon.Add(7 * 24 * time.Hour), maxMissed, noon.Add(7*24*time.Hour + time.Second)},
	}
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				n := newNode(t, open, 1, func(event) (*executions.Outcome, error) { return succeeded, nil })
				script := n.app(fmt.Sprint("app-", i))
				trigger, err := n.store.Triggers().Create(t.Context(), store.Trigger{
					AppID: script.AppID, ScriptID: script.ID, Kind: store.TriggerCron, Name: "c", Enabled: true, Concurrency: 1,
					Cron: &store.CronTrigger{Schedule: c.schedule, Timezone: "UTC", CatchUp: c.catchUp, NextAt: noon},
				})
				require.NoError(t, err)
				for range 2 { // nodes
					require.NoError(t, n.fire(t.Context(), trigger, noon.Add(c.late)))
				}
				got, err := n.store.Triggers().Get(t.Context(), trigger.ID)
				require.NoError(t, err)
				assert.Equal(t, c.next, got.Cron.NextAt)
				made, err := n.store.Outbox().List(t.Context(), store.EventQuery{AppID: script.AppID})
				require.NoError(t, err)
				if c.at.IsZero() {
					require.Empty(t, made.Items)
					return
				}
				require.Len(t, made.Items, 1)
				event, err := n.store.Outbox().Get(t.Context(), made.Items[0].ID)
				require.NoError(t, err)
				var payload events.Payload
				require.NoError(t, json.Unmarshal(event.Payload, &payload))
				assert.Equal(t, events.Tick{Schedule: c.schedule, Timezone: "UTC", ScheduledAt: c.at, FiredAt: noon.Add(c.late), Missed: c.missed}, *payload.Cron)
			})
		}
	})
}

// A schedule that is faster than its handler takes some room of its app, not all; and no app that has no room
// is in the way of the schedules of others.
func TestScheduleThatWaits(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open, 1, func(event) (*executions.Outcome, error) { return succeeded, nil })
		script := n.app("a")
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		trigger, err := n.store.Triggers().Create(t.Context(), store.Trigger{
			AppID: script.AppID, ScriptID: script.ID, Kind: store.TriggerCron, Name: "c", Enabled: true, Concurrency: 1,
			Cron: &store.CronTrigger{Schedule: "* * * * * *", Timezone: "UTC", CatchUp: store.CatchUpOnce, NextAt: now},
		})
		require.NoError(t, err)
		for range maxTicks + 10 {
			require.NoError(t, n.fire(t.Context(), trigger, now))
			trigger, err = n.store.Triggers().Get(t.Context(), trigger.ID)
			require.NoError(t, err)
			now = now.Add(time.Second)
			require.Equal(t, now, trigger.Cron.NextAt, "it goes on")
		}
		count, err := n.store.Outbox().Count(t.Context(), script.AppID, 2*maxTicks)
		require.NoError(t, err)
		assert.Equal(t, maxTicks, count)
	})
}

// Of two nodes that run and fire the same schedule at the same moment one makes the event, time after time, and one
// handles it.
func TestTwoNodesFireOnce(t *testing.T) {
	url := pgtest.URL(t)
	open := func(l store.Listeners) (store.Store, error) {
		return postgres.Open(t.Context(), postgres.Config{URL: url, Listeners: l})
	}
	const times = maxTicks / 2
	var mu sync.Mutex
	handled := map[time.Time]int{}
	handle := func(e event) (*executions.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		handled[e.Cron.ScheduledAt]++
		assert.Zero(t, e.Cron.Missed)
		return succeeded, nil
	}
	nodes := []*node{newNode(t, open, 2, handle), newNode(t, open, 2, handle)}
	script := nodes[0].app("a")
	at := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) // which no node's own clock comes to
	trigger, err := nodes[0].store.Triggers().Create(t.Context(), store.Trigger{
		AppID: script.AppID, ScriptID: script.ID, Kind: store.TriggerCron, Name: "c", Enabled: true, Concurrency: 4, RegisteredBy: nodes[0].user,
		Retry: store.Retry{MaxAttempts: 1, Backoff: store.BackoffConstant, Base: time.Second, Max: time.Second},
		Cron:  &store.CronTrigger{Schedule: "* * * * * *", Timezone: "UTC", CatchUp: store.CatchUpOnce, NextAt: at},
	})
	require.NoError(t, err)
	for _, n := range nodes {
		n.know(script.AppID)
		n.start()
	}
	for range times {
		var firing sync.WaitGroup
		for _, n := range nodes {
			firing.Go(func() { assert.NoError(t, n.fire(t.Context(), trigger, at)) })
		}
		firing.Wait()
		trigger, err = nodes[1].store.Triggers().Get(t.Context(), trigger.ID)
		require.NoError(t, err)
		at = at.Add(time.Second)
		require.Equal(t, at, trigger.Cron.NextAt)
	}
	nodes[0].drained(script.AppID)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, handled, times)
	for at, n := range handled {
		assert.Equal(t, 1, n, "%s", at)
	}
}
