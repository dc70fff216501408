package quota

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// Of each quota there is one line when most of it is used, and another when it was less meanwhile.
func TestWatch(t *testing.T) {
	all := map[string]store.WholeUsage{}
	var failure error
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	apps := NewApps(Limits{KVBytes: 100, CPUMillis: 1000, PendingEvents: 10})
	apps.Set("free", store.Quota{KVBytes: new(int64(0))})
	w := NewWatch(WatchConfig{
		Apps: apps, Registerer: registry, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Usage: func(context.Context, time.Time) (map[string]store.WholeUsage, error) { return all, failure },
	})
	look := func() (lines []string) {
		t.Helper()
		log.Reset()
		require.NoError(t, w.look(t.Context()))
		for line := range strings.Lines(log.String()) {
			_, said, _ := strings.Cut(strings.TrimSpace(line), "app_id=")
			lines = append(lines, said)
		}
		return lines
	}
	kv := func(n int64) store.WholeUsage { return store.WholeUsage{AppUsage: store.AppUsage{KV: n}} }
	assert.Empty(t, look())
	all["a"], all["free"] = kv(79), kv(1<<40)
	assert.Empty(t, look())
	all["a"] = kv(80)
	assert.Equal(t, []string{"a quota=kv_bytes used=80 limit=100"}, look())
	all["a"] = kv(100)
	assert.Empty(t, look(), "it was told")
	all["b"] = store.WholeUsage{AppUsage: store.AppUsage{CPU: 900 * time.Millisecond, Docs: 1 << 40}, PendingEvents: 9}
	assert.Equal(t, []string{"b quota=cpu_ms_per_day used=900 limit=1000", "b quota=pending_events used=9 limit=10"}, look())
	all["a"] = kv(50)
	assert.Empty(t, look())
	all["a"] = kv(90)
	assert.Equal(t, []string{"a quota=kv_bytes used=90 limit=100"}, look())
	delete(all, "b")
	assert.Empty(t, look())
	assert.EqualValues(t, 2, testutil.ToFloat64(w.crossed.WithLabelValues("kv_bytes")))
	assert.EqualValues(t, 1, testutil.ToFloat64(w.gauge.WithLabelValues("kv_bytes")))
	assert.EqualValues(t, 0, testutil.ToFloat64(w.gauge.WithLabelValues("cpu_ms_per_day")))
	failure = errors.New("down")
	assert.ErrorIs(t, w.look(t.Context()), failure)
}
