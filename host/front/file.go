package front

import (
	"cmp"
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/front/coding"
	"github.com/picloud/picloud/host/front/content"
	"github.com/picloud/picloud/host/store"
)

// ServeFile sends what the request is to have of a file, which it closes, or returns why there is
// nothing. Only a status of 200 heeds preconditions and ranges. head has headers beside those that
// describe the file, or instead of them.
func ServeFile(c *fiber.Ctx, file *files.Reader, status int, head http.Header) *problem.Problem {
	answer, refused := decide(c, contentOf(file.File), status)
	if refused == nil {
		setFileHead(c, answer, head)
	}
	if refused != nil || answer.Status == http.StatusNotModified {
		file.Close()
		return refused
	}
	c.Context().SetBodyStream(&download{answer.Body(file), file}, int(answer.Length))
	return nil
}

// maxCompressedFile is the largest file that is compressed: it is so in memory.
const maxCompressedFile = 8 << 20

// serveFile is ServeFile, compressed if the client takes that and does not want ranges: those are of
// the file itself.
func (s *Server) serveFile(c *fiber.Ctx, file *files.Reader, status int, head http.Header) *problem.Problem {
	contentType := cmp.Or(head.Get(fiber.HeaderContentType), file.File.ContentType)
	if file.File.Size > maxCompressedFile || head.Get(fiber.HeaderETag) != "" || // a tag that is not ours
		!coding.IsWorth(status, file.File.Size, contentType, head.Get(fiber.HeaderContentEncoding), head.Get(fiber.HeaderCacheControl)) {
		return ServeFile(c, file, status, head)
	}
	defer c.Append(fiber.HeaderVary, fiber.HeaderAcceptEncoding) // behind what head has
	name := coding.Negotiate(c.Get(fiber.HeaderAcceptEncoding))
	if name == "" || c.Get(fiber.HeaderRange) != "" {
		return ServeFile(c, file, status, head)
	}
	defer file.Close()
	stored := contentOf(file.File)
	stored.ETag = coding.Tag(stored.ETag, name)
	answer, refused := decide(c, stored, status)
	if refused != nil {
		return refused
	}
	var body []byte
	if answer.Status != http.StatusNotModified {
		var err error
		body, err = s.encoded.Get(file.File.Blob, name, func() ([]byte, error) { return s.compress(c.UserContext(), file, name) })
		if err != nil {
			refused, _ := problem.Of(err)
			return refused
		}
		answer.Header.Set(fiber.HeaderContentEncoding, name)
	}
	answer.Header.Del(fiber.HeaderAcceptRanges)
	setFileHead(c, answer, head)
	c.Response().SetBodyRaw(body)
	return nil
}

// compress returns a file in a coding, which others may wait for as well: it does not end with ctx.
func (s *Server) compress(ctx context.Context, file *files.Reader, name string) (body []byte, err error) {
	ctx = context.WithoutCancel(ctx)
	share := s.budget.Share(2 * file.File.Size)
	defer share.Release()
	if err := share.Grow(ctx, 2*file.File.Size); err != nil { // it, and what becomes of it
		return nil, err
	}
	whole := make([]byte, file.File.Size)
	if _, err := io.ReadFull(file, whole); err != nil {
		return nil, err
	}
	s.executions.Work(ctx, file.File.AppID, len(whole), func() { body = coding.Compress(whole, name) })
	return body, nil
}

func contentOf(file store.File) content.Content {
	return content.Content{ETag: strconv.Quote(file.SHA256), Modified: file.UpdatedAt, Size: file.Size, Type: file.ContentType}
}

// decide decides what the request gets of a content, or returns why that is nothing.
func decide(c *fiber.Ctx, stored content.Content, status int) (content.Answer, *problem.Problem) {
	method := c.Method()
	heeds := status == http.StatusOK && (method == http.MethodGet || method == http.MethodHead)
	answer := stored.Decide(method, func(name string) (values []string) {
		if !heeds {
			return nil
		}
		for _, value := range c.Request().Header.PeekAll(name) {
			values = append(values, string(value))
		}
		return values
	}, time.Now())
	var refused *problem.Problem
	switch answer.Status {
	case http.StatusOK:
		if answer.Status = status; status != http.StatusOK { // what is not heeded is not offered
			for _, name := range []string{fiber.HeaderETag, fiber.HeaderLastModified, fiber.HeaderAcceptRanges} {
				answer.Header.Del(name)
			}
		}
	case http.StatusRequestedRangeNotSatisfiable:
		refused = problem.New(answer.Status, fault.Invalid, "the range lies outside the file")
	case http.StatusPreconditionFailed:
		refused = problem.New(answer.Status, fault.Stale, "the file is not the one that the request is for")
	}
	if refused != nil {
		setHeader(c, answer.Header)
	}
	return answer, refused
}

// setFileHead sets the status and the headers of an answer that is a file.
func setFileHead(c *fiber.Ctx, answer content.Answer, head http.Header) {
	setHeader(c, answer.Header)
	header := &c.Response().Header
	for name, values := range head {
		if name == fiber.HeaderContentType && answer.Status == http.StatusPartialContent && answer.Header.Get("Content-Range") == "" {
			continue // each of the parts has its own
		}
		if name == fiber.HeaderVary { // beside what CORS has it vary by
			c.Append(name, values...)
			continue
		}
		header.Del(name)
		for _, value := range values {
			header.Add(name, value)
		}
	}
	c.Status(answer.Status)
	if answer.Status == http.StatusNotModified {
		header.Del(fiber.HeaderContentType)
	}
}

func setHeader(c *fiber.Ctx, header http.Header) {
	for name, values := range header {
		c.Response().Header.Set(name, values[0])
	}
}

// Attachment is the Content-Disposition of what is to be saved by a name.
func Attachment(name string) string { return disposition("attachment", name) }

// disposition is the Content-Disposition for a file's name (RFC 6266), which is quoted or encoded
// (RFC 8187) so that it is a file name and nothing else. What knows no encoded names gets one that is
// like it.
func disposition(kind, name string) string {
	value := mime.FormatMediaType(kind, map[string]string{"filename": name})
	if value == "" {
		return kind
	}
	if rest, encoded := strings.CutPrefix(value, kind+"; filename*="); encoded {
		ascii := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' || r == '%' { // which some would decode
				return '_'
			}
			return r
		}, name)
		value = mime.FormatMediaType(kind, map[string]string{"filename": ascii}) + "; filename*=" + rest
	}
	return value
}

// download is the body of an answer. fasthttp closes it when all is sent or the client has gone.
type download struct {
	io.Reader
	io.Closer
}
