package store

import (
	"context"
	"encoding/json"
	"time"
)

// Topic is one of pubsub that can be subscribed to from outside. All others are the app's own.
type Topic struct {
	AppID     string
	Name      string
	Access    TopicAccess
	CreatedAt time.Time
}

// TopicAccess is who may subscribe to a topic.
type TopicAccess string

// The kinds of access.
const (
	AccessPublic TopicAccess = "public" // anybody
	AccessToken  TopicAccess = "token"  // who has a token for the topic
)

// Topics keeps the topics that can be subscribed to.
type Topics interface {
	// Set keeps a topic, or changes its access. An app that is gone is [fault.NotFound].
	Set(ctx context.Context, topic Topic) (Topic, error)
	// Get finds a topic of an app by its name.
	Get(ctx context.Context, appID, name string) (Topic, error)
	// List pages through the topics of an app in the order of their names (bytewise).
	List(ctx context.Context, appID string, page PageRequest) (Page[Topic], error)
	// Delete removes a topic. What was published to it is left to [Deletions].
	Delete(ctx context.Context, appID, name string) error
	// Key returns the key that tokens of subscribers are signed with: 32 bytes, made when it is first
	// asked for, and the same for all nodes.
	Key(ctx context.Context) ([]byte, error)
}

// Published is a message that was published to a topic that can be subscribed to.
type Published struct {
	ID      string
	AppID   string
	Topic   string
	At      time.Time
	Message json.RawMessage // on one line

	Seq int64 // where it is in the order of [PublishedLog.Between]
}

// Position tells what has been committed from what has not, as of a moment. "" is before everything.
// Only a store can read it.
type Position string

// PublishedQuery asks for messages that were committed after one position and not after another.
type PublishedQuery struct {
	From, To Position
	AppID    string // with Topic; "" is any
	Topic    string
	After    int64 // [Published.Seq] of the last one of the page before; 0 for the first page
	Limit    int   // messages, at most
}

// PublishedLog keeps for a while what was published to the topics of [Topics].
type PublishedLog interface {
	// Add keeps a message, in the transaction of its cause if there is one, and sets its time. It
	// reports false, and keeps nothing, if the topic cannot be subscribed to.
	Add(ctx context.Context, message Published) (kept bool, err error)
	// Now returns the present position.
	Now(ctx context.Context) (Position, error)
	// PositionOf returns a position at which all had been committed that whoever has got a message of a
	// topic was sent before it, and neither the message itself nor anything later. A message that is not
	// kept (any more) is [fault.NotFound].
	PositionOf(ctx context.Context, appID, topic, id string) (Position, error)
	// Between lists messages. However late a transaction commits, its messages are between two positions
	// of which the one is before its commit and the other is not.
	Between(ctx context.Context, query PublishedQuery) ([]Published, error)
	// DeleteOlder removes up to limit messages that are older than age, and returns their number.
	DeleteOlder(ctx context.Context, age time.Duration, limit int) (int, error)

	// Shared reports whether other processes may publish.
	Shared() bool
	// Announce tells the other nodes that something was published.
	Announce(ctx context.Context) error
	// Listen calls wake whenever another node may have announced something; see [Revisions.Listen].
	Listen(ctx context.Context, wake func()) error
}
