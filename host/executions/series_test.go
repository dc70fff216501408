package executions

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// refusing is a series that fails as long as it is to.
type refusing struct {
	store.Series
	fails bool
	added int // times
}

func (r *refusing) Add(ctx context.Context, counted []store.Counted) error {
	if r.fails {
		return errors.New("not now")
	}
	r.added++
	return r.Series.Add(ctx, counted)
}

func TestCountsAreKeptUntilTheyAreWritten(t *testing.T) {
	a := newArchive(t)
	s := &refusing{Series: a.Series(), fails: true}
	c := newSeries(s, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	counted := func() (n int64) {
		pieces, err := a.Series().List(t.Context(), store.SeriesQuery{
			AppID: a.script.AppID, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Kept: store.Minute, Step: store.Minute,
		})
		require.NoError(t, err)
		for _, p := range pieces {
			n += p.Executions()
		}
		return n
	}
	e := a.execution("line")
	c.count(&e)
	require.Error(t, c.write(t.Context()))
	c.count(&e)
	require.Error(t, c.write(t.Context()))
	assert.Zero(t, counted())
	s.fails = false
	c.count(&e)
	require.NoError(t, c.write(t.Context()))
	assert.EqualValues(t, 3, counted())
	require.NoError(t, c.write(t.Context()))
	assert.EqualValues(t, 3, counted(), "what was written is not counted again")
	c.count(&e)
	require.NoError(t, c.stop(t.Context()))
	assert.EqualValues(t, 4, counted(), "a stop writes what is left")
}

func TestSeriesRetention(t *testing.T) {
	a := newArchive(t)
	var one store.Counts
	one.Count(&store.Execution{InvocationType: abi.InvocationHTTP}, 0)
	now := time.Now()
	for _, age := range []time.Duration{time.Hour, store.KeepMinute + time.Hour, store.KeepHour + 2*time.Hour} {
		require.NoError(t, a.Series().Add(t.Context(), []store.Counted{{AppID: a.script.AppID, ScriptID: a.script.ID, At: now.Add(-age), Counts: one}}))
	}
	retention := NewSeriesRetention(a.Series(), slog.New(slog.DiscardHandler))
	swept := retention.Swept()
	retention.Start()
	n, err := swept.Next(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 2*3, n, "two minutes and an hour, of the script and of its app")
	for kept, want := range map[time.Duration]int{store.Minute: 1, store.Hour: 2} {
		pieces, err := a.Series().List(t.Context(), store.SeriesQuery{AppID: a.script.AppID, From: now.AddDate(-1, 0, 0), To: now, Kept: kept, Step: kept})
		require.NoError(t, err)
		assert.Len(t, pieces, want, "pieces of %v", kept)
	}
	require.NoError(t, retention.Stop(context.Background()))
}

func TestSpan(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 30, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		from, to time.Time
		step     time.Duration
		want     store.SeriesQuery
	}{
		"an hour up to now":        {want: store.SeriesQuery{From: ago(time.Hour), To: now, Kept: time.Minute, Step: time.Minute}},
		"of a day":                 {from: ago(24 * time.Hour), want: store.SeriesQuery{From: ago(24 * time.Hour), To: now, Kept: time.Minute, Step: 15 * time.Minute}},
		"of a month":               {from: ago(720 * time.Hour), want: store.SeriesQuery{From: ago(720 * time.Hour), To: now, Kept: time.Hour, Step: 6 * time.Hour}},
		"odd steps":                {step: 61 * time.Second, want: store.SeriesQuery{From: ago(time.Hour), To: now, Kept: time.Minute, Step: 2 * time.Minute}},
		"minutes that are gone":    {from: ago(72 * time.Hour), step: time.Minute, want: store.SeriesQuery{From: ago(72 * time.Hour), To: now, Kept: time.Hour, Step: time.Hour}},
		"just two days of minutes": {from: ago(48 * time.Hour), step: time.Minute, want: store.SeriesQuery{From: ago(48 * time.Hour), To: now, Kept: time.Minute, Step: time.Minute}},
		"longer than is kept":      {from: ago(9000 * time.Hour), want: store.SeriesQuery{From: ago(store.KeepHour), To: now, Kept: time.Hour, Step: 24 * time.Hour}},
		"the future":               {to: now.Add(time.Hour), want: store.SeriesQuery{From: ago(time.Hour), To: now, Kept: time.Minute, Step: time.Minute}},
		"backwards":                {from: ago(time.Hour), to: ago(2 * time.Hour), want: store.SeriesQuery{From: ago(time.Hour), To: ago(time.Hour), Kept: time.Minute, Step: time.Minute}},
	} {
		assert.Equal(t, c.want, Span(now, c.from, c.to, c.step, MaxPieces), name)
	}
	for _, most := range []int{MaxPieces, MaxPiecesEach} {
		for _, span := range []time.Duration{time.Hour, 47 * time.Hour, store.KeepHour} {
			q := Span(now, ago(span), now, time.Minute, most)
			assert.LessOrEqual(t, int(q.To.Sub(q.From)/q.Step), most, "of %v", span)
		}
	}
}

// Who asks again and again writes once a second, whoever asks.
func TestFlushOfCounts(t *testing.T) {
	a := newArchive(t)
	s := &refusing{Series: a.Series()}
	c := newSeries(s, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	e := a.execution("line")
	c.count(&e)
	gone, leave := context.WithCancel(t.Context())
	leave()
	_ = c.flush(gone)
	require.NoError(t, c.flush(t.Context()), "which waits for what the other has begun")
	assert.Equal(t, 1, s.added)
	c.count(&e)
	for range 10 {
		require.NoError(t, c.flush(t.Context()))
	}
	assert.Equal(t, 1, s.added)
	c.flushed = c.flushed.Add(-flushPause)
	require.NoError(t, c.flush(t.Context()))
	assert.Equal(t, 2, s.added)
}

func TestQuantiles(t *testing.T) {
	var c store.Counts
	assert.Zero(t, c.Quantile(0.5))
	for i := range 1000 {
		c.Count(&store.Execution{Duration: time.Duration(i+1) * time.Millisecond}, 0)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.9: 900 * time.Millisecond, 0.99: 990 * time.Millisecond} {
		assert.InEpsilon(t, want, c.Quantile(q), 0.2, "%v", q)
	}
	c = store.Counts{}
	c.Count(&store.Execution{Duration: time.Hour}, 0)
	assert.Greater(t, c.Quantile(0.5), 2*time.Minute)
	c = store.Counts{}
	c.Count(&store.Execution{Duration: 10 * time.Microsecond}, 0)
	assert.LessOrEqual(t, c.Quantile(0.99), 64*time.Microsecond)
	c.Count(&store.Execution{Outcome: "made_by_a_guest"}, 0)
	assert.EqualValues(t, 1, c[store.CountScriptError])
	assert.EqualValues(t, 2, c.Executions())
}
