package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

func (s *Server) mountRoutes() {
	operation(s, http.MethodGet, "/apps/{app}/routes", "list-app-routes", "List an app's routes", http.StatusOK, s.listAppRoutes)
	operation(s, http.MethodPost, "/apps/{app}/routes:match", "match-route", "Which route answers a request?", http.StatusOK, s.matchRoute)
	operation(s, http.MethodGet, "/scripts/{id}/routes", "list-script-routes", "List a script's routes", http.StatusOK, s.listScriptRoutes)
	operation(s, http.MethodPost, "/scripts/{id}/routes", "create-route", "Bind requests to a script", http.StatusCreated, s.createRoute)
	operation(s, http.MethodGet, "/routes/{id}", "get-route", "Show a route", http.StatusOK, s.getRoute)
	operation(s, http.MethodDelete, "/routes/{id}", "delete-route", "Delete a route", http.StatusNoContent, s.deleteRoute)
}

// routeChanges makes a check of the routing table, the write to the store and
// the change of the table one step.
type routeChanges struct{ mu sync.Mutex }

func (c *routeChanges) do(change func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return change()
}

func (s *Server) createRoute(ctx context.Context, in *struct {
	ScriptPath
	Body wire.RouteCreate
}) (*body[wire.Route], error) {
	script, err := s.findScript(ctx, in.ID, authz.RouteWrite)
	if err != nil {
		return nil, err
	}
	if script.Kind == abi.KindModule {
		return nil, invalidField("path.id", "is a module, which cannot have routes", script.ID)
	}
	route, err := routing.Parse(in.Body.Method, in.Body.Host, store.HostKind(in.Body.HostKind), in.Body.Path, store.PathKind(in.Body.PathKind))
	if err != nil {
		return nil, err
	}
	route.AppID, route.ScriptID, route.Dispatch = script.AppID, script.ID, store.Dispatch(in.Body.Dispatch)
	var created wire.Route
	err = s.changes.do(func() error {
		if other, taken := s.routes.Conflict(route); taken {
			p := newProblem(http.StatusConflict, codeConflict,
				fmt.Sprintf("the route %s could match the same requests at the same precedence", describeRoute(other)),
				wire.FieldError{Location: "body.path", Message: "conflicts with " + describeRoute(other), Value: shorten(route.Path)})
			p.Other = other.ID
			return p
		}
		if route, err = s.store.Routes().Create(ctx, route); err != nil {
			return err
		}
		s.routes.Add(route)
		created = wireRoute(route)
		if _, shadowed := s.routes.Shadow(route); shadowed {
			created.Warning = "an older route of another app answers the same requests first"
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &body[wire.Route]{created}, nil
}

// describeRoute names a route for people: "GET example.com/users/:id (id)".
func describeRoute(r store.Route) string {
	method := r.Method
	if method == "" {
		method = "ANY"
	}
	return method + " " + r.Host + r.Path + " (" + r.ID + ")"
}

func (s *Server) listAppRoutes(ctx context.Context, in *AppPath) (*body[wire.Page[wire.Route]], error) {
	app, err := s.findApp(ctx, in.App, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	routes, err := s.store.Routes().ByApp(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Route]]{wirePage(store.Page[store.Route]{Items: routes}, wireRoute)}, nil
}

func (s *Server) listScriptRoutes(ctx context.Context, in *ScriptPath) (*body[wire.Page[wire.Route]], error) {
	script, err := s.findScript(ctx, in.ID, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	routes, err := s.store.Routes().ByScript(ctx, script.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Route]]{wirePage(store.Page[store.Route]{Items: routes}, wireRoute)}, nil
}

func (s *Server) findRoute(ctx context.Context, id string, c authz.Capability) (store.Route, error) {
	route, err := s.store.Routes().Get(ctx, id)
	if err != nil {
		return store.Route{}, unknown(err, "route")
	}
	return route, s.need(ctx, route.AppID, "route", c)
}

func (s *Server) getRoute(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*body[wire.Route], error) {
	route, err := s.findRoute(ctx, in.ID, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	return &body[wire.Route]{wireRoute(route)}, nil
}

func (s *Server) deleteRoute(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*none, error) {
	if _, err := s.findRoute(ctx, in.ID, authz.RouteWrite); err != nil {
		return nil, err
	}
	return nil, s.changes.do(func() error {
		if err := s.store.Routes().Delete(ctx, in.ID); err != nil {
			return err
		}
		s.routes.Remove(in.ID)
		return nil
	})
}

func (s *Server) matchRoute(ctx context.Context, in *struct {
	AppPath
	Body wire.RouteMatch
}) (*body[wire.RouteMatched], error) {
	app, err := s.findApp(ctx, in.App, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	path, err := routing.CleanPath(in.Body.Path)
	if err != nil {
		return nil, invalidField("body.path", err.Error(), in.Body.Path)
	}
	out := &body[wire.RouteMatched]{}
	if routing.Reserved(path) {
		return out, nil
	}
	match, ok := s.routes.Match(in.Body.Method, in.Body.Host, path)
	switch {
	case !ok:
		out.Body.Allow = s.routes.Allow(in.Body.Host, path)
	case match.Route.AppID != app.ID:
		out.Body.Other = true
	default:
		route := wireRoute(match.Route)
		out.Body = wire.RouteMatched{Matched: true, Route: &route, Params: match.Params(), Rest: match.Rest()}
	}
	return out, nil
}

func wireRoute(r store.Route) wire.Route {
	return wire.Route{
		ID: r.ID, AppID: r.AppID, ScriptID: r.ScriptID, Method: r.Method,
		Host: r.Host, HostKind: string(r.HostKind), Path: r.Path, PathKind: string(r.PathKind),
		Dispatch: string(r.Dispatch), CreatedAt: r.CreatedAt.Truncate(time.Microsecond),
	}
}
