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
	operation(a, admin, http.MethodPost, "/auth/login", "login", "Log in", http.StatusOK, a.login, public)
	operation(a, admin, http.MethodPost, "/auth/logout", "logout", "End the session", http.StatusNoContent, a.logout)
}

func (a *API) login(ctx context.Context, in *struct {
	UserAgent string `header:"User-Agent" hidden:"true"`
	Body      wire.Login
}) (*body[wire.Token], error) {
	a.claims(ctx, in.Body.Username)
	login, err := a.authority.Login(ctx, authz.LoginRequest{
		Username: in.Body.Username, Password: in.Body.Password, Code: in.Body.Code, Device: in.Body.Device,
		Address: front.NetworkOf(ctx).String(), Place: placeOf(ctx, in.UserAgent),
	})
	if err != nil {
		return nil, err
	}
	return &body[wire.Token]{wire.Token{Token: login.Token, ExpiresAt: login.Expires, Device: login.Device}}, nil
}

func (a *API) logout(ctx context.Context, _ *none) (*none, error) {
	return nil, a.authority.Logout(ctx, caller(ctx))
}
