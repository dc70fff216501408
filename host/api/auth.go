package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/front"
)

func (a *API) mountAuth(admin huma.API) {
	operation(a, admin, http.MethodPost, "/auth/login", "login", "Log in", http.StatusOK, a.login)
	operation(a, admin, http.MethodPost, "/auth/logout", "logout", "End the session", http.StatusNoContent, a.logout)
	operation(a, admin, http.MethodGet, "/auth/me", "me", "Who am I?", http.StatusOK, a.me)
}

func (a *API) login(ctx context.Context, in *struct{ Body wire.Login }) (*body[wire.Token], error) {
	a.claims(ctx, in.Body.Username)
	login, err := a.authority.Login(ctx, authz.LoginRequest{
		Username: in.Body.Username, Password: in.Body.Password, Address: front.NetworkOf(ctx).String(), Device: in.Body.Device,
	})
	if err != nil {
		return nil, err
	}
	return &body[wire.Token]{wire.Token{Token: login.Token, ExpiresAt: login.Expires, Device: login.Device}}, nil
}

func (a *API) logout(ctx context.Context, _ *none) (*none, error) {
	return nil, a.authority.Logout(ctx, caller(ctx))
}

func (a *API) me(ctx context.Context, _ *none) (*body[wire.Me], error) {
	p := caller(ctx)
	me := wire.Me{UserID: p.User.ID, Username: p.User.Username, Role: string(p.User.Role)}
	if p.Key != nil {
		me.APIKey, me.Scopes, me.AppID = p.Key.ID, p.Key.Scopes, p.Key.AppID
	}
	return &body[wire.Me]{me}, nil
}
