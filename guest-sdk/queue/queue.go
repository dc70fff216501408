// Package queue pushes messages into an app's queues. The trigger of a topic handles each, at least
// once, alone or in batches.
//
// Names of topics, keys and dedupes are 1 to 512 bytes of UTF-8 without control characters. A message
// has at most 256 KiB as JSON, and waits 30 days at most. Errors are [*sdk.Error]: invalid for what is
// not allowed, denied without the capability AppEventsWrite, quota when too many wait, and unavailable.
package queue

import (
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Topic is the name of a queue of the app. Its messages are written from Ts.
//
//	mails := queue.Topic[Mail]("mails")
type Topic[T any] string

// Options say when and beside which others a message is handled.
type Options struct {
	Key      string        // of its group, which a trigger that is ordered handles in order; "" for none
	Dedupe   string        // of messages with the same one only the first is kept; "" for none
	Delay    time.Duration // until it is due
	Debounce time.Duration // as a delay, and the message takes the place of the one of its Key that waits; 0: it does not
}

// Message is a message with its options.
type Message[T any] struct {
	Body T
	Options
}

// Push pushes a message and returns its id.
func (t Topic[T]) Push(body T) (id string, err error) {
	return t.PushWith(body, Options{})
}

// PushWith pushes a message with options and returns its id, or the id of the message that Dedupe kept
// instead.
func (t Topic[T]) PushWith(body T, options Options) (id string, err error) {
	ids, err := t.PushAll(Message[T]{body, options})
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// PushAll pushes 1 to 1000 messages, all or none, and returns their ids in order.
func (t Topic[T]) PushAll(messages ...Message[T]) (ids []string, err error) {
	type message struct {
		Body     T      `json:"body"`
		Key      string `json:"key,omitzero"`
		Dedupe   string `json:"dedupe,omitzero"`
		Delay    int64  `json:"delay_ms,omitzero"`
		Debounce int64  `json:"debounce_ms,omitzero"`
	}
	pushed := make([]message, len(messages))
	for i, m := range messages {
		pushed[i] = message{m.Body, m.Key, m.Dedupe, m.Delay.Milliseconds(), m.Debounce.Milliseconds()}
	}
	response, err := host.Call[struct {
		IDs []string `json:"ids"`
	}](host.QueuePush, struct {
		Topic    string    `json:"topic"`
		Messages []message `json:"messages"`
	}{string(t), pushed})
	return response.IDs, err
}
