package events

import (
	"context"
	"fmt"
	"sync"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// backlog bounds how many events of an app wait. To count them each time would cost more than to keep
// one; so it counts, and then lets as many through as are a part of what there is room for before it
// counts again. Nodes that share a database may go beyond the bound by those parts.
type backlog struct {
	most func(appID string) int // of an app; 0: any number

	mu   sync.Mutex
	room map[string]int // that may come before the next count, by app
}

// admit refuses n more events of an app, [fault.LimitExceeded], when too many wait.
func (b *backlog) admit(ctx context.Context, tx store.Store, appID string, n int) error {
	most := b.most(appID)
	if most == 0 {
		return nil
	}
	b.mu.Lock()
	if room := min(b.room[appID], most/4); room >= n { // also when the bound was lowered since
		b.room[appID] = room - n
		b.mu.Unlock()
		return nil
	}
	b.mu.Unlock()
	waiting, err := tx.Outbox().Count(ctx, appID, most)
	if err != nil {
		return err
	}
	if waiting+n > most {
		return &fault.Error{
			Code:  fault.LimitExceeded,
			Text:  fmt.Sprintf("the app may have %d events that wait: it has %d, and %d more were to come", most, waiting, n),
			Value: n, Current: waiting, Limit: int64(most),
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.room[appID] = (most - waiting - n) / 4
	return nil
}
