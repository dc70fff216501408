package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front/budget"
	"github.com/picloud/picloud/host/front/edge"
	"github.com/picloud/picloud/host/front/http1"
)

// Body is the body of a request. It comes in as it is read: the handler that wants it has looked at
// the route and the credential by then. Unless it is streamed it has the limit of
// [Config.MaxBodyBytes], and what was read of it counts against the budget until the handler returns.
//
// Every error of Read is or wraps a [*problem.Problem] that may be shown, or says that the context
// of the request has ended.
type Body struct {
	from     io.Reader
	ctx      context.Context
	limit    int64 // -1: none
	streamed bool
	budget   *budget.Budget
	share    *budget.Share // of what is kept in memory; nil: nothing is
	read     int64
}

// step is how much of the budget is taken at once.
const step = 32 << 10

func (b *Body) Read(p []byte) (int, error) {
	if b.share != nil {
		if spare := b.share.Held() - b.read; spare <= 0 {
			if err := b.share.Grow(b.ctx, step); err != nil {
				return 0, shown(err)
			}
			p = p[:min(len(p), step)]
		} else {
			p = p[:min(int64(len(p)), spare)]
		}
	}
	n, err := b.from.Read(p)
	b.read += int64(n)
	switch {
	case b.limit >= 0 && b.read > b.limit:
		return 0, tooLarge(b.limit)
	case err != nil && err != io.EOF:
		err = bodyProblem(err)
	}
	return n, err
}

// Keep says that what is read of a streamed body is kept in memory, and so counts.
func (b *Body) Keep() { b.share = b.budget.Share(-1) }

func shown(err error) error {
	if fault.From(err) == nil {
		return err
	}
	p, _ := problem.Of(err)
	return p
}

func tooLarge(limit int64) error {
	return problem.New(http.StatusRequestEntityTooLarge, fault.TooLarge, fmt.Sprintf("the body of a request must not be larger than %d bytes", limit))
}

// bodyProblem says why a body cannot be read, which is the client's doing.
func bodyProblem(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem.New(http.StatusRequestTimeout, fault.Invalid, "the body did not come in time")
	case errors.Is(err, http1.ErrBody):
		return problem.New(http.StatusBadRequest, fault.Invalid, err.Error())
	}
	return problem.New(http.StatusBadRequest, fault.Invalid, "the body ended before it was complete")
}

// BodyOf returns the body of a streamed request, whose context ctx is, and nil for any other.
func BodyOf(ctx context.Context) *Body {
	if r := requestOf(ctx); r != nil && r.body != nil && r.body.streamed {
		return r.body
	}
	return nil
}

// offerBody makes the body of a request, if it has one, known to handlers and to huma. One that says
// that it is too large is refused.
func (s *Server) offerBody(c *fiber.Ctx, r *request) error {
	from := r.edge.Body()
	if from == nil {
		return nil
	}
	b := &Body{from: from, ctx: c.UserContext(), limit: s.maxBody, budget: s.budget}
	if s.streams != nil && s.streams(c) {
		b.limit, b.streamed = -1, true
		r.edge.Patient()
	} else {
		b.share = s.budget.Share(r.edge.Length)
	}
	if b.limit >= 0 && r.edge.Length > b.limit {
		return tooLarge(b.limit)
	}
	r.body = b
	c.Request().SetBodyStream(b, -1) // where huma looks for it
	return nil
}

// readAll reads the body of a request into memory, nil if it has none.
func (r *request) readAll() ([]byte, error) {
	if r.body == nil {
		return nil, nil
	}
	length := r.edge.Length
	if length == http1.Chunked {
		length = r.body.limit
	}
	const first = 4 << 10 // and more when more has come
	all, inRoom := []byte(nil), false
	if length > first {
		select {
		case room := <-rooms:
			all, inRoom = room.bytes(), true
			defer func() { rooms <- room }()
		default: // others are slow, or many
		}
	}
	if !inRoom {
		all = make([]byte, 0, min(length, first)+1)
	}
	for {
		n, err := r.body.Read(all[len(all):cap(all)])
		all = all[:len(all)+n]
		switch {
		case err == io.EOF && inRoom:
			return bytes.Clone(all), nil
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		case len(all) == cap(all):
			larger := make([]byte, len(all), min(2*int64(len(all)), length)+1)
			copy(larger, all)
			all, inRoom = larger, false
		}
	}
}

// A room is where a body comes in whose size is not known before it has come: it costs one piece of memory
// of its own size then, instead of several that grow.
type room struct{ space []byte }

// roomSize holds a body of [budget.Small] and tells that it has ended.
const roomSize = budget.Small + 1

// rooms are all there are, 2 MiB. Who sends slowly keeps one, and a body that finds none grows.
var rooms = func() chan *room {
	all := make(chan *room, 32)
	for range cap(all) {
		all <- new(room)
	}
	return all
}()

// bytes returns the room's space, of which nothing is to be read that was not written before.
func (r *room) bytes() []byte {
	if r.space == nil {
		r.space = make([]byte, roomSize)
	}
	return r.space[:0]
}

// holdAnswer counts the answer against the budget until the client has taken it.
func (s *Server) holdAnswer(c *fiber.Ctx, from *edge.Request) error {
	const uncounted = 16 << 10 // of which every connection may have one
	response := c.Response()
	if response.IsBodyStream() {
		return nil
	}
	size := int64(len(response.Body()))
	if size <= uncounted {
		return nil
	}
	share := s.budget.Share(size)
	if err := share.Adopt(c.UserContext(), size); err != nil {
		return err
	}
	from.OnEnd(share.Release)
	return nil
}
