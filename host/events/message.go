package events

import (
	"encoding/json"
	"time"
)

// Message is a message that is pushed into a topic's queue.
type Message struct {
	Key      string        // of its group, which an ordered trigger handles in order; "" for none
	Dedupe   string        // of several with the same one, the first is kept; "": all are
	Delay    time.Duration // until it is due
	Debounce time.Duration // as a delay, and the message takes the place of one of its key that waits; 0: it does not
	Body     json.RawMessage
}
