package kv_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

// BenchmarkKV measures operations on small values and, as bare, the statements of get and set on a
// database opened in the same way. Set elsewhere is set while others listen, to other collections
// of the app and to other apps; set told is set in a collection that somebody listens to, which
// makes it a transaction of several statements. Parallel is 16 clients for each processor.
func BenchmarkKV(b *testing.B) {
	for name, kind := range databases {
		b.Run(name, func(b *testing.B) { benchmark(b, kind) })
	}
}

func benchmark(b *testing.B, kind database) {
	place, ctx := kind.place(b), context.Background()
	var values atomic.Int64
	text := func() []byte { // another each time: SQLite does not write what is there
		return fmt.Appendf(nil, `{"name":"value","n":%d}`, values.Add(1))
	}
	opened, err := kind.open(place, time.Now, nil)
	require.NoError(b, err)
	defer opened.Close()
	app, err := opened.Apps().Create(ctx, store.App{Slug: "bench"})
	require.NoError(b, err)
	s := kv.New(kv.Config{Store: opened.KV()})
	for i := range 1000 {
		_, err := s.Set(ctx, app.ID, "c", strconv.Itoa(i), kv.JSON(text()), kv.SetOptions{})
		require.NoError(b, err)
	}

	heard := func(glob string) *kv.Service {
		listeners := events.NewRegistry(func(context.Context, store.Store, store.Change, []events.Listener) error { return nil })
		require.NoError(b, listeners.ReloadAll(ctx, func(context.Context) (map[string][]events.Listener, error) {
			all := map[string][]events.Listener{app.ID: {
				{Source: store.ChangeKV, Collection: glob}, {Source: store.ChangeKV, Collection: "orders-*"}, {Source: store.ChangeDocs, Collection: "*"},
			}}
			for i := range 100 {
				all[strconv.Itoa(i)] = []events.Listener{{Source: store.ChangeKV, Collection: "*"}}
			}
			return all, nil
		}))
		opened, err := kind.open(place, time.Now, listeners)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, opened.Close()) })
		return kv.New(kv.Config{Store: opened.KV()})
	}
	elsewhere, told := heard("d"), heard("c")

	bare, err := kind.bare(place)
	require.NoError(b, err)
	defer bare.Close()
	bareGet, err := bare.Prepare(`SELECT value FROM kv_entries WHERE app_id = $1 AND collection = $2 AND key = $3`)
	require.NoError(b, err)
	bareSet, err := bare.Prepare(`INSERT INTO kv_entries (app_id, collection, key, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT (app_id, collection, key) DO UPDATE SET value = excluded.value`)
	require.NoError(b, err)

	// One of each in turn, so that whatever else the machine does slows both down.
	b.Run("set elsewhere to set", func(b *testing.B) {
		services := []*kv.Service{s, elsewhere}
		took := make([][]time.Duration, len(services))
		for n := 0; b.Loop(); n++ {
			service := n % len(services)
			began := time.Now()
			if _, err := services[service].Set(ctx, app.ID, "c", strconv.Itoa(n/2%1000), kv.JSON(text()), kv.SetOptions{}); err != nil {
				b.Fatal(err)
			}
			took[service] = append(took[service], time.Since(began))
		}
		if b.N < 2 {
			return
		}
		median := func(d []time.Duration) float64 { slices.Sort(d); return float64(d[len(d)/2]) }
		b.ReportMetric(median(took[1])/median(took[0]), "ratio")
	})

	for _, operation := range []struct {
		name    string
		perform func(key string) error
	}{
		{"get", func(key string) error { _, err := s.Get(ctx, app.ID, "c", key); return err }},
		{"get bare", func(key string) error {
			var value string
			return bareGet.QueryRow(app.ID, "c", key).Scan(&value)
		}},
		{"set", func(key string) error {
			_, err := s.Set(ctx, app.ID, "c", key, kv.JSON(text()), kv.SetOptions{})
			return err
		}},
		{"set elsewhere", func(key string) error {
			_, err := elsewhere.Set(ctx, app.ID, "c", key, kv.JSON(text()), kv.SetOptions{})
			return err
		}},
		{"set told", func(key string) error {
			_, err := told.Set(ctx, app.ID, "c", key, kv.JSON(text()), kv.SetOptions{})
			return err
		}},
		{"set bare", func(key string) error { _, err := bareSet.Exec(app.ID, "c", key, string(text())); return err }},
		{"incr", func(key string) error { _, err := s.Incr(ctx, app.ID, "counters", key, 1); return err }},
		{"list 50", func(string) error {
			_, err := s.List(ctx, app.ID, "c", "", store.PageRequest{})
			return err
		}},
	} {
		b.Run(operation.name, func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				if err := operation.perform(strconv.Itoa(n % 1000)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(operation.name+" parallel", func(b *testing.B) {
			var n atomic.Int64
			b.SetParallelism(16) // for each of GOMAXPROCS
			b.RunParallel(func(loop *testing.PB) {
				for loop.Next() {
					if err := operation.perform(strconv.FormatInt(n.Add(1)%1000, 10)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
