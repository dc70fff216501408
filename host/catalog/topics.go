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

// DeleteTopic makes a topic the app's own again.
func (c *Catalog) DeleteTopic(ctx context.Context, appID, name string) error {
	// What was published may be much, and is no change of its own: it goes first, so that the change is short. In a
	// transaction it would make that long, and goes after it.
	if c.part {
		c.later = append(c.later, func(ctx context.Context, whole *Catalog) {
			if err := whole.deletePublished(ctx, appID, name); err != nil {
				whole.log.Warn("messages of a deleted topic are left until they are old", "app_id", appID, "topic", name, "error", err)
			}
		})
	} else if err := c.deletePublished(ctx, appID, name); err != nil {
		return err
	}
	return c.change(ctx, func(tx store.Store) error { return tx.Topics().Delete(ctx, appID, name) })
}

func (c *Catalog) deletePublished(ctx context.Context, appID, topic string) error {
	_, err := store.InBatches(store.WithDeed(ctx, nil), store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
		return c.store.Published().DeleteOf(ctx, appID, topic, limit)
	})
	return err
}
