package api

import (
	"context"
	"net/http"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (s *Server) mountAPIKeys() {
	operation(s, http.MethodPost, "/api-keys", "create-api-key", "Make an API key; it is shown only now", http.StatusCreated, s.createAPIKey)
	operation(s, http.MethodGet, "/api-keys", "list-api-keys", "List your API keys", http.StatusOK, s.listAPIKeys)
	operation(s, http.MethodDelete, "/api-keys/{id}", "delete-api-key", "Revoke an API key", http.StatusNoContent, s.deleteAPIKey)
}

func (s *Server) createAPIKey(ctx context.Context, in *struct{ Body wire.APIKeyCreate }) (*body[wire.APIKey], error) {
	p := caller(ctx)
	if !p.May(authz.KeysManage) {
		return nil, forbidden(authz.KeysManage)
	}
	var appID string
	if in.Body.App != "" {
		app, err := s.findApp(ctx, in.Body.App, authz.AppRead)
		if err != nil {
			return nil, err
		}
		appID = app.ID
	}
	var expires time.Time
	if in.Body.ExpiresAt != nil {
		if expires = in.Body.ExpiresAt.UTC(); !expires.After(time.Now()) {
			return nil, invalidField("body.expires_at", "must be in the future", expires.Format(time.RFC3339))
		}
	}
	scopes := make([]authz.Scope, len(in.Body.Scopes))
	for i, scope := range in.Body.Scopes {
		scopes[i] = authz.Scope(scope)
	}
	key, row, err := s.authority.CreateKey(ctx, p.User.ID, in.Body.Name, scopes, appID, expires)
	if err != nil {
		return nil, err
	}
	shown := wireAPIKey(row)
	shown.Key = key
	return &body[wire.APIKey]{shown}, nil
}

func (s *Server) listAPIKeys(ctx context.Context, _ *none) (*body[wire.Page[wire.APIKey]], error) {
	p := caller(ctx)
	if !p.May(authz.KeysManage) {
		return nil, forbidden(authz.KeysManage)
	}
	keys, err := s.store.APIKeys().ListOf(ctx, p.User.ID)
	if err != nil {
		return nil, err
	}
	page := wire.Page[wire.APIKey]{Items: make([]wire.APIKey, len(keys))}
	for i, key := range keys {
		page.Items[i] = wireAPIKey(key)
	}
	return &body[wire.Page[wire.APIKey]]{page}, nil
}

func (s *Server) deleteAPIKey(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*none, error) {
	p := caller(ctx)
	if !p.May(authz.KeysManage) {
		return nil, forbidden(authz.KeysManage)
	}
	key, err := s.store.APIKeys().Get(ctx, in.ID)
	if err != nil {
		return nil, unknown(err, "API key")
	}
	if key.UserID != p.User.ID {
		return nil, notFound("API key")
	}
	return nil, s.store.APIKeys().Delete(ctx, in.ID)
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
