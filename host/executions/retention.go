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

// compactEvery is how often executions are brought together that were recorded few at a time.
const compactEvery = time.Minute

// NewCompaction makes the task that keeps executions where reading them takes the least.
func NewCompaction(executions store.Executions, log *slog.Logger) *background.Task {
	return background.NewTask(background.TaskConfig{
		Name: "compaction of executions", Every: compactEvery, Log: log,
		Run: func(ctx context.Context) error {
			for {
				began := time.Now()
				if n, err := executions.Compact(ctx); err != nil || n == 0 {
					return err
				}
				rest := time.NewTimer(time.Since(began)) // for those who wait for the database
				select {
				case <-rest.C:
				case <-ctx.Done():
					rest.Stop()
					return nil
				}
			}
		},
	})
}

// sweepCodeEvery is how often machine code is looked for that belongs to no plugin any more.
const sweepCodeEvery = 10 * time.Minute

// CodeSweeper makes the sweep that drops the machine code of plugins that were deleted.
func (s *Service) CodeSweeper(log *slog.Logger) *background.Sweep {
	return background.NewSweep("unused", "machine code", sweepCodeEvery, log, func(ctx context.Context) (int, error) {
		modules, err := s.scripts.store.Scripts().WasmHashes(ctx)
		if err != nil {
			return 0, err
		}
		return s.sandbox.RetainPlugins(modules), nil
	})
}
