package client

import (
	"context"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Usage returns what an app uses of its quotas.
func (c *Client) Usage(ctx context.Context, app string) (wire.Usage, error) {
	return call[wire.Usage](ctx, c, http.MethodGet, []string{"apps", app, "usage"}, nil, nil)
}

// Quota returns what an app, named by id or slug, may have.
func (c *Client) Quota(ctx context.Context, app string) (wire.Quota, error) {
	return call[wire.Quota](ctx, c, http.MethodGet, []string{"apps", app, "quota"}, nil, nil)
}

// SetQuota replaces what is set of an app's quotas, and returns what it may have then.
func (c *Client) SetQuota(ctx context.Context, app string, set wire.QuotaSet) (wire.Quota, error) {
	return call[wire.Quota](ctx, c, http.MethodPut, []string{"apps", app, "quota"}, nil, set)
}
