package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// TopicsCmd groups the commands on topics that can be subscribed to from outside.
type TopicsCmd struct {
	Remote
	InApp
	List    TopicsListCmd    `cmd:"" help:"List the topics that can be subscribed to from outside."`
	Set     TopicsSetCmd     `cmd:"" help:"Let a topic be subscribed to from outside, by anybody or by who has a token."`
	Token   TopicsTokenCmd   `cmd:"" help:"Print a token that lets subscribe to a topic for a while."`
	Publish TopicsPublishCmd `cmd:"" help:"Publish a message, as a script does with pubsub::publish."`
	Delete  TopicsDeleteCmd  `cmd:"" help:"Make a topic the app's own again; subscriptions end."`
}

var topicColumns = []column[wire.Topic]{
	{"TOPIC", func(t wire.Topic) string { return t.Topic }},
	{"ACCESS", func(t wire.Topic) string { return t.Access }},
	{"CREATED", func(t wire.Topic) string { return localTime(t.CreatedAt) }},
}

// TopicsListCmd is `picloud topics list`.
type TopicsListCmd struct{}

// Run lists the topics.
func (TopicsListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	topics, err := client.Collect(c.Topics(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, topics, topicColumns)
}

// TopicsSetCmd is `picloud topics set`.
type TopicsSetCmd struct {
	Topic  string `arg:"" help:"Name of the topic." complete:"opened"`
	Access string `enum:"public,token" default:"token" help:"Who may subscribe: public is anybody, token who has a token (default ${default})."`
}

// Run sets the access.
func (cmd *TopicsSetCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	topic, err := c.SetTopic(ctx, in.App, cmd.Topic, wire.TopicSet{Access: cmd.Access})
	if err != nil {
		return err
	}
	who := "anybody"
	if topic.Access == "token" {
		who = "who has a token"
	}
	return r.printDone(topic, "Topic %s can be subscribed to by %s.", topic.Topic, who)
}

// TopicsTokenCmd is `picloud topics token`.
type TopicsTokenCmd struct {
	Topic string        `arg:"" help:"Name of the topic." complete:"opened"`
	TTL   time.Duration `default:"1h" help:"How long it lets subscribe, up to 24h (default ${default})."`
}

// Run prints the token.
func (cmd *TopicsTokenCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	token, err := c.CreateSubscriberToken(ctx, in.App, cmd.Topic, wire.TokenCreate{TTLMS: cmd.TTL.Milliseconds()})
	if err != nil {
		return err
	}
	if r.Output == "json" {
		return r.printJSON(token)
	}
	_, err = fmt.Fprintln(r.stdout, token.Token)
	return err
}

// TopicsPublishCmd is `picloud topics publish`.
type TopicsPublishCmd struct {
	TopicArg
	Message string `arg:"" help:"The message as JSON, so a text in quotes; @FILE reads a file, - standard input."`
}

// Run publishes the message.
func (cmd *TopicsPublishCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	message, err := readJSON("MESSAGE", cmd.Message, r.stdin)
	if err != nil {
		return &usageError{err}
	}
	published, err := c.Publish(ctx, in.App, cmd.Topic, wire.MessagePublish{Message: message})
	if err != nil {
		return err
	}
	return r.printDone(published, "Published to %s, for %s.", cmd.Topic, plural(published.Delivered, "trigger"))
}

// TopicsDeleteCmd is `picloud topics delete`.
type TopicsDeleteCmd struct {
	Confirmation
	Topic string `arg:"" help:"Name of the topic." complete:"opened"`
}

// Run deletes the topic.
func (cmd *TopicsDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	topic, err := c.Topic(ctx, in.App, cmd.Topic)
	if err != nil {
		return err
	}
	if err := cmd.confirm(ctx, r, "Delete the topic %s? Its subscribers are sent away.", topic.Topic); err != nil {
		return err
	}
	if err := c.DeleteTopic(ctx, in.App, topic.Topic); err != nil {
		return err
	}
	return r.printDone(topic, "Topic %s is the app's own.", topic.Topic)
}
