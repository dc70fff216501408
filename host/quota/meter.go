package quota

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// A Meter knows how much each app has of something, well enough to refuse more than it may have.
// The database counts exactly; a meter reads the count now and then, adds what it has admitted since,
// and reads again before it refuses. So an app may exceed its quota by what is being written at the
// moment, and by what other nodes admit within [rereadAfter]. It is safe for concurrent use.
type Meter struct {
	quota  func(appID string) int64
	refuse func(quota, has, more int64) error
	read   func(ctx context.Context, appID string) (int64, error)
	now    func() time.Time
	apps   *lru.Cache[string, *count]
}

// count is what an app has.
type count struct {
	mu     sync.Mutex
	has    int64
	readAt time.Time
}

const (
	// rereadAfter is how long what other nodes have written may be unknown.
	rereadAfter = 5 * time.Second
	// rereadPause is how long who is refused need not be looked at again.
	rereadPause = 100 * time.Millisecond
	// appsKnown is how many apps a meter keeps in mind.
	appsKnown = 10_000
)

// NewMeter makes a meter of bytes that apps have, as of "documents". Quota returns how many an app may
// have, 0 for any number, and read how many it has in the database.
func NewMeter(what string, quota func(appID string) int64, read func(ctx context.Context, appID string) (int64, error)) *Meter {
	return newMeter(quota, read, func(quota, has, more int64) error { return store.OverQuota(what, quota, has, more) })
}

func newMeter(quota func(appID string) int64, read func(ctx context.Context, appID string) (int64, error), refuse func(quota, has, more int64) error) *Meter {
	apps, _ := lru.New[string, *count](appsKnown) // fails for a size below 1 only
	return &Meter{quota: quota, read: read, refuse: refuse, now: time.Now, apps: apps}
}

// of returns the count of an app.
func (m *Meter) of(appID string) *count {
	c, found := m.apps.Get(appID)
	if !found {
		c = new(count)
		if other, there, _ := m.apps.PeekOrAdd(appID, c); there {
			c = other
		}
	}
	return c
}

// Forget has the meter read anew what apps have.
func (m *Meter) Forget() { m.apps.Purge() }

// Admit counts bytes that an app is about to write, or refuses them: the error is then a
// [store.OverQuota], otherwise that of reading. A nil meter admits everything.
func (m *Meter) Admit(ctx context.Context, appID string, bytes int) error {
	if m == nil {
		return nil
	}
	quota := m.quota(appID)
	if quota == 0 {
		return nil
	}
	c, more := m.of(appID), int64(bytes)
	c.mu.Lock()
	defer c.mu.Unlock()
	age := m.now().Sub(c.readAt)
	if age >= rereadAfter || age >= rereadPause && c.has+more > quota {
		has, err := m.read(ctx, appID)
		if err != nil {
			return err
		}
		c.has, c.readAt = has, m.now()
	}
	if c.has+more > quota {
		return m.refuse(quota, c.has, more)
	}
	c.has += more
	return nil
}

// CPU bounds how much processor time the executions of an app have on a day (UTC). That is time for which
// an execution has a processor, compiling its script included; while it waits, for others or for an
// operation, none is counted.
type CPU struct{ meter *Meter }

// NewCPU makes the bound. Quota returns how many milliseconds an app may have on a day, 0 for any number, and
// read what it has had today by the database.
func NewCPU(quota func(appID string) int64, read func(ctx context.Context, appID string) (time.Duration, error)) *CPU {
	c := &CPU{}
	c.meter = newMeter(
		func(appID string) int64 { return quota(appID) * 1000 },
		func(ctx context.Context, appID string) (int64, error) {
			had, err := read(ctx, appID)
			return had.Microseconds(), err
		},
		func(quota, _, _ int64) error {
			now := c.meter.now().UTC()
			return &fault.Error{
				Code: fault.RateLimited, Text: fmt.Sprintf("the executions of the app have had the %s of processor time that they may have on a day (UTC)", time.Duration(quota)*time.Microsecond),
				Limit: quota / 1000, RetryAfter: now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now),
			}
		},
	)
	return c
}

// Admit refuses an execution of an app that has had its time, [fault.RateLimited] until the day is over.
// Otherwise an error is that of reading. nil admits all.
func (c *CPU) Admit(ctx context.Context, appID string) error {
	if c == nil {
		return nil
	}
	return c.meter.Admit(ctx, appID, 1)
}

// Forget has it be read anew what the executions of apps have had.
func (c *CPU) Forget() { c.meter.Forget() }

// Add counts what an execution has had.
func (c *CPU) Add(appID string, had time.Duration) {
	if c == nil || c.meter.quota(appID) == 0 {
		return
	}
	count := c.meter.of(appID)
	count.mu.Lock()
	defer count.mu.Unlock()
	count.has += had.Microseconds()
}
