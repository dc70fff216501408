package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountTopics(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/topics", "list-topics", "List the topics that can be subscribed to from outside", http.StatusOK, a.listTopics)
	operation(a, admin, http.MethodGet, "/apps/{app}/topics/{topic}", "get-topic", "Show a topic that can be subscribed to from outside", http.StatusOK, a.getTopic)
	operation(a, admin, http.MethodPut, "/apps/{app}/topics/{topic}", "set-topic", "Let a topic be subscribed to from outside", http.StatusOK, a.setTopic)
	operation(a, admin, http.MethodDelete, "/apps/{app}/topics/{topic}", "delete-topic", "Make a topic the app's own again", http.StatusNoContent, a.deleteTopic)
	operation(a, admin, http.MethodPost, "/apps/{app}/topics/{topic}:publish", "publish-message", "Publish a message to a topic, which need not be open to outside", http.StatusOK, a.publishMessage)
	operation(a, admin, http.MethodPost, "/apps/{app}/topics/{topic}:token", "create-subscriber-token", "Make a token that lets subscribe to a topic for a while", http.StatusCreated, a.createSubscriberToken)
}

// TopicPath is the path parameters of a topic.
type TopicPath struct {
	AppPath
	Topic string `path:"topic" maxLength:"512"`
}

// topic finds the app of a topic, for a caller with a capability.
func (a *API) topic(ctx context.Context, in TopicPath, c authz.Capability) (appID, name string, err error) {
	app, err := a.findApp(ctx, in.App, c)
	if err != nil {
		return "", "", err
	}
	return app.ID, in.Topic, nil
}

func (a *API) listTopics(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.Topic]], error) {
	app, err := a.findApp(ctx, in.App, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	page, err := a.store.Topics().List(ctx, app.ID, in.request())
	if err != nil {
		return nil, located(err)
	}
	return &body[wire.Page[wire.Topic]]{wirePage(page, wireTopic)}, nil
}

func (a *API) getTopic(ctx context.Context, in *TopicPath) (*body[wire.Topic], error) {
	appID, name, err := a.topic(ctx, *in, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	topic, err := a.store.Topics().Get(ctx, appID, name)
	if err != nil {
		return nil, unknown(err, "topic")
	}
	return &body[wire.Topic]{wireTopic(topic)}, nil
}

func (a *API) setTopic(ctx context.Context, in *struct {
	TopicPath
	Body wire.TopicSet
}) (*body[wire.Topic], error) {
	appID, name, err := a.topic(ctx, in.TopicPath, authz.RouteWrite)
	if err != nil {
		return nil, err
	}
	topic, err := a.catalog.SetTopic(ctx, store.Topic{AppID: appID, Name: name, Access: store.TopicAccess(in.Body.Access)})
	if err != nil {
		return nil, located(err, "topic", "path.topic")
	}
	return &body[wire.Topic]{wireTopic(topic)}, nil
}

func (a *API) deleteTopic(ctx context.Context, in *TopicPath) (*none, error) {
	appID, name, err := a.topic(ctx, *in, authz.RouteWrite)
	if err != nil {
		return nil, err
	}
	return nil, unknown(a.catalog.DeleteTopic(ctx, appID, name), "topic")
}

func (a *API) publishMessage(ctx context.Context, in *struct {
	TopicPath
	Body wire.MessagePublish
}) (*body[wire.MessagePublished], error) {
	appID, name, err := a.topic(ctx, in.TopicPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	delivered, err := a.events.Publish(ctx, appID, name, in.Body.Message)
	if err != nil {
		return nil, located(err, "topic", "path.topic")
	}
	return &body[wire.MessagePublished]{wire.MessagePublished{Delivered: delivered}}, nil
}

func (a *API) createSubscriberToken(ctx context.Context, in *struct {
	TopicPath
	Body wire.TokenCreate
}) (*body[wire.SubscriberToken], error) {
	appID, name, err := a.topic(ctx, in.TopicPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	token, end, err := a.events.SubscriberToken(ctx, appID, name, time.Duration(in.Body.TTLMS)*time.Millisecond)
	if err != nil {
		return nil, located(unknown(err, "topic"), "topic", "path.topic")
	}
	return &body[wire.SubscriberToken]{wire.SubscriberToken{Token: token, ExpiresAt: end}}, nil
}

func wireTopic(t store.Topic) wire.Topic {
	return wire.Topic{AppID: t.AppID, Topic: t.Name, Access: string(t.Access), CreatedAt: t.CreatedAt}
}
