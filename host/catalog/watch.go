package catalog

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/background"
)

// pollEvery is how often a watcher looks for changes of which nobody has told it.
const pollEvery = time.Second

// Watcher makes what follows the changes that other nodes make: at once where the database tells of
// them, and within a second where it does not.
func (c *Catalog) Watcher() background.Service {
	poll := background.NewTask(background.TaskConfig{
		Name: "watch for changes of the catalog", Every: pollEvery, MaxPause: pollEvery, Log: c.log, Run: c.look,
	})
	if !c.store.Revisions().Shared() {
		return poll
	}
	listen := background.NewTask(background.TaskConfig{ // while it does not, the other polls
		Name: "listen for changes of the catalog", Every: pollEvery, MaxPause: pollEvery, Log: c.log,
		Run: func(ctx context.Context) error { return c.store.Revisions().Listen(ctx, poll.Wake) },
	})
	return background.Group{poll, listen}
}

func (c *Catalog) look(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.catchUp(ctx, c.store); err != nil {
		return err
	}
	return c.loadTriggers(ctx)
}
