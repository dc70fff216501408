package store

import "context"

// MaxBatch is how many rows a method removes at most that removes some at a time.
const MaxBatch = 1000

// InBatches calls remove until it removes less than limit, and returns how many it removed in all.
// Each batch is a transaction of its own, so that other writers get their turn in between.
func InBatches(ctx context.Context, limit int, remove func(ctx context.Context, limit int) (int, error)) (removed int, err error) {
	for {
		n, err := remove(ctx, limit)
		removed += n
		if err != nil || n < limit {
			return removed, err
		}
	}
}
