package executions

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/picloud/picloud/abi"
)

type metrics struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) metrics {
	f := promauto.With(r)
	return metrics{
		total: f.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_invocations_total", Help: "Invocations of scripts by how they ended and what caused them.",
		}, []string{"outcome", "type"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "picloud_invocation_duration_seconds", Help: "From finding the script to its response.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"type"}),
	}
}

func (m metrics) observe(invocation abi.InvocationType, out *Outcome) {
	m.total.WithLabelValues(out.Name(), string(invocation)).Inc()
	m.duration.WithLabelValues(string(invocation)).Observe(out.Duration.Seconds())
}
