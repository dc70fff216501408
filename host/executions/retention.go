package executions

import (
	"context"
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

const retentionEvery = time.Hour

// NewRetention makes the sweep that removes executions older than age, and their log lines, every
// hour.
func NewRetention(executions store.Executions, age time.Duration, log *slog.Logger) *background.Sweep {
	return background.NewSweep("old", "executions", retentionEvery, log, func(ctx context.Context) (int, error) {
		before := time.Now().Add(-age)
		return store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
			return executions.DeleteBefore(ctx, before, limit)
		})
	})
}
