package front

import (
	"errors"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
)

// ServeFile sends a file, and closes it when it has been sent. It leaves the preconditions and ranges
// (RFC 9110, sections 13 and 14) to net/http, and what that decides to fasthttp; with a status other
// than 200 there are none. head has headers beside those that describe the file, or instead of them.
// What it returns is wrong with the request, and has not been sent.
func ServeFile(c *fiber.Ctx, file *files.Reader, status int, head http.Header) *problem.Problem {
	request := &http.Request{Method: c.Method(), Header: http.Header{}}
	if status == http.StatusOK {
		for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"} {
			if value := c.Get(name); value != "" {
				request.Header.Set(name, value)
			}
		}
	}
	if request.Method != http.MethodHead {
		request.Method = http.MethodGet // what a POST is answered has no other body
	}
	if strings.Contains(request.Header.Get("Range"), ",") {
		request.Header.Del("Range") // a server may ignore ranges; those of several parts serve none but attackers
	}
	answer := response{header: http.Header{
		"Content-Type": {file.File.ContentType},
		"Etag":         {strconv.Quote(file.File.SHA256)},
	}}
	maps.Copy(answer.header, head)
	http.ServeContent(&answer, request, "", file.File.UpdatedAt, file)
	if answer.status == http.StatusRequestedRangeNotSatisfiable {
		file.Close()
		c.Set("Content-Range", answer.header.Get("Content-Range"))
		return problem.New(answer.status, fault.Invalid, "the range lies outside the file")
	}
	for name, values := range answer.header {
		c.Response().Header.Del(name)
		for _, value := range values {
			c.Response().Header.Add(name, value)
		}
	}
	if answer.status == http.StatusOK {
		answer.status = status
	}
	c.Status(answer.status)
	if answer.body == nil {
		file.Close()
		return nil
	}
	c.Context().SetBodyStream(&download{answer.body, file, c.Context().Conn()}, int(answer.body.N))
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

// response is what [http.ServeContent] makes of a request. It takes the body unread: the part of
// the file that is to be sent.
type response struct {
	header http.Header
	status int
	body   *io.LimitedReader
}

func (r *response) Header() http.Header    { return r.header }
func (r *response) WriteHeader(status int) { r.status = status }

// Write drops the text of an error.
func (r *response) Write(p []byte) (int, error) { return len(p), nil }

// ReadFrom is how ServeContent copies to its writer.
func (r *response) ReadFrom(source io.Reader) (int64, error) {
	body, ok := source.(*io.LimitedReader)
	if !ok {
		return 0, errors.New("not the part of a file")
	}
	r.body = body
	return body.N, nil
}

// downloadPause is how long a client may take for what is sent at once.
const downloadPause = 60 * time.Second

// download is the body of an answer, whose client must keep taking it.
type download struct {
	part *io.LimitedReader
	file io.Closer
	conn net.Conn
}

func (d *download) Read(p []byte) (int, error) {
	_ = d.conn.SetWriteDeadline(time.Now().Add(downloadPause))
	return d.part.Read(p)
}

// Close is called by fasthttp when all is sent or the client has gone.
func (d *download) Close() error {
	_ = d.conn.SetWriteDeadline(time.Time{})
	return d.file.Close()
}
