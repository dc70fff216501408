package front

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/front/content"
)

// ServeFile sends what the request is to have of a file, which it closes, or returns why there is
// nothing. Only a status of 200 heeds preconditions and ranges. head has headers beside those that
// describe the file, or instead of them.
func ServeFile(c *fiber.Ctx, file *files.Reader, status int, head http.Header) *problem.Problem {
	stored := content.Content{
		ETag: strconv.Quote(file.File.SHA256), Modified: file.File.UpdatedAt, Size: file.File.Size, Type: file.File.ContentType,
	}
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
	if answer.Status == http.StatusOK {
		answer.Status = status
	}
	header := &c.Response().Header
	for name, values := range answer.Header {
		header.Set(name, values[0])
	}
	switch answer.Status {
	case http.StatusRequestedRangeNotSatisfiable:
		file.Close()
		return problem.New(answer.Status, fault.Invalid, "the range lies outside the file")
	case http.StatusPreconditionFailed:
		file.Close()
		return problem.New(answer.Status, fault.Stale, "the file is not the one that the request is for")
	}
	for name, values := range head {
		if name == fiber.HeaderContentType && answer.Status == http.StatusPartialContent && answer.Header.Get("Content-Range") == "" {
			continue // each of the parts has its own
		}
		header.Del(name)
		for _, value := range values {
			header.Add(name, value)
		}
	}
	c.Status(answer.Status)
	if answer.Status == http.StatusNotModified {
		header.Del(fiber.HeaderContentType)
		file.Close()
		return nil
	}
	c.Context().SetBodyStream(&download{answer.Body(file), file}, int(answer.Length))
	return nil
}

// Attachment is the Content-Disposition of what is to be saved by a name.
func Attachment(name string) string { return disposition("attachment", name) }

// disposition is the Content-Disposition for a file's name (RFC 6266), which is quoted or encoded
// (RFC 8187) so that it is a file name and nothing else.
func disposition(kind, name string) string {
	if value := mime.FormatMediaType(kind, map[string]string{"filename": name}); value != "" {
		return value
	}
	return kind
}

// download is the body of an answer. fasthttp closes it when all is sent or the client has gone.
type download struct {
	io.Reader
	io.Closer
}
