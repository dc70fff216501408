package events

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

const (
	countRest   = 20              // times as long as a count of events has taken there is no other one
	longestRest = 5 * time.Second // but no longer
)

// backlog bounds how many events of an app wait. To count them each time would cost more than to keep
// one; so it counts, and then lets as many through as are a part of what there is room for before it
// counts again. It does not count again soon: what a change may be refused for meanwhile has been handled since the
// last count. Nodes that share a database may go beyond the bound by those parts, and by what comes between two counts;
// and what is being committed while one of them counts is not counted.
type backlog struct {
	most func(appID string) int // of an app; 0: any number

	mu   sync.Mutex
	apps map[string]*counted
}

// counted is what is known of the events of an app.
type counted struct {
	waiting int       // when they were counted
	since   int       // that came since
	until   time.Time // they are not counted again before
}

// fit reports whether n more may come without another count.
func (c *counted) fit(n, most int, now time.Time) bool {
	if now.Before(c.until) {
		return c.waiting+c.since+n <= most
	}
	return c.since+n <= (most-c.waiting)/4
}

// forget has the events of all apps be counted anew.
func (b *backlog) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.apps)
}

// admit refuses n more events of an app, [fault.LimitExceeded], when too many wait.
func (b *backlog) admit(ctx context.Context, tx store.Store, appID string, n int) error {
	most := b.most(appID)
	if most == 0 {
		return nil
	}
	began := time.Now()
	b.mu.Lock()
	known := b.apps[appID]
	switch {
	case known == nil:
	case known.fit(n, most, began):
		known.since += n
		b.mu.Unlock()
		return nil
	case began.Before(known.until):
		waiting := known.waiting + known.since
		b.mu.Unlock()
		return tooMany(waiting, n, most)
	}
	b.mu.Unlock()
	waiting, err := tx.Outbox().Count(ctx, appID, most)
	if err != nil {
		return err
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	known = &counted{waiting: waiting, until: now.Add(min(countRest*now.Sub(began), longestRest))}
	b.apps[appID] = known
	if waiting+n > most {
		return tooMany(waiting, n, most)
	}
	known.since = n
	return nil
}

func tooMany(waiting, n, most int) error {
	return &fault.Error{
		Code:  fault.LimitExceeded,
		Text:  fmt.Sprintf("the app may have %d pending events: it has %d, and %d more were to come", most, waiting, n),
		Value: n, Current: waiting, Limit: int64(most),
	}
}
