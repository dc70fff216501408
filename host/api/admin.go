package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/store"
)

// bearer marks an operation that needs a credential.
var bearer = []map[string][]string{{"bearer": {}}}

// checkBody refuses bodies that huma would take too easily: compressed ones, which could unfold to
// any size, and JSON that is not UTF-8, whose wrong bytes Go's decoder replaces silently. It reads
// nothing: huma does, when it knows that the operation exists and who calls.
func checkBody(c *fiber.Ctx) error {
	if _, err := url.ParseRequestURI(string(c.Request().RequestURI())); err != nil { // which huma takes for granted
		return problem.New(http.StatusBadRequest, fault.Invalid, "malformed address").Send(c)
	}
	body := c.Request().BodyStream()
	if body == nil {
		return c.Next()
	}
	var refused *problem.Problem
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType, fiber.MIMEApplicationJSON))
	switch {
	case len(c.Request().Header.ContentEncoding()) > 0:
		refused = problem.New(http.StatusUnsupportedMediaType, fault.Invalid, "the body must not be compressed")
	case front.BodyOf(c.Context()) != nil: // of any type, to be read by its handler
		return c.Next()
	case err != nil || media != fiber.MIMEApplicationJSON && !strings.HasSuffix(media, "+json"):
		refused = problem.New(http.StatusUnsupportedMediaType, fault.Invalid, "the content type must be application/json, got "+problem.Shorten(c.Get(fiber.HeaderContentType)))
	default:
		c.Request().SetBodyStream(&utf8Reader{from: body}, -1)
		return c.Next()
	}
	return refused.Send(c)
}

// utf8Reader ends with an error where what it reads is not UTF-8.
type utf8Reader struct {
	from io.Reader
	cut  []byte // the beginning of a character whose rest is still to come
}

func (r *utf8Reader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	text := p[:n]
	if len(r.cut) > 0 {
		text, r.cut = append(r.cut, text...), nil
	}
	if end := len(text); n > 0 && err == nil {
		for back := 1; back < min(utf8.UTFMax, end+1); back++ {
			if c := text[end-back]; utf8.RuneStart(c) {
				if !utf8.FullRune(text[end-back:]) {
					r.cut = slices.Clone(text[end-back:])
					text = text[:end-back]
				}
				break
			}
		}
	}
	if !utf8.Valid(text) {
		return n, problem.New(http.StatusBadRequest, fault.Invalid, "the body is not valid UTF-8")
	}
	return n, err
}

type principalKey struct{}

// authenticate finds out who calls, for operations that need to know.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	if len(ctx.Operation().Security) == 0 {
		next(ctx)
		return
	}
	p, err := a.authority.Authenticate(ctx.Context(), front.Bearer(ctx.Header("Authorization")))
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	next(huma.WithValue(ctx, principalKey{}, p))
}

// refuse answers an error in a middleware.
func (a *API) refuse(ctx huma.Context, err error) {
	_ = a.problemOf(ctx.Context(), err).Send(humafiber.Unwrap(ctx))
}

// problemOf turns an error of the services into one that may be shown, and logs what is not the
// caller's fault.
func (a *API) problemOf(ctx context.Context, err error) *problem.Problem {
	p, ours := problem.Of(err)
	if ours {
		problem.Log(ctx, a.log, front.RequestIDOf(ctx), err)
	}
	if script := (*catalog.InvalidScript)(nil); errors.As(err, &script) && fault.From(err).Field == "source" {
		p.Script = &wire.ScriptSource{Line: script.Line, Column: script.Column, Message: script.Message, SourceLine: script.SourceLine}
	}
	return p
}

func caller(ctx context.Context) *authz.Principal {
	p, _ := ctx.Value(principalKey{}).(*authz.Principal)
	return p
}

// need checks a capability of the caller in an app.
func (a *API) need(ctx context.Context, appID, resource string, c authz.Capability) error {
	return a.authority.Require(ctx, caller(ctx), appID, resource, c)
}

// findApp finds an app by id or slug, for a caller with a capability in it.
func (a *API) findApp(ctx context.Context, ref string, c authz.Capability) (store.App, error) {
	var app store.App
	var err error
	if id, invalid := uuid.Parse(ref); invalid == nil {
		app, err = a.store.Apps().Get(ctx, id.String())
	} else {
		app, err = a.store.Apps().GetBySlug(ctx, ref)
	}
	if err != nil {
		return store.App{}, unknown(err, "app")
	}
	return app, a.need(ctx, app.ID, "app", c)
}

// findScript finds a script by id, for a caller with a capability in its app.
func (a *API) findScript(ctx context.Context, id string, c authz.Capability) (store.Script, error) {
	script, err := a.store.Scripts().Get(ctx, id)
	if err != nil {
		return store.Script{}, unknown(err, "script")
	}
	return script, a.need(ctx, script.AppID, "script", c)
}

// unknown makes an id that the store could never hold one that does not exist.
func unknown(err error, resource string) error {
	if fault.Unknown(err) {
		return fault.Missing(resource)
	}
	return err
}

// maxLogin bounds the body of a login in bytes, which anybody may send.
const maxLogin = 16 << 10

// operation registers a handler with huma. Its errors become problems.
func operation[I, O any](a *API, admin huma.API, method, path, id, summary string, status int, handler func(context.Context, *I) (*O, error), more ...func(*huma.Operation)) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: adminPrefix + path, Summary: summary,
		Tags: []string{strings.Split(path, "/")[1]}, DefaultStatus: status,
		Security: bearer, MaxBodyBytes: -1, // package front has bounded it
	}
	if id == "login" {
		op.Security, op.MaxBodyBytes = nil, maxLogin
	}
	for _, change := range more {
		change(&op)
	}
	huma.Register(admin, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		return out, nil
	})
}

// alsoCreates documents that an operation answers 201, with the same body, when it has made something.
func alsoCreates[T any](admin huma.API) func(*huma.Operation) {
	return func(op *huma.Operation) {
		schema := admin.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
		op.Responses = map[string]*huma.Response{"201": {
			Description: http.StatusText(http.StatusCreated), Content: map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}}
	}
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

// Paging holds the query parameters of every listing.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"Most items to answer"`
	Cursor string `query:"cursor" doc:"Of the piece before"`
}

func (p Paging) request() store.PageRequest {
	return store.PageRequest{Cursor: p.Cursor, Limit: p.Limit}
}

type none struct{}
