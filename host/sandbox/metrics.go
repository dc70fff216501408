package sandbox

import (
	"errors"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the sandbox tells Prometheus.
type metrics struct {
	executions *prometheus.CounterVec
	seconds    prometheus.Histogram
	outcomes   map[abi.ErrorCode]prometheus.Counter
}

// outcomeOK is the outcome of an execution that returned a value.
const outcomeOK abi.ErrorCode = "ok"

// newMetrics registers the metrics, unless there is nowhere to.
func newMetrics(r prometheus.Registerer, s *Sandbox) (*metrics, error) {
	m := &metrics{
		executions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "picloud_executions_total", Help: "Executions by outcome: ok or an error code.",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "picloud_execution_seconds", Help: "Time scripts ran.",
			Buckets: prometheus.ExponentialBuckets(25*time.Microsecond.Seconds(), 4, 11), // to 26 s
		}),
		outcomes: map[abi.ErrorCode]prometheus.Counter{},
	}
	for _, code := range []abi.ErrorCode{
		outcomeOK, abi.CodeScriptInvalid, abi.CodeScriptError, abi.CodeOverloaded,
		abi.CodeTimeout, abi.CodeLimitExceeded, abi.CodeInternal, abi.CodeCancelled,
	} {
		m.outcomes[code] = m.executions.WithLabelValues(string(code))
	}
	if r == nil {
		return m, nil
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	}
	c := s.scripts
	var errs []error
	for _, collector := range []prometheus.Collector{
		m.executions, m.seconds,
		gauge("picloud_executions_running", "Executions the gate has admitted.", func() float64 { return float64(s.gate.Count()) }),
		gauge("picloud_script_cache_entries", "Scripts kept ready to run.", func() float64 { return float64(c.entries.Len()) }),
		gauge("picloud_script_cache_bytes", "Memory of the scripts kept.", func() float64 { return float64(c.bytes.Load()) }),
		gauge("picloud_code_cache_bytes", "Machine code kept on disk.", func() float64 { return float64(s.cache.Bytes()) }),
		counter("picloud_script_cache_hits_total", "Executions that found their script.", func() float64 { return float64(c.hits.Load()) }),
		counter("picloud_script_cache_misses_total", "Executions that had to load their script.", func() float64 { return float64(c.misses.Load()) }),
		counter("picloud_script_cache_evictions_total", "Scripts dropped for others.", func() float64 { return float64(c.evictions.Load()) }),
	} {
		errs = append(errs, r.Register(collector))
	}
	return m, errors.Join(errs...)
}

// observe counts an execution.
func (m *metrics) observe(result Result, err error) {
	outcome := outcomeOK
	if err != nil {
		outcome = abi.CodeInternal
		var scriptError *abi.ScriptError
		if errors.As(err, &scriptError) {
			outcome = scriptError.Code
		}
	}
	if counter, ok := m.outcomes[outcome]; ok {
		counter.Inc()
	} else {
		m.executions.WithLabelValues("other").Inc() // a code of the guest's own making
	}
	if result.Duration > 0 {
		m.seconds.Observe(result.Duration.Seconds())
	}
}
