package front

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/background/ending"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front/coding"
)

// answer runs a script and writes its response.
func (s *Server) answer(c *fiber.Ctx, in executions.Invocation) error {
	streams, err := s.executions.MayStream(c.UserContext(), in.ScriptID)
	var out *executions.Outcome
	switch {
	case err != nil:
	case streams && of(c).edge.Minor == 1:
		return s.answerStreaming(c, in)
	default:
		ctx := ending.Under(c.UserContext())
		defer ctx.Cancel()
		stop := watchDisconnect(c.Context().Conn(), ctx.Cancel)
		out, err = s.executions.Run(ctx, in)
		stop()
	}
	return s.write(c, in, out, err)
}

// write writes how an execution ended.
func (s *Server) write(c *fiber.Ctx, in executions.Invocation, out *executions.Outcome, err error) error {
	if fault.Of(err) == fault.NotFound { // deleted since the route was found
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "the script does not exist any more")
	}
	if err != nil {
		return err
	}
	c.Set(headerExecutionID, out.ExecutionID)
	if out.Error != nil {
		status := out.Status()
		if status == http.StatusServiceUnavailable {
			c.Set(fiber.HeaderRetryAfter, "1")
		}
		message := executions.PublicMessage(out.Error.Code)
		if s.mayReadLogs(c, out.AppID) {
			message = out.Error.Message
		}
		return c.Status(status).JSON(problem.Execution(out.Error.Code, message, out.ExecutionID))
	}
	if out.Response.File != nil {
		return s.writeFile(c, out)
	}
	setHead(c, out.Response)
	body := out.Response.Body
	header, encoding := &c.Response().Header, ""
	if coding.IsWorth(out.Response.Status, int64(len(body)), string(header.ContentType()), string(header.Peek(fiber.HeaderContentEncoding)), string(header.Peek(fiber.HeaderCacheControl))) {
		encoding = coding.Negotiate(c.Get(fiber.HeaderAcceptEncoding))
		c.Append(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	}
	if notModified(c, out.Response, encoding) {
		c.Response().Header.Del(fiber.HeaderContentType)
		c.Response().ResetBody()
		c.Status(http.StatusNotModified)
		return nil
	}
	if encoding != "" {
		c.Set(fiber.HeaderContentEncoding, encoding)
		s.executions.Work(c.UserContext(), out.AppID, len(body), func() { body = coding.Compress(body, encoding) })
	}
	c.Response().SetBodyRaw(body)
	return nil
}

// setHead sets the status and the headers of a script's response.
func setHead(c *fiber.Ctx, r abi.Response) {
	header := &c.Response().Header
	for _, h := range r.Headers {
		if !isOurs(h.Name) && !isShared(c, h.Name) {
			header.Add(h.Name, h.Value)
		}
	}
	c.Status(r.Status)
}

// isOurs reports whether a header of a response, its name in lower case, is ours alone: a script that
// passes on what another server has answered does not change it.
func isOurs(name string) bool { return name == "x-request-id" || name == "x-execution-id" }

// writeFile sends the stored file that is a response.
func (s *Server) writeFile(c *fiber.Ctx, out *executions.Outcome) error {
	ref := out.Response.File
	file, err := s.files.Open(c.UserContext(), out.AppID, ref.Collection, ref.ID)
	if err != nil {
		return s.refused(c, err)
	}
	head := http.Header{"X-Content-Type-Options": {"nosniff"}, "Content-Disposition": {disposition("inline", file.File.Name)}}
	if ref.Download != "" {
		head.Set("Content-Disposition", disposition("attachment", ref.Download))
	}
	script := http.Header{}
	for _, h := range out.Response.Headers {
		if !isOurs(h.Name) && !isShared(c, h.Name) {
			script.Add(h.Name, h.Value)
		}
	}
	for name, values := range script {
		head[name] = values
	}
	if refused := s.serveFile(c, file, out.Response.Status, head); refused != nil {
		refused.SetHeaders(c)
		return c.Status(refused.Status).JSON(problem.Execution(abi.ErrorCode(refused.Code), refused.Detail, out.ExecutionID))
	}
	return nil
}

// notModified sets the entity tag of a response, and reports whether the client has what it is of.
// The script either names a tag or asks for one that is made of the body. See [coding.Tag].
func notModified(c *fiber.Ctx, r abi.Response, encoding string) bool {
	tag := string(c.Response().Header.Peek(fiber.HeaderETag))
	if r.ETag && tag == "" {
		sum := sha256.Sum256(r.Body)
		tag = `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
	}
	if tag == "" {
		return false
	}
	tag = coding.Tag(tag, encoding)
	c.Set(fiber.HeaderETag, tag)
	if method := c.Method(); r.Status != http.StatusOK || method != http.MethodGet && method != http.MethodHead {
		return false
	}
	return MatchesTag(c.Get(fiber.HeaderIfNoneMatch), tag)
}

// MatchesTag reports whether an If-None-Match names a tag, by the weak comparison (RFC 9110, section
// 13.1.2).
func MatchesTag(header, tag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	tag = strings.TrimPrefix(tag, "W/")
	for header != "" {
		header = strings.TrimPrefix(strings.TrimLeft(header, " \t,"), "W/")
		if !strings.HasPrefix(header, `"`) {
			return false
		}
		end := strings.IndexByte(header[1:], '"')
		if end < 0 {
			return false
		}
		if header[:end+2] == tag {
			return true
		}
		header = header[end+2:]
	}
	return false
}

// streaming is a response whose head is known: the execution goes on in a goroutine of its own while fasthttp sends what it
// writes. The pipe between the two is the back-pressure: a part is taken when the one before has been
// handed to the connection.
type streaming struct {
	executionID string
	head        abi.Response
	body        *streamBody
}

// answerStreaming is answer for a script that may stream its response.
func (s *Server) answerStreaming(c *fiber.Ctx, in executions.Invocation) error {
	ctx := ending.Under(c.UserContext())
	stop := watchDisconnect(c.Context().Conn(), ctx.Cancel)
	started := make(chan streaming, 1)
	var sink *io.PipeWriter
	in.Streamer = func(executionID string, head abi.Response) func(context.Context, []byte) error {
		source, writer := io.Pipe()
		sink = writer
		started <- streaming{executionID, head, &streamBody{source: source, done: func() { stop(); ctx.Cancel() }}}
		return func(ctx context.Context, part []byte) error {
			defer context.AfterFunc(ctx, func() { _ = writer.CloseWithError(ctx.Err()) })()
			_, err := writer.Write(part)
			if err == io.ErrClosedPipe { // the client has gone
				err = context.Canceled
			}
			return err
		}
	}
	type end struct {
		out *executions.Outcome
		err error
	}
	ended := make(chan end, 1)
	go func() {
		var e end
		defer func() {
			if defect := recover(); defect != nil {
				s.log.Error("an execution panicked", "request_id", in.RequestID, "panic", defect, "stack", string(debug.Stack()))
				e.err = fiber.ErrInternalServerError
			}
			if sink != nil {
				failed := e.err
				if failed == nil && e.out.Error != nil {
					failed = e.out.Error
				}
				_ = sink.CloseWithError(failed) // nil: that was all
			}
			ended <- e
		}()
		e.out, e.err = s.executions.Run(ctx, in) // which has taken what it needs of the request before it starts to stream
	}()
	select {
	case e := <-ended:
		if sink == nil {
			stop()
			ctx.Cancel()
			return s.write(c, in, e.out, e.err)
		}
		return s.stream(c, <-started)
	case b := <-started:
		return s.stream(c, b)
	}
}

// stream begins to send a response that is being made.
func (s *Server) stream(c *fiber.Ctx, r streaming) error {
	c.Set(headerExecutionID, r.executionID)
	setHead(c, r.head)
	c.Set("X-Accel-Buffering", "no") // a proxy that kept it until the end would make it no stream
	c.Response().ImmediateHeaderFlush = true
	c.Context().SetBodyStream(r.body, -1)
	return nil
}

// streamBody is the body of a streamed response. An error ends the connection without the end of the
// body, so that the client sees that it is not whole.
type streamBody struct {
	source *io.PipeReader
	done   func()
}

func (b *streamBody) Read(p []byte) (int, error) {
	return b.source.Read(p)
}

// Close is called by fasthttp when all is sent or the client has gone.
func (b *streamBody) Close() error {
	b.done() // first: the execution must not take it for a failure of its own that nobody reads
	return b.source.Close()
}
