package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Apps lists the apps the user may see, in the order of their slugs.
func (c *Client) Apps(ctx context.Context) iter.Seq2[wire.App, error] {
	return list[wire.App](ctx, c, "apps")
}

// App finds an app by id or slug.
func (c *Client) App(ctx context.Context, app string) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodGet, []string{"apps", app}, nil, nil)
}

// CreateApp makes an app.
func (c *Client) CreateApp(ctx context.Context, app wire.AppCreate) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodPost, []string{"apps"}, nil, app)
}

// UpdateApp changes an app, named by id or slug.
func (c *Client) UpdateApp(ctx context.Context, app string, change wire.AppUpdate) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodPut, []string{"apps", app}, nil, change)
}

// RenameApp gives an app, named by id or slug, another slug.
func (c *Client) RenameApp(ctx context.Context, app, slug string) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodPost, []string{"apps", app + ":rename"}, nil, wire.AppRename{Slug: slug})
}

// ReleaseAlias has a slug be free that an app had before.
func (c *Client) ReleaseAlias(ctx context.Context, app, slug string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "aliases", slug}, nil, nil, nil)
}

// AppDeletion tells what deleting an app would delete.
func (c *Client) AppDeletion(ctx context.Context, app string) (wire.AppDeletion, error) {
	return call[wire.AppDeletion](ctx, c, http.MethodGet, []string{"apps", app + ":deletion"}, nil, nil)
}

// DeleteApp removes an app, named by id or slug, with all it holds.
func (c *Client) DeleteApp(ctx context.Context, app string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app}, nil, nil, nil)
}
