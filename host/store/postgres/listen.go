package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// channelRevisions is the channel of NOTIFY that tells the nodes of revisions. A notification takes
// the database's one commit lock until its transaction ends, and the transactions of revisions,
// which are rare, wait for each other anyhow.
const (
	channelRevisions = "picloud_revisions"
	announceRevision = `NOTIFY ` + channelRevisions
)

// channelEvents is the channel that tells the nodes of events. It is notified of outside of the
// transactions that make them, by one statement for many: inside, each would wait for that lock.
const (
	channelEvents  = "picloud_events"
	announceEvents = `NOTIFY ` + channelEvents
)

// channelPublished is the channel that tells the nodes of messages that were published, as channelEvents
// does of events.
const (
	channelPublished  = "picloud_published"
	announcePublished = `NOTIFY ` + channelPublished
)

// channelRequests and channelAnswers are the channels of a relay, as channelEvents is of events.
const (
	channelRequests = "picloud_requests"
	channelAnswers  = "picloud_answers"
)

// closeTimeout is how long a connection that listened may take to say goodbye.
const closeTimeout = time.Second

// listener returns what listens on a channel, on a connection of its own: one of the pool would be
// missing there for good.
func listener(config *pgx.ConnConfig, channel string) func(ctx context.Context, wake func()) error {
	return func(ctx context.Context, wake func()) error {
		conn, err := pgx.ConnectConfig(ctx, config.Copy())
		if err != nil {
			return err
		}
		defer func() {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			_ = conn.Close(closing)
		}()
		if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
			return err
		}
		wake() // for what came before
		for {
			if _, err := conn.WaitForNotification(ctx); err != nil {
				return err
			}
			wake()
		}
	}
}
