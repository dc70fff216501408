package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountRoutes(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/routes", "list-app-routes", "List an app's routes", http.StatusOK, a.listAppRoutes)
	operation(a, admin, http.MethodPost, "/apps/{app}/routes:match", "match-route", "Which route answers a request?", http.StatusOK, a.matchRoute)
	operation(a, admin, http.MethodGet, "/scripts/{id}/routes", "list-script-routes", "List a script's routes", http.StatusOK, a.listScriptRoutes)
	operation(a, admin, http.MethodPost, "/scripts/{id}/routes", "create-route", "Bind requests to a script", http.StatusCreated, a.createRoute)
	operation(a, admin, http.MethodGet, "/routes/{id}", "get-route", "Show a route", http.StatusOK, a.getRoute)
	operation(a, admin, http.MethodPut, "/routes/{id}", "update-route", "Change a route's CORS policy, its rate limit, when its caller is answered, and the signature that it demands", http.StatusOK, a.updateRoute)
	operation(a, admin, http.MethodDelete, "/routes/{id}", "delete-route", "Delete a route", http.StatusNoContent, a.deleteRoute)
}

func (a *API) createRoute(ctx context.Context, in *struct {
	ScriptPath
	Body wire.RouteCreate
}) (*body[wire.Route], error) {
	script, err := a.findScript(ctx, in.ID, authz.RouteWrite)
	if err != nil {
		return nil, err
	}
	route, err := routing.Parse(in.Body.Method, in.Body.Host, store.HostKind(in.Body.HostKind), in.Body.Path, store.PathKind(in.Body.PathKind))
	if err != nil {
		return nil, err
	}
	route.Dispatch, route.CORS, route.Signature = store.Dispatch(in.Body.Dispatch), (*store.CORS)(in.Body.CORS), (*store.Signature)(in.Body.Signature)
	route.RateLimit = (*store.RateLimit)(in.Body.RateLimit)
	route, shadowed, err := a.catalog.CreateRoute(ctx, script, route)
	if err != nil {
		return nil, err
	}
	created := wireRoute(route)
	created.Warning = a.missingSecret(ctx, route)
	if shadowed {
		created.Warning = "an older route of another app answers the same requests first"
		if other, ok := a.catalog.Routes().Shadow(route); ok {
			if app, ok := a.seen(ctx, other.AppID); ok {
				created.Warning = fmt.Sprintf("the route %s of the app %s answers the same requests first", routeText(other), app.Slug)
			}
		}
	}
	return &body[wire.Route]{created}, nil
}

// seen returns an app if the caller may see its routes.
func (a *API) seen(ctx context.Context, appID string) (store.App, bool) {
	if may, err := a.authority.MayIn(ctx, caller(ctx), appID, authz.RouteRead); err != nil || !may {
		return store.App{}, false
	}
	app, err := a.store.Apps().Get(ctx, appID)
	return app, err == nil
}

func routeText(r store.Route) string {
	method := r.Method
	if method == "" {
		method = "ANY"
	}
	return method + " " + r.Host + r.Path
}

func (a *API) listAppRoutes(ctx context.Context, in *AppPath) (*body[wire.Page[wire.Route]], error) {
	app, err := a.findApp(ctx, in.App, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	routes, err := a.store.Routes().ByApp(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Route]]{wirePage(store.Page[store.Route]{Items: routes}, wireRoute)}, nil
}

func (a *API) listScriptRoutes(ctx context.Context, in *ScriptPath) (*body[wire.Page[wire.Route]], error) {
	script, err := a.findScript(ctx, in.ID, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	routes, err := a.store.Routes().ByScript(ctx, script.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Route]]{wirePage(store.Page[store.Route]{Items: routes}, wireRoute)}, nil
}

func (a *API) findRoute(ctx context.Context, id string, c authz.Capability) (store.Route, error) {
	route, err := a.store.Routes().Get(ctx, id)
	if err != nil {
		return store.Route{}, unknown(err, "route")
	}
	return route, a.need(ctx, route.AppID, "route", c)
}

func (a *API) getRoute(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*body[wire.Route], error) {
	route, err := a.findRoute(ctx, in.ID, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	return &body[wire.Route]{wireRoute(route)}, nil
}

func (a *API) updateRoute(ctx context.Context, in *struct {
	ID   string `path:"id"`
	Body wire.RouteUpdate
}) (*body[wire.Route], error) {
	if _, err := a.findRoute(ctx, in.ID, authz.RouteWrite); err != nil {
		return nil, err
	}
	route, err := a.catalog.UpdateRoute(ctx, in.ID, (*store.CORS)(in.Body.CORS), store.Dispatch(in.Body.Dispatch), (*store.Signature)(in.Body.Signature), (*store.RateLimit)(in.Body.RateLimit))
	if err != nil {
		return nil, err
	}
	changed := wireRoute(route)
	changed.Warning = a.missingSecret(ctx, route)
	return &body[wire.Route]{changed}, nil
}

func (a *API) deleteRoute(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*none, error) {
	if _, err := a.findRoute(ctx, in.ID, authz.RouteWrite); err != nil {
		return nil, err
	}
	return nil, a.catalog.DeleteRoute(ctx, in.ID)
}

func (a *API) matchRoute(ctx context.Context, in *struct {
	AppPath
	Body wire.RouteMatch
}) (*body[wire.RouteMatched], error) {
	app, err := a.findApp(ctx, in.App, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	found, err := a.catalog.Routes().Resolve(in.Body.Method, in.Body.Host, in.Body.Path)
	if err != nil {
		return nil, problem.InvalidField("body.path", strings.TrimPrefix(err.Error(), "the path "), in.Body.Path)
	}
	out := &body[wire.RouteMatched]{}
	switch {
	case !found.Found:
		out.Body.Allow = found.Allow
	case found.Route.AppID != app.ID:
		out.Body.Other = true
	default:
		route := wireRoute(found.Route)
		out.Body = wire.RouteMatched{Matched: true, Route: &route, Params: found.Params(), Rest: found.Rest()}
	}
	if in.Body.New != nil {
		if out.Body.Conflict, err = a.routeConflict(app.ID, *in.Body.New); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// routeConflict returns the app's route that a new one cannot be beside, nil if there is none.
func (a *API) routeConflict(appID string, pattern wire.RoutePattern) (*wire.Route, error) {
	route, err := routing.Parse(pattern.Method, pattern.Host, "", pattern.Path, "")
	if err != nil {
		return nil, problem.At(err, "method", "body.new.method", "host", "body.new.host", "path", "body.new.path")
	}
	route.AppID = appID
	other, conflicts := a.catalog.Routes().Conflict(route)
	if !conflicts {
		return nil, nil
	}
	shown := wireRoute(other)
	return &shown, nil
}

func wireRoute(r store.Route) wire.Route {
	return wire.Route{
		ID: r.ID, AppID: r.AppID, ScriptID: r.ScriptID, Method: r.Method,
		Host: r.Host, HostKind: string(r.HostKind), Path: r.Path, PathKind: string(r.PathKind),
		Dispatch: string(r.Dispatch), CORS: wireCORS(r.CORS), RateLimit: (*wire.RateLimit)(r.RateLimit), Signature: (*wire.Signature)(r.Signature), CreatedAt: r.CreatedAt.Truncate(time.Microsecond),
	}
}
