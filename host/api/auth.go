package api

import (
	"context"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

func (s *Server) mountAuth() {
	operation(s, http.MethodPost, "/auth/login", "login", "Log in", http.StatusOK, s.login)
	operation(s, http.MethodPost, "/auth/logout", "logout", "End the session", http.StatusNoContent, s.logout)
	operation(s, http.MethodGet, "/auth/me", "me", "Who am I?", http.StatusOK, s.me)
}

func (s *Server) login(ctx context.Context, in *struct{ Body wire.Login }) (*body[wire.Token], error) {
	address, _ := ctx.Value(clientAddressKey{}).(string)
	token, expires, err := s.authority.Login(ctx, in.Body.Username, in.Body.Password, address)
	if err != nil {
		return nil, err
	}
	return &body[wire.Token]{wire.Token{Token: token, ExpiresAt: expires}}, nil
}

func (s *Server) logout(ctx context.Context, _ *none) (*none, error) {
	return nil, s.authority.Logout(ctx, caller(ctx))
}

func (s *Server) me(ctx context.Context, _ *none) (*body[wire.Me], error) {
	p := caller(ctx)
	me := wire.Me{UserID: p.User.ID, Username: p.User.Username, Role: string(p.User.Role)}
	if p.Key != nil {
		me.APIKey, me.Scopes, me.AppID = p.Key.ID, p.Key.Scopes, p.Key.AppID
	}
	return &body[wire.Me]{me}, nil
}
