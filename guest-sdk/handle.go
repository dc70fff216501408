package sdk

import (
	"errors"

	"github.com/picloud/picloud/guest-sdk/internal/wire"
)

// Handler returns the response of an execution. An error is a failure of the plugin: the caller
// gets a 502 without the reason, which is in the execution's log. What the caller should be told is
// a [Response]. An event that could not be handled is delivered again, or as a [Failure] has it.
type Handler func(ctx Context, req Request) (Response, error)

var handler Handler

// Handle sets the plugin's handler. Call it once, from an init function: main does not run in a
// plugin.
func Handle(h Handler) {
	handler = h
	// What the JSON library learns about the types is then part of the memory that every execution
	// begins from.
	var in invocation
	_ = wire.Unmarshal([]byte(`{"request":{"headers":{"a":"b"},"body":null,"body_raw":""}}`), &in)
	_, _ = Text(200, "").encode()
	_, _ = OK(nil).encode()
}

// invocation is what the host calls a plugin with.
type invocation struct {
	Context
	Request Request `json:"request"`
}

var errNoHandler = errors.New("the plugin has no handler: call sdk.Handle in an init function")

// serve runs the handler on an invocation in JSON and returns the response in JSON, nil when it has
// no body.
func serve(input []byte) (output []byte, err error) {
	if handler == nil {
		return nil, errNoHandler
	}
	var in invocation
	if err := wire.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	response, err := handler(in.Context, in.Request)
	if err != nil {
		return nil, err
	}
	output, err = response.encode()
	if err != nil || response.Stream == nil {
		return output, err
	}
	return nil, response.stream(output)
}
