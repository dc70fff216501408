package dispatch

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store"
)

// announcer tells other nodes of events: of many at once, however many have been made since the last time. What
// could not be told they find themselves.
type announcer struct {
	*background.Task
	store store.Store

	mu     sync.Mutex
	untold map[string]bool // lanes
}

// NewAnnouncer makes what a node has in the place of a [Dispatcher] that makes events and delivers none: it
// tells the others of them. It has the emitter wake it.
func NewAnnouncer(s store.Store, emitter *events.Emitter, log *slog.Logger) background.Service {
	a := newAnnouncer(s, log)
	emitter.OnCommit(a.made)
	return a
}

func newAnnouncer(s store.Store, log *slog.Logger) *announcer {
	a := &announcer{store: s, untold: map[string]bool{}}
	a.Task = background.NewTask(background.TaskConfig{
		Name: "tell other nodes of events", Every: time.Hour, MaxPause: time.Second, Log: log, Run: a.tell,
	})
	return a
}

// made takes word of events that were committed in this process. Those that are due much later others find in time.
func (a *announcer) made(list []store.Event) {
	a.mu.Lock()
	for _, e := range list {
		if e.Delay <= pollEvery+longestRest {
			a.untold[e.Lane] = true
		}
	}
	some := len(a.untold) > 0
	a.mu.Unlock()
	if some {
		a.Wake()
	}
}

func (a *announcer) tell(ctx context.Context) error {
	a.mu.Lock()
	lanes := slices.Sorted(maps.Keys(a.untold))
	clear(a.untold)
	a.mu.Unlock()
	if len(lanes) == 0 {
		return nil
	}
	return a.store.Outbox().Announce(ctx, lanes)
}
