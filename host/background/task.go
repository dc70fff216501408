package background

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Pauses after failures: they double from the first to the longest.
const (
	firstPause   = time.Second // or TaskConfig.Every, if that is shorter
	longestPause = time.Minute // or TaskConfig.Every, if that is longer, or TaskConfig.MaxPause
)

// TaskConfig is what a [Task] is made of.
type TaskConfig struct {
	Name string // for the log and for errors, as in "watch for changes"

	// Run is the work. Its context ends when the task is stopped; what must be finished all the
	// same does so under [Grace].
	Run func(ctx context.Context) error

	// Every is the time between the end of a run and the begin of the next. With 0 the work is
	// done with the first run that returns nil.
	Every time.Duration

	// MaxPause is the longest pause after failures; 0: a minute, or Every if that is longer.
	MaxPause time.Duration

	Log *slog.Logger // nil: slog.Default()
}

// Task is a [Service] that runs a function: at once, and then again every so often.
//
// After a run that failed, or panicked, the next one comes after a pause of one second, which doubles
// with each failure in a row up to a minute. Where Every is shorter than the one or longer than the
// other, it takes its place: a sweep each hour is soon tried again, and a poll each 100 ms leaves a
// database alone that is away. The log tells of the first failure in a row, and then whenever their
// number has doubled, and of the success that ends them.
type Task struct {
	config TaskConfig
	ran    Signal[error]
	wake   chan struct{}
	done   chan struct{}

	ctx   context.Context // of the runs
	stop  context.CancelFunc
	abort context.CancelFunc // of what may last until the end of a Stop

	mu             sync.Mutex
	begun, stopped bool
}

// NewTask makes a task that waits for its Start.
func NewTask(config TaskConfig) *Task {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	t := &Task{config: config, wake: make(chan struct{}, 1), done: make(chan struct{})}
	var grace context.Context
	grace, t.abort = context.WithCancel(context.Background())
	t.ctx, t.stop = context.WithCancel(context.WithValue(grace, graceKey{}, grace))
	return t
}

type graceKey struct{}

// Grace returns, for the context of a run, the one of what the run still has to do once it is
// stopped: it lasts until the run returns or the context of [Task.Stop] ends.
func Grace(ctx context.Context) context.Context {
	if grace, ok := ctx.Value(graceKey{}).(context.Context); ok {
		return grace
	}
	return ctx
}

// Start begins the first run.
func (t *Task) Start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begun || t.stopped {
		return
	}
	t.begun = true
	go t.loop()
}

// Stop ends the context of the run under way and waits for the run to return.
func (t *Task) Stop(ctx context.Context) error {
	t.mu.Lock()
	if !t.begun && !t.stopped {
		close(t.done)
	}
	t.stopped = true
	t.mu.Unlock()
	t.stop()
	select {
	case <-t.done:
		return nil
	default:
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		t.abort()
		return fmt.Errorf("%s did not stop in time: %w", t.config.Name, ctx.Err())
	}
}

// Wake has the next run begin now. It comes after the run under way, which may have missed what the
// caller knows of, and after the pause that follows a failure. A task that is not started, and one
// without another run, is not woken.
func (t *Task) Wake() { notify(t.wake) }

// Ran tells of each run that ended: its error, nil for none.
func (t *Task) Ran() *Subscription[error] { return t.ran.Subscribe() }

// Done is closed once the task has ended: it was stopped, or its work is done.
func (t *Task) Done() <-chan struct{} { return t.done }

func (t *Task) loop() {
	defer close(t.done)
	defer t.abort()
	for failures := 0; ; {
		began := time.Now()
		err := Protect(func() error { return t.config.Run(t.ctx) })
		pause, woken := t.config.Every, t.wake
		if time.Since(began) > longestPause {
			failures = 0 // it did its work for a while
		}
		if err != nil {
			failures++
			pause, woken = t.config.pauseAfter(failures), nil
			t.report(err, failures, pause)
		} else if failures > 0 {
			t.config.Log.Info("background task works again", "task", t.config.Name, "failures", failures)
			failures = 0
		}
		t.ran.Send(err)
		if err == nil && t.config.Every == 0 {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-woken:
		case <-t.ctx.Done():
		}
		timer.Stop()
		if t.ctx.Err() != nil {
			return
		}
	}
}

// pauseAfter is how long a task waits after a number of failures in a row.
func (c *TaskConfig) pauseAfter(failures int) time.Duration {
	pause, longest := firstPause, max(c.Every, longestPause)
	if c.Every > 0 {
		pause = min(c.Every, firstPause)
	}
	if c.MaxPause > 0 {
		longest = c.MaxPause
	}
	for range failures - 1 {
		if pause *= 2; pause >= longest {
			break
		}
	}
	return min(pause, longest)
}

// report logs a failure; being stopped is none.
func (t *Task) report(err error, failures int, pause time.Duration) {
	if !t.reportPanic(err) && t.ctx.Err() == nil && failures&(failures-1) == 0 {
		t.config.Log.Error("background task failed", "task", t.config.Name, "error", err, "failures", failures, "again_in", pause)
	}
}

// reportPanic logs a panic with its stack and reports whether err is one.
func (t *Task) reportPanic(err error) bool {
	var defect *PanicError
	if !errors.As(err, &defect) {
		return false
	}
	t.config.Log.Error("background task panicked", "task", t.config.Name, "error", err, "stack", string(defect.Stack))
	return true
}
