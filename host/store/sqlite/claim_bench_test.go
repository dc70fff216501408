package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// BenchmarkClaimAmongMany claims 64 events where 1,000,000 wait, in turn with a claim where none does but those. The
// ratio is of the medians, pages are what a claim writes on average; what is claimed is removed, and as many are added.
func BenchmarkClaimAmongMany(b *testing.B) {
	const limit = 64
	payload := []byte(`{"message":{"n":1,"text":"` + strings.Repeat("x", 100) + `"}}`)
	type side struct {
		store.Store
		db    *sql.DB // beside it
		app   string
		since time.Time
		took  []time.Duration
		pages int
	}
	var sides []*side
	fill := func(s *side, n int) {
		for left := n; left > 0; left -= 1000 {
			list := make([]store.Event, min(left, 1000))
			for i := range list {
				list[i] = store.Event{AppID: s.app, Lane: s.app + "/q/t", Source: store.EventQueue, Operation: "push", Payload: payload}
			}
			require.NoError(b, s.Outbox().Add(b.Context(), list))
		}
	}
	for _, waiting := range []int{1_000_000, limit} {
		path := filepath.Join(b.TempDir(), sqlite.FileName)
		s, err := sqlite.Open(b.Context(), sqlite.Config{Path: path})
		require.NoError(b, err)
		defer s.Close()
		db, err := sql.Open("sqlite", path)
		require.NoError(b, err)
		defer db.Close()
		app, err := s.Apps().Create(b.Context(), store.App{Slug: "a"})
		require.NoError(b, err)
		sides = append(sides, &side{Store: s, db: db, app: app.ID})
		fill(sides[len(sides)-1], waiting)
	}
	frames := func(s *side, mode string) int { // in the log, whose pages go to the file
		var busy, log, moved int
		require.NoError(b, s.db.QueryRow("PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &moved))
		return log
	}
	turn := func(s *side, counted bool) {
		if counted {
			frames(s, "TRUNCATE")
		}
		claim := store.Claim{Lane: s.app + "/q/t", Token: uuid.NewString(), Limit: limit, MaxRunning: limit, Since: s.since}
		began := time.Now()
		turned, err := s.Outbox().Turn(b.Context(), store.Turn{Claims: []store.Claim{claim}, Lease: time.Minute})
		took := time.Since(began)
		require.NoError(b, err)
		if counted { // a log that begins anew takes time
			s.pages += frames(s, "PASSIVE")
		} else {
			s.took = append(s.took, took)
		}
		claimed := turned.Claimed[claim.Token]
		require.Len(b, claimed, limit)
		s.since = claimed[limit-1].DueAt.Add(-2 * time.Second)
		var ended []store.Settlement
		for _, e := range claimed {
			ended = append(ended, store.Settlement{EventID: e.ID, AppID: e.AppID, Token: claim.Token})
		}
		_, err = s.Outbox().Turn(b.Context(), store.Turn{Settlements: ended, Lease: time.Minute})
		require.NoError(b, err)
		fill(s, limit)
	}
	n := 0
	for b.Loop() {
		for k := range sides {
			turn(sides[(n+k)%len(sides)], false)
		}
		n++
	}
	const counted = 50
	for range counted {
		for _, s := range sides {
			turn(s, true)
		}
	}
	median := func(s *side) float64 {
		slices.Sort(s.took)
		return float64(s.took[len(s.took)/2].Microseconds())
	}
	many, few := median(sides[0]), median(sides[1])
	b.ReportMetric(many, "µs/many")
	b.ReportMetric(few, "µs/few")
	b.ReportMetric(many/few, "ratio")
	b.ReportMetric(float64(sides[0].pages)/counted, "pages/many")
	b.ReportMetric(float64(sides[1].pages)/counted, "pages/few")
}
