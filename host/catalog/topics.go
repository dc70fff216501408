package catalog

import (
	"context"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// SetTopic lets a topic be subscribed to from outside, or changes who may. A change ends the subscriptions
// that there are; those who still may subscribe come back.
func (c *Catalog) SetTopic(ctx context.Context, topic store.Topic) (set store.Topic, err error) {
	if err := events.CheckTopic("topic", topic.Name); err != nil {
		return store.Topic{}, err
	}
	if topic.Access != store.AccessPublic && topic.Access != store.AccessToken {
		return store.Topic{}, fault.Refuse("access", "must be public or token, got %q", string(topic.Access))
	}
	err = c.change(ctx, func(tx store.Store) error {
		if set, err = tx.Topics().Get(ctx, topic.AppID, topic.Name); err == nil && set.Access == topic.Access {
			return nil // nothing changes, and nobody need come back
		}
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		set, err = tx.Topics().Set(ctx, topic)
		return err
	})
	return set, err
}

// DeleteTopic makes a topic the app's own again. [Catalog.Remover] removes what was published to it.
func (c *Catalog) DeleteTopic(ctx context.Context, appID, name string) error {
	err := c.change(ctx, func(tx store.Store) error { return tx.Topics().Delete(ctx, appID, name) })
	if err == nil {
		c.removeSoon()
	}
	return err
}
