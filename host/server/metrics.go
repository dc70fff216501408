package server

import "github.com/prometheus/client_golang/prometheus"

// tellMetrics registers what is told of the server as a whole: see `picloud status`.
func (s *Server) tellMetrics() {
	database := "sqlite"
	if s.settings.DatabaseURL != "" {
		database = "postgres"
	}
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		s.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("picloud_database", "1, of the kind of the database.", prometheus.Labels{"kind": database}, func() float64 { return 1 })
	gauge("picloud_executions_limit", "Executions that may be at once.", nil, func() float64 { return float64(s.settings.MaxConcurrentExecutions) })
	if _, known := diskFree(s.settings.Data); known {
		gauge("picloud_disk_free_bytes", "Bytes that the disk of the data directory has left.", nil, func() float64 {
			free, _ := diskFree(s.settings.Data)
			return float64(free)
		})
	}
}
