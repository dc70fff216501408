package sdk

import (
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Stream takes the body of a response bit by bit. Its methods wait until the client takes what was sent
// before, within the time limit of the plugin; they fail when the client has gone.
type Stream struct{}

// ServerEvent is a server-sent event (HTML Standard, section 9.2).
type ServerEvent struct {
	Event string        // its type; "": message
	ID    string        // "": the last one stays
	Data  any           // a string as it is, nil for none, anything else as JSON
	Retry time.Duration // until a client that was cut off comes back; 0: what it was
}

// Write sends a value, of a type as in the body of a [Response]. Unless the response names a content
// type, the first value decides it.
func (*Stream) Write(v any) error {
	_, err := host.Call[host.None](host.StreamWrite, struct {
		Value any `json:"value"`
	}{v})
	return err
}

// Event sends an event. Unless the response names a content type, it is then text/event-stream.
func (*Stream) Event(e ServerEvent) error {
	_, err := host.Call[host.None](host.StreamEvent, struct {
		Event string `json:"event,omitzero"`
		ID    string `json:"id,omitzero"`
		Retry int64  `json:"retry,omitzero"`
		Data  any    `json:"data,omitzero"`
	}{e.Event, e.ID, e.Retry.Milliseconds(), e.Data})
	return err
}

// stream sends the response, whose head is in JSON, as Stream makes it.
func (r Response) stream(head []byte) error {
	_, err := host.Call[host.None](host.StreamStart, struct {
		Head Value `json:"head"`
	}{Value(head)})
	if err != nil {
		return err
	}
	return r.Stream(new(Stream))
}
