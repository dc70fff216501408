package executions

import (
	"context"
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/sweep"
)

// Retain begins to remove executions older than age, now and every hour.
func Retain(executions store.Executions, age time.Duration, log *slog.Logger) *sweep.Sweeper {
	return sweep.Start("old", "executions", time.Hour, log, func(ctx context.Context) (int, error) {
		return removeOlder(ctx, executions, time.Now().Add(-age))
	})
}

func removeOlder(ctx context.Context, executions store.Executions, before time.Time) (removed int, err error) {
	return store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
		return executions.DeleteBefore(ctx, before, limit)
	})
}
