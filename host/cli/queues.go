package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// QueuesCmd groups the commands on queues.
type QueuesCmd struct {
	Remote
	InApp
	List     QueuesListCmd     `cmd:"" help:"List the topics that have messages, or a consumer."`
	Messages QueuesMessagesCmd `cmd:"" help:"List the messages of a topic, the oldest first."`
	Push     QueuesPushCmd     `cmd:"" help:"Push a message."`
	Clear    QueuesClearCmd    `cmd:"" help:"Remove the messages of a topic that nobody handles now."`
}

// A namedQueue is a queue beside the name of the trigger that consumes it.
type namedQueue struct {
	wire.Queue
	Consumer string `json:"consumer,omitempty"`
}

var queueColumns = []column[namedQueue]{
	{"TOPIC", func(q namedQueue) string { return q.Topic }},
	{"WAITING", func(q namedQueue) string { return strconv.Itoa(q.Waiting) }},
	{"RUNNING", func(q namedQueue) string { return strconv.Itoa(q.Running) }},
	{"OLDEST", func(q namedQueue) string {
		if q.OldestAt == nil {
			return ""
		}
		return max(time.Since(*q.OldestAt), 0).Round(time.Second).String() // its age
	}},
	{"DONE/S", func(q namedQueue) string { return strconv.FormatFloat(q.Rate, 'f', 1, 64) }},
	{"CONSUMER", func(q namedQueue) string { return q.Consumer }},
}

var messageColumns = []column[wire.Event]{
	{"ID", func(e wire.Event) string { return e.ID }},
	{"STATE", func(e wire.Event) string { return e.State }},
	{"KEY", func(e wire.Event) string { return e.Key }},
	{"ATTEMPTS", func(e wire.Event) string { return strconv.Itoa(e.Attempts) }},
	{"DUE", func(e wire.Event) string { return localTime(e.DueAt) }},
	{"MESSAGE", payloadStart},
}

// A TopicArg is the argument that names a topic.
type TopicArg struct {
	Topic string `arg:"" help:"Name of the topic." complete:"topics"`
}

// Validate is as [CollectionArg.Validate].
func (arg *TopicArg) Validate() error { return notEmpty("topic", arg.Topic) }

// QueuesListCmd is `picloud queues list`.
type QueuesListCmd struct{}

// Run lists the queues.
func (QueuesListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	names, err := triggerNames(ctx, c, in.App)
	if err != nil {
		return err
	}
	var queues []namedQueue
	for queue, err := range c.Queues(ctx, in.App) {
		if err != nil {
			return err
		}
		queues = append(queues, namedQueue{queue, names[queue.TriggerID]})
	}
	return printAll(r, queues, queueColumns)
}

// QueuesMessagesCmd is `picloud queues messages`.
type QueuesMessagesCmd struct {
	TopicArg
	Limit int `default:"100" help:"At most so many messages; 0 for all (default ${default})."`
}

// Run lists the messages.
func (cmd *QueuesMessagesCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	messages, err := client.Collect(first(cmd.Limit, c.Messages(ctx, in.App, cmd.Topic)))
	if err != nil {
		return err
	}
	return printAll(r, messages, messageColumns)
}

// QueuesPushCmd is `picloud queues push`.
type QueuesPushCmd struct {
	TopicArg
	Message  string        `arg:"" help:"The message as JSON, so a text in quotes; @FILE reads a file, - standard input."`
	Key      string        `help:"Of messages that are handled in order."`
	Dedupe   string        `placeholder:"TEXT" help:"A message with the same one within 24 hours is dropped."`
	Delay    time.Duration `placeholder:"DURATION" help:"Deliver it after this time: 90s, 1h30m."`
	Debounce time.Duration `placeholder:"DURATION" help:"Deliver it after this time, in the place of the debounced message of its --key that waits."`
}

// Run pushes the message.
func (cmd *QueuesPushCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	message, err := readJSON("MESSAGE", cmd.Message, r.stdin)
	if err != nil {
		return &usageError{err}
	}
	made, err := c.PushMessage(ctx, in.App, cmd.Topic, wire.MessagePush{
		Message: message, Key: cmd.Key, Dedupe: cmd.Dedupe, DelayMS: cmd.Delay.Milliseconds(), DebounceMS: cmd.Debounce.Milliseconds(),
	})
	if err != nil {
		return err
	}
	return r.printDone(made, "Message %s pushed.", made.EventID)
}

// QueuesClearCmd is `picloud queues clear`.
type QueuesClearCmd struct {
	Confirmation
	TopicArg
}

// Run removes the messages.
func (cmd *QueuesClearCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if err := cmd.confirm(ctx, r, "Delete the messages of the topic %s that wait?", cmd.Topic); err != nil {
		return err
	}
	cleared, err := c.ClearQueue(ctx, in.App, cmd.Topic)
	if err != nil {
		return err
	}
	return r.printDone(cleared, "%s deleted.", plural(cleared.Removed, "message"))
}
