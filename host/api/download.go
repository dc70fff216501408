package api

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/content"
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

// serveFile sends what the request is to have of a file, or returns why there is nothing.
func serveFile(c huma.Context, file *files.Reader) *problem.Problem {
	request := humafiber.Unwrap(c)
	stored := content.Content{
		ETag: strconv.Quote(file.File.SHA256), Modified: file.File.UpdatedAt, Size: file.File.Size, Type: file.File.ContentType,
	}
	answer := stored.Decide(c.Method(), func(name string) (values []string) {
		for _, value := range request.Request().Header.PeekAll(name) {
			values = append(values, string(value))
		}
		return values
	}, time.Now())
	for name, values := range answer.Header {
		c.SetHeader(name, values[0])
	}
	switch answer.Status {
	case http.StatusRequestedRangeNotSatisfiable:
		file.Close()
		return problem.New(answer.Status, fault.Invalid, "the range lies outside the file")
	case http.StatusPreconditionFailed:
		file.Close()
		return problem.New(answer.Status, fault.Stale, "the file is not the one that the request is for")
	}
	c.SetHeader("Content-Disposition", attachment(file.File.Name))
	c.SetHeader("X-Content-Type-Options", "nosniff")
	c.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'")
	c.SetHeader("Cache-Control", "private, no-cache") // to be asked for again, and answered 304
	c.SetStatus(answer.Status)
	if answer.Status == http.StatusNotModified {
		file.Close()
		return nil
	}
	request.Context().SetBodyStream(&download{answer.Body(file), file}, int(answer.Length))
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

// download is the body of an answer. fasthttp closes it when all is sent or the client has gone.
type download struct {
	io.Reader
	io.Closer
}
