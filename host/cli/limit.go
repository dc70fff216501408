package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// RoutesLimitCmd is `picloud routes limit`. Without flags it shows the limit.
type RoutesLimitCmd struct {
	Route    []string `arg:"" help:"Id, or the route as it was added: [METHOD] [HOST]/PATH." complete:"routes"`
	Requests int64    `placeholder:"N" help:"Requests that are taken on average, on each node; more are answered 429."`
	Per      int64    `default:"1" placeholder:"SECONDS" help:"The time in which (default ${default})."`
	Burst    int64    `placeholder:"N" help:"Requests that may come at once; as many as --requests when absent."`
	By       string   `default:"address" placeholder:"WHAT" help:"Whose requests are counted together: address, route for all, or header:NAME (default ${default})."`
	Off      bool     `help:"Without limit, from now on."`
}

// Run shows or changes the limit of the route.
func (cmd *RoutesLimitCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if cmd.Off && cmd.Requests != 0 {
		return &usageError{errors.New("--off stands alone")}
	}
	if cmd.Requests == 0 && cmd.Burst != 0 {
		return &usageError{errors.New("--requests is missing")}
	}
	route, err := findRoute(ctx, c, in.App, strings.Join(cmd.Route, " "))
	if err != nil {
		return err
	}
	limit := &wire.RateLimit{Requests: cmd.Requests, PerSeconds: cmd.Per, Burst: cmd.Burst, By: cmd.By}
	if cmd.Off || cmd.Requests != 0 {
		if route, err = c.UpdateRoute(ctx, route.ID, wire.RouteUpdate{CORS: route.CORS, RateLimit: limit}); err != nil {
			return err
		}
	}
	return r.printDone(route.RateLimit, "%s is used %s.", manifest.Pattern(route.Method, route.Host, route.Path), limitText(route.RateLimit))
}

// limitText says in words how often a route may be used.
func limitText(limit *wire.RateLimit) string {
	if limit == nil {
		return "without limit"
	}
	text := fmt.Sprintf("%s in %d s", plural(limit.Requests, "time"), limit.PerSeconds)
	if limit.Burst != 0 {
		text += fmt.Sprintf(", %d at once,", limit.Burst)
	}
	if limit.By == "route" {
		return text + " at most"
	}
	return text + " at most, by " + limit.By
}
