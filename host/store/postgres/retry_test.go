package postgres_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// deadlocked hears of everything, and loses its first transactions as in a deadlock.
type deadlocked struct {
	losses int
	told   int
	woken  int
}

func (d *deadlocked) Enter(string) store.Audience                     { return d }
func (d *deadlocked) Listens(string, store.ChangeSource, string) bool { return true }
func (d *deadlocked) Leave()                                          {}

func (d *deadlocked) Tell(_ context.Context, tx store.Store, _ store.Change) error {
	d.told++
	tx.AfterCommit(func() { d.woken++ })
	if d.told <= d.losses {
		return &pgconn.PgError{Code: "40P01"}
	}
	return nil
}

// What waits for the commit of a transaction is called once, though it had to be repeated.
func TestAfterCommitOfARepeatedTransaction(t *testing.T) {
	listeners := &deadlocked{losses: 2}
	s, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t), Listeners: listeners})
	require.NoError(t, err)
	defer s.Close()
	app, err := s.Apps().Create(t.Context(), store.App{Slug: "app"})
	require.NoError(t, err)
	_, err = s.KV().Set(t.Context(), app.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}, false)
	require.NoError(t, err)
	require.Equal(t, 3, listeners.told)
	require.Equal(t, 1, listeners.woken)

	listeners.losses = 1_000 // too many
	_, err = s.KV().Set(t.Context(), app.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}, false)
	require.Error(t, err)
	require.Equal(t, 1, listeners.woken)
}
