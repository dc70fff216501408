package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Scripts lists an app's scripts, without their sources, in the order of their
// names.
func (c *Client) Scripts(ctx context.Context, app string) iter.Seq2[wire.Script, error] {
	return list[wire.Script](ctx, c, "apps", app, "scripts")
}

// Script finds a script by id.
func (c *Client) Script(ctx context.Context, id string) (wire.Script, error) {
	return call[wire.Script](ctx, c, http.MethodGet, []string{"scripts", id}, nil, nil)
}

// CreateScript makes a script in an app, named by id or slug.
func (c *Client) CreateScript(ctx context.Context, app string, script wire.ScriptCreate) (wire.Script, error) {
	return call[wire.Script](ctx, c, http.MethodPost, []string{"apps", app, "scripts"}, nil, script)
}

// UpdateScript changes a script, which makes a new version of it.
func (c *Client) UpdateScript(ctx context.Context, id string, change wire.ScriptUpdate) (wire.Script, error) {
	return call[wire.Script](ctx, c, http.MethodPut, []string{"scripts", id}, nil, change)
}

// DeleteScript removes a script with its routes, executions and log.
func (c *Client) DeleteScript(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"scripts", id}, nil, nil, nil)
}

// ValidateScript compiles a script, or what is to take its place, without
// keeping or running anything.
func (c *Client) ValidateScript(ctx context.Context, id string, instead wire.Validate) (wire.Validation, error) {
	return call[wire.Validation](ctx, c, http.MethodPost, []string{"scripts", id, "validate"}, nil, instead)
}

// Run runs a script once with a request or event of the caller's making.
func (c *Client) Run(ctx context.Context, id string, run wire.RunRequest) (wire.RunResult, error) {
	return call[wire.RunResult](ctx, c, http.MethodPost, []string{"scripts", id, "run"}, nil, run)
}
