package problem

import (
	"context"
	"errors"
	"log/slog"

	"github.com/picloud/picloud/host/store"
)

// Log writes down an error that is nobody's mistake. One that a caller caused by going away is
// none of ours either.
func Log(ctx context.Context, log *slog.Logger, requestID string, err error) {
	level := slog.LevelError
	if errors.Is(err, context.Canceled) {
		level = slog.LevelDebug
	}
	log.Log(ctx, level, "request failed", "request_id", requestID, "error", Logged(err))
}

// Logged is an error as the log shows it: with the cause, of one of the storage.
func Logged(err error) any {
	var database *store.Error
	if errors.As(err, &database) {
		return database
	}
	return err
}
