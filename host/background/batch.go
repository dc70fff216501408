package background

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// How often a batch is tried, and the pause before the second attempt; each later one is four
// times longer.
const (
	writeAttempts = 4
	retryPause    = 50 * time.Millisecond
)

// Why items are given up that were not tried.
var (
	// ErrFull says that more items waited than may.
	ErrFull = errors.New("too many wait to be written")
	// ErrStopped says that an item came after the stop.
	ErrStopped = errors.New("stopped")
)

// BatchConfig is what a [Batch] is made of.
type BatchConfig[T any] struct {
	Name string // for the log and for errors, as in "record of executions"

	// Write writes items, in the order in which they were added, all or none. After an error it is
	// called again with the same items, three times at most; not after one of [Permanent]. Its
	// context ends when a stop has lasted too long.
	Write func(ctx context.Context, items []T) error

	Size   int           // items in one batch at most
	Linger time.Duration // from the first item to the write, if the batch is not full before

	// MaxItems bounds how many items wait. Beyond it the oldest are given up. 0 is no bound.
	MaxItems int

	// MaxWeight bounds what the waiting items weigh together, by Weigh. Beyond it the oldest items
	// are made lighter by Lighten, and if that is not enough, given up. 0 is no bound.
	MaxWeight int
	Weigh     func(*T) int
	Lighten   func(*T) // nil: nothing is to be gained

	// GaveUp is told of items that will not be written, and why: [ErrFull], [ErrStopped] or the
	// error of Write.
	GaveUp func(items []T, why error)

	Log *slog.Logger // nil: slog.Default()
}

// Batch is a [Service] that writes items beside those who add them. Nobody waits for a write unless
// by Flush. A batch is written when it is full, or once Linger has passed since its first item. What
// is added during a write waits for more again, since a write for each few would come just when
// there is most to do.
//
// Stop writes what waits. What is added before Start waits for it.
type Batch[T any] struct {
	config  BatchConfig[T]
	task    *Task
	written Signal[int]

	mu     sync.Mutex
	queue  []T
	weight int // of the queue
	light  int // leading items in the queue that were made lighter
	usual  int // items that the last batch had: the next one has room for as many at once
	closed bool

	wake  chan struct{}      // something waits
	full  chan struct{}      // a whole batch waits
	flush chan chan struct{} // closed once what waits is written
}

// NewBatch makes a batch that waits for its Start.
func NewBatch[T any](config BatchConfig[T]) *Batch[T] {
	b := &Batch[T]{config: config, wake: make(chan struct{}, 1), full: make(chan struct{}, 1), flush: make(chan chan struct{})}
	b.task = NewTask(TaskConfig{Name: config.Name, Log: config.Log, Run: b.run})
	return b
}

// Permanent wraps an error of [BatchConfig].Write after which another attempt is of no use.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Start begins to write.
func (b *Batch[T]) Start() { b.task.Start() }

// Stop writes what waits; what is added from now on is given up. When ctx ends first, so does the
// write under way, and the rest is given up.
func (b *Batch[T]) Stop(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	if err := b.task.Stop(ctx); err != nil {
		return err
	}
	for b.Waiting() > 0 { // it was never started
		b.config.GaveUp(b.take(), ErrStopped)
	}
	return nil
}

// Add hands in an item to be written. It never waits.
func (b *Batch[T]) Add(item T) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		b.config.GaveUp([]T{item}, ErrStopped)
		return
	}
	if b.queue == nil {
		b.queue = make([]T, 0, b.usual)
	}
	b.queue = append(b.queue, item)
	b.weight += b.weigh(&b.queue[len(b.queue)-1])
	excess := b.shed()
	fills := len(b.queue) >= b.config.Size
	b.mu.Unlock()
	if excess != nil {
		b.config.GaveUp(excess, ErrFull)
	}
	notify(b.wake)
	if fills {
		notify(b.full)
	}
}

func (b *Batch[T]) weigh(item *T) int {
	if b.config.Weigh == nil {
		return 0
	}
	return b.config.Weigh(item)
}

// shed brings the queue back within its bounds and returns what it has no place for.
func (b *Batch[T]) shed() (excess []T) {
	heavy := func() bool { return b.config.MaxWeight > 0 && b.weight > b.config.MaxWeight }
	for b.config.Lighten != nil && heavy() && b.light < len(b.queue) {
		item := &b.queue[b.light]
		b.weight -= b.weigh(item)
		b.config.Lighten(item)
		b.weight += b.weigh(item)
		b.light++
	}
	for b.config.MaxItems > 0 && len(b.queue) > b.config.MaxItems || heavy() {
		var none T
		b.weight -= b.weigh(&b.queue[0])
		excess = append(excess, b.queue[0])
		b.queue[0] = none
		b.queue = b.queue[1:]
		b.light = max(b.light-1, 0)
	}
	return excess
}

// Waiting is how many items wait to be written; those of the write under way do not.
func (b *Batch[T]) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}

// Written tells of each batch that was written how many items it had.
func (b *Batch[T]) Written() *Subscription[int] { return b.written.Subscribe() }

// Flush waits until everything added before is written or given up. The error is that of ctx, when
// it ends first.
func (b *Batch[T]) Flush(ctx context.Context) error {
	written := make(chan struct{})
	select {
	case b.flush <- written:
	case <-b.task.Done():
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

func (b *Batch[T]) run(stopped context.Context) error {
	ctx := Grace(stopped)
	for {
		var flushed chan struct{}
		select {
		case <-stopped.Done():
			b.writeAll(ctx)
			return nil
		case flushed = <-b.flush:
		case <-b.wake:
			timer := time.NewTimer(b.config.Linger)
			select {
			case <-timer.C:
				b.writeSome(ctx)
			case <-b.full:
			case <-stopped.Done(): // seen again above
			case flushed = <-b.flush:
			}
			timer.Stop()
		}
		if flushed != nil {
			b.writeAll(ctx)
			close(flushed)
			continue
		}
		for b.Waiting() >= b.config.Size {
			b.writeSome(ctx)
		}
		if b.Waiting() > 0 {
			notify(b.wake)
		}
	}
}

// writeAll writes until nothing waits.
func (b *Batch[T]) writeAll(ctx context.Context) {
	for b.Waiting() > 0 {
		b.writeSome(ctx)
	}
}

// writeSome writes the oldest items, a whole batch or all.
func (b *Batch[T]) writeSome(ctx context.Context) {
	select {
	case <-b.full: // told of what is written now
	default:
	}
	if items := b.take(); len(items) > 0 {
		b.write(ctx, items)
	}
}

func (b *Batch[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.queue), b.config.Size)
	items := b.queue[:n:n]
	b.queue = b.queue[n:]
	b.light, b.usual = max(b.light-n, 0), n
	for i := range items {
		b.weight -= b.weigh(&items[i])
	}
	if len(b.queue) == 0 {
		b.queue = nil // lets the written ones go
	}
	return items
}

func (b *Batch[T]) write(ctx context.Context, items []T) {
	pause := retryPause
	for attempt := 1; ; attempt++ {
		err := Protect(func() error { return b.config.Write(ctx, items) })
		if err == nil {
			b.written.Send(len(items))
			return
		}
		b.task.reportPanic(err)
		var permanent *permanentError
		if attempt == writeAttempts || errors.As(err, &permanent) || !wait(ctx, pause) {
			b.config.GaveUp(items, err)
			return
		}
		pause *= 4
	}
}
