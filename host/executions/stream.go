package executions

import (
	"context"
	"strings"

	"github.com/picloud/picloud/abi"
)

// A Streamer takes the response of an execution while it is made. It is called once, when the head is
// known, and returns what takes the parts. That waits until the client has taken what came before;
// its error says that nobody takes any more, or is the context's.
type Streamer func(executionID string, head abi.Response) (write func(ctx context.Context, part []byte) error)

// maxCollected is how many bytes of a streamed response are collected for a caller that takes it as a
// whole.
const maxCollected = 16 << 20

// stream is the response that an execution streams.
type stream struct {
	executionID string
	to          Streamer // nil: it is collected in the head
	begun       bool
	bytes       int64 // that were written
	head        abi.Response
	sent        func(ctx context.Context, part []byte) error // nil until the head is sent
}

// Start is that of [hostcalls.Stream].
func (s *stream) Start(head abi.Response) error {
	if s.begun {
		return &abi.OpError{Code: abi.OpCodeInvalid, Message: "stream.start: the response is being streamed already"}
	}
	s.begun, s.head = true, head
	if s.to != nil && hasContentType(head) {
		s.sent = s.to(s.executionID, head)
	}
	return nil
}

// Write is that of [hostcalls.Stream].
func (s *stream) Write(ctx context.Context, part []byte, contentType string) error {
	if !s.begun {
		return &abi.OpError{Code: abi.OpCodeInvalid, Message: "stream.write: the response is not being streamed"}
	}
	if !hasContentType(s.head) {
		s.head.Headers = append(s.head.Headers, abi.Header{Name: "content-type", Value: contentType})
		if contentType == "text/event-stream" {
			s.head.Headers = append(s.head.Headers, abi.Header{Name: "cache-control", Value: "no-cache"})
		}
	}
	s.bytes += int64(len(part))
	if s.to == nil {
		if len(s.head.Body)+len(part) > maxCollected {
			return &abi.OpError{Code: abi.OpCodeLimit, Message: "stream.write: a response that is not sent bit by bit must not be larger than 16 MiB"}
		}
		s.head.Body = append(s.head.Body, part...)
		return nil
	}
	if s.sent == nil {
		s.sent = s.to(s.executionID, s.head)
	}
	return s.sent(ctx, part)
}

func hasContentType(r abi.Response) bool {
	for _, h := range r.Headers {
		if h.Name == "content-type" {
			return true
		}
	}
	return false
}

// MayStream reports whether a script may stream its response. It is false only for scripts that
// cannot, or take pains to hide that they do, and for those that another node runs: a response of theirs
// is collected. The error is the store's, [fault.NotFound] when there is no such script.
func (s *Service) MayStream(ctx context.Context, scriptID string) (bool, error) {
	script, err := s.scripts.get(ctx, scriptID)
	if err != nil {
		return false, err
	}
	return script.streams && s.elsewhere == nil, nil
}

// mayStream reports whether a script or a module it imports names what a streamed response has.
func mayStream(s *script) bool {
	if s.row.Kind == abi.KindPlugin || strings.Contains(s.row.Source, "stream") {
		return true
	}
	for _, m := range s.modules {
		if strings.Contains(m.Source, "stream") {
			return true
		}
	}
	return false
}
