//go:build unix

package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// However often its connections are cut, and when the database itself is away for a moment, a node comes back
// by itself: each message whose push was acknowledged is handled, and each change that was.
func TestConnectionsAreCut(t *testing.T) {
	const cuts, perPause, clients = 6, 40, 4
	database := pgtest.URL(t) + "&synchronous_commit=on"
	var mu sync.Mutex
	handled := map[string]int{}
	f := &faulty{lease: 2 * time.Second} // so that what a lost claim has taken comes back soon
	n := newNode(t, func(l store.Listeners) (s store.Store, err error) {
		f.Store, err = postgres.Open(t.Context(), postgres.Config{URL: database, Listeners: l})
		return f, err
	}, 4, func(e event) (*executions.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		if e.Docs != nil {
			handled[fmt.Sprint(e.Docs.Data.(map[string]any)["of"])]++
			return succeeded, nil
		}
		for _, m := range e.Queue.Messages {
			handled[m.Body.(string)]++
		}
		return succeeded, nil
	})
	script := n.app("a")
	n.consume(script, func(t *store.Trigger) { t.Queue.MaxBatch = 5 })
	n.consume(script, func(t *store.Trigger) {
		t.Kind, t.Name, t.Queue, t.Data = store.TriggerDocs, "changes", nil, &store.DataTrigger{Collection: "c"}
	})
	n.start()

	var acknowledged, refused atomic.Int64
	known := map[string]bool{} // of those that were tried: whether they were acknowledged
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			ctx := context.WithoutCancel(t.Context())
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond): // lest the refusals be all there is
				}
				name := fmt.Sprintf("%d-%d", client, i)
				mu.Lock()
				known[name] = false
				mu.Unlock()
				var err error
				if client%2 == 0 {
					_, err = n.emitter.Push(ctx, script.AppID, "t", []events.Message{{Body: json.RawMessage(strconv.Quote(name))}})
				} else {
					_, err = n.store.Docs().Create(ctx, store.DocumentKey{AppID: script.AppID, Collection: "c"},
						store.DocumentContent{Data: json.RawMessage(`{"of":` + strconv.Quote(name) + `}`)})
				}
				if err != nil {
					refused.Add(1)
					continue
				}
				mu.Lock()
				known[name] = true
				mu.Unlock()
				acknowledged.Add(1)
			}
		})
	}
	stopClients := sync.OnceFunc(func() { close(stop); wait.Wait() })
	defer stopClients()
	more := func(count func() int64, what string) {
		t.Helper()
		from := count()
		require.Eventually(t, func() bool { return count() >= from+perPause }, time.Minute, time.Millisecond, what)
	}
	deliveries := func() int64 { mu.Lock(); defer mu.Unlock(); return int64(len(handled)) }
	for range cuts {
		more(acknowledged.Load, "events are made")
		more(deliveries, "events are handled")
		cutConnections(t, database)
	}
	more(deliveries, "events are handled after the last cut")
	pgtest.Stop(t)
	more(refused.Load, "events are refused")
	pgtest.Start(t)
	more(acknowledged.Load, "events are made again")
	more(deliveries, "events are handled again")
	stopClients()
	n.drained(script.AppID)

	mu.Lock()
	defer mu.Unlock()
	for name, made := range known {
		if made {
			assert.NotZero(t, handled[name], "%s is lost", name)
		}
	}
	documents := map[string]bool{}
	_, err := n.store.Docs().Scan(t.Context(), store.DocumentQuery{AppID: script.AppID, Collection: "c"}, func(d store.Document) error {
		var data struct{ Of string }
		err := json.Unmarshal(d.Data, &data)
		documents[data.Of] = true
		assert.NotZero(t, handled[data.Of], "%s is a change without its event", data.Of)
		return err
	})
	require.NoError(t, err)
	for name := range handled {
		client, err := strconv.Atoi(name[:strings.IndexByte(name, '-')])
		require.NoError(t, err)
		assert.Contains(t, known, name, "handled without a cause")
		assert.Equal(t, client%2 == 1, documents[name], "%s is an event without its change", name)
	}
	assert.Empty(t, n.letters(script.AppID))
	t.Logf("%d acknowledged, %d refused, %d handled", acknowledged.Load(), refused.Load(), len(handled))
}

// cutConnections ends all connections to a database but its own.
func cutConnections(t *testing.T, database string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var cut int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&cut))
	require.NotZero(t, cut)
}
