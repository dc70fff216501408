package dispatch

import (
	"log/slog"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store"
)

// NewAnnouncer makes what a node has in the place of a [Dispatcher] that makes events and delivers none: it
// tells the others of them. It has the emitter wake it.
func NewAnnouncer(s store.Store, emitter *events.Emitter, log *slog.Logger) background.Service {
	announce := background.NewTask(background.TaskConfig{
		Name: "tell other nodes of events", Every: time.Hour, MaxPause: time.Second, Log: log, Run: s.Outbox().Announce,
	})
	emitter.OnCommit(func([]store.Event) { announce.Wake() })
	return announce
}
