package realtime

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	subscribers prometheus.Gauge
	ended       *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) metrics {
	m := metrics{
		subscribers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "picloud_subscribers", Help: "Subscribers of topics on this node."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_subscriptions_ended_total", Help: "Subscriptions that ended, by reason: client, slow, changed, expired, lost or stop.",
		}, []string{"reason"}),
	}
	if registerer != nil {
		registerer.MustRegister(m.subscribers, m.ended)
	}
	return m
}
