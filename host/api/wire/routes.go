package wire

import (
	"time"
)

// Route binds requests to a script.
type Route struct {
	ID        string     `json:"id" doc:"UUIDv7"`
	AppID     string     `json:"app_id"`
	ScriptID  string     `json:"script_id"`
	Method    string     `json:"method" doc:"Empty for any"`
	Host      string     `json:"host" doc:"Empty for any"`
	HostKind  string     `json:"host_kind" enum:"any,strict,wildcard"`
	Path      string     `json:"path"`
	PathKind  string     `json:"path_kind" enum:"exact,param,prefix"`
	Dispatch  string     `json:"dispatch" enum:"sync,async"`
	CORS      *CORS      `json:"cors,omitempty" doc:"The route's own; absent: its app's counts"`
	RateLimit *RateLimit `json:"rate_limit,omitempty" doc:"Absent: none"`
	Signature *Signature `json:"signature,omitempty" doc:"That its requests must have; absent: none"`
	CreatedAt time.Time  `json:"created_at"`
	Warning   string     `json:"warning,omitempty" doc:"Set when the route was made or changed, and a route of another app answers its requests first, or the secret of its signature is missing"`
}

// RouteCreate is the body of POST scripts/{id}/routes. Kinds are inferred when
// absent and checked when given.
type RouteCreate struct {
	Method    string     `json:"method,omitempty" doc:"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS; empty or ANY for all. GET answers HEAD too"`
	Path      string     `json:"path" minLength:"1" doc:"/greet, /users/:id or /hooks/*"`
	PathKind  string     `json:"path_kind,omitempty" enum:"exact,param,prefix"`
	Host      string     `json:"host,omitempty" doc:"Empty for any, api.example.com, or *.example.com for the names below it; one of the app's domains"`
	HostKind  string     `json:"host_kind,omitempty" enum:"any,strict,wildcard"`
	Dispatch  string     `json:"dispatch,omitempty" enum:"sync,async" default:"sync" doc:"async answers 202 with the id of the execution at once, and runs later"`
	CORS      *CORS      `json:"cors,omitempty" doc:"Absent: its app's counts"`
	RateLimit *RateLimit `json:"rate_limit,omitempty" doc:"Absent: none"`
	Signature *Signature `json:"signature,omitempty" doc:"That its requests must have; absent: none"`
}

// Signature is what a route demands of its requests before anything runs.
type Signature struct {
	Scheme    string `json:"scheme" yaml:"scheme" enum:"standard_webhooks,github,stripe,none" doc:"How the sender signs. none takes the signature of a route away"`
	Secret    string `json:"secret,omitempty" yaml:"secret" doc:"Name of the app's secret with the keys of the sender, one a line; needed unless the scheme is none"`
	Tolerance int    `json:"tolerance,omitempty" yaml:"tolerance" minimum:"1" maximum:"86400" doc:"How far the signed time may be from now, in seconds; 300 when absent. github signs no time"`
}

// RouteUpdate is the body of PUT routes/{id}.
type RouteUpdate struct {
	CORS      *CORS      `json:"cors,omitempty" doc:"Absent: its app's counts"`
	Dispatch  string     `json:"dispatch,omitempty" enum:"sync,async" doc:"Absent: it stays"`
	Signature *Signature `json:"signature,omitempty" doc:"Absent: it stays"`
	RateLimit *RateLimit `json:"rate_limit,omitempty" doc:"Absent: it stays; with 0 requests: none any more"`
}

// RateLimit bounds how often a route is used, on each node. More are answered 429 with Retry-After.
type RateLimit struct {
	Requests   int64  `json:"requests" yaml:"requests" minimum:"0" maximum:"1000000" doc:"On average; 0: without limit"`
	PerSeconds int64  `json:"per_seconds,omitempty" yaml:"per_seconds" minimum:"1" maximum:"86400" default:"1" doc:"In so many seconds"`
	Burst      int64  `json:"burst,omitempty" yaml:"burst" minimum:"0" maximum:"1000000" doc:"That may come at once; 0 or absent: as many as requests"`
	By         string `json:"by,omitempty" yaml:"by" default:"address" doc:"Whose requests are counted together: those of a client's address (of IPv6, of its network of 64 bits), all of the route, or header:NAME, those with the same value of a header"`
}

// RouteMatch is the body of POST apps/{app}/routes:match.
type RouteMatch struct {
	Method string `json:"method,omitempty" default:"GET"`
	Host   string `json:"host,omitempty" doc:"As a request would send it; a port is ignored"`
	Path   string `json:"path" minLength:"1" doc:"As a request would send it, percent-encoding included"`

	New *RoutePattern `json:"new,omitempty" doc:"A route that may be made: conflict tells of one that it cannot be beside"`
}

// RoutePattern is what a route matches, as it is written.
type RoutePattern struct {
	Method string `json:"method,omitempty" doc:"Empty or ANY for all"`
	Host   string `json:"host,omitempty" doc:"Empty for any"`
	Path   string `json:"path" minLength:"1" doc:"/greet, /users/:id or /hooks/*"`
}

// RouteMatched answers it.
type RouteMatched struct {
	Matched  bool              `json:"matched"`
	Route    *Route            `json:"route,omitempty" doc:"Absent when nothing matches, or another app's route does"`
	Other    bool              `json:"other_app,omitempty" doc:"A route of another app answers this request"`
	Params   map[string]string `json:"params,omitempty"`
	Rest     string            `json:"rest,omitempty"`
	Allow    []string          `json:"allow,omitempty" doc:"Methods that would match, when only the method does not"`
	Conflict *Route            `json:"conflict,omitempty" doc:"The app's route that could match the same requests as new at the same precedence: new is refused beside it"`
}
