package api

import (
	"context"
	"errors"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
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

type principalKey struct{}

// authenticate finds out who calls, for operations that need to know.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	if len(ctx.Operation().Security) == 0 {
		next(ctx)
		return
	}
	at := authz.WithPlace(ctx.Context(), placeOf(ctx.Context(), ctx.Header("User-Agent")))
	p, err := a.authority.Authenticate(at, front.Bearer(ctx.Header("Authorization")))
	if err != nil {
		if errors.Is(err, authz.ErrToken) { // whoever has none has tried nothing
			a.audit.Refused(a.recorded(ctx, nil), store.OutcomeRefused, err.Error())
		}
		a.refuse(ctx, err)
		return
	}
	next(huma.WithValue(ctx, principalKey{}, p))
}

// placeOf is where a request comes from.
func placeOf(ctx context.Context, userAgent string) authz.Place {
	at := authz.Place{UserAgent: userAgent}
	if address := front.ClientOf(ctx); address.IsValid() {
		at.Address = address.String()
	}
	return at
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
	store.DeedOf(ctx).InApp(appID)
	return a.authority.Require(ctx, caller(ctx), appID, resource, c)
}

// findApp finds the app that the path of a request names by id or slug, for a caller with a capability in it.
// A slug that the app had before is a redirect, for those who may see the app.
func (a *API) findApp(ctx context.Context, ref string, c authz.Capability) (store.App, error) {
	app, err := a.namedApp(ctx, ref, c)
	if app.ID == "" || app.Slug == ref || app.ID == strings.ToLower(ref) || err != nil && fault.Of(err) != fault.Forbidden {
		return app, err
	}
	if _, invalid := uuid.Parse(ref); invalid == nil { // an id in another form
		return app, err
	}
	location, ok := movedTo(front.TargetOf(ctx), ref, app.Slug)
	if !ok {
		return store.App{}, errNoApp
	}
	return store.App{}, problem.Moved("the app "+problem.Shorten(ref)+" is now called "+app.Slug, location)
}

// movedTo returns the target of a request with the present slug of an app in the place of the one that it has. All
// else stays as it was sent: who deletes a key must not be led to the app. A target that is written otherwise leads
// nowhere.
func movedTo(target, ref, slug string) (location string, ok bool) {
	rest, ok := strings.CutPrefix(target, adminPrefix+"/apps/")
	end := strings.IndexAny(rest, "/:?")
	if end < 0 {
		end = len(rest)
	}
	return adminPrefix + "/apps/" + slug + rest[end:], ok && rest[:end] == ref
}

// namedApp finds an app by id, slug, or one that it had before, for a caller with a capability in it. The
// app that a caller may see and not do that with is returned with the error.
func (a *API) namedApp(ctx context.Context, ref string, c authz.Capability) (store.App, error) {
	var app store.App
	var err error
	if id, invalid := uuid.Parse(ref); invalid == nil {
		app, err = a.store.Apps().Get(ctx, id.String())
	} else if app, err = a.store.Apps().GetBySlug(ctx, ref); fault.Of(err) == fault.NotFound {
		app, err = a.store.Apps().GetByAlias(ctx, ref)
	}
	if fault.Unknown(err) {
		return store.App{}, errNoApp
	}
	if err != nil {
		return store.App{}, err
	}
	if err = a.need(ctx, app.ID, "app", c); fault.Of(err) == fault.NotFound {
		return app, errNoApp
	}
	if err != nil {
		return app, err
	}
	if err := app.Arrived(); err != nil {
		return store.App{}, err
	}
	return app, nil
}

// errNoApp refuses a name of an app that there is not, or that the caller may not see, which nobody is to tell apart.
var errNoApp = fault.New(fault.NotFound, "app not found, or you are not a member of it")

// findScript finds a script by id, for a caller with a capability in its app.
func (a *API) findScript(ctx context.Context, id string, c authz.Capability) (store.Script, error) {
	script, err := a.store.Scripts().Get(ctx, id)
	if err != nil {
		return store.Script{}, unknown(err, "script")
	}
	if err := a.need(ctx, script.AppID, "script", c); err != nil {
		return script, err
	}
	app, err := a.store.Apps().Get(ctx, script.AppID)
	if err != nil {
		return store.Script{}, unknown(err, "script")
	}
	return script, app.Arrived()
}

// unknown makes an id that the store could never hold one that does not exist.
func unknown(err error, resource string) error {
	if fault.Unknown(err) {
		return fault.Missing(resource)
	}
	return err
}

// maxPublic bounds the body of what anybody may send, as a login is, in bytes.
const maxPublic = 16 << 10

// public marks an operation that needs no credential.
func public(op *huma.Operation) { op.Security, op.MaxBodyBytes = nil, maxPublic }

// operation registers a handler with huma. Its errors become problems.
func operation[I, O any](a *API, admin huma.API, method, path, id, summary string, status int, handler func(context.Context, *I) (*O, error), more ...func(*huma.Operation)) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: adminPrefix + path, Summary: summary,
		Tags: []string{strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == ':' })[0]}, DefaultStatus: status,
		Security: bearer, MaxBodyBytes: -1, // package front has bounded it
	}
	for _, change := range more {
		change(&op)
	}
	documented(admin, &op)
	op.Middlewares = append(op.Middlewares, a.check)
	op.SkipValidateParams, op.SkipValidateBody = true, true // a.check has
	huma.Register(admin, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			p := a.problemOf(ctx, err)
			a.refusedDeed(ctx, len(op.Security) == 0, p)
			return nil, p
		}
		return out, nil
	})
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

// Paging holds the query parameters of every listing.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"Most items to answer"`
	Cursor string `query:"cursor" pattern:"^[A-Za-z0-9_-]*$" patternDescription:"a cursor of this listing" doc:"Of the piece before; no other text is one"`
}

func (p Paging) request() store.PageRequest {
	return store.PageRequest{Cursor: p.Cursor, Limit: p.Limit}
}

type none struct{}
