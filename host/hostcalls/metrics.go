package hostcalls

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/picloud/picloud/abi"
)

// metrics counts operations. A nil one counts nothing.
type metrics struct {
	total *prometheus.CounterVec
	ok    [abi.OpEnd]prometheus.Counter // of total, found beforehand: most operations succeed
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		return nil
	}
	m := &metrics{total: promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "picloud_operations_total", Help: "Operations that scripts and plugins asked for, by how they ended: ok or the code of the error.",
	}, []string{"operation", "outcome"})}
	for _, row := range abi.Operations {
		m.ok[row.Op] = m.total.WithLabelValues(row.Name, "ok")
	}
	return m
}

func (m *metrics) performed(op abi.Op) {
	if m != nil {
		m.ok[op].Inc()
	}
}

func (m *metrics) failed(row abi.Operation, err error) {
	if m == nil {
		return
	}
	m.total.WithLabelValues(row.Name, string(codeOf(err))).Inc()
}
