package events

import (
	"encoding/json"
	"time"
)

// Message is one to be pushed to a queue.
type Message struct {
	Key      string        // of a group that is handled in order; "" for none
	Dedupe   string        // a message with the same one within 24 hours is dropped; "" for none
	Delay    time.Duration // until it is delivered
	Debounce time.Duration // needs a Key: it replaces the debounced message of its key that waits, and waits that long
	Body     json.RawMessage
}
