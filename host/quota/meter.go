// Package quota bounds what an app keeps.
package quota

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/host/store"
)

// A Meter knows how many bytes each app has of something, well enough to refuse more than it may have.
// The database counts exactly; a meter reads the count now and then, adds what it has admitted since,
// and reads again before it refuses. So an app may exceed its quota by what is being written at the
// moment, and by what other nodes admit within [rereadAfter]. It is safe for concurrent use.
type Meter struct {
	what  string
	quota int64
	read  func(ctx context.Context, appID string) (int64, error)
	now   func() time.Time
	apps  *lru.Cache[string, *count]
}

// count is what an app has.
type count struct {
	mu     sync.Mutex
	bytes  int64
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

// NewMeter makes a meter of what apps have, as in "documents"; a quota of 0 bytes is no bound. Read
// returns how many bytes an app has in the database.
func NewMeter(what string, quota int64, read func(ctx context.Context, appID string) (int64, error)) *Meter {
	apps, _ := lru.New[string, *count](appsKnown) // fails for a size below 1 only
	return &Meter{what: what, quota: quota, read: read, now: time.Now, apps: apps}
}

// Admit counts bytes that an app is about to write, or refuses them: the error is then a
// [store.OverQuota], otherwise that of reading. A nil meter admits everything.
func (m *Meter) Admit(ctx context.Context, appID string, bytes int) error {
	if m == nil || m.quota == 0 {
		return nil
	}
	c, found := m.apps.Get(appID)
	if !found {
		c = new(count)
		if other, there, _ := m.apps.PeekOrAdd(appID, c); there {
			c = other
		}
	}
	more := int64(bytes)
	c.mu.Lock()
	defer c.mu.Unlock()
	age := m.now().Sub(c.readAt)
	if age >= rereadAfter || age >= rereadPause && c.bytes+more > m.quota {
		has, err := m.read(ctx, appID)
		if err != nil {
			return err
		}
		c.bytes, c.readAt = has, m.now()
	}
	if c.bytes+more > m.quota {
		return store.OverQuota(m.what, m.quota, c.bytes, more)
	}
	c.bytes += more
	return nil
}
