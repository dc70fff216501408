package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/contract"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front"
)

// What is checked of every request: that the OpenAPI document allows it. Handlers and services check
// what a schema cannot say. huma's own checks are off: they take nulls, fractions and other things
// that the document forbids.

// checkHead refuses what huma would take for granted, an address that is none, and bodies that are no
// JSON, or compressed, which could unfold to any size. It reads nothing.
func checkHead(c *fiber.Ctx) error {
	if _, err := url.ParseRequestURI(string(c.Request().RequestURI())); err != nil {
		return problem.New(http.StatusBadRequest, fault.Invalid, "malformed address").Send(c)
	}
	if c.Request().BodyStream() == nil {
		return c.Next()
	}
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType, fiber.MIMEApplicationJSON))
	switch {
	case len(c.Request().Header.ContentEncoding()) > 0:
		return problem.New(http.StatusUnsupportedMediaType, fault.Invalid, "the body must not be compressed").Send(c)
	case front.BodyOf(c.Context()) != nil: // of any type, to be read by its handler
	case err != nil || media != fiber.MIMEApplicationJSON && !strings.HasSuffix(media, "+json"):
		return problem.New(http.StatusUnsupportedMediaType, fault.Invalid, "the content type must be application/json, got "+problem.Shorten(c.Get(fiber.HeaderContentType))).Send(c)
	}
	return c.Next()
}

// contractOf reads the document that an API has of itself.
func contractOf(document *huma.OpenAPI) *contract.Document {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	read, err := contract.Read(text)
	if err != nil {
		panic(err) // of what is in the program
	}
	return read
}

// checkedRequest is a request that the document allows, with the parameters of its path decoded.
type checkedRequest struct {
	humaContext
	path map[string]string
	body []byte // of JSON; nil: what the request has
}

func (r checkedRequest) Unwrap() huma.Context     { return r.humaContext }
func (r checkedRequest) Param(name string) string { return r.path[name] }

func (r checkedRequest) BodyReader() io.Reader {
	if r.body == nil {
		return r.humaContext.BodyReader()
	}
	return bytes.NewReader(r.body)
}

// check is the middleware that refuses requests which the document does not allow: the last before
// huma reads them for the handler.
func (a *API) check(ctx huma.Context, next func(huma.Context)) {
	operation, err := a.contract().Operation(ctx.Operation().Method, ctx.Operation().Path)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	address := ctx.URL()
	path, wrong := operation.Parameters(contract.Request{Path: ctx.Param, Header: ctx.Header, Query: address.RawQuery})
	checked := checkedRequest{humaContext: huma.WithContext(ctx, a.recorded(ctx, path)), path: path}
	if may, must := operation.TakesJSON(); may {
		var err error
		if checked.body, err = readBody(ctx); err != nil {
			a.refuse(ctx, err)
			return
		}
		switch {
		case len(checked.body) > 0:
			more, err := operation.Body(checked.body)
			if err != nil {
				a.refuse(ctx, err)
				return
			}
			wrong = append(wrong, more...)
		case must:
			const reason = "a body is required"
			a.refuse(ctx, problem.New(http.StatusBadRequest, fault.Invalid, reason, wire.FieldError{Location: "body", Message: reason}))
			return
		}
	}
	if len(wrong) > 0 {
		a.refuse(ctx, problem.InvalidFields(wrong))
		return
	}
	next(checked)
}

// readBody reads the body of a request, not more of it than its operation takes.
func readBody(ctx huma.Context) ([]byte, error) {
	from := ctx.BodyReader()
	if from == nil {
		return []byte{}, nil
	}
	most := ctx.Operation().MaxBodyBytes
	if most > 0 {
		from = io.LimitReader(from, most+1)
	}
	body, err := io.ReadAll(from)
	if err == nil && most > 0 && int64(len(body)) > most {
		err = problem.New(http.StatusRequestEntityTooLarge, fault.TooLarge, fmt.Sprintf("the body of this request must not be larger than %d bytes", most))
	}
	return body, err
}
