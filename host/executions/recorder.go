package executions

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of what waits to be written, and how it is written.
const (
	maxQueued      = 16_384         // executions
	maxQueuedBytes = 64 << 20       // of executions with their log lines, unless the server says otherwise
	recordBytes    = 512            // of an execution without its lines, its error and what it asked for
	callBytes      = 80             // of something that it asked the host for
	batchSize      = store.MaxBatch // executions in one transaction
	linger         = 100 * time.Millisecond
	writeTimeout   = time.Minute // of an attempt: a busy disk takes seconds to sync, and a short one would only begin again
)

// Recorder writes executions and their log lines in batches, beside the requests: a request never
// waits for a write. A batch is written 100 ms after the first execution since the last one, or when
// 1000 wait. So a crash loses the log of what ended in the last moments, an orderly stop nothing.
//
// When the store is slower than the executions for long, what waits reaches its bound: then the
// oldest waiting log lines go first, then the oldest executions, and the metric
// picloud_records_dropped_total counts them.
type Recorder struct {
	*background.Batch[store.Execution]

	store store.Executions
	log   *slog.Logger

	droppedLines, droppedExecutions prometheus.Counter
	failures                        prometheus.Counter
}

// NewRecorder makes a recorder that waits for its Start. So many bytes may wait to be written, 0: 64
// MiB.
func NewRecorder(s store.Executions, log *slog.Logger, registerer prometheus.Registerer, maxBytes int) *Recorder {
	if maxBytes == 0 {
		maxBytes = maxQueuedBytes
	}
	return newRecorder(s, log, registerer, maxQueued, maxBytes)
}

func newRecorder(s store.Executions, log *slog.Logger, registerer prometheus.Registerer, maxQueued, maxBytes int) *Recorder {
	f := promauto.With(registerer)
	dropped := f.NewCounterVec(prometheus.CounterOpts{
		Name: "picloud_records_dropped_total", Help: "Records given up because the store was too slow or failed.",
	}, []string{"kind"})
	r := &Recorder{
		store: s, log: log,
		droppedLines:      dropped.WithLabelValues("log_line"),
		droppedExecutions: dropped.WithLabelValues("execution"),
		failures: f.NewCounter(prometheus.CounterOpts{
			Name: "picloud_record_failures_total", Help: "Attempts to write a batch of records that the store did not take.",
		}),
	}
	r.Batch = background.NewBatch(background.BatchConfig[store.Execution]{
		Name: "recorder of executions", Write: r.write, Size: batchSize, Linger: linger,
		MaxItems: maxQueued, MaxWeight: maxBytes, Weigh: size, Lighten: r.strip, GaveUp: r.gaveUp, Log: log,
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "picloud_records_queued", Help: "Executions waiting to be written.",
	}, func() float64 { return float64(r.Waiting()) })
	return r
}

// size is about how many bytes of memory an execution takes while it waits.
func size(e *store.Execution) (bytes int) {
	bytes = recordBytes + len(e.ErrorMessage) + len(e.Path) + len(e.Route)
	if e.Trace != nil {
		bytes += len(e.Trace.Calls) * callBytes
	}
	for _, line := range e.Lines {
		bytes += len(line.Message) + len(line.Data) + 64
	}
	return bytes
}

// strip drops the lines of an execution, and what it asked the host for.
func (r *Recorder) strip(e *store.Execution) {
	r.droppedLines.Add(float64(len(e.Lines)))
	e.Lines, e.Trace = nil, nil
}

// write is one attempt. Record is all or nothing and may be repeated.
func (r *Recorder) write(ctx context.Context, executions []store.Execution) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := r.store.Record(ctx, executions)
	if err == nil {
		return nil
	}
	r.failures.Inc()
	if fault.Of(err) == fault.Invalid {
		return background.Permanent(err)
	}
	return err
}

func (r *Recorder) gaveUp(executions []store.Execution, why error) {
	for i := range executions {
		r.droppedExecutions.Inc()
		r.droppedLines.Add(float64(len(executions[i].Lines)))
	}
	if !errors.Is(why, background.ErrFull) { // of which there would be a line for each execution
		r.log.Error("executions not recorded", "executions", len(executions), "first_execution_id", executions[0].ID, "error", why)
	}
}
