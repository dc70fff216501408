package executions

import (
	"context"
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/store"
)

const (
	retentionEvery = time.Hour
	retentionBatch = 1000 // executions that one transaction removes
)

// NewRetention makes the sweep that removes executions older than age, and their log lines, every
// hour.
func NewRetention(executions store.Executions, age time.Duration, log *slog.Logger) *background.Sweep {
	return background.NewSweep("old", "executions", retentionEvery, log, func(ctx context.Context) (int64, error) {
		before := time.Now().Add(-age)
		return background.InBatches(retentionBatch, func() (int64, error) {
			return executions.DeleteBefore(ctx, before, retentionBatch)
		})
	})
}
