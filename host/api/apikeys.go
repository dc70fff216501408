package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountAPIKeys(admin huma.API) {
	operation(a, admin, http.MethodPost, "/api-keys", "create-api-key", "Make an API key; it is shown only now", http.StatusCreated, a.createAPIKey)
	operation(a, admin, http.MethodGet, "/api-keys", "list-api-keys", "List your API keys", http.StatusOK, a.listAPIKeys)
	operation(a, admin, http.MethodDelete, "/api-keys/{id}", "delete-api-key", "Revoke an API key", http.StatusNoContent, a.deleteAPIKey)
}

func (a *API) createAPIKey(ctx context.Context, in *struct{ Body wire.APIKeyCreate }) (*body[wire.APIKey], error) {
	p := caller(ctx)
	if !p.May(authz.KeysManage) {
		return nil, authz.Denied(authz.KeysManage)
	}
	var appID string
	if in.Body.App != "" {
		app, err := a.findApp(ctx, in.Body.App, authz.AppRead)
		if err != nil {
			return nil, err
		}
		appID = app.ID
	}
	var expires time.Time
	if in.Body.ExpiresAt != nil {
		if expires = in.Body.ExpiresAt.UTC(); !expires.After(time.Now()) {
			return nil, problem.InvalidField("body.expires_at", "must be in the future", expires.Format(time.RFC3339))
		}
	}
	scopes := make([]authz.Scope, len(in.Body.Scopes))
	for i, scope := range in.Body.Scopes {
		scopes[i] = authz.Scope(scope)
	}
	key, row, err := a.authority.CreateKey(ctx, p.User.ID, in.Body.Name, scopes, appID, expires)
	if err != nil {
		return nil, err
	}
	shown := wireAPIKey(row)
	shown.Key = key
	return &body[wire.APIKey]{shown}, nil
}

func (a *API) listAPIKeys(ctx context.Context, _ *none) (*body[wire.Page[wire.APIKey]], error) {
	p := caller(ctx)
	if !p.May(authz.KeysManage) {
		return nil, authz.Denied(authz.KeysManage)
	}
	keys, err := a.store.APIKeys().ListOf(ctx, p.User.ID)
	if err != nil {
		return nil, err
	}
	page := wire.Page[wire.APIKey]{Items: make([]wire.APIKey, len(keys))}
	for i, key := range keys {
		page.Items[i] = wireAPIKey(key)
	}
	return &body[wire.Page[wire.APIKey]]{page}, nil
}

func (a *API) deleteAPIKey(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*none, error) {
	p := caller(ctx)
	if !p.May(authz.KeysManage) {
		return nil, authz.Denied(authz.KeysManage)
	}
	key, err := a.store.APIKeys().Get(ctx, in.ID)
	if err != nil {
		return nil, unknown(err, "API key")
	}
	if key.UserID != p.User.ID {
		return nil, fault.Missing("API key")
	}
	return nil, a.store.APIKeys().Delete(ctx, in.ID)
}

func wireAPIKey(k store.APIKey) wire.APIKey {
	return wire.APIKey{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: k.Scopes, AppID: k.AppID,
		CreatedAt: k.CreatedAt, ExpiresAt: unlessZero(k.ExpiresAt), LastUsedAt: unlessZero(k.LastUsedAt),
	}
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
