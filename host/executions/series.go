package executions

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/singleflight"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

const (
	countEvery = 5 * time.Second
	maxPieces  = 20_000 // that wait to be written: about 10 MiB

	// piecesTogether is how many are written in one transaction: others wait that long on SQLite.
	piecesTogether = 100

	flushPause   = time.Second      // between two times that something is written because it is asked for
	flushTimeout = 10 * time.Second // for that
)

// series counts executions by script and minute: in memory, and every few seconds in the store, where what several nodes
// counted adds up. A crash loses the last seconds, an orderly stop nothing. An attempt that the store has taken without saying so
// is counted twice.
type series struct {
	*background.Task
	store   store.Series
	dropped prometheus.Counter

	flushes singleflight.Group
	flushed time.Time  // when the last flush ended well; of the flush under way
	writing sync.Mutex // for whoever writes
	mu      sync.Mutex
	waiting map[piece]*store.Counts
}

// piece is what is counted together.
type piece struct {
	appID, scriptID string
	minute          int64 // since 1970
}

func newSeries(s store.Series, log *slog.Logger, registerer prometheus.Registerer) *series {
	c := &series{store: s, waiting: map[piece]*store.Counts{}}
	c.dropped = promauto.With(registerer).NewCounter(prometheus.CounterOpts{
		Name: "picloud_series_dropped_total", Help: "Executions missing in the figures over time because the store failed for long.",
	})
	c.Task = background.NewTask(background.TaskConfig{Name: "count executions", Run: c.write, Every: countEvery, Log: log})
	return c
}

// count counts an execution that has ended now.
func (c *series) count(e *store.Execution) {
	at := piece{e.AppID, e.ScriptID, time.Now().Unix() / 60}
	bytes := e.LogBytes()
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.waiting[at]
	if counts == nil {
		if len(c.waiting) >= maxPieces {
			c.dropped.Inc()
			return
		}
		counts = new(store.Counts)
		c.waiting[at] = counts
	}
	counts.Count(e, bytes)
}

// flush writes what waits for somebody who asks, unless that was done within the last second. It goes on when who asks has gone: what
// was cut off might be written, and would be counted again.
func (c *series) flush(ctx context.Context) error {
	done := c.flushes.DoChan("", func() (any, error) {
		if time.Since(c.flushed) < flushPause {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		err := c.write(ctx)
		if err == nil {
			c.flushed = time.Now()
		}
		return nil, err
	})
	select {
	case <-ctx.Done():
		return ctx.Err()
	case result := <-done:
		return result.Err
	}
}

// write writes what waits. What the store does not take waits for the next time.
func (c *series) write(ctx context.Context) error {
	c.writing.Lock() // so that whoever waited finds written what another has taken
	defer c.writing.Unlock()
	c.mu.Lock()
	taken := c.waiting
	c.waiting = make(map[piece]*store.Counts, len(taken))
	c.mu.Unlock()
	counted := make([]store.Counted, 0, len(taken))
	for at, counts := range taken {
		counted = append(counted, store.Counted{AppID: at.appID, ScriptID: at.scriptID, At: time.Unix(at.minute*60, 0).UTC(), Counts: *counts})
	}
	for len(counted) > 0 {
		some := counted[:min(len(counted), piecesTogether)]
		if err := c.store.Add(ctx, some); err != nil {
			c.putBack(counted)
			return err
		}
		counted = counted[len(some):]
	}
	return nil
}

// putBack has what was not written wait again.
func (c *series) putBack(counted []store.Counted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range counted {
		of := &counted[i]
		at := piece{of.AppID, of.ScriptID, of.At.Unix() / 60}
		switch newer := c.waiting[at]; {
		case newer != nil:
			newer.Add(&of.Counts)
		case len(c.waiting) < maxPieces:
			c.waiting[at] = &of.Counts
		default:
			c.dropped.Add(float64(of.Executions()))
		}
	}
}

// stop writes what is left.
func (c *series) stop(ctx context.Context) error {
	return errors.Join(c.Stop(ctx), c.write(ctx))
}

// Of a series that is asked for.
const (
	defaultSpan = time.Hour
	usualPieces = 120 // at most, if nobody says how long they are to be
	graceMinute = 10 * time.Minute
)

// MaxPieces is how many pieces a series has, about, and MaxPiecesEach that of each of several apps.
const (
	MaxPieces     = 3_000
	MaxPiecesEach = usualPieces
)

// steps are the lengths that pieces have if nobody says.
var steps = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// Span returns of what time a series is, and of what pieces: as it is asked for, with zero for what is not said, as far as that is
// kept, and of so many pieces at most, or one more. An hour up to now is usual.
func Span(now, from, to time.Time, step time.Duration, most int) store.SeriesQuery {
	if to.IsZero() || to.After(now) {
		to = now
	}
	if from.IsZero() {
		from = to.Add(-defaultSpan)
	}
	if oldest := now.Add(-store.KeepHour); from.Before(oldest) {
		from = oldest
	}
	if to.Before(from) {
		to = from
	}
	for i := 0; step == 0; i++ {
		if steps[i]*usualPieces >= to.Sub(from) || i == len(steps)-1 {
			step = steps[i]
		}
	}
	step = upTo(max(step, to.Sub(from)/time.Duration(most)), store.Minute)
	q := store.SeriesQuery{From: from.UTC(), To: to.UTC(), Kept: store.Minute, Step: step}
	if step%store.Hour == 0 || from.Before(now.Add(-store.KeepMinute-graceMinute)) {
		q.Kept, q.Step = store.Hour, upTo(step, store.Hour)
	}
	return q
}

// upTo rounds a duration up to a multiple of a unit.
func upTo(d, unit time.Duration) time.Duration { return (d + unit - 1) / unit * unit }

// NewSeriesRetention makes the sweep that removes counts that are old, every hour.
func NewSeriesRetention(series store.Series, log *slog.Logger) *background.Sweep {
	return background.NewSweep("old", "counts of executions", retentionEvery, log, func(ctx context.Context) (removed int, err error) {
		for kept, age := range map[time.Duration]time.Duration{store.Minute: store.KeepMinute, store.Hour: store.KeepHour} {
			n, err := store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
				return series.DeleteBefore(ctx, kept, time.Now().Add(-age), limit)
			})
			removed += n
			if err != nil {
				return removed, err
			}
		}
		return removed, nil
	})
}
