package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// BenchmarkClaimBesideAReader delivers events in turns of 64 while a transaction is open that keeps PostgreSQL from
// removing what is gone. "last/first" is what the last turns take of what the first ones take, by their medians.
func BenchmarkClaimBesideAReader(b *testing.B) {
	for _, bounded := range []bool{false, true} {
		b.Run(fmt.Sprint("bounded=", bounded), func(b *testing.B) {
			ctx := b.Context()
			url := pgtest.URL(b)
			s, err := postgres.Open(ctx, postgres.Config{URL: url})
			require.NoError(b, err)
			defer s.Close()
			app, err := s.Apps().Create(ctx, store.App{Slug: "a"})
			require.NoError(b, err)
			lane := app.ID + "/q/t"
			events := make([]store.Event, 1000)
			for left := b.N*64 + 1000; left > 0; left -= len(events) {
				for i := range events {
					events[i] = store.Event{AppID: app.ID, Lane: lane, Source: store.EventQueue, Payload: []byte(`{"message":1}`)}
				}
				require.NoError(b, s.Outbox().Add(ctx, events))
			}
			reader, err := pgx.Connect(ctx, url)
			require.NoError(b, err)
			defer reader.Close(ctx)
			var n int
			_, err = reader.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ")
			require.NoError(b, err)
			require.NoError(b, reader.QueryRow(ctx, "SELECT count(*) FROM outbox").Scan(&n))

			var took []time.Duration
			var ended []store.Settlement
			var since, leased time.Time
			b.ResetTimer()
			for range b.N {
				claim := store.Claim{Lane: lane, Token: uuid.NewString(), Limit: 64, MaxRunning: 64}
				if bounded {
					claim.Since, claim.Leased = since, leased
				}
				began := time.Now()
				turned, err := s.Outbox().Turn(ctx, store.Turn{Settlements: ended, Claims: []store.Claim{claim}, Lease: time.Minute})
				took = append(took, time.Since(began))
				require.NoError(b, err)
				claimed := turned.Claimed[claim.Token]
				require.Len(b, claimed, 64)
				since, leased, ended = claimed[63].DueAt, turned.Leased[lane], ended[:0]
				for _, e := range claimed {
					ended = append(ended, store.Settlement{EventID: e.ID, AppID: e.AppID, Token: e.Token})
				}
			}
			part := max(len(took)/10, 1)
			first, last := took[:part], took[len(took)-part:]
			slices.Sort(first)
			slices.Sort(last)
			b.ReportMetric(float64(last[part/2])/float64(first[part/2]), "last/first")
		})
	}
}
