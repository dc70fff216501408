package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Domains lists the hosts that an app, named by id or slug, has claimed.
func (c *Client) Domains(ctx context.Context, app string) iter.Seq2[wire.Domain, error] {
	return list[wire.Domain](ctx, c, "apps", app, "domains")
}

// CreateDomain claims a host for an app.
func (c *Client) CreateDomain(ctx context.Context, app string, domain wire.DomainCreate) (wire.Domain, error) {
	return call[wire.Domain](ctx, c, http.MethodPost, []string{"apps", app, "domains"}, nil, domain)
}

// DeleteDomain gives a claimed host back.
func (c *Client) DeleteDomain(ctx context.Context, app, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "domains", id}, nil, nil, nil)
}
