package executions

import (
	"context"
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/sweep"
)

// retentionBatch bounds how long one delete keeps the database busy.
const retentionBatch = 1000

// Retain begins to remove executions older than age, now and every hour.
func Retain(executions store.Executions, age time.Duration, log *slog.Logger) *sweep.Sweeper {
	return sweep.Start("old", "executions", time.Hour, log, func(ctx context.Context) (int64, error) {
		return removeOlder(ctx, executions, time.Now().Add(-age))
	})
}

func removeOlder(ctx context.Context, executions store.Executions, before time.Time) (removed int64, err error) {
	for {
		n, err := executions.DeleteBefore(ctx, before, retentionBatch)
		removed += n
		if err != nil || n < retentionBatch {
			return removed, err
		}
	}
}
