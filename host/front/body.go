package front

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
)

// fasthttp hands every body over unread, so that an upload can go to the disk as it comes in.
// takeBody reads the others into memory, within the limit, before any handler runs; the handler of
// one that is streamed finds it with [BodyOf].
func (s *Server) takeBody(c *fiber.Ctx) error {
	stream := c.Request().BodyStream()
	if stream == nil { // there is none
		return c.Next()
	}
	length := c.Request().Header.ContentLength() // -1: chunked
	if s.streams != nil && s.streams(c) {
		u := &upload{stream: stream, length: length, conn: c.Context().Conn(), paced: true}
		c.Locals(uploadKey{}, u)
		err := c.Next()
		if !u.ended {
			// What is left unread would be taken for the next request.
			c.Set(fiber.HeaderConnection, "close")
			drain(u.conn)
		}
		return err
	}
	if int64(length) > s.maxBody {
		return fiber.ErrRequestEntityTooLarge
	}
	body := make([]byte, 0, min(max(length, 512), 64<<10)) // more when more has come
	u := upload{stream: stream, length: length, conn: c.Context().Conn()}
	for {
		n, err := u.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > s.maxBody:
			return fiber.ErrRequestEntityTooLarge
		case err == io.EOF:
			c.Request().SetBodyRaw(body)
			return c.Next()
		case err != nil:
			return err // a bodyError
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// uploadPause is how long an upload may bring nothing before it is given up.
const uploadPause = 60 * time.Second

// upload is the body of a request as it comes in. It gives fasthttp's stream what that lacks: an
// end that comes early is an error, and after the end comes nothing but the end. Its errors are
// [*bodyError]s.
type upload struct {
	stream io.Reader
	length int // -1: chunked
	conn   net.Conn
	paced  bool // the read deadline moves on while something comes in
	read   int
	ended  bool
}

type uploadKey struct{}

// BodyOf returns the body of a streamed request, whose context ctx is, and nil for any other. Its
// errors say that the client is to blame: a [*problem.Problem] is found in each.
func BodyOf(ctx context.Context) io.Reader {
	if u, ok := ctx.Value(uploadKey{}).(*upload); ok {
		return u
	}
	return nil
}

func (u *upload) Read(p []byte) (int, error) {
	if u.ended || u.read == u.length {
		u.ended = true
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if u.paced {
		_ = u.conn.SetReadDeadline(time.Now().Add(uploadPause))
	}
	n, err := u.stream.Read(p)
	u.read += n
	switch {
	case u.read == u.length:
		u.ended, err = true, io.EOF
	case err == io.EOF && (u.length >= 0 || hasEnded(u.conn)):
		err = &bodyError{io.ErrUnexpectedEOF}
	case err == io.EOF:
		u.ended = true
	case err != nil:
		err = &bodyError{err}
	}
	return n, err
}

// bodyError says that a body could not be read, which is the client's doing.
type bodyError struct{ cause error }

func (e *bodyError) Error() string   { return e.problem().Detail }
func (e *bodyError) Unwrap() []error { return []error{e.problem(), e.cause} }

func (e *bodyError) problem() *problem.Problem {
	var late net.Error
	switch {
	case errors.As(e.cause, &late) && late.Timeout():
		return problem.New(http.StatusRequestTimeout, fault.Invalid, "the body did not come in time")
	case errors.Is(e.cause, io.ErrUnexpectedEOF):
		return problem.New(http.StatusBadRequest, fault.Invalid, "the body ended before it was complete")
	}
	return problem.New(http.StatusBadRequest, fault.Invalid, "the body is malformed")
}

// drain takes what a client is still sending of a body that is not wanted. Closing the connection
// while it sends would reset it, and the client might not see the answer. It ends after a pause of
// the client, or 5 seconds.
func drain(conn net.Conn) {
	const pause, most = 100 * time.Millisecond, 5 * time.Second
	buffer := make([]byte, 32<<10)
	for end := time.Now().Add(most); time.Now().Before(end); {
		if conn.SetReadDeadline(time.Now().Add(pause)) != nil {
			return
		}
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

// A watchedListener accepts connections that know whether the client has ended its side: fasthttp
// answers the same to the end of the connection between two chunks as to that of the body.
type watchedListener struct{ net.Listener }

func (l watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &watchedConn{TCPConn: tcp}, err
	}
	return conn, err
}

type watchedConn struct {
	*net.TCPConn
	ended atomic.Bool
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err == io.EOF {
		c.ended.Store(true)
	}
	return n, err
}

// hasEnded reports whether a read has met the end of what the client sends.
func hasEnded(conn net.Conn) bool {
	watched, ok := conn.(*watchedConn)
	return ok && watched.ended.Load()
}
