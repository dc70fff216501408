package dispatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

const sweepEvery = time.Minute

// NewRetention makes what removes dead letters that failed longer ago than age, if that is not 0, and
// idempotency keys whose time is over.
func NewRetention(s store.Store, age time.Duration, log *slog.Logger) background.Service {
	group := background.Group{background.NewSweep("expired", "idempotency keys", sweepEvery, log, func(ctx context.Context) (int, error) {
		return store.InBatches(ctx, store.MaxBatch, s.Idempotency().DeleteExpired)
	})}
	if age > 0 {
		group = append(group, background.NewSweep("old", "dead letters", sweepEvery, log, func(ctx context.Context) (int, error) {
			return store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
				return s.DeadLetters().DeleteBefore(ctx, time.Now().Add(-age), limit)
			})
		}))
	}
	return group
}
