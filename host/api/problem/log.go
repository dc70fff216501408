package problem

import (
	"context"
	"errors"
	"log/slog"
)

// Log writes down an error that is nobody's mistake. One that a caller caused by going away is none
// of ours either.
func Log(ctx context.Context, log *slog.Logger, requestID string, err error) {
	level := slog.LevelError
	if errors.Is(err, context.Canceled) {
		level = slog.LevelDebug
	}
	log.Log(ctx, level, "request failed", "request_id", requestID, "error", err)
}
