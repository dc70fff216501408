package store

import (
	"context"
	"time"
)

// HostKind is how a route's host is compared.
type HostKind string

// The kinds of host.
const (
	HostAny      HostKind = "any"      // every host
	HostStrict   HostKind = "strict"   // this host
	HostWildcard HostKind = "wildcard" // *.example.com
)

// PathKind is how a route's path is compared.
type PathKind string

// The kinds of path.
const (
	PathExact  PathKind = "exact"  // /greet
	PathParam  PathKind = "param"  // /users/:id
	PathPrefix PathKind = "prefix" // /hooks/*
)

// Dispatch is when a route's caller is answered.
type Dispatch string

// The ways to dispatch.
const (
	DispatchSync  Dispatch = "sync"  // with the script's response
	DispatchAsync Dispatch = "async" // at once, the script runs later
)

// Route binds requests to a script. An app has at most one route for a method, host and path.
type Route struct {
	ID        string
	AppID     string // the script's app
	ScriptID  string
	Method    string // "" for any
	Host      string // "" for any
	HostKind  HostKind
	Path      string
	PathKind  PathKind
	Dispatch  Dispatch
	CORS      *CORS      // nil: the app's counts
	Signature *Signature // that its requests must have; nil: none
	AppCORS   *CORS      // of the app, when the route was read; nil: it has none
	CreatedAt time.Time
}

// Policy returns the CORS policy of the route: its own, else its app's. nil: there is none.
func (r Route) Policy() *CORS {
	if r.CORS != nil {
		return r.CORS
	}
	return r.AppCORS
}

// Signature is what a route demands of its requests before anything runs.
type Signature struct {
	Scheme    string `json:"scheme"`              // of package signing
	Secret    string `json:"secret"`              // the name of the app's secret with the keys
	Tolerance int    `json:"tolerance,omitempty"` // how far the signed time may be from now, seconds; 0 of a scheme without
}

// Routes keeps the routes.
type Routes interface {
	// Create keeps a new route and returns it with id and time. The same method, host and path in
	// the app is a [Conflict] on "path" whose Other is the id of the route in the way; a script
	// that is not in the app is [fault.NotFound].
	Create(ctx context.Context, route Route) (Route, error)
	// Get finds a route by id.
	Get(ctx context.Context, id string) (Route, error)
	// All lists every route of every app in the order of their ids, to build the routing table.
	All(ctx context.Context) ([]Route, error)
	// ByApp lists the routes of an app in the order of path, host and method.
	ByApp(ctx context.Context, appID string) ([]Route, error)
	// ByScript lists the routes of a script in the order of path, host and method.
	ByScript(ctx context.Context, scriptID string) ([]Route, error)
	// SetCORS gives a route a policy of its own, or takes it away, and returns the route.
	SetCORS(ctx context.Context, id string, cors *CORS) (Route, error)
	// SetDispatch changes when a route's caller is answered, and returns the route.
	SetDispatch(ctx context.Context, id string, dispatch Dispatch) (Route, error)
	// SetSignature gives a route a signature that it demands, or nil for none, and returns the route.
	SetSignature(ctx context.Context, id string, signature *Signature) (Route, error)
	// Delete removes a route.
	Delete(ctx context.Context, id string) error
}
