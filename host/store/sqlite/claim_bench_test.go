package sqlite_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// BenchmarkClaimAmongMany claims 64 events where 1,000,000 wait, in turn with a claim where none does but those. The
// ratio is of the medians; what is claimed is removed, and as many are added.
func BenchmarkClaimAmongMany(b *testing.B) {
	const limit = 64
	type side struct {
		store.Store
		app   string
		since time.Time
		took  []time.Duration
	}
	var sides []*side
	fill := func(s *side, n int) {
		for left := n; left > 0; left -= 1000 {
			list := make([]store.Event, min(left, 1000))
			for i := range list {
				list[i] = store.Event{AppID: s.app, Lane: s.app + "/q/t", Source: store.EventQueue, Operation: "push", Payload: []byte(`{"message":1}`)}
			}
			require.NoError(b, s.Outbox().Add(b.Context(), list))
		}
	}
	for _, waiting := range []int{1_000_000, limit} {
		s, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), sqlite.FileName)})
		require.NoError(b, err)
		defer s.Close()
		app, err := s.Apps().Create(b.Context(), store.App{Slug: "a"})
		require.NoError(b, err)
		sides = append(sides, &side{Store: s, app: app.ID})
		fill(sides[len(sides)-1], waiting)
	}
	turn := func(s *side) {
		claim := store.Claim{Lane: s.app + "/q/t", Token: uuid.NewString(), Limit: limit, MaxRunning: limit, Since: s.since}
		began := time.Now()
		turned, err := s.Outbox().Turn(b.Context(), store.Turn{Claims: []store.Claim{claim}, Lease: time.Minute})
		s.took = append(s.took, time.Since(began))
		require.NoError(b, err)
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
			turn(sides[(n+k)%len(sides)])
		}
		n++
	}
	median := func(s *side) float64 {
		slices.Sort(s.took)
		return float64(s.took[len(s.took)/2].Microseconds())
	}
	many, few := median(sides[0]), median(sides[1])
	b.ReportMetric(many, "µs/many")
	b.ReportMetric(few, "µs/few")
	b.ReportMetric(many/few, "ratio")
}
