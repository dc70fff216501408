package front

import "github.com/prometheus/client_golang/prometheus"

// metrics count what the data plane refuses.
type metrics struct{ limited *prometheus.CounterVec }

// newMetrics registers the metrics, unless the registry is nil.
func newMetrics(registry *prometheus.Registry) metrics {
	m := metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "picloud_requests_limited_total", Help: "Requests refused because there were too many, by whose limit: route or app.",
	}, []string{"limit"})}
	if registry != nil {
		registry.MustRegister(m.limited)
	}
	return m
}

// tellConnections registers how many connections there are, unless the registry is nil.
func tellConnections(registry *prometheus.Registry, open func() int) {
	if registry != nil {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "picloud_connections", Help: "Connections of clients.",
		}, func() float64 { return float64(open()) }))
	}
}
