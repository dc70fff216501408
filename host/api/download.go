package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
)

// downloadFile sends a file as it is read. What a browser makes of it is bounded:
// it is saved, not shown; should it be shown all the same, it is of its content
// type, runs no script and has an origin of its own.
func (a *API) downloadFile(ctx context.Context, in *ItemPath) (*huma.StreamResponse, error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	file, err := a.files.Open(ctx, appID, collection, in.ID)
	if err != nil {
		return nil, inFiles(err, "", "")
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		if refused := serveFile(c, file); refused != nil {
			_ = refused.Send(humafiber.Unwrap(c))
		}
	}}, nil
}

// serveFile leaves the preconditions and ranges (RFC 9110, sections 13 and 14)
// to net/http, and what it decides to fasthttp.
func serveFile(c huma.Context, file *files.Reader) *problem.Problem {
	request := &http.Request{Method: c.Method(), Header: http.Header{}}
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"} {
		if value := c.Header(name); value != "" {
			request.Header.Set(name, value)
		}
	}
	if strings.Contains(request.Header.Get("Range"), ",") {
		request.Header.Del("Range") // a server may ignore ranges; those of several parts serve none but attackers
	}
	answer := response{header: http.Header{
		"Content-Type":            {file.File.ContentType},
		"Etag":                    {strconv.Quote(file.File.SHA256)},
		"Content-Disposition":     {attachment(file.File.Name)},
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Security-Policy": {"sandbox; default-src 'none'"},
		"Cache-Control":           {"private, no-cache"}, // to be asked for again, and answered 304
	}}
	http.ServeContent(&answer, request, "", file.File.UpdatedAt, file)
	if answer.status == http.StatusRequestedRangeNotSatisfiable {
		file.Close()
		c.SetHeader("Content-Range", answer.header.Get("Content-Range"))
		return problem.New(answer.status, fault.Invalid, "the range lies outside the file")
	}
	for name, values := range answer.header {
		c.SetHeader(name, values[0])
	}
	c.SetStatus(answer.status)
	if answer.body == nil {
		file.Close()
		return nil
	}
	humafiber.Unwrap(c).Context().SetBodyStream(&download{answer.body, file}, int(answer.body.N))
	return nil
}

// attachment is the Content-Disposition for a file's name (RFC 6266), which is
// quoted or encoded (RFC 8187) so that it is a file name and nothing else.
func attachment(name string) string {
	if value := mime.FormatMediaType("attachment", map[string]string{"filename": name}); value != "" {
		return value
	}
	return "attachment"
}

// response is what [http.ServeContent] makes of a request. It takes the body
// unread: the part of the file that is to be sent.
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

// download is the body of an answer. fasthttp closes it when all is sent or the client has gone.
type download struct {
	*io.LimitedReader
	io.Closer
}
