package catalog

import (
	"context"
	"time"
)

// pollEvery is how often Watch looks for changes of which nobody has told it.
const pollEvery = time.Second

// Watch follows the changes that other nodes make until the context ends: at once where the
// database tells of them, and within a second where it does not.
func (c *Catalog) Watch(ctx context.Context) {
	woken := make(chan struct{}, 1)
	if c.store.Revisions().Shared() {
		go c.listen(ctx, func() {
			select {
			case woken <- struct{}{}:
			default: // it will look anyhow
			}
		})
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-woken:
		case <-poll.C:
		}
		err := c.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			c.log.Error("changes of the catalog cannot be followed", "error", err)
		}
		failing = err != nil // one line tells of an outage
	}
}

func (c *Catalog) look(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.catchUp(ctx, c.store)
}

// listen has the database tell of changes, again when it is lost.
func (c *Catalog) listen(ctx context.Context, wake func()) {
	for ctx.Err() == nil {
		if err := c.store.Revisions().Listen(ctx, wake); ctx.Err() == nil {
			c.log.Debug("listening for changes ended", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery): // meanwhile Watch polls
		}
	}
}
