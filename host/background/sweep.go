package background

import (
	"context"
	"log/slog"
	"time"
)

// Sweep is a [Task] that removes, every now and then, what nobody wants any more.
type Sweep struct {
	*Task
	swept Signal[int64]
}

// NewSweep makes a sweep that calls remove when it is started and then every so often. The log tells
// how many things of a kind ("expired", "keys") were removed, those too that a failing sweep
// removed first.
func NewSweep[N int | int64](kind, things string, every time.Duration, log *slog.Logger, remove func(context.Context) (N, error)) *Sweep {
	if log == nil {
		log = slog.Default()
	}
	s := new(Sweep)
	s.Task = NewTask(TaskConfig{
		Name: "sweep of " + kind + " " + things, Every: every, Log: log,
		Run: func(ctx context.Context) error {
			n, err := remove(ctx)
			if n > 0 {
				log.Info(kind+" "+things+" removed", things, n)
			}
			if err == nil {
				s.swept.Send(int64(n))
			}
			return err
		},
	})
	return s
}

// Swept tells of each sweep that did not fail how many things it removed.
func (s *Sweep) Swept() *Subscription[int64] { return s.swept.Subscribe() }
