package authz

import (
	"context"
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

const sessionSweepEvery = time.Hour

// SessionSweeper makes the sweep of expired sessions, which comes every hour. They let nobody in
// before either.
func (a *Authority) SessionSweeper(log *slog.Logger) *background.Sweep {
	return background.NewSweep("expired", "sessions", sessionSweepEvery, log, func(ctx context.Context) (int, error) {
		now := a.now()
		return store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
			return a.store.Sessions().DeleteExpired(ctx, now, limit)
		})
	})
}
