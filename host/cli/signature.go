package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// SignatureFlags say what signature a route demands.
type SignatureFlags struct {
	Signature string        `enum:"standard-webhooks,github,stripe," default:"" placeholder:"SCHEME" help:"Requests must be signed as Standard Webhooks, GitHub or Stripe do: ${enum}."`
	Secret    string        `placeholder:"NAME" help:"The app's secret with the keys of the sender, one a line." complete:"secrets"`
	Tolerance time.Duration `placeholder:"DURATION" help:"How far the signed time may be from now; 5m when absent. GitHub signs no time."`
}

// signature is what the flags ask for, nil when there are none.
func (f *SignatureFlags) signature() (*wire.Signature, error) {
	switch {
	case f.Signature == "" && (f.Secret != "" || f.Tolerance != 0):
		return nil, &usageError{errors.New("--signature is missing: how does the sender sign?")}
	case f.Signature == "":
		return nil, nil
	case f.Secret == "":
		return nil, &usageError{errors.New("--secret is missing: which has the keys of the sender?")}
	case f.Tolerance < 0 || f.Tolerance%time.Second != 0:
		return nil, &usageError{fmt.Errorf("--tolerance must be whole seconds, got %v", f.Tolerance)}
	}
	return &wire.Signature{Scheme: strings.ReplaceAll(f.Signature, "-", "_"), Secret: f.Secret, Tolerance: int(f.Tolerance / time.Second)}, nil
}

// RoutesSignatureCmd is `picloud routes signature`.
type RoutesSignatureCmd struct {
	Route []string `arg:"" help:"Id, or the route as it was added: [METHOD] [HOST]/PATH." complete:"routes"`
	SignatureFlags
	Off bool `help:"The route takes unsigned requests, from now on."`
}

// Run shows or changes the signature that the route demands.
func (cmd *RoutesSignatureCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	signature, err := cmd.signature()
	if err != nil {
		return err
	}
	if cmd.Off {
		if signature != nil {
			return &usageError{errors.New("--off stands alone")}
		}
		signature = &wire.Signature{Scheme: "none"}
	}
	route, err := findRoute(ctx, c, in.App, strings.Join(cmd.Route, " "))
	if err != nil {
		return err
	}
	if signature != nil {
		if route, err = c.UpdateRoute(ctx, route.ID, wire.RouteUpdate{CORS: route.CORS, Signature: signature}); err != nil {
			return err
		}
		if route.Warning != "" {
			r.notices.warn("%s", route.Warning)
		}
	}
	if route.Signature == nil {
		return r.printDone(route.Signature, "%s takes unsigned requests.", manifest.Pattern(route.Method, route.Host, route.Path))
	}
	return printOne(r, route.Signature, []column[*wire.Signature]{
		{"SCHEME", func(s *wire.Signature) string { return s.Scheme }},
		{"SECRET", func(s *wire.Signature) string { return s.Secret }},
		{"TOLERANCE", func(s *wire.Signature) string {
			if s.Tolerance == 0 {
				return ""
			}
			return (time.Duration(s.Tolerance) * time.Second).String()
		}},
	})
}
