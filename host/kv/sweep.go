package kv

import (
	"context"
	"errors"
	"time"
)

// sweepBatch bounds how long one transaction of a sweep keeps others waiting.
const sweepBatch = 100

// Start begins to sweep, now and then every SweepEvery, until Stop.
func (s *Service) Start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.done = stop, make(chan struct{})
	go func() {
		defer close(s.done)
		ticker := time.NewTicker(s.config.SweepEvery)
		defer ticker.Stop()
		for {
			n, err := s.Sweep(ctx)
			if err != nil && !errors.Is(err, context.Canceled) {
				s.config.Log.Error("expired keys not removed", "error", err)
			}
			if n > 0 {
				s.config.Log.Info("expired keys removed", "keys", n)
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// Stop ends the sweeps that Start began and waits for the one under way.
func (s *Service) Stop() {
	if s.stop != nil {
		s.stop()
		<-s.done
	}
}

// Sweep removes the rows of all expired entries, in batches, and returns their
// number. It frees room and tells of the deletions; no operation sees the
// entries anyway.
func (s *Service) Sweep(ctx context.Context) (swept int, err error) {
	for {
		n, err := s.config.Store.Sweep(ctx, sweepBatch)
		swept += n
		if err != nil || n < sweepBatch {
			return swept, err
		}
	}
}
