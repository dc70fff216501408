package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// CORSFlags say which pages of other origins may use what answers a request. Without any the policy
// that is there is shown.
type CORSFlags struct {
	Origin      []string `placeholder:"ORIGIN" help:"An origin whose pages may: https://a.example, https://*.a.example, or * for all. May be repeated, as all lists."`
	Method      []string `placeholder:"METHOD" help:"A method they may use; those that routes have when absent."`
	Header      []string `placeholder:"NAME" help:"A header they may send; those they ask for when absent."`
	Expose      []string `placeholder:"NAME" help:"A header of responses that they may read."`
	Credentials bool     `help:"Cookies and Authorization are sent."`
	MaxAge      int64    `placeholder:"SECONDS" help:"How long a browser may keep the answer to a preflight."`
	Off         bool     `help:"No page of another origin may, from now on."`
}

// policy is what the flags ask for, nil when there are none.
func (f *CORSFlags) policy() (*wire.CORS, error) {
	others := len(f.Method)+len(f.Header)+len(f.Expose) > 0 || f.Credentials || f.MaxAge != 0
	switch {
	case f.Off && (others || len(f.Origin) > 0):
		return nil, &usageError{fmt.Errorf("--off stands alone")}
	case f.Off:
		return &wire.CORS{Origins: []string{}}, nil
	case others && len(f.Origin) == 0:
		return nil, &usageError{fmt.Errorf("--origin is missing: whose pages may?")}
	case len(f.Origin) == 0:
		return nil, nil
	}
	return &wire.CORS{
		Origins: f.Origin, Methods: f.Method, Headers: f.Header, Expose: f.Expose, Credentials: f.Credentials, MaxAge: f.MaxAge,
	}, nil
}

// show prints a policy.
func (f *CORSFlags) show(r *Remote, policy *wire.CORS, none string) error {
	if policy == nil || len(policy.Origins) == 0 && r.Output != "json" {
		return r.printDone(policy, "%s", none)
	}
	list := func(of func(*wire.CORS) []string) func(*wire.CORS) string {
		return func(p *wire.CORS) string { return strings.Join(of(p), " ") }
	}
	return printOne(r, policy, []column[*wire.CORS]{
		{"ORIGINS", list(func(p *wire.CORS) []string { return p.Origins })},
		{"METHODS", list(func(p *wire.CORS) []string { return p.Methods })},
		{"HEADERS", list(func(p *wire.CORS) []string { return p.Headers })},
		{"EXPOSE", list(func(p *wire.CORS) []string { return p.Expose })},
		{"CREDENTIALS", func(p *wire.CORS) string { return strconv.FormatBool(p.Credentials) }},
		{"MAX AGE", func(p *wire.CORS) string { return fmt.Sprintf("%d s", p.MaxAge) }},
	})
}

// AppsCORSCmd is `picloud apps cors`.
type AppsCORSCmd struct {
	App string `arg:"" help:"Slug or id." complete:"apps"`
	CORSFlags
}

// Run shows or changes the policy of the app.
func (cmd *AppsCORSCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	policy, err := cmd.policy()
	if err != nil {
		return err
	}
	var app wire.App
	if policy == nil {
		app, err = c.App(ctx, cmd.App)
	} else {
		app, err = c.UpdateApp(ctx, cmd.App, wire.AppUpdate{CORS: policy})
	}
	if err != nil {
		return err
	}
	return cmd.show(r, app.CORS, "No page of another origin may use the app.")
}

// RoutesCORSCmd is `picloud routes cors`.
type RoutesCORSCmd struct {
	Route []string `arg:"" help:"Id, or the route as it was added: [METHOD] [HOST]/PATH." complete:"routes"`
	CORSFlags
	Inherit bool `help:"The policy of the app counts again."`
}

// Run shows or changes the policy of the route.
func (cmd *RoutesCORSCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	policy, err := cmd.policy()
	if err != nil {
		return err
	}
	if cmd.Inherit && policy != nil {
		return &usageError{fmt.Errorf("--inherit stands alone")}
	}
	route, err := findRoute(ctx, c, in.App, strings.Join(cmd.Route, " "))
	if err != nil {
		return err
	}
	if policy != nil || cmd.Inherit {
		if route, err = c.UpdateRoute(ctx, route.ID, wire.RouteUpdate{CORS: policy}); err != nil {
			return err
		}
	}
	none := "The policy of the app counts."
	if route.CORS != nil {
		none = fmt.Sprintf("No page of another origin may use %s.", manifest.Pattern(route.Method, route.Host, route.Path))
	}
	return cmd.show(r, route.CORS, none)
}
