package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Executions lists the executions of a script, the last one first.
func (c *Client) Executions(ctx context.Context, scriptID string) iter.Seq2[wire.Execution, error] {
	return list[wire.Execution](ctx, c, "scripts", scriptID, "executions")
}

// Execution returns an execution with its log.
func (c *Client) Execution(ctx context.Context, id string) (wire.Execution, error) {
	return call[wire.Execution](ctx, c, http.MethodGet, []string{"executions", id}, nil, nil)
}

// AbandonedExecutions lists executions of an app for other nodes whose answers nobody has had, the newest
// first.
func (c *Client) AbandonedExecutions(ctx context.Context, app string) iter.Seq2[wire.AbandonedExecution, error] {
	return list[wire.AbandonedExecution](ctx, c, "apps", app, "abandoned-executions")
}
