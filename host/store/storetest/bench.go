package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// Benchmark measures what every request costs: finding a script, and its share of a batch of
// executions.
func Benchmark(b *testing.B, fresh func(tb testing.TB) Opener) {
	s := subject{Store: fresh(b).mustOpen(b, time.Now), ctx: context.Background()}
	defer s.Close()
	app := s.app(b, "bench")
	script, err := s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "s", Kind: abi.KindEndpoint, Source: strings.Repeat("let x = 1;\n", 100)})
	require.NoError(b, err)

	b.Run("Scripts.Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Scripts().Get(s.ctx, script.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Scripts.Get/parallel", func(b *testing.B) {
		b.RunParallel(func(loop *testing.PB) {
			for loop.Next() {
				if _, err := s.Scripts().Get(s.ctx, script.ID); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("KV.Get", func(b *testing.B) {
		b.ReportAllocs()
		ctx, cancel := context.WithCancel(s.ctx) // as an execution's
		defer cancel()
		entry := store.KVEntry{Key: "k", Value: json.RawMessage(`{"n":1}`)}
		_, err := s.KV().Set(ctx, app.ID, "c", entry, false)
		require.NoError(b, err)
		for b.Loop() {
			if _, err := s.KV().Get(ctx, app.ID, "c", "k"); err != nil {
				b.Fatal(err)
			}
		}
	})
	set := func(b *testing.B, key string) {
		if _, err := s.KV().Set(s.ctx, app.ID, "c", store.KVEntry{Key: key, Value: json.RawMessage(`{"n":1}`)}, false); err != nil {
			b.Error(err)
		}
	}
	b.Run("KV.Set", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			set(b, "k")
		}
	})
	b.Run("KV.Set/32 writers", func(b *testing.B) {
		b.SetParallelism((32 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
		b.RunParallel(func(loop *testing.PB) {
			for key := uuid.NewString(); loop.Next(); {
				set(b, key)
			}
		})
	})
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("Executions.Record/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			batch := make([]store.Execution, size)
			n := 0
			for b.Loop() {
				for i := range batch {
					n++
					batch[i] = execution(script, uuid.Must(uuid.NewV7()).String(), start.Add(time.Duration(n)), "hello", "world")
				}
				if err := s.Executions().Record(s.ctx, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/execution")
		})
	}
	b.Run("Executions.List", func(b *testing.B) { // over what the one before has left, or 20,000
		var batch []store.Execution
		for i := range 20_000 {
			batch = append(batch, execution(script, uuid.Must(uuid.NewV7()).String(), start.Add(time.Duration(i)), "hello", "world"))
		}
		for batch := range slices.Chunk(batch, 1000) {
			require.NoError(b, s.Executions().Record(s.ctx, batch))
		}
		for name, query := range map[string]store.ExecutionQuery{
			"first page": {AppID: app.ID}, "failed": {AppID: app.ID, Outcome: store.OutcomeAnyError}, "text": {AppID: app.ID, Text: "nowhere"},
		} {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Executions().List(s.ctx, query); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
	b.Run("Executions.Among", func(b *testing.B) { // among many in another app, of which each thousandth is of a script that runs seldom
		app := s.app(b, "much")
		busy, seldom := s.script(b, app, "busy"), s.script(b, app, "seldom")
		n, size := 0, s.size(b)
		for range many(b) / 1000 {
			batch := make([]store.Execution, 1000)
			for i := range batch {
				of := busy
				if i == 500 {
					of = seldom
				}
				batch[i] = execution(of, uuid.Must(uuid.NewV7()).String(), start.Add(time.Duration(n)*time.Millisecond), "hello", fmt.Sprint("world ", n))
				n++
			}
			require.NoError(b, s.Executions().Record(s.ctx, batch))
		}
		bytes := float64(s.size(b)-size) / float64(n)
		b.Run("disk", func(b *testing.B) {
			for b.Loop() { // there is nothing to be timed
			}
			b.ReportMetric(bytes, "bytes/execution")
		})
		for name, query := range map[string]store.ExecutionQuery{
			"busy": {AppID: app.ID, ScriptID: busy.ID}, "seldom": {AppID: app.ID, ScriptID: seldom.ID}, "app": {AppID: app.ID},
			"long ago": {AppID: app.ID, To: start.Add(time.Minute)},
		} {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if page, err := s.Executions().List(s.ctx, query); err != nil || len(page.Items) != store.DefaultPageSize {
						b.Fatal(len(page.Items), err)
					}
				}
			})
		}
		for name, query := range map[string]store.ExecutionQuery{
			"one": {AppID: app.ID, ScriptID: seldom.ID}, "one long ago": {AppID: app.ID, ScriptID: seldom.ID, To: start.Add(time.Minute)},
		} {
			page, err := s.Executions().List(s.ctx, query)
			require.NoError(b, err)
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Executions().Get(s.ctx, page.Items[0].ID); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		follow := store.LogQuery{ScriptID: busy.ID, Order: store.OldestFirst}
		page, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: busy.ID})
		require.NoError(b, err)
		follow.Page.Cursor = page.Newest
		b.Run("follow", func(b *testing.B) { // a poll that finds nothing
			for b.Loop() {
				if page, err := s.Executions().Logs(s.ctx, follow); err != nil || len(page.Items) > 0 || page.Next != follow.Page.Cursor {
					b.Fatal(len(page.Items), err)
				}
			}
		})
	})
	b.Run("Series.Add/100", func(b *testing.B) { // a write of a node on which 100 scripts run
		var counted []store.Counted
		for i := range 100 {
			script := s.script(b, app, fmt.Sprint("counted-", i))
			counted = append(counted, store.Counted{AppID: app.ID, ScriptID: script.ID, At: start, Counts: counts(abi.InvocationHTTP, "", time.Millisecond)})
		}
		for b.Loop() {
			if err := s.Series().Add(s.ctx, counted); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// envExecutions says among how many executions pages are read.
const envExecutions = "PICLOUD_BENCH_EXECUTIONS"

// many is what envExecutions says, or a million.
func many(b *testing.B) int {
	text := os.Getenv(envExecutions)
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err, envExecutions)
	return n
}

// size is how many bytes the database has.
func (s subject) size(tb testing.TB) int64 {
	tb.Helper()
	bytes, err := s.Size(s.ctx)
	require.NoError(tb, err)
	return bytes
}
