package quota

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

// watchEvery is how often it is looked how much apps have used.
const watchEvery = time.Minute

// WatchConfig is what a [Watch] is made of.
type WatchConfig struct {
	Apps *Apps
	// Usage returns what each app has.
	Usage      func(ctx context.Context, day time.Time) (map[string]store.WholeUsage, error)
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// A Watch warns in the log, once, when an app has used [warnAt] percent of something, and again when it has
// had less since. It looks each minute.
type Watch struct {
	*background.Task
	config  WatchConfig
	near    map[share]bool
	gauge   *prometheus.GaugeVec
	crossed *prometheus.CounterVec
	now     func() time.Time
}

// share is a quota of an app.
type share struct{ appID, of string }

// watched are the quotas of which the database knows what is used.
var watched = []struct {
	name  string
	used  func(store.WholeUsage) int64
	limit func(Limits) int64
}{
	{"kv_bytes", func(u store.WholeUsage) int64 { return u.KV }, func(l Limits) int64 { return l.KVBytes }},
	{"docs_bytes", func(u store.WholeUsage) int64 { return u.Docs }, func(l Limits) int64 { return l.DocsBytes }},
	{"files_bytes", func(u store.WholeUsage) int64 { return u.Files }, func(l Limits) int64 { return l.FilesBytes }},
	{"log_bytes_per_day", func(u store.WholeUsage) int64 { return u.Log }, func(l Limits) int64 { return l.LogBytes }},
	{"cpu_ms_per_day", func(u store.WholeUsage) int64 { return u.CPU.Milliseconds() }, func(l Limits) int64 { return l.CPUMillis }},
	{"pending_events", func(u store.WholeUsage) int64 { return u.PendingEvents }, func(l Limits) int64 { return l.PendingEvents }},
}

// NewWatch makes a watch, to be started.
func NewWatch(config WatchConfig) *Watch {
	w := &Watch{
		config: config, near: map[share]bool{}, now: time.Now,
		gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "picloud_quota_near", Help: "Apps that have used 80 % of a quota, by quota.",
		}, []string{"quota"}),
		crossed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_quota_warnings_total", Help: "How often an app has come to 80 % of a quota, by quota.",
		}, []string{"quota"}),
	}
	if config.Registerer != nil {
		config.Registerer.MustRegister(w.gauge, w.crossed)
	}
	w.Task = background.NewTask(background.TaskConfig{Name: "watch quotas", Every: watchEvery, MaxPause: watchEvery, Log: config.Log, Run: w.look})
	return w
}

func (w *Watch) look(ctx context.Context) error {
	all, err := w.config.Usage(ctx, w.now())
	if err != nil {
		return err
	}
	near := map[share]bool{}
	counts := map[string]float64{}
	for appID, usage := range all {
		limits := w.config.Apps.Of(appID)
		for _, q := range watched {
			used, limit := q.used(usage), q.limit(limits)
			if !Near(used, limit) {
				continue
			}
			s := share{appID, q.name}
			near[s] = true
			counts[q.name]++
			if !w.near[s] {
				w.crossed.WithLabelValues(q.name).Inc()
				w.config.Log.Warn("an app has used most of a quota", "app_id", appID, "quota", q.name, "used", used, "limit", limit)
			}
		}
	}
	w.near = near
	for _, q := range watched {
		w.gauge.WithLabelValues(q.name).Set(counts[q.name])
	}
	return nil
}
