package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// AppRoutes lists the routes of an app, named by id or slug.
func (c *Client) AppRoutes(ctx context.Context, app string) iter.Seq2[wire.Route, error] {
	return list[wire.Route](ctx, c, "apps", app, "routes")
}

// ScriptRoutes lists the routes of a script.
func (c *Client) ScriptRoutes(ctx context.Context, scriptID string) iter.Seq2[wire.Route, error] {
	return list[wire.Route](ctx, c, "scripts", scriptID, "routes")
}

// CreateRoute binds requests to a script.
func (c *Client) CreateRoute(ctx context.Context, scriptID string, route wire.RouteCreate) (wire.Route, error) {
	return call[wire.Route](ctx, c, http.MethodPost, []string{"scripts", scriptID, "routes"}, nil, route)
}

// UpdateRoute changes the CORS policy of a route, when its caller is answered, and the signature that it
// demands.
func (c *Client) UpdateRoute(ctx context.Context, id string, change wire.RouteUpdate) (wire.Route, error) {
	return call[wire.Route](ctx, c, http.MethodPut, []string{"routes", id}, nil, change)
}

// DeleteRoute removes a route.
func (c *Client) DeleteRoute(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"routes", id}, nil, nil, nil)
}

// MatchRoute returns which route of an app would answer a request.
func (c *Client) MatchRoute(ctx context.Context, app string, request wire.RouteMatch) (wire.RouteMatched, error) {
	return call[wire.RouteMatched](ctx, c, http.MethodPost, []string{"apps", app, "routes:match"}, nil, request)
}
