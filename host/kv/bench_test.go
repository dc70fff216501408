package kv_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

// BenchmarkKV measures operations on small values and, as bare, the statements
// of get and set on a database opened in the same way. Set told is set with an
// emitter, which makes it a transaction of several statements; parallel is 16
// clients for each processor.
func BenchmarkKV(b *testing.B) {
	for name, kind := range databases {
		b.Run(name, func(b *testing.B) { benchmark(b, kind) })
	}
}

func benchmark(b *testing.B, kind database) {
	place, ctx := kind.place(b), context.Background()
	var values atomic.Int64
	value := func() json.RawMessage { // another each time: SQLite does not write what is there
		return fmt.Appendf(nil, `{"name":"value","n":%d}`, values.Add(1))
	}
	opened, err := kind.open(place, time.Now, nil)
	require.NoError(b, err)
	defer opened.Close()
	app, err := opened.Apps().Create(ctx, store.App{Slug: "bench"})
	require.NoError(b, err)
	s := kv.New(kv.Config{Store: opened.KV()})
	for i := range 1000 {
		_, err := s.Set(ctx, app.ID, "c", strconv.Itoa(i), value(), kv.SetOptions{})
		require.NoError(b, err)
	}

	told, err := kind.open(place, time.Now, func(context.Context, store.Store, store.Change) error { return nil })
	require.NoError(b, err)
	defer told.Close()
	telling := kv.New(kv.Config{Store: told.KV()})

	bare, err := kind.bare(place)
	require.NoError(b, err)
	defer bare.Close()
	bareGet, err := bare.Prepare(`SELECT value FROM kv_entries WHERE app_id = $1 AND collection = $2 AND key = $3`)
	require.NoError(b, err)
	bareSet, err := bare.Prepare(`INSERT INTO kv_entries (app_id, collection, key, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT (app_id, collection, key) DO UPDATE SET value = excluded.value`)
	require.NoError(b, err)

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
			_, err := s.Set(ctx, app.ID, "c", key, value(), kv.SetOptions{})
			return err
		}},
		{"set told", func(key string) error {
			_, err := telling.Set(ctx, app.ID, "c", key, value(), kv.SetOptions{})
			return err
		}},
		{"set bare", func(key string) error { _, err := bareSet.Exec(app.ID, "c", key, string(value())); return err }},
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
