package executions

import (
	"context"
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/store"
)

// retentionBatch bounds how long one delete keeps the database busy.
const retentionBatch = 1000

// Retain removes executions older than age, now and every hour, until the
// context ends.
func Retain(ctx context.Context, executions store.Executions, age time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		if n, err := removeOlder(ctx, executions, time.Now().Add(-age)); err != nil && ctx.Err() == nil {
			log.Error("old executions not removed", "error", err)
		} else if n > 0 {
			log.Info("old executions removed", "executions", n)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
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
