package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountAPIKeys(admin huma.API) {
	operation(a, admin, http.MethodGet, "/me/keys", "list-api-keys", "List your API keys", http.StatusOK, a.listAPIKeys)
	operation(a, admin, http.MethodPost, "/me/keys", "create-api-key", "Make an API key; it is shown only now", http.StatusCreated, a.createAPIKey)
	operation(a, admin, http.MethodPost, "/me/keys/{id}:rotate", "rotate-api-key", "Make an API key in the place of one of yours, which ends after an overlap; it is shown only now", http.StatusCreated, a.rotateAPIKey)
	operation(a, admin, http.MethodDelete, "/me/keys/{id}", "delete-api-key", "Revoke an API key", http.StatusNoContent, a.deleteAPIKey)
	operation(a, admin, http.MethodGet, "/users/{id}/keys", "list-api-keys-of-user", "List another's API keys", http.StatusOK, a.listAPIKeysOf)
	operation(a, admin, http.MethodDelete, "/users/{id}/keys/{api_key}", "delete-api-key-of-user", "Revoke another's API key", http.StatusNoContent, a.deleteAPIKeyOf)
}

// keeper is the caller, if it is one who has keys.
func keeper(ctx context.Context) (*authz.Principal, error) {
	p := caller(ctx)
	if !p.May(authz.KeysManage) {
		return nil, caller(ctx).Denied(authz.KeysManage)
	}
	return p, nil
}

// future is a time that must be in it; zero when absent.
func future(place string, t *time.Time) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	at := t.UTC()
	if !at.After(time.Now()) {
		return time.Time{}, problem.InvalidField(place, "must be in the future", at.Format(time.RFC3339))
	}
	return at, nil
}

func (a *API) createAPIKey(ctx context.Context, in *struct{ Body wire.APIKeyCreate }) (*body[wire.APIKey], error) {
	p, err := keeper(ctx)
	if err != nil {
		return nil, err
	}
	var appID string
	if in.Body.App != "" {
		app, err := a.namedApp(ctx, in.Body.App, authz.AppRead)
		if err != nil {
			return nil, err
		}
		appID = app.ID
	}
	expires, err := future("body.expires_at", in.Body.ExpiresAt)
	if err != nil {
		return nil, err
	}
	scopes := make([]authz.Scope, len(in.Body.Scopes))
	for i, scope := range in.Body.Scopes {
		scopes[i] = authz.Scope(scope)
	}
	key, row, err := a.authority.CreateKey(ctx, p.User.ID, in.Body.Name, scopes, appID, expires)
	if err != nil {
		return nil, err
	}
	return newKey(key, row), nil
}

// newKey is the one answer with a key itself.
func newKey(key string, row store.APIKey) *body[wire.APIKey] {
	shown := wireAPIKey(row)
	shown.Key = key
	return &body[wire.APIKey]{shown}
}

// KeyOfPath is the path parameter of an API key of the caller's, or of a user who has keys.
type KeyOfPath struct {
	ID string `path:"id"`
}

func (a *API) rotateAPIKey(ctx context.Context, in *struct {
	KeyOfPath
	Body wire.APIKeyRotate
}) (*body[wire.APIKey], error) {
	p, err := keeper(ctx)
	if err != nil {
		return nil, err
	}
	expires, err := future("body.expires_at", in.Body.ExpiresAt)
	if err != nil {
		return nil, err
	}
	overlap := int64(24 * 60 * 60)
	take(&overlap, in.Body.Overlap)
	key, row, err := a.authority.RotateKey(ctx, p.User.ID, in.ID, time.Duration(overlap)*time.Second, expires)
	if err != nil {
		return nil, err
	}
	return newKey(key, row), nil
}

func (a *API) listAPIKeys(ctx context.Context, _ *none) (*body[wire.Page[wire.APIKey]], error) {
	p, err := keeper(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := a.store.APIKeys().ListOf(ctx, p.User.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.APIKey]]{wirePage(store.Page[store.APIKey]{Items: keys}, wireAPIKey)}, nil
}

func (a *API) deleteAPIKey(ctx context.Context, in *KeyOfPath) (*none, error) {
	p, err := keeper(ctx)
	if err != nil {
		return nil, err
	}
	return nil, a.authority.RevokeKey(ctx, p.User.ID, in.ID)
}

func (a *API) listAPIKeysOf(ctx context.Context, in *KeyOfPath) (*body[wire.Page[wire.APIKey]], error) {
	keys, err := a.identity.KeysOf(ctx, caller(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.APIKey]]{wirePage(store.Page[store.APIKey]{Items: keys}, wireAPIKey)}, nil
}

func (a *API) deleteAPIKeyOf(ctx context.Context, in *struct {
	KeyOfPath
	Key string `path:"api_key"`
}) (*none, error) {
	return nil, a.identity.RevokeKeyOf(ctx, caller(ctx), in.ID, in.Key)
}

func wireAPIKey(k store.APIKey) wire.APIKey {
	return wire.APIKey{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: k.Scopes, AppID: k.AppID,
		CreatedAt: k.CreatedAt, ExpiresAt: orAbsent(k.ExpiresAt), LastUsedAt: orAbsent(k.LastUsedAt), ReplacedBy: k.ReplacedBy,
	}
}
