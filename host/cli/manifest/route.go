package manifest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/routing"
)

// routeEntry is a route as it is written: a pattern, or a map with it.
type routeEntry routeMapping

type routeMapping struct {
	Route     string          `yaml:"route"`
	CORS      *wire.CORS      `yaml:"cors"`
	Dispatch  string          `yaml:"dispatch"` // sync when absent
	RateLimit *wire.RateLimit `yaml:"rate_limit"`
	Signature *wire.Signature `yaml:"signature"`
}

func (e *routeEntry) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&e.Route)
	}
	for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 { // Decode here knows no KnownFields
		if key := node.Content[i]; key.Value != "route" && key.Value != "cors" && key.Value != "dispatch" && key.Value != "signature" && key.Value != "rate_limit" {
			return fmt.Errorf("line %d: field %s is not known here", key.Line, key.Value)
		} else if err := checkLimitFields(key.Value, node.Content[i+1]); err != nil {
			return err
		}
	}
	return node.Decode((*routeMapping)(e))
}

// checkLimitFields refuses what a rate limit has not: without it a misspelt one would be none.
func checkLimitFields(field string, node *yaml.Node) error {
	for i := 0; field == "rate_limit" && node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
		if key := node.Content[i]; !slices.Contains([]string{"requests", "per_seconds", "burst", "by"}, key.Value) {
			return fmt.Errorf("line %d: field %s is not known here", key.Line, key.Value)
		}
	}
	return nil
}

// parseRoute reads a pattern and checks it as the server will.
func parseRoute(text string) (wire.RouteCreate, error) {
	written, err := ParsePattern(text)
	if err != nil {
		return wire.RouteCreate{}, err
	}
	route, err := routing.Parse(written.Method, written.Host, "", written.Path, "")
	return wire.RouteCreate{Method: route.Method, Host: route.Host, Path: route.Path}, err
}

// A ConflictError is a route that could not be made beside another one of the app.
type ConflictError struct {
	Route, Script string // as a pattern, and the name of its script
	Other, Of     string // the one in its way
	Deployed      bool   // the other is on the server and not in the manifest
}

func (e *ConflictError) Error() string {
	if e.Route == e.Other && e.Script == e.Of {
		return fmt.Sprintf("route %s of %s is there twice", e.Route, e.Script)
	}
	text := fmt.Sprintf("route %s of %s conflicts with %s of %s", e.Route, e.Script, e.Other, e.Of)
	if e.Deployed {
		text += ", which is deployed and not in this manifest: delete it, or deploy with --prune"
	}
	return text
}

// A claim finds the routes of an app that conflict, by the server's own rule.
type claim struct {
	table   *routing.Table
	scripts map[string]string // name of its script, by a route's id
}

func newClaim() *claim { return &claim{routing.NewTable(nil), map[string]string{}} }

// add takes a route up beside the others, unless it conflicts with one.
func (c *claim) add(script string, route wire.RouteCreate) *ConflictError {
	parsed, err := routing.Parse(route.Method, route.Host, "", route.Path, "")
	if err != nil {
		return nil // of a server with other patterns: it decides
	}
	parsed.ID = fmt.Sprint(len(c.scripts))
	if other, ok := c.table.Conflict(parsed); ok {
		return &ConflictError{Route: routeName(route), Script: script,
			Other: Pattern(other.Method, other.Host, other.Path), Of: c.scripts[other.ID]}
	}
	c.scripts[parsed.ID] = script
	c.table.Add(parsed)
	return nil
}

func routeName(route wire.RouteCreate) string { return Pattern(route.Method, route.Host, route.Path) }

// checkRoutes finds the routes of a manifest that conflict with one another.
func checkRoutes(scripts []Script) error {
	claimed := newClaim()
	for i, script := range scripts {
		for j, route := range script.Routes {
			if conflict := claimed.add(script.Name, route); conflict != nil {
				return fmt.Errorf("scripts[%d]: routes[%d]: %w", i, j, conflict)
			}
		}
	}
	return nil
}

// routeStep creates a route or leaves it.
type routeStep struct {
	script string // its name
	route  wire.RouteCreate
	id     string // "" when it is to be created
	there  wire.Route
	fields []string // that differ, of the one that is there
}

// routeDeletion deletes a route.
type routeDeletion struct{ route wire.Route }

// routeSteps are the steps about routes. What is not wanted goes first: it may be in the way of
// what is.
type routeSteps struct {
	ofModules []step // deletions of routes of endpoints that become modules
	deleted   []step
	wanted    []step
}

// planRoutes returns the steps that give the scripts the routes that are wanted. A route that
// another script of the app will keep is no conflict yet, but would be one half-way: it is refused
// here.
func planRoutes(want []Script, present map[string]wire.Script, routes []wire.Route, prune bool) (routeSteps, error) {
	type key struct{ script, method, host, path string }
	var steps routeSteps
	there := map[key]wire.Route{}
	kept := newClaim()
	for _, route := range routes {
		script, name := ownerOf(route, want, present)
		switch {
		case script == nil && prune: // goes with its script
		case script != nil && script.Routes != nil && !slices.ContainsFunc(script.Routes, sameRoute(route)):
			if script.Kind != nil && *script.Kind == abi.KindModule {
				steps.ofModules = append(steps.ofModules, &routeDeletion{route})
			} else {
				steps.deleted = append(steps.deleted, &routeDeletion{route})
			}
		default:
			there[key{name, route.Method, route.Host, route.Path}] = route
			kept.add(name, wire.RouteCreate{Method: route.Method, Host: route.Host, Path: route.Path})
		}
	}
	for _, script := range want {
		for _, route := range script.Routes {
			s := &routeStep{script: script.Name, route: route}
			if found, ok := there[key{script.Name, route.Method, route.Host, route.Path}]; ok {
				s.id, s.there = found.ID, found
				if !sameCORS(found.CORS, route.CORS) {
					s.fields = append(s.fields, "cors")
				}
				if !sameLimit(found.RateLimit, route.RateLimit) {
					s.fields = append(s.fields, "rate_limit")
				}
				if cmp.Or(found.Dispatch, "sync") != dispatchOf(route) {
					s.fields = append(s.fields, "dispatch")
				}
				if !sameSignature(found.Signature, route.Signature) {
					s.fields = append(s.fields, "signature")
				}
			} else if conflict := kept.add(script.Name, route); conflict != nil {
				conflict.Deployed = true
				return routeSteps{}, conflict
			}
			steps.wanted = append(steps.wanted, s)
		}
	}
	return steps, nil
}

// ownerOf returns the script that a route belongs to: as it is wanted, or nil, and its name.
func ownerOf(route wire.Route, want []Script, present map[string]wire.Script) (*Script, string) {
	name := route.ScriptID
	for _, script := range present {
		if script.ID == route.ScriptID {
			name = script.Name
		}
	}
	if i := slices.IndexFunc(want, func(s Script) bool { return s.Name == name }); i >= 0 {
		return &want[i], name
	}
	return nil, name
}

func sameRoute(route wire.Route) func(wire.RouteCreate) bool {
	return func(wanted wire.RouteCreate) bool {
		return wanted.Method == route.Method && wanted.Host == route.Host && wanted.Path == route.Path
	}
}

func (s *routeStep) planned() Change {
	change := Change{What: "route", Name: routeName(s.route), Result: Unchanged, ID: s.id}
	switch {
	case s.id == "":
		change.Result = Created
	case len(s.fields) > 0:
		change.Result, change.Fields = Updated, s.fields
	}
	return change
}

// sameLimit reports whether a limit that is there is as it is wanted.
func sameLimit(there, wanted *wire.RateLimit) bool {
	if wanted != nil && wanted.Requests == 0 {
		wanted = nil
	}
	if there == nil || wanted == nil {
		return there == wanted
	}
	whole := *wanted
	whole.PerSeconds, whole.By = cmp.Or(whole.PerSeconds, 1), cmp.Or(whole.By, "address")
	if header, ok := strings.CutPrefix(whole.By, "header:"); ok {
		whole.By = "header:" + strings.ToLower(header)
	}
	return *there == whole
}

// dispatchOf is when a route's caller is answered.
func dispatchOf(route wire.RouteCreate) string { return cmp.Or(route.Dispatch, "sync") }

// sameCORS reports whether a policy that is there is as it is wanted.
func sameCORS(there, wanted *wire.CORS) bool {
	if there == nil || wanted == nil {
		return there == nil && wanted == nil
	}
	checked, err := routing.CheckCORS(routing.CORS(*wanted))
	if err != nil {
		return false // the server says what is wrong
	}
	a, _ := json.Marshal(routing.CORS(*there))
	b, _ := json.Marshal(checked)
	return bytes.Equal(a, b)
}

// defaultTolerance is the server's, in seconds.
const defaultTolerance = 300

// sameSignature reports whether a route demands what is wanted.
func sameSignature(there, wanted *wire.Signature) bool {
	if wanted != nil && wanted.Scheme == "none" {
		wanted = nil
	}
	if there == nil || wanted == nil {
		return there == wanted
	}
	tolerance := wanted.Tolerance
	if tolerance == 0 && there.Tolerance != 0 { // of a scheme that signs a time
		tolerance = defaultTolerance
	}
	return there.Scheme == wanted.Scheme && there.Secret == wanted.Secret && there.Tolerance == tolerance
}

func (s *routeStep) diff() (d difference) {
	for _, field := range s.fields {
		switch field {
		case "cors":
			d.field(field, s.there.CORS, s.route.CORS)
		case "rate_limit":
			d.field(field, s.there.RateLimit, s.route.RateLimit)
		case "dispatch":
			d.field(field, cmp.Or(s.there.Dispatch, "sync"), dispatchOf(s.route))
		case "signature":
			d.field(field, s.there.Signature, s.route.Signature)
		}
	}
	return d
}

func (s *routeStep) change(context.Context, *application) (*wire.DeployChange, error) {
	switch s.planned().Result {
	case Created:
		return request("create-route", s.script, s.route), nil
	case Updated:
		update := wire.RouteUpdate{CORS: s.route.CORS, Dispatch: dispatchOf(s.route), Signature: s.route.Signature, RateLimit: s.limit()}
		if update.Signature == nil && slices.Contains(s.fields, "signature") {
			update.Signature = &wire.Signature{Scheme: "none"}
		}
		return request("update-route", s.id, update), nil
	}
	return nil, nil
}

func (s *routeStep) explain(err error) error {
	return fmt.Errorf("route %s of %s: %w", routeName(s.route), s.script, err)
}

// limit is what the route's limit becomes: none, if there is one and the manifest has none.
func (s *routeStep) limit() *wire.RateLimit {
	if s.route.RateLimit == nil && slices.Contains(s.fields, "rate_limit") {
		return &wire.RateLimit{}
	}
	return s.route.RateLimit
}

func (s *routeDeletion) planned() Change {
	return Change{What: "route", Name: Pattern(s.route.Method, s.route.Host, s.route.Path), Result: Deleted, ID: s.route.ID}
}

func (s *routeDeletion) change(context.Context, *application) (*wire.DeployChange, error) {
	return request("delete-route", s.route.ID, nil), nil
}

func (s *routeDeletion) explain(err error) error {
	return fmt.Errorf("delete route %s: %w", s.planned().Name, err)
}
