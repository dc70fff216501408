package kv

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/background"
)

const (
	sweepEvery = time.Hour
	sweepBatch = 100 // entries that one transaction removes
)

// Sweeper makes the sweep of expired entries, which comes every hour.
func (s *Service) Sweeper() *background.Sweep {
	return background.NewSweep("expired", "keys", sweepEvery, s.config.Log, s.Sweep)
}

// Sweep removes the rows of all expired entries, in batches, and returns their number. It frees room
// and tells of the deletions; no operation sees the entries anyway.
func (s *Service) Sweep(ctx context.Context) (swept int, err error) {
	return background.InBatches(sweepBatch, func() (int, error) {
		return s.config.Store.Sweep(ctx, sweepBatch)
	})
}
