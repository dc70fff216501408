// Package sweep has services remove, every now and then, what nobody wants any
// more.
package sweep

import (
	"context"
	"log/slog"
	"time"
)

// Sweeper is a sweep that goes on in the background.
type Sweeper struct {
	stop context.CancelFunc
	done chan struct{}
}

// Start calls remove now and then every so often, until Stop. The log tells how
// many things of a kind ("expired", "keys") have been removed, and its errors but
// those of being stopped.
func Start[N int | int64](kind, things string, every time.Duration, log *slog.Logger, remove func(context.Context) (N, error)) *Sweeper {
	ctx, stop := context.WithCancel(context.Background())
	s := &Sweeper{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			n, err := remove(ctx)
			if err != nil && ctx.Err() == nil {
				log.Error(kind+" "+things+" not removed", "error", err)
			}
			if n > 0 {
				log.Info(kind+" "+things+" removed", things, n)
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return s
}

// Stop ends the sweeps and waits for the one under way. On nil it does nothing.
func (s *Sweeper) Stop() {
	if s != nil {
		s.stop()
		<-s.done
	}
}
