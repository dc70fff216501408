package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Members lists who works on an app, named by id or slug, in the order of their names.
func (c *Client) Members(ctx context.Context, app string) iter.Seq2[wire.Member, error] {
	return list[wire.Member](ctx, c, "apps", app, "members")
}

// SetMember gives a user, named by id or user name, a role in an app.
func (c *Client) SetMember(ctx context.Context, app, user string, set wire.MemberSet) (wire.Member, error) {
	return call[wire.Member](ctx, c, http.MethodPut, []string{"apps", app, "members", user}, nil, set)
}

// RemoveMember takes the role of a user, named by id or user name, in an app away.
func (c *Client) RemoveMember(ctx context.Context, app, user string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "members", user}, nil, nil, nil)
}
