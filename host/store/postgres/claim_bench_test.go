package postgres_test

import (
	"encoding/json"
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

// BenchmarkLookAmongMany claims 25,600 events of a lane, in turns of 64 and as many new ones, and reports how many pages
// of outbox_ready a look for the lane's first event reads: before, after, and once vacuum has been there.
func BenchmarkLookAmongMany(b *testing.B) {
	for _, waiting := range []int{64, 200_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			for range b.N {
				ctx := b.Context()
				url := pgtest.URL(b)
				s, err := postgres.Open(ctx, postgres.Config{URL: url})
				require.NoError(b, err)
				defer s.Close()
				app, err := s.Apps().Create(ctx, store.App{Slug: "a"})
				require.NoError(b, err)
				lane := app.ID + "/q/t"
				fill := func(left int) {
					for ; left > 0; left -= 1000 {
						events := make([]store.Event, min(left, 1000))
						for i := range events {
							events[i] = store.Event{AppID: app.ID, Lane: lane, Source: store.EventQueue, Payload: []byte(`{"message":1}`)}
						}
						require.NoError(b, s.Outbox().Add(ctx, events))
					}
				}
				fill(waiting)
				conn, err := pgx.Connect(ctx, url)
				require.NoError(b, err)
				defer conn.Close(ctx)
				report := func(when string) {
					var text []byte
					for range 2 { // the first one passes over rows, too, and marks their entries dead
						require.NoError(b, conn.QueryRow(ctx, `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
							SELECT due_at FROM outbox WHERE token IS NULL AND lane = '`+lane+`' ORDER BY due_at, id LIMIT 1`).Scan(&text))
					}
					var told []struct {
						Plan struct {
							Hit  float64 `json:"Shared Hit Blocks"`
							Read float64 `json:"Shared Read Blocks"`
						}
					}
					require.NoError(b, json.Unmarshal(text, &told))
					b.ReportMetric(told[0].Plan.Hit+told[0].Plan.Read, "pages-"+when)
				}
				report("before")
				for range 400 {
					claim := store.Claim{Lane: lane, Token: uuid.NewString(), Limit: 64, MaxRunning: 64}
					turned, err := s.Outbox().Turn(ctx, store.Turn{Claims: []store.Claim{claim}, Lease: time.Minute})
					require.NoError(b, err)
					claimed := turned.Claimed[claim.Token]
					require.Len(b, claimed, 64)
					_, err = s.Outbox().Lanes(ctx)
					require.NoError(b, err)
					var ended []store.Settlement
					for _, e := range claimed {
						ended = append(ended, store.Settlement{EventID: e.ID, AppID: e.AppID, Token: e.Token})
					}
					_, err = s.Outbox().Turn(ctx, store.Turn{Settlements: ended, Lease: time.Minute})
					require.NoError(b, err)
					fill(64)
				}
				report("after")
				_, err = conn.Exec(ctx, "VACUUM outbox")
				require.NoError(b, err)
				report("vacuumed")
			}
		})
	}
}
