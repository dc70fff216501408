package bench

import (
	"sync"
	"time"
)

// A Clock shows the time of the machine until it is stopped. From then on it moves when it is told to.
type Clock struct {
	mu      sync.Mutex
	stopped time.Time // zero: it runs
}

// Now returns the time that it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped.IsZero() {
		return time.Now()
	}
	return c.stopped
}

// run lets it run.
func (c *Clock) run() { c.stop(time.Time{}) }

// stop stops it at a time.
func (c *Clock) stop(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = at
}

// advance stops it so much later.
func (c *Clock) advance(by time.Duration) {
	now := c.Now().Add(by).Round(0) // without a monotonic reading, which would not stand still
	c.stop(now)
}
