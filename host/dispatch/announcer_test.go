package dispatch

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// A node that delivers nothing tells the others of what it has made.
func TestAnnouncer(t *testing.T) {
	url := pgtest.URL(t)
	open := func() store.Store {
		s, err := postgres.Open(t.Context(), postgres.Config{URL: url})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	s, other := open(), open()
	app, err := s.Apps().Create(t.Context(), store.App{Slug: "app"})
	require.NoError(t, err)
	emitter := events.NewEmitter(events.Config{Table: events.NewTable(), MaxDepth: 8, MaxPending: func(string) int { return 10 }})
	emitter.Bind(s)
	announcer := NewAnnouncer(s, emitter, nil)
	announcer.Start()
	defer func() { require.NoError(t, announcer.Stop(context.Background())) }()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	heard, ended := make(chan []string, 100), make(chan error, 1)
	go func() { ended <- other.Outbox().Listen(ctx, func(lanes []string) { heard <- lanes }) }()
	require.Empty(t, <-heard, "it listens")
	for range 2 {
		_, err = emitter.Push(t.Context(), app.ID, "t", []events.Message{{Body: json.RawMessage(`1`)}})
		require.NoError(t, err)
		require.Equal(t, []string{events.QueueLane(app.ID, "t")}, <-heard)
	}
	// Of what is due before they look the next time the others must be told, and of what is due later they need not.
	for _, delayed := range []struct {
		topic string
		by    time.Duration
	}{{"late", time.Hour}, {"soon", time.Second}} {
		_, err = emitter.Push(t.Context(), app.ID, delayed.topic, []events.Message{{Body: json.RawMessage(`1`), Delay: delayed.by}})
		require.NoError(t, err)
	}
	require.Equal(t, []string{events.QueueLane(app.ID, "soon")}, <-heard)
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}
