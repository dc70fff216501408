package sqlstore

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/fault"
)

// set takes over a changed value; nil means unchanged.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// later is now, or a microsecond after the time before if the clock has not moved on since.
func later(before, now time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Microsecond)
}

// must refuses to go on without the row that a query finds.
func must(ctx context.Context, q queryer, resource, query string, args ...any) error {
	found, err := exists(ctx, q, query, args...)
	if err == nil && !found {
		err = notFound(resource)
	}
	return err
}

func missing(err error) bool { return fault.Of(err) == fault.NotFound }
