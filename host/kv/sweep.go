package kv

import (
	"context"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/sweep"
)

// sweepBatch bounds how long one transaction of a sweep keeps others waiting.
const sweepBatch = 100

// Start begins to sweep, now and then every SweepEvery, until Stop.
func (s *Service) Start() {
	s.sweeper = sweep.Start("expired", "keys", s.config.SweepEvery, s.config.Log, s.Sweep)
}

// Stop ends the sweeps and waits for the one under way.
func (s *Service) Stop() { s.sweeper.Stop() }

// Sweep removes the rows of all expired entries, in batches, and returns their number. It frees
// room and tells those who listen; no operation sees the entries anyway.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	return store.InBatches(ctx, sweepBatch, s.config.Store.Sweep)
}
