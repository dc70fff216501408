package dispatch

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/sqlite"
)

// full is a store with so many events that to count them takes ten seconds.
type full struct {
	store.Store
	counts atomic.Int64
}

func (f *full) Outbox() store.Outbox { return fullOutbox{f.Store.Outbox(), f} }

type fullOutbox struct {
	store.Outbox
	of *full
}

func (f fullOutbox) Depths(context.Context) ([]store.Depth, error) {
	time.Sleep(10 * time.Second)
	return []store.Depth{{Source: store.EventQueue, Waiting: f.of.counts.Add(1), Due: time.Now().Add(-time.Hour)}}, nil
}

// Who reads the metrics does not wait for a long count, and is told the last one; it is not made more often than it may.
func TestDepthsAreToldAtOnce(t *testing.T) {
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	defer s.Close()
	synctest.Test(t, func(t *testing.T) {
		f := &full{Store: s}
		d := newDepths(f, nil)
		d.counter.Start()
		read := func() (metrics int) {
			began := time.Now()
			to := make(chan prometheus.Metric, 10)
			d.Collect(to)
			assert.LessOrEqual(t, time.Since(began), depthWait)
			return len(to)
		}
		require.Zero(t, read(), "the first count is under way")
		time.Sleep(10 * time.Second)
		for range 59 {
			require.Equal(t, 3, read())
			time.Sleep(time.Second)
		}
		require.EqualValues(t, 1, f.counts.Load())
		time.Sleep(time.Second)
		require.Equal(t, 3, read(), "the last count, while the next one is under way")
		time.Sleep(10 * time.Second)
		require.EqualValues(t, 2, f.counts.Load())
		require.NoError(t, d.counter.Stop(context.Background()))
	})
}

// The latency is from when an event was due, so that what it was to wait for does not count, until its script starts.
func TestLatencyIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMetrics(nil, nil, nil)
		due := time.Now()
		time.Sleep(3 * time.Second)
		m.began([]store.Event{{Source: store.EventQueue, DueAt: due}})
		m.began([]store.Event{{Source: store.EventQueue, DueAt: time.Now().Add(time.Second)}}) // by another node's clock
		var written dto.Metric
		require.NoError(t, m.latency.WithLabelValues("queue").(prometheus.Metric).Write(&written))
		assert.EqualValues(t, 2, written.GetHistogram().GetSampleCount())
		assert.Equal(t, 3.0, written.GetHistogram().GetSampleSum())
	})
}

// What the metrics say of the outbox is what is in it, on each database; each delivery is observed.
func TestMetricsOfTheOutbox(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open, 2, func(event) (*executions.Outcome, error) { return succeeded, nil })
		script := n.app("a")
		n.push(script.AppID, "", `1`, `2`)
		_, err := n.emitter.Push(t.Context(), script.AppID, "t", []events.Message{{Body: []byte(`3`), Delay: time.Hour}})
		require.NoError(t, err)
		n.start() // nobody consumes them yet
		const waiting = `# HELP picloud_events Events in the outbox, by source and state: waiting or running.
# TYPE picloud_events gauge
picloud_events{source="queue",state="running"} 0
picloud_events{source="queue",state="waiting"} 3
`
		require.EventuallyWithT(t, func(t *assert.CollectT) { // on a busy machine the first count takes longer than who reads it waits
			assert.NoError(t, testutil.CollectAndCompare(n.metrics.depths, strings.NewReader(waiting), "picloud_events"))
		}, time.Minute, 10*time.Millisecond)

		n.consume(script, nil)
		require.Eventually(t, func() bool {
			var written dto.Metric
			return n.metrics.latency.WithLabelValues("queue").(prometheus.Metric).Write(&written) == nil && written.GetHistogram().GetSampleCount() == 2
		}, time.Minute, 2*time.Millisecond)
	})
}
