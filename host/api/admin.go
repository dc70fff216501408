package api

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

const (
	apiPrefix   = "/api/v1"
	adminPrefix = apiPrefix + "/admin"
)

// bearer marks an operation that needs a credential.
var bearer = []map[string][]string{{"bearer": {}}}

func (s *Server) mountAdmin() {
	s.app.Use(adminPrefix, checkBody)
	config := huma.DefaultConfig("PiCloud admin API", s.version)
	config.OpenAPIPath = apiPrefix + "/openapi"
	config.DocsPath, config.SchemasPath = "", ""
	config.CreateHooks = nil // no $schema fields in answers
	config.RejectUnknownQueryParameters = true
	config.NoFormatFallback = false
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A token from auth/login (pcs_...) or an API key (pic_...)."},
	}
	s.admin = humafiber.NewWithGroup(s.app, verbRouter{s.app}, config)
	s.admin.UseMiddleware(s.authenticate)
	s.mountAuth()
	s.mountAPIKeys()
	s.mountApps()
	s.mountScripts()
	s.mountRun()
	s.mountLogs()
	s.mountExecutions()
	s.mountRoutes()
	s.mountKV()
	s.mountDocs()
	s.mountFiles()
	s.app.Use("/api", func(c *fiber.Ctx) error {
		if strings.HasPrefix(c.Path(), apiPrefix+"/execute/") {
			return c.Next()
		}
		return s.refuse(c, http.StatusNotFound, codeNotFound, "there is nothing at "+shorten(c.Method()+" "+c.Path()))
	})
}

// verbRouter registers paths that end in a verb, as in routes:match, with the
// colon escaped: fiber would take it for a parameter.
type verbRouter struct{ fiber.Router }

func (r verbRouter) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	return r.Router.Add(method, strings.ReplaceAll(path, "routes:", `routes\:`), handlers...)
}

// checkBody refuses bodies that huma would take too easily: compressed ones,
// which could unfold to any size, and JSON that is not UTF-8, whose wrong bytes
// Go's decoder replaces silently.
func checkBody(c *fiber.Ctx) error {
	c.Locals(clientAddressKey{}, c.Context().RemoteIP().String())
	requestID(c)                                                                     // for the log, through the request's context
	if _, err := url.ParseRequestURI(string(c.Request().RequestURI())); err != nil { // which huma takes for granted
		return newProblem(http.StatusBadRequest, codeInvalid, "malformed address").send(c)
	}
	_, isUpload := c.Locals(uploadKey{}).(*upload)
	var body []byte
	if !isUpload {
		if body = c.Request().Body(); len(body) == 0 {
			return c.Next()
		}
	}
	var refused *Problem
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType, fiber.MIMEApplicationJSON))
	switch {
	case len(c.Request().Header.ContentEncoding()) > 0:
		refused = newProblem(http.StatusUnsupportedMediaType, codeInvalid, "the body must not be compressed")
	case isUpload: // of any type, to be read by its handler
		return c.Next()
	case err != nil || media != fiber.MIMEApplicationJSON && !strings.HasSuffix(media, "+json"):
		refused = newProblem(http.StatusUnsupportedMediaType, codeInvalid, "the content type must be application/json, got "+shorten(c.Get(fiber.HeaderContentType)))
	case !utf8.Valid(body):
		refused = newProblem(http.StatusBadRequest, codeInvalid, "the body is not valid UTF-8")
	default:
		c.Request().SetBodyStream(bytes.NewReader(body), len(body)) // where huma looks for it
		return c.Next()
	}
	return refused.send(c)
}

type (
	principalKey     struct{}
	clientAddressKey struct{}
)

// authenticate finds out who calls, for operations that need to know.
func (s *Server) authenticate(ctx huma.Context, next func(huma.Context)) {
	if len(ctx.Operation().Security) == 0 {
		next(ctx)
		return
	}
	p, err := s.principal(ctx.Context(), ctx.Header("Authorization"))
	if err != nil {
		refused := newProblem(http.StatusUnauthorized, codeUnauthorized, err.Error())
		if errors.Is(err, authz.ErrToken) {
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="picloud"`)
		} else {
			s.log.Error("authentication failed", "error", logged(err))
			refused = newProblem(failure(err))
		}
		_ = huma.WriteErr(s.admin, ctx, refused.Status, refused.Detail)
		return
	}
	next(huma.WithValue(ctx, principalKey{}, p))
}

// principal finds the caller that an Authorization header names.
func (s *Server) principal(ctx context.Context, header string) (*authz.Principal, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return nil, authz.ErrToken
	}
	return s.authority.Authenticate(ctx, strings.TrimSpace(token))
}

func caller(ctx context.Context) *authz.Principal {
	p, _ := ctx.Value(principalKey{}).(*authz.Principal)
	return p
}

// need checks a capability in an app. An app that the caller may not even see
// does not exist for them.
func (s *Server) need(ctx context.Context, appID, resource string, c authz.Capability) error {
	ok, err := s.authority.MayIn(ctx, caller(ctx), appID, c)
	if err != nil || ok {
		return err
	}
	if ok, err = s.authority.MayIn(ctx, caller(ctx), appID, authz.AppRead); err != nil {
		return err
	}
	if !ok {
		return notFound(resource)
	}
	return forbidden(c)
}

// findApp finds an app by id or slug, for a caller with a capability in it.
func (s *Server) findApp(ctx context.Context, ref string, c authz.Capability) (store.App, error) {
	var app store.App
	var err error
	if id, invalid := uuid.Parse(ref); invalid == nil {
		app, err = s.store.Apps().Get(ctx, id.String())
	} else {
		app, err = s.store.Apps().GetBySlug(ctx, ref)
	}
	if err != nil {
		return store.App{}, unknown(err, "app")
	}
	return app, s.need(ctx, app.ID, "app", c)
}

// findScript finds a script by id, for a caller with a capability in its app.
func (s *Server) findScript(ctx context.Context, id string, c authz.Capability) (store.Script, error) {
	script, err := s.store.Scripts().Get(ctx, id)
	if err != nil {
		return store.Script{}, unknown(err, "script")
	}
	return script, s.need(ctx, script.AppID, "script", c)
}

// unknown makes an id that the store could never hold one that does not exist.
func unknown(err error, resource string) error {
	var invalid *store.InvalidError
	if errors.Is(err, store.ErrNotFound) || errors.As(err, &invalid) {
		return notFound(resource)
	}
	return err
}

// operation registers a handler with huma. Its errors become problems.
func operation[I, O any](s *Server, method, path, id, summary string, status int, handler func(context.Context, *I) (*O, error), more ...func(*huma.Operation)) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: adminPrefix + path, Summary: summary,
		Tags: []string{strings.Split(path, "/")[1]}, DefaultStatus: status,
		Security: bearer, MaxBodyBytes: s.maxBody,
	}
	if id == "login" {
		op.Security = nil
	}
	for _, change := range more {
		change(&op)
	}
	huma.Register(s.admin, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return out, nil
	})
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
