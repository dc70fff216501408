package kv_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

func TestSweep(t *testing.T) {
	onEach(t, func(t *testing.T, s subject) {
		for i := range 250 { // more than a batch
			s.set(t, fmt.Sprint(i), `1`, kv.SetOptions{TTLMillis: new(int64(1 + i/230))})
		}
		s.set(t, "lasting", `1`, kv.SetOptions{})
		for _, step := range []struct {
			advance time.Duration
			removes int
		}{{0, 0}, {time.Millisecond, 230}, {0, 0}, {time.Millisecond, 20}, {time.Hour, 0}} {
			s.clock.advance(step.advance)
			swept, err := s.Sweep(t.Context())
			require.NoError(t, err)
			require.Equal(t, step.removes, swept)
		}
		require.Equal(t, `1`, s.value(t, "lasting"))
	})
}

// The sweeper sweeps at once and then whenever it is time; each expired entry is told once, though
// nobody asks for it.
func TestSweeper(t *testing.T) {
	for name, kind := range databases {
		t.Run(name, func(t *testing.T) {
			told := make(chan store.Change, 10)
			clock := &clock{now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
			listeners := events.NewRegistry(func(_ context.Context, _ store.Store, change store.Change, _ []events.Listener) error {
				told <- change
				return nil
			})
			opened := kind.mustOpen(t, clock.Now, listeners)
			app, err := opened.Apps().Create(t.Context(), store.App{Slug: "app"})
			require.NoError(t, err)
			require.NoError(t, listeners.Reload(t.Context(), app.ID, func(context.Context) ([]events.Listener, error) {
				return []events.Listener{{Source: store.ChangeKV, Collection: "c", Operations: []store.ChangeOperation{store.ChangeExpire}}}, nil
			}))
			s := kv.New(kv.Config{Store: opened.KV(), Log: slog.New(slog.DiscardHandler), Now: clock.Now})
			set := func(key string) {
				_, err := s.Set(t.Context(), app.ID, "c", key, value(`1`), kv.SetOptions{TTLMillis: new(int64(1))})
				require.NoError(t, err)
				clock.advance(time.Millisecond)
			}
			sweeper := s.Sweeper()
			swept := sweeper.Swept()
			sweep := func(key string) {
				n, err := swept.Next(t.Context())
				require.NoError(t, err)
				require.EqualValues(t, 1, n)
				require.Equal(t, key, (<-told).Key)
			}
			set("at once")
			sweeper.Start()
			sweep("at once")
			set("later")
			sweeper.Wake()
			sweep("later")
			require.NoError(t, sweeper.Stop(t.Context()))
			set("never")
			require.NoError(t, opened.Close())
			require.Empty(t, told)
		})
	}
}
