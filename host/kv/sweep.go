package kv

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

const (
	sweepEvery = time.Minute
	sweepBatch = 100 // entries that one transaction removes
)

// Sweeper makes the sweep of expired entries, which comes every minute.
func (s *Service) Sweeper() *background.Sweep {
	return background.NewSweep("expired", "keys", sweepEvery, s.config.Log, s.Sweep)
}

// Sweep removes the rows of all expired entries, in batches, and returns their number. It frees
// room and tells those who listen; no operation sees the entries anyway.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	return store.InBatches(ctx, sweepBatch, s.config.Store.Sweep)
}
