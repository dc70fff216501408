package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Topics lists the topics of an app, named by id or slug, that can be subscribed to from outside.
func (c *Client) Topics(ctx context.Context, app string) iter.Seq2[wire.Topic, error] {
	return list[wire.Topic](ctx, c, "apps", app, "topics")
}

// Topic returns a topic that can be subscribed to from outside.
func (c *Client) Topic(ctx context.Context, app, topic string) (wire.Topic, error) {
	return call[wire.Topic](ctx, c, http.MethodGet, []string{"apps", app, "topics", topic}, nil, nil)
}

// SetTopic lets a topic be subscribed to from outside.
func (c *Client) SetTopic(ctx context.Context, app, topic string, set wire.TopicSet) (wire.Topic, error) {
	return call[wire.Topic](ctx, c, http.MethodPut, []string{"apps", app, "topics", topic}, nil, set)
}

// DeleteTopic makes a topic the app's own again.
func (c *Client) DeleteTopic(ctx context.Context, app, topic string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "topics", topic}, nil, nil, nil)
}

// Publish publishes a message to a topic, and returns to how many triggers it goes.
func (c *Client) Publish(ctx context.Context, app, topic string, message wire.MessagePublish) (wire.MessagePublished, error) {
	return call[wire.MessagePublished](ctx, c, http.MethodPost, []string{"apps", app, "topics", topic + ":publish"}, nil, message)
}

// CreateSubscriberToken makes a token that lets subscribe to a topic for a while.
func (c *Client) CreateSubscriberToken(ctx context.Context, app, topic string, create wire.TokenCreate) (wire.SubscriberToken, error) {
	return call[wire.SubscriberToken](ctx, c, http.MethodPost, []string{"apps", app, "topics", topic + ":token"}, nil, create)
}
