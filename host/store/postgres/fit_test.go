package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// PostgreSQL may have counted the outbox when it had just been emptied. A claim must not read whole indexes then.
func TestClaimsAfterAnEmptyOutboxWasCounted(t *testing.T) {
	const events, batch = 3000, 50
	for _, test := range []struct {
		name    string
		ordered bool
		fit     bool // ordered claims need it
		count   string
	}{
		{"analyzed", false, false, "ANALYZE outbox"},
		{"vacuumed", false, false, "VACUUM (TRUNCATE false, ANALYZE) outbox"},
		{"ordered", true, true, "ANALYZE outbox"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			url := pgtest.URL(t)
			raw, err := pgx.Connect(ctx, url)
			require.NoError(t, err)
			defer raw.Close(ctx)
			run := func(sql string) {
				_, err := raw.Exec(ctx, sql)
				require.NoError(t, err)
			}
			// What a connection has read is known when it has ended.
			read := func() (pages int) {
				require.NoError(t, raw.QueryRow(ctx, "SELECT sum(idx_blks_hit + idx_blks_read)::int FROM pg_statio_user_indexes WHERE relname = 'outbox'").Scan(&pages))
				return pages
			}
			delivered := func(before func(o store.Outbox)) (pages int) {
				s, err := postgres.Open(ctx, postgres.Config{URL: url})
				require.NoError(t, err)
				app, err := s.Apps().Create(ctx, store.App{Slug: "a-" + uuid.NewString()[:8]})
				require.NoError(t, err)
				lane := app.ID + "/q/t"
				list := make([]store.Event, events)
				for i := range list {
					list[i] = store.Event{AppID: app.ID, Lane: lane, Source: store.EventQueue, Payload: []byte(`{"message":1}`)}
					if test.ordered {
						list[i].GroupKey = fmt.Sprint(i % 500)
					}
				}
				for len(list) > 0 {
					require.NoError(t, s.Outbox().Add(ctx, list[:1000]))
					list = list[1000:]
				}
				before(s.Outbox())
				start := read()
				var ended []store.Settlement
				for done := 0; done < events; done += len(ended) {
					claim := store.Claim{Lane: lane, Token: uuid.NewString(), Limit: batch, MaxRunning: batch, Ordered: test.ordered}
					turned, err := s.Outbox().Turn(ctx, store.Turn{Settlements: ended, Claims: []store.Claim{claim}, Lease: time.Minute})
					require.NoError(t, err)
					ended = nil
					for _, e := range turned.Claimed[claim.Token] {
						ended = append(ended, store.Settlement{EventID: e.ID, AppID: e.AppID, Token: e.Token})
					}
					require.NotEmpty(t, ended)
				}
				_, err = s.Outbox().Turn(ctx, store.Turn{Settlements: ended})
				require.NoError(t, err)
				require.NoError(t, s.Close())
				require.Eventually(t, func() bool { pages = read() - start; return pages > 0 }, time.Minute, 100*time.Millisecond)
				return pages
			}
			migrated, err := postgres.Open(ctx, postgres.Config{URL: url})
			require.NoError(t, err)
			require.NoError(t, migrated.Close())
			run("ALTER TABLE outbox SET (autovacuum_enabled = false)")
			usual := delivered(func(store.Outbox) { run("ANALYZE outbox") })
			run(test.count)
			pages := delivered(func(o store.Outbox) {
				if test.fit {
					require.NoError(t, o.Fit(ctx))
				}
			})
			assert.Less(t, pages, 3*usual, "pages of indexes that were read, for %d events; %d are usual", events, usual)
		})
	}
}
