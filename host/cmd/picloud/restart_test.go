package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/store/pgtest"
)

// A database that ends every connection, as at a restart, costs the requests
// under way: they fail with a clear error, what was acknowledged is there, and
// the server goes on by itself.
func TestDatabaseRestartsUnderLoad(t *testing.T) {
	database := pgtest.URL(t)
	p := newPlace(t)
	d := launch(t, p, "--database-url", database)
	c, err := client.New(d.url, d.login())
	require.NoError(t, err)
	ctx := t.Context()

	var failed atomic.Int32
	stop := make(chan struct{})
	var writers sync.WaitGroup
	const count = 8
	var acknowledged [count][]string
	for w := range count {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("%d-%d", w, i)
				_, err := c.SetKV(context.Background(), "default", "c", key, wire.KVSet{Value: json.RawMessage(fmt.Sprint(i))})
				if err == nil {
					acknowledged[w] = append(acknowledged[w], key)
					continue
				}
				failed.Add(1)
				if !client.HasStatus(err, http.StatusServiceUnavailable) {
					assert.NoError(t, err, "only the storage may fail")
					return
				}
			}
		})
	}
	admin, err := pgx.Connect(ctx, database)
	require.NoError(t, err)
	defer admin.Close(context.Background())
	for range 5 {
		time.Sleep(50 * time.Millisecond) // under load
		_, err := admin.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		require.NoError(t, err)
	}
	close(stop)
	writers.Wait()

	require.Eventually(t, func() bool {
		_, err := c.SetKV(ctx, "default", "c", "after", wire.KVSet{Value: json.RawMessage("1")})
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "the server goes on")
	entries := map[string]bool{}
	for entry, err := range c.KV(ctx, "default", "c", "") {
		require.NoError(t, err)
		entries[entry.Key] = true
	}
	total := 0
	for _, keys := range acknowledged {
		for _, key := range keys {
			require.True(t, entries[key], "key %s was acknowledged", key)
			total++
		}
	}
	t.Logf("%d writes were acknowledged, %d refused", total, failed.Load())
	assert.Positive(t, total)
	require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
}
