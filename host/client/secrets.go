package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Secrets lists the secrets of an app, named by id or slug, without their values.
func (c *Client) Secrets(ctx context.Context, app string) iter.Seq2[wire.Secret, error] {
	return list[wire.Secret](ctx, c, "apps", app, "secrets")
}

// SetSecret sets a secret of an app.
func (c *Client) SetSecret(ctx context.Context, app, name, value string) (wire.Secret, error) {
	return call[wire.Secret](ctx, c, http.MethodPut, []string{"apps", app, "secrets", name}, nil, wire.SecretSet{Value: value})
}

// DeleteSecret removes a secret of an app.
func (c *Client) DeleteSecret(ctx context.Context, app, name string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "secrets", name}, nil, nil, nil)
}

// RotateSecrets has the secrets of all apps sealed with the first key.
func (c *Client) RotateSecrets(ctx context.Context) (wire.SecretsRotated, error) {
	return call[wire.SecretsRotated](ctx, c, http.MethodPost, []string{"secrets:rotate"}, nil, nil)
}
