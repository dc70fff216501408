package executions

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/picloud/picloud/abi"
)

type metrics struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec

	// succeeded has those of executions that succeeded, as most do: to find them takes longer than to count. They are
	// found when one has, since those of what never happens are not shown.
	succeeded map[abi.InvocationType]func() counted
}

// counted is what counts executions that are alike.
type counted struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

func newMetrics(r prometheus.Registerer) metrics {
	f := promauto.With(r)
	m := metrics{
		total: f.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_invocations_total", Help: "Invocations of scripts by how they ended and what caused them.",
		}, []string{"outcome", "type"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "picloud_invocation_duration_seconds", Help: "From finding the script to its response.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"type"}),
		succeeded: map[abi.InvocationType]func() counted{},
	}
	for _, t := range []abi.InvocationType{abi.InvocationHTTP, abi.InvocationExecute, abi.InvocationTrigger, abi.InvocationInvoke} {
		m.succeeded[t] = sync.OnceValue(func() counted { return m.of(OutcomeOK, t) })
	}
	return m
}

// of finds those with these labels.
func (m metrics) of(outcome string, t abi.InvocationType) counted {
	return counted{m.total.WithLabelValues(outcome, string(t)), m.duration.WithLabelValues(string(t))}
}

func (m metrics) observe(invocation abi.InvocationType, out *Outcome) {
	var by counted
	if of := m.succeeded[invocation]; of != nil && out.Error == nil {
		by = of()
	} else {
		by = m.of(out.Name(), invocation)
	}
	by.total.Inc()
	by.duration.Observe(out.Duration.Seconds())
}
