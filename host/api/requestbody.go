package api

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// fasthttp hands every body over unread, so that an upload can go to the disk as
// it comes in. takeBody reads the others into memory, within the limit, before
// any handler runs; an upload's handler finds its [upload] in the context.
func (s *Server) takeBody(c *fiber.Ctx) error {
	stream := c.Request().BodyStream()
	if stream == nil { // there is none
		return c.Next()
	}
	length := c.Request().Header.ContentLength() // -1: chunked
	if isUpload(c) {
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

// isUpload tells whether a request brings the bytes of a file or the module of a
// plugin, which are for its handler to read.
func isUpload(c *fiber.Ctx) bool {
	path, ok := strings.CutPrefix(c.Path(), adminPrefix+"/")
	if !ok {
		return false
	}
	switch parts := strings.Split(path, "/"); {
	case len(parts) == 4 && parts[0] == "apps" && parts[2] == "files":
		return c.Method() == http.MethodPost
	case len(parts) == 5 && parts[0] == "apps" && parts[2] == "files":
		return c.Method() == http.MethodPut
	case len(parts) == 3 && parts[0] == "apps" && parts[2] == "scripts":
		return c.Method() == http.MethodPost && !bringsJSON(c)
	case len(parts) == 2 && parts[0] == "scripts":
		return c.Method() == http.MethodPut && !bringsJSON(c)
	}
	return false
}

// bringsJSON tells whether the body of a request says that it is JSON, or nothing.
func bringsJSON(c *fiber.Ctx) bool {
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType, fiber.MIMEApplicationJSON))
	return err == nil && (media == fiber.MIMEApplicationJSON || strings.HasSuffix(media, "+json"))
}

// uploadPause is how long an upload may bring nothing before it is given up.
const uploadPause = 60 * time.Second

// upload is the body of a request as it comes in. It gives fasthttp's stream
// what that lacks: an end that comes early is an error, and after the end comes
// nothing but the end. Its errors are [*bodyError]s.
type upload struct {
	stream io.Reader
	length int // -1: chunked
	conn   net.Conn
	paced  bool // the read deadline moves on while something comes in
	read   int
	ended  bool
}

type uploadKey struct{}

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

func (e *bodyError) Error() string { return e.problem().Detail }
func (e *bodyError) Unwrap() error { return e.cause }

func (e *bodyError) problem() *Problem {
	var late net.Error
	switch {
	case errors.As(e.cause, &late) && late.Timeout():
		return newProblem(http.StatusRequestTimeout, codeInvalid, "the body did not come in time")
	case errors.Is(e.cause, io.ErrUnexpectedEOF):
		return newProblem(http.StatusBadRequest, codeInvalid, "the body ended before it was complete")
	}
	return newProblem(http.StatusBadRequest, codeInvalid, "the body is malformed")
}

// A watchedListener accepts connections that know whether the client has ended
// its side: fasthttp answers the same to the end of the connection between two
// chunks as to that of the body.
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

// hasEnded tells whether a read has met the end of what the client sends.
func hasEnded(conn net.Conn) bool {
	watched, ok := conn.(*watchedConn)
	return ok && watched.ended.Load()
}
