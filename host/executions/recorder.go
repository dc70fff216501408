package executions

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of what waits to be written, and how it is written.
const (
	maxQueued      = 16_384   // executions
	maxQueuedBytes = 64 << 20 // of log lines
	batchSize      = 1024     // executions in one transaction
	linger         = 100 * time.Millisecond
	writeAttempts  = 4
	firstPause     = 50 * time.Millisecond // between attempts, four times longer each
	writeTimeout   = time.Minute           // of an attempt: a busy disk takes seconds to sync, and a short one would only begin again
)

// Recorder writes executions and their log lines in batches, beside the
// requests: a request never waits for a write. A batch is written 100 ms after
// the first execution since the last one, or when 1024 wait. So a crash loses
// the log of what ended in the last moments, an orderly stop nothing.
//
// When the store is slower than the executions for long, what waits reaches
// its bound: then the oldest waiting log lines go first, then the oldest
// executions, and the metric picloud_records_dropped_total counts them.
type Recorder struct {
	store      store.Executions
	log        *slog.Logger
	maxQueued  int
	maxBytes   int
	firstPause time.Duration

	mu       sync.Mutex
	queue    []store.Execution
	bytes    int // of log lines in the queue
	stripped int // leading executions in the queue that lost their lines
	closed   bool

	wake  chan struct{}      // something waits
	full  chan struct{}      // a whole batch waits
	flush chan chan struct{} // closed once what waits is written
	stop  chan struct{}
	done  chan struct{}

	droppedLines, droppedExecutions prometheus.Counter
	failures                        prometheus.Counter
}

// NewRecorder starts a recorder.
func NewRecorder(s store.Executions, log *slog.Logger, registerer prometheus.Registerer) *Recorder {
	f := promauto.With(registerer)
	dropped := f.NewCounterVec(prometheus.CounterOpts{
		Name: "picloud_records_dropped_total", Help: "Records given up because the store was too slow or failed.",
	}, []string{"kind"})
	r := &Recorder{
		store: s, log: log, maxQueued: maxQueued, maxBytes: maxQueuedBytes, firstPause: firstPause,
		wake: make(chan struct{}, 1), full: make(chan struct{}, 1), flush: make(chan chan struct{}),
		stop: make(chan struct{}), done: make(chan struct{}),
		droppedLines:      dropped.WithLabelValues("log_line"),
		droppedExecutions: dropped.WithLabelValues("execution"),
		failures: f.NewCounter(prometheus.CounterOpts{
			Name: "picloud_record_failures_total", Help: "Batches of records that the store did not take at the first attempt.",
		}),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "picloud_records_queued", Help: "Executions waiting to be written.",
	}, func() float64 {
		r.mu.Lock()
		defer r.mu.Unlock()
		return float64(len(r.queue))
	})
	go r.run()
	return r
}

// Add queues an execution to be written. It never waits. After Close it is
// dropped.
func (r *Recorder) Add(e store.Execution) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		r.drop(e)
		return
	}
	r.queue = append(r.queue, e)
	r.bytes += size(e)
	for r.bytes > r.maxBytes && r.stripped < len(r.queue) {
		oldest := &r.queue[r.stripped]
		r.bytes -= size(*oldest)
		r.droppedLines.Add(float64(len(oldest.Lines)))
		oldest.Lines = nil
		r.stripped++
	}
	if len(r.queue) > r.maxQueued {
		oldest := r.queue[0]
		r.bytes -= size(oldest)
		r.queue[0] = store.Execution{}
		r.queue = r.queue[1:]
		r.stripped = max(r.stripped-1, 0)
		r.drop(oldest)
	}
	batch := len(r.queue) >= batchSize
	r.mu.Unlock()
	signal(r.wake)
	if batch {
		signal(r.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (r *Recorder) drop(e store.Execution) {
	r.droppedExecutions.Inc()
	r.droppedLines.Add(float64(len(e.Lines)))
}

func size(e store.Execution) (bytes int) {
	for _, line := range e.Lines {
		bytes += len(line.Message) + len(line.Data) + 64
	}
	return bytes
}

// Flush waits until everything added before is written or given up, or the
// context ends.
func (r *Recorder) Flush(ctx context.Context) error {
	written := make(chan struct{})
	select {
	case r.flush <- written:
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-written:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes what waits and stops the recorder. The error is the context's,
// when it ends before all is written.
func (r *Recorder) Close(ctx context.Context) error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.stop)
	}
	r.mu.Unlock()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Recorder) run() {
	defer close(r.done)
	for {
		var written chan struct{}
		select {
		case <-r.stop:
			r.writeAll()
			return
		case written = <-r.flush:
		case <-r.wake:
			timer := time.NewTimer(linger)
			select {
			case <-timer.C:
				r.writeBatch()
			case <-r.full:
			case <-r.stop: // seen again above
			case written = <-r.flush:
			}
			timer.Stop()
		}
		if written != nil {
			r.writeAll()
			close(written)
			continue
		}
		// What ended meanwhile may be few: a transaction of its own for each few
		// would cost a busy server more than the executions' own rows do.
		for r.waiting() >= batchSize {
			r.writeBatch()
		}
		if r.waiting() > 0 {
			signal(r.wake)
		}
	}
}

// writeAll writes until nothing waits.
func (r *Recorder) writeAll() {
	for r.waiting() > 0 {
		r.writeBatch()
	}
}

// writeBatch writes the oldest that wait, a whole batch or all.
func (r *Recorder) writeBatch() {
	select {
	case <-r.full: // told of what is written now
	default:
	}
	if batch := r.take(); len(batch) > 0 {
		r.write(batch)
	}
}

func (r *Recorder) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue)
}

func (r *Recorder) take() []store.Execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.queue), batchSize)
	batch := r.queue[:n:n]
	r.queue = r.queue[n:]
	r.stripped = max(r.stripped-n, 0)
	for _, e := range batch {
		r.bytes -= size(e)
	}
	if len(r.queue) == 0 {
		r.queue = nil // lets the written ones go
	}
	return batch
}

// write gives a failing store some attempts. Record is all or nothing and may
// be repeated.
func (r *Recorder) write(batch []store.Execution) {
	pause := r.firstPause
	for attempt := 1; ; attempt++ {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		err := r.store.Record(ctx, batch)
		cancel()
		if err == nil {
			return
		}
		r.failures.Inc()
		if attempt == writeAttempts || fault.Of(err) == fault.Invalid {
			r.log.Error("executions not recorded", "executions", len(batch), "first_execution_id", batch[0].ID, "error", err)
			for _, e := range batch {
				r.drop(e)
			}
			return
		}
		time.Sleep(pause)
		pause *= 4
	}
}
