package cli

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// RoutesCmd groups the commands on routes.
type RoutesCmd struct {
	Remote
	InApp
	List      RoutesListCmd      `cmd:"" help:"List the routes of the app or of one script."`
	Add       RoutesAddCmd       `cmd:"" help:"Bind requests to a script."`
	CORS      RoutesCORSCmd      `cmd:"" name:"cors" help:"Show or change which pages of other origins may use a route."`
	Limit     RoutesLimitCmd     `cmd:"" help:"Show or change how often a route may be used."`
	Signature RoutesSignatureCmd `cmd:"" help:"Show or change the signature that a route demands."`
	Delete    RoutesDeleteCmd    `cmd:"" help:"Delete a route."`
	Match     RoutesMatchCmd     `cmd:"" help:"Tell which route would answer a request."`
}

// A namedRoute is a route beside the name of its script.
type namedRoute struct {
	wire.Route
	Script string `json:"script"`
}

var routeColumns = []column[namedRoute]{
	{"ROUTE", func(n namedRoute) string { return manifest.Pattern(n.Method, n.Host, n.Path) }},
	{"SCRIPT", func(n namedRoute) string { return n.Script }},
	{"KIND", func(n namedRoute) string {
		kind := n.HostKind + " " + n.PathKind
		if n.Dispatch == "async" {
			kind += " async"
		}
		if n.Signature != nil {
			kind += " signed"
		}
		return kind
	}},
	{"ID", func(n namedRoute) string { return n.ID }},
}

// scriptNames maps the ids of an app's scripts to their names.
func scriptNames(ctx context.Context, c *client.Client, app string) (map[string]string, error) {
	names := map[string]string{}
	for script, err := range c.Scripts(ctx, app) {
		if err != nil {
			return nil, err
		}
		names[script.ID] = script.Name
	}
	return names, nil
}

// RoutesListCmd is `picloud routes list`.
type RoutesListCmd struct {
	Script string `arg:"" optional:"" help:"Name or id of a script; all of the app's when absent." complete:"scripts"`
}

// Run lists the routes.
func (cmd *RoutesListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	listing := c.AppRoutes(ctx, in.App)
	names, err := scriptNames(ctx, c, in.App)
	if err != nil {
		return err
	}
	if cmd.Script != "" {
		script, err := findScript(ctx, c, in.App, cmd.Script)
		if err != nil {
			return err
		}
		listing, names[script.ID] = c.ScriptRoutes(ctx, script.ID), script.Name
	}
	var routes []namedRoute
	for route, err := range listing {
		if err != nil {
			return err
		}
		routes = append(routes, namedRoute{route, names[route.ScriptID]})
	}
	return printAll(r, routes, routeColumns)
}

// RoutesAddCmd is `picloud routes add`.
type RoutesAddCmd struct {
	ScriptArg
	Route []string `arg:"" help:"What to answer: [METHOD] [HOST]/PATH, such as GET /todos/:id."`
	Async bool     `help:"Answer 202 at once, and run the script later."`
	SignatureFlags
}

// Run adds the route.
func (cmd *RoutesAddCmd) Run(ctx context.Context, r *Remote, c *client.Client, script wire.Script) error {
	create, err := manifest.ParsePattern(strings.Join(cmd.Route, " "))
	if err != nil {
		return &usageError{err}
	}
	if cmd.Async {
		create.Dispatch = "async"
	}
	if create.Signature, err = cmd.signature(); err != nil {
		return err
	}
	route, err := c.CreateRoute(ctx, script.ID, create)
	if err != nil {
		return err
	}
	if route.Warning != "" {
		r.notices.warn("%s", route.Warning)
	}
	return r.printDone(route, "Route %s bound to %s.", manifest.Pattern(route.Method, route.Host, route.Path), script.Name)
}

// RoutesDeleteCmd is `picloud routes delete`.
type RoutesDeleteCmd struct {
	Confirmation
	Route []string `arg:"" help:"Id, or the route as it was added: [METHOD] [HOST]/PATH." complete:"routes"`
}

// Run deletes the route.
func (cmd *RoutesDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	route, err := findRoute(ctx, c, in.App, strings.Join(cmd.Route, " "))
	if err != nil {
		return err
	}
	if err := cmd.confirm(ctx, r, "Delete the route %s?", manifest.Pattern(route.Method, route.Host, route.Path)); err != nil {
		return err
	}
	if err := c.DeleteRoute(ctx, route.ID); err != nil {
		return err
	}
	return r.printDone(route, "Route %s deleted.", manifest.Pattern(route.Method, route.Host, route.Path))
}

// findRoute finds a route of an app by its id, or as it was added: [METHOD] [HOST]/PATH.
func findRoute(ctx context.Context, c *client.Client, app, ref string) (wire.Route, error) {
	same := func(route wire.Route) bool { return route.ID == ref }
	if strings.Contains(ref, "/") {
		wanted, err := manifest.ParsePattern(ref)
		if err != nil {
			return wire.Route{}, &usageError{err}
		}
		same = func(route wire.Route) bool {
			return route.Method == wanted.Method && route.Host == wanted.Host && route.Path == wanted.Path
		}
	}
	routes, err := client.Collect(c.AppRoutes(ctx, app))
	if err != nil {
		return wire.Route{}, err
	}
	i := slices.IndexFunc(routes, same)
	if i < 0 {
		return wire.Route{}, fmt.Errorf("app %s has no route %q", app, ref)
	}
	return routes[i], nil
}

// RoutesMatchCmd is `picloud routes match`.
type RoutesMatchCmd struct {
	Request []string `arg:"" help:"A request: [METHOD] PATH or [METHOD] URL. GET when there is no method."`
}

// Run shows the route that matches. No match is a failure.
func (cmd *RoutesMatchCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	request, err := parseRequestLine(cmd.Request)
	if err != nil {
		return &usageError{err}
	}
	matched, err := c.MatchRoute(ctx, in.App, request)
	if err != nil {
		return err
	}
	if r.Output == "json" {
		if err := r.printJSON(matched); err != nil {
			return err
		}
	}
	switch {
	case matched.Other:
		return errNoMatch("a route of another app answers this request")
	case !matched.Matched && len(matched.Allow) > 0:
		return errNoMatch("no route answers this method, only " + strings.Join(matched.Allow, ", "))
	case !matched.Matched || matched.Route == nil:
		return errNoMatch("no route answers this request")
	case r.Output == "json":
		return nil
	}
	names, err := scriptNames(ctx, c, in.App)
	if err != nil {
		return err
	}
	columns := slices.Clone(routeColumns)
	for _, name := range slices.Sorted(maps.Keys(matched.Params)) {
		columns = append(columns, column[namedRoute]{":" + name, func(namedRoute) string { return matched.Params[name] }})
	}
	if matched.Rest != "" {
		columns = append(columns, column[namedRoute]{"REST", func(namedRoute) string { return matched.Rest }})
	}
	return printOne(r, namedRoute{*matched.Route, names[matched.Route.ScriptID]}, columns)
}

// errNoMatch says why no route matches.
type errNoMatch string

func (e errNoMatch) Error() string { return string(e) }

// parseRequestLine reads "[METHOD] PATH" or "[METHOD] URL".
func parseRequestLine(words []string) (wire.RouteMatch, error) {
	request := wire.RouteMatch{Method: "GET"}
	target := words[len(words)-1]
	switch len(words) {
	case 1:
	case 2:
		request.Method = strings.ToUpper(words[0])
	default:
		return request, fmt.Errorf("want [METHOD] PATH or [METHOD] URL, got %q", strings.Join(words, " "))
	}
	u, err := url.Parse(target)
	if err != nil || !strings.HasPrefix(u.Path, "/") {
		return request, fmt.Errorf("want a path that starts with / or a URL, got %q", target)
	}
	request.Host, request.Path = u.Host, u.EscapedPath()
	return request, nil
}
