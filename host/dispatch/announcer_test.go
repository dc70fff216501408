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
	s, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	app, err := s.Apps().Create(t.Context(), store.App{Slug: "app"})
	require.NoError(t, err)
	emitter := events.NewEmitter(events.Config{Table: events.NewTable(), MaxDepth: 8, MaxPending: 10})
	emitter.Bind(s)
	announcer := NewAnnouncer(s, emitter, nil)
	announcer.Start()
	defer func() { require.NoError(t, announcer.Stop(context.Background())) }()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	heard, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() { ended <- s.Outbox().Listen(ctx, func() { heard <- struct{}{} }) }()
	<-heard // it listens
	for range 2 {
		_, err = emitter.Push(t.Context(), app.ID, "t", []events.Message{{Body: json.RawMessage(`1`)}})
		require.NoError(t, err)
		<-heard
	}
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}
