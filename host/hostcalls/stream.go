package hostcalls

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// A Stream takes a response while it is made. Its errors are an [*abi.OpError] or the context's.
type Stream interface {
	// Start begins the response. The head's content type, if it has none, is that of what comes first.
	Start(head abi.Response) error
	// Write sends a part, and waits until the client takes it.
	Write(ctx context.Context, data []byte, contentType string) error
}

// contentEvents is the media type of server-sent events (HTML Standard, section 9.2).
const contentEvents = "text/event-stream"

func streamStart(_ context.Context, scope *Scope, r *abi.StreamStartRequest) (msgp.Marshaler, error) {
	if scope.Stream == nil {
		return nil, &abi.OpError{Code: abi.OpCodeUnavailable, Message: "stream.start: nobody takes a stream: this execution was invoked by another"}
	}
	head, err := abi.NewResponse(r.Head)
	if err != nil {
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "stream.start: invalid response: " + err.Error()}
	}
	switch {
	case head.File != nil:
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "stream.start: invalid response: file: cannot be given together with stream"}
	case len(head.Body) > 0:
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "stream.start: invalid response: body: cannot be given together with stream"}
	case head.ETag:
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "stream.start: invalid response: headers.etag: cannot be made of what is not there yet"}
	}
	return nil, scope.Stream.Start(head)
}

func streamWrite(ctx context.Context, scope *Scope, r *abi.StreamWriteRequest) (msgp.Marshaler, error) {
	data, contentType, err := abi.EncodeBody(r.Value)
	if err != nil {
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "stream.write: value: " + err.Error()}
	}
	return nil, writeTo(ctx, scope, "stream.write", data, contentType)
}

func streamEvent(ctx context.Context, scope *Scope, r *abi.StreamEventRequest) (msgp.Marshaler, error) {
	event, err := appendEvent(nil, r)
	if err != nil {
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "stream.event: " + err.Error()}
	}
	return nil, writeTo(ctx, scope, "stream.event", event, contentEvents)
}

func writeTo(ctx context.Context, scope *Scope, operation string, data []byte, contentType string) error {
	if scope.Stream == nil {
		return &abi.OpError{Code: abi.OpCodeUnavailable, Message: operation + ": there is no stream"}
	}
	if len(data) == 0 {
		return nil
	}
	return scope.Stream.Write(ctx, data, contentType)
}

// appendEvent writes an event as the HTML Standard, section 9.2.5, has it.
func appendEvent(b []byte, r *abi.StreamEventRequest) ([]byte, error) {
	data, _, err := abi.EncodeBody(r.Data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("data: %w", err)
	case !utf8.Valid(data):
		return nil, fmt.Errorf("data: must be UTF-8")
	case strings.ContainsAny(r.Event, "\r\n"):
		return nil, fmt.Errorf("event: must be one line")
	case r.ID != nil && strings.ContainsAny(*r.ID, "\r\n\x00"):
		return nil, fmt.Errorf("id: must be one line without NUL")
	case r.Retry != nil && *r.Retry < 0:
		return nil, fmt.Errorf("retry: must be at least 0, got %d", *r.Retry)
	}
	if r.Event != "" {
		b = append(append(append(b, "event: "...), r.Event...), '\n')
	}
	if r.ID != nil {
		b = append(append(append(b, "id: "...), *r.ID...), '\n')
	}
	if r.Retry != nil {
		b = append(strconv.AppendInt(append(b, "retry: "...), *r.Retry, 10), '\n')
	}
	if len(r.Data) > 0 { // a client takes an event without data for none
		text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
		for line := range strings.SplitSeq(text, "\n") {
			b = append(append(append(b, "data: "...), line...), '\n')
		}
	}
	return append(b, '\n'), nil
}
