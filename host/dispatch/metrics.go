package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

type metrics struct {
	outcomes *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	void     prometheus.Counter
	depths   *depths
}

func newMetrics(registerer prometheus.Registerer, s store.Store, log *slog.Logger) metrics {
	m := metrics{
		depths: newDepths(s, log),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_event_attempts_total", Help: "Attempts to deliver events, by source and outcome: done, retry, dead_letter, failed (a script for dead letters), or refused by the gate or a failure of our own. Each message of a batch counts.",
		}, []string{"source", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "picloud_event_latency_seconds", Help: "From when an event was due, which is its commit unless it was delayed or is tried again, until its script started, by source.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600},
		}, []string{"source"}),
		void: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "picloud_event_late_completions_total", Help: "Deliveries that ended after their lease had: another attempt counts.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.outcomes, m.latency, m.void, m.depths)
	}
	return m
}

func (m *metrics) began(claimed []store.Event) {
	m.latency.WithLabelValues(string(claimed[0].Source)).Observe(max(time.Since(claimed[0].DueAt), 0).Seconds())
}

func (m *metrics) ended(source store.EventSource, settled []store.Settlement) {
	for _, s := range settled {
		m.outcomes.WithLabelValues(string(source), outcomeOf(s)).Inc()
	}
}

// outcomeOf names what became of an event.
func outcomeOf(s store.Settlement) string {
	switch {
	case s.Dead != nil:
		return "dead_letter"
	case s.Retry != nil && s.Retry.Counted:
		return "retry"
	case s.Retry != nil:
		return "refused"
	case s.As == store.ResolvedFailed: // a handler of dead letters has failed
		return "failed"
	}
	return "done"
}

// Counting the events looks at all of them. So it is done when the metrics are read, but not again soon where it took
// long; and who reads them does not wait for it long.
const (
	depthWait    = 500 * time.Millisecond // for a count, before the last one is told
	longestCount = time.Minute            // then a count has failed
	countRest    = 20                     // times as long as a count has taken it is told
	longestTold  = time.Minute            // but no longer
)

// depths tells how much there is.
type depths struct {
	store          store.Store
	events, oldest *prometheus.Desc
	counter        *background.Task

	mu    sync.Mutex
	found []store.Depth // by the last count
	until time.Time     // it is good enough
	next  chan struct{} // closed when the next count has ended; nil: nobody wants one
}

func newDepths(s store.Store, log *slog.Logger) *depths {
	d := &depths{
		store: s,
		events: prometheus.NewDesc("picloud_events", "Events in the outbox, by source and state: waiting or running.",
			[]string{"source", "state"}, nil),
		oldest: prometheus.NewDesc("picloud_event_oldest_seconds", "How long the event has been due that waits for the longest, by source.",
			[]string{"source"}, nil),
	}
	d.counter = background.NewTask(background.TaskConfig{Name: "count events", Every: time.Hour, MaxPause: longestTold, Log: log, Run: d.count})
	return d
}

// count counts if somebody wants it to.
func (d *depths) count(ctx context.Context) error {
	d.mu.Lock()
	wanted := d.next
	d.next = nil
	d.mu.Unlock()
	if wanted == nil {
		return nil
	}
	defer close(wanted)
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, longestCount)
	defer cancel()
	found, err := d.store.Outbox().Depths(limited)
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found, d.until = found, now.Add(min(countRest*now.Sub(began), longestTold)) // nothing, after a failure
	return err
}

// last returns the last count that is good enough, after it has waited for it a while, or whichever there is then.
func (d *depths) last() []store.Depth {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Now().Before(d.until) {
		return d.found
	}
	if d.next == nil {
		d.next = make(chan struct{})
	}
	next := d.next
	d.mu.Unlock()
	d.counter.Wake()
	timer := time.NewTimer(depthWait)
	defer timer.Stop()
	select {
	case <-next:
	case <-timer.C:
	}
	d.mu.Lock()
	return d.found
}

func (d *depths) Describe(to chan<- *prometheus.Desc) { to <- d.events; to <- d.oldest }

func (d *depths) Collect(to chan<- prometheus.Metric) {
	now := time.Now()
	for _, depth := range d.last() {
		source := string(depth.Source)
		to <- prometheus.MustNewConstMetric(d.events, prometheus.GaugeValue, float64(depth.Waiting), source, "waiting")
		to <- prometheus.MustNewConstMetric(d.events, prometheus.GaugeValue, float64(depth.Running), source, "running")
		oldest := 0.0
		if !depth.Due.IsZero() {
			oldest = max(now.Sub(depth.Due), 0).Seconds()
		}
		to <- prometheus.MustNewConstMetric(d.oldest, prometheus.GaugeValue, oldest, source)
	}
}
