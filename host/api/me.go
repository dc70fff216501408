package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/identity"
)

func (a *API) mountMe(admin huma.API) {
	operation(a, admin, http.MethodGet, "/me", "me", "Who am I?", http.StatusOK, a.me)
	operation(a, admin, http.MethodPut, "/me/password", "change-password", "Change your password; other sessions end", http.StatusNoContent, a.changePassword)
	operation(a, admin, http.MethodGet, "/me/sessions", "list-sessions", "List your sessions", http.StatusOK, a.listSessions)
	operation(a, admin, http.MethodDelete, "/me/sessions", "end-sessions", "End all of your sessions", http.StatusOK, a.endSessions)
	operation(a, admin, http.MethodDelete, "/me/sessions/{id}", "end-session", "End one of your sessions", http.StatusNoContent, a.endSession)
	operation(a, admin, http.MethodGet, "/me/totp", "get-totp", "Do you have a second factor?", http.StatusOK, a.getTOTP)
	operation(a, admin, http.MethodPost, "/me/totp", "begin-totp", "Begin a second factor; it counts once it is confirmed", http.StatusOK, a.beginTOTP)
	operation(a, admin, http.MethodPost, "/me/totp:confirm", "confirm-totp", "Have logins need a code; the recovery codes are shown only now", http.StatusOK, a.confirmTOTP)
	operation(a, admin, http.MethodPost, "/me/totp:disable", "disable-totp", "Give up the second factor", http.StatusNoContent, a.disableTOTP)
	operation(a, admin, http.MethodPost, "/me/totp:recovery-codes", "renew-recovery-codes", "Make new recovery codes; they are shown only now", http.StatusOK, a.renewRecoveryCodes)
}

func (a *API) me(ctx context.Context, _ *none) (*body[wire.Me], error) {
	p := caller(ctx)
	me := wire.Me{UserID: p.User.ID, Username: p.User.Username, Role: string(p.User.Role), SecondFactor: p.User.SecondFactor, ChangePassword: p.User.PasswordGiven}
	if p.Key != nil {
		me.APIKey, me.Scopes, me.AppID = p.Key.ID, p.Key.Scopes, p.Key.AppID
	}
	return &body[wire.Me]{me}, nil
}

func (a *API) changePassword(ctx context.Context, in *struct{ Body wire.PasswordChange }) (*none, error) {
	return nil, a.identity.ChangePassword(ctx, caller(ctx), in.Body.OldPassword, in.Body.NewPassword)
}

func (a *API) listSessions(ctx context.Context, _ *none) (*body[wire.Page[wire.Session]], error) {
	p := caller(ctx)
	sessions, err := a.identity.Sessions(ctx, p)
	if err != nil {
		return nil, err
	}
	page := wire.Page[wire.Session]{Items: make([]wire.Session, len(sessions))}
	for i, s := range sessions {
		page.Items[i] = wire.Session{
			ID: s.ID, Current: s.ID == p.SessionID, Address: s.Address, UserAgent: s.UserAgent,
			CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt, ExpiresAt: s.ExpiresAt, EndsAt: s.EndsAt,
		}
	}
	return &body[wire.Page[wire.Session]]{page}, nil
}

func (a *API) endSessions(ctx context.Context, in *struct {
	Others bool `query:"others" doc:"Keep the one that asks"`
}) (*body[wire.SessionsEnded], error) {
	n, err := a.identity.EndSessions(ctx, caller(ctx), in.Others)
	if err != nil {
		return nil, err
	}
	return &body[wire.SessionsEnded]{wire.SessionsEnded{Ended: n}}, nil
}

func (a *API) endSession(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*none, error) {
	return nil, unknown(a.identity.EndSession(ctx, caller(ctx), in.ID), "session")
}

func (a *API) getTOTP(ctx context.Context, _ *none) (*body[wire.TOTP], error) {
	factor, err := a.identity.SecondFactor(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	return &body[wire.TOTP]{wire.TOTP{
		Enabled: !factor.Enabled.IsZero(), EnabledAt: orAbsent(factor.Enabled), RecoveryCodes: factor.RecoveryCodes,
	}}, nil
}

func (a *API) beginTOTP(ctx context.Context, in *struct{ Body wire.TOTPBegin }) (*body[wire.TOTPKey], error) {
	key, err := a.identity.BeginSecondFactor(ctx, caller(ctx), in.Body.Password)
	if err != nil {
		return nil, err
	}
	return &body[wire.TOTPKey]{wire.TOTPKey(key)}, nil
}

func (a *API) confirmTOTP(ctx context.Context, in *struct{ Body wire.TOTPConfirm }) (*body[wire.RecoveryCodes], error) {
	return answerCodes(a.identity.ConfirmSecondFactor(ctx, caller(ctx), in.Body.Code))
}

func (a *API) disableTOTP(ctx context.Context, in *struct{ Body wire.TOTPProof }) (*none, error) {
	return nil, a.identity.DisableSecondFactor(ctx, caller(ctx), identity.Proof(in.Body))
}

func (a *API) renewRecoveryCodes(ctx context.Context, in *struct{ Body wire.TOTPProof }) (*body[wire.RecoveryCodes], error) {
	return answerCodes(a.identity.RenewRecoveryCodes(ctx, caller(ctx), identity.Proof(in.Body)))
}

func answerCodes(codes []string, err error) (*body[wire.RecoveryCodes], error) {
	if err != nil {
		return nil, err
	}
	return &body[wire.RecoveryCodes]{wire.RecoveryCodes{Codes: codes}}, nil
}
