package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Keys lists the caller's API keys, the oldest first.
func (c *Client) Keys(ctx context.Context) iter.Seq2[wire.APIKey, error] {
	return list[wire.APIKey](ctx, c, "me", "keys")
}

// CreateKey makes an API key. Only this answer has the key itself.
func (c *Client) CreateKey(ctx context.Context, key wire.APIKeyCreate) (wire.APIKey, error) {
	return call[wire.APIKey](ctx, c, http.MethodPost, []string{"me", "keys"}, nil, key)
}

// RotateKey makes an API key in the place of another, which ends after an overlap. Only this answer has
// the new key itself.
func (c *Client) RotateKey(ctx context.Context, id string, how wire.APIKeyRotate) (wire.APIKey, error) {
	return call[wire.APIKey](ctx, c, http.MethodPost, []string{"me", "keys", id + ":rotate"}, nil, how)
}

// RevokeKey ends an API key of the caller's.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"me", "keys", id}, nil, nil, nil)
}

// KeysOf lists the API keys of a user, by id.
func (c *Client) KeysOf(ctx context.Context, userID string) iter.Seq2[wire.APIKey, error] {
	return list[wire.APIKey](ctx, c, "users", userID, "keys")
}

// RevokeKeyOf ends an API key of a user.
func (c *Client) RevokeKeyOf(ctx context.Context, userID, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"users", userID, "keys", id}, nil, nil, nil)
}
