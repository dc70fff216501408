package catalog

import (
	"context"
	"fmt"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// CreateRoute binds requests to a script. route is as [routing.Parse] gives it. One that would take
// requests from a route of another app is refused; shadowed reports whether, the other way round, a
// route of another app answers some of its requests first.
func (c *Catalog) CreateRoute(ctx context.Context, script store.Script, route store.Route) (created store.Route, shadowed bool, err error) {
	if script.Kind == abi.KindModule {
		return store.Route{}, false, &fault.Error{
			Code: fault.Invalid, Field: "id", Reason: "is a module, which cannot have routes", Value: script.ID,
		}
	}
	route.AppID, route.ScriptID = script.AppID, script.ID
	if route.CORS != nil {
		if route.CORS, err = routing.CheckCORS(*route.CORS); err != nil {
			return store.Route{}, false, err
		}
	}
	err = c.change(ctx, func(tx store.Store) error {
		if other, taken := c.routes.Conflict(route); taken {
			return &fault.Error{
				Code: fault.Conflict, Text: fmt.Sprintf("the route %s could match the same requests at the same precedence", describe(other)),
				Field: "path", Reason: "conflicts with " + describe(other), Value: route.Path, Other: other.ID,
			}
		}
		if _, takes := c.routes.Takes(route); takes { // which of them is not for this app to know
			const reason = "would take requests of this host from a route of another app"
			return &fault.Error{Code: fault.Conflict, Text: "the route " + reason, Field: "path", Reason: reason, Value: route.Path}
		}
		created, err = tx.Routes().Create(ctx, route)
		return err
	})
	if err != nil {
		return store.Route{}, false, err
	}
	_, shadowed = c.routes.Shadow(created)
	return created, shadowed, nil
}

// SetRouteCORS gives a route a CORS policy of its own, or nil for its app's.
func (c *Catalog) SetRouteCORS(ctx context.Context, id string, cors *store.CORS) (route store.Route, err error) {
	if cors != nil {
		if cors, err = routing.CheckCORS(*cors); err != nil {
			return store.Route{}, err
		}
	}
	err = c.change(ctx, func(tx store.Store) error {
		route, err = tx.Routes().SetCORS(ctx, id, cors)
		return err
	})
	return route, err
}

// DeleteRoute removes a route.
func (c *Catalog) DeleteRoute(ctx context.Context, id string) error {
	return c.change(ctx, func(tx store.Store) error { return tx.Routes().Delete(ctx, id) })
}

// describe names a route for people: "GET example.com/users/:id (id)".
func describe(r store.Route) string {
	method := r.Method
	if method == "" {
		method = "ANY"
	}
	return method + " " + r.Host + r.Path + " (" + r.ID + ")"
}
