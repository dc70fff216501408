package relay

import "github.com/prometheus/client_golang/prometheus"

// abandonedTotal counts what a node has written down as abandoned.
func abandonedTotal() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Name: "picloud_abandoned_executions_total", Help: "Executions for other nodes whose answers nobody has had, as far as this node has found them.",
	})
}

type askerMetrics struct {
	waiting   prometheus.Gauge
	requests  *prometheus.CounterVec
	latency   prometheus.Histogram
	abandoned prometheus.Counter
}

func newAskerMetrics(registerer prometheus.Registerer) askerMetrics {
	m := askerMetrics{
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "picloud_relay_waiting", Help: "Requests of this node that wait for the answer of another one.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_relay_requests_total", Help: "Requests of this node to others, by how they ended: answered, timeout, client_gone, node_stopped or lost.",
		}, []string{"outcome"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "picloud_relay_seconds", Help: "From when a request was passed on until its answer was here.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 300},
		}),
		abandoned: abandonedTotal(),
	}
	if registerer != nil {
		registerer.MustRegister(m.waiting, m.requests, m.latency, m.abandoned)
	}
	return m
}

type workerMetrics struct {
	running   prometheus.Gauge
	late      prometheus.Counter
	abandoned prometheus.Counter
}

func newWorkerMetrics(registerer prometheus.Registerer) workerMetrics {
	m := workerMetrics{
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "picloud_relay_running", Help: "Requests of other nodes that run on this one.",
		}),
		late: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "picloud_relay_late_answers_total", Help: "Answers that came after the lease of their requests had ended, and went nowhere.",
		}),
		abandoned: abandonedTotal(),
	}
	if registerer != nil {
		registerer.MustRegister(m.running, m.late, m.abandoned)
	}
	return m
}
