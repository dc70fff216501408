package dispatch

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/store"
)

type metrics struct {
	outcomes *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	void     prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer, s store.Store) metrics {
	m := metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_event_attempts_total", Help: "Attempts to deliver events, by source and outcome: done, retry, dead_letter, failed (a script for dead letters), or refused by the gate or a failure of our own. Each message of a batch counts.",
		}, []string{"source", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "picloud_event_latency_seconds", Help: "From when an event was due until its script started, by source.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600},
		}, []string{"source"}),
		void: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "picloud_event_late_completions_total", Help: "Deliveries that ended after their lease had: another attempt counts.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.outcomes, m.latency, m.void, &depths{
			store: s,
			events: prometheus.NewDesc("picloud_events", "Events in the outbox, by source and state: waiting or running.",
				[]string{"source", "state"}, nil),
			oldest: prometheus.NewDesc("picloud_event_oldest_seconds", "Age of the oldest event in the outbox, by source.",
				[]string{"source"}, nil),
		})
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

// depths asks the database how much there is when the metrics are read.
type depths struct {
	store          store.Store
	events, oldest *prometheus.Desc
}

func (d *depths) Describe(to chan<- *prometheus.Desc) { to <- d.events; to <- d.oldest }

func (d *depths) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	found, err := d.store.Outbox().Depths(ctx)
	if err != nil {
		return // the rest of the metrics tell of it
	}
	type sum struct {
		waiting, running int64
		oldest           time.Time
	}
	sums := map[store.EventSource]*sum{}
	for _, depth := range found {
		s := sums[depth.Source]
		if s == nil {
			s = &sum{oldest: depth.Oldest}
			sums[depth.Source] = s
		}
		s.waiting += depth.Waiting
		s.running += depth.Running
		if depth.Oldest.Before(s.oldest) {
			s.oldest = depth.Oldest
		}
	}
	for source, s := range sums {
		to <- prometheus.MustNewConstMetric(d.events, prometheus.GaugeValue, float64(s.waiting), string(source), "waiting")
		to <- prometheus.MustNewConstMetric(d.events, prometheus.GaugeValue, float64(s.running), string(source), "running")
		to <- prometheus.MustNewConstMetric(d.oldest, prometheus.GaugeValue, max(time.Since(s.oldest), 0).Seconds(), string(source))
	}
}
