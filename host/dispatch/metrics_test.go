package dispatch

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
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
