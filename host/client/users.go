package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/picloud/picloud/host/api/wire"
)

// Users lists all users, in the order of their names.
func (c *Client) Users(ctx context.Context) iter.Seq2[wire.User, error] {
	return list[wire.User](ctx, c, "users")
}

// User finds a user by id.
func (c *Client) User(ctx context.Context, id string) (wire.User, error) {
	return call[wire.User](ctx, c, http.MethodGet, []string{"users", id}, nil, nil)
}

// CreateUser makes a user. Without a password the answer has an invite.
func (c *Client) CreateUser(ctx context.Context, user wire.UserCreate) (wire.User, error) {
	return call[wire.User](ctx, c, http.MethodPost, []string{"users"}, nil, user)
}

// UpdateUser changes a user.
func (c *Client) UpdateUser(ctx context.Context, id string, change wire.UserUpdate) (wire.User, error) {
	return call[wire.User](ctx, c, http.MethodPatch, []string{"users", id}, nil, change)
}

// DeleteUser removes a user who owns nothing.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"users", id}, nil, nil, nil)
}

// DeactivateUser has nobody act as a user any more.
func (c *Client) DeactivateUser(ctx context.Context, id string) (wire.User, error) {
	return call[wire.User](ctx, c, http.MethodPost, []string{"users", id + ":deactivate"}, nil, nil)
}

// ReactivateUser undoes a deactivation.
func (c *Client) ReactivateUser(ctx context.Context, id string) (wire.User, error) {
	return call[wire.User](ctx, c, http.MethodPost, []string{"users", id + ":reactivate"}, nil, nil)
}

// ResetPassword sets a user's password. Without one the answer has an invite.
func (c *Client) ResetPassword(ctx context.Context, id string, reset wire.PasswordReset) (wire.User, error) {
	return call[wire.User](ctx, c, http.MethodPost, []string{"users", id + ":reset-password"}, nil, reset)
}

// InviteUser makes another invite of a user without a password.
func (c *Client) InviteUser(ctx context.Context, id string) (wire.User, error) {
	return call[wire.User](ctx, c, http.MethodPost, []string{"users", id + ":invite"}, nil, nil)
}

// ResetTOTP takes away a user's second factor.
func (c *Client) ResetTOTP(ctx context.Context, id string) (wire.User, error) {
	return call[wire.User](ctx, c, http.MethodDelete, []string{"users", id, "totp"}, nil, nil)
}

// AcceptInvite sets a password by the token of an invite. It needs no login.
func (c *Client) AcceptInvite(ctx context.Context, accept wire.InviteAccept) (wire.InviteAccepted, error) {
	return call[wire.InviteAccepted](ctx, c, http.MethodPost, []string{"auth", "invite"}, nil, accept)
}

// Me returns whose token the client uses.
func (c *Client) Me(ctx context.Context) (wire.Me, error) {
	return call[wire.Me](ctx, c, http.MethodGet, []string{"me"}, nil, nil)
}

// ChangePassword changes the user's own password.
func (c *Client) ChangePassword(ctx context.Context, change wire.PasswordChange) error {
	return c.do(ctx, http.MethodPut, []string{"me", "password"}, nil, change, nil)
}

// Sessions lists the user's sessions, the one used last first.
func (c *Client) Sessions(ctx context.Context) iter.Seq2[wire.Session, error] {
	return list[wire.Session](ctx, c, "me", "sessions")
}

// EndSession ends one of the user's sessions.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"me", "sessions", id}, nil, nil, nil)
}

// EndSessions ends all of the user's sessions, or all but the client's.
func (c *Client) EndSessions(ctx context.Context, others bool) (wire.SessionsEnded, error) {
	query := url.Values{}
	if others {
		query.Set("others", "true")
	}
	return call[wire.SessionsEnded](ctx, c, http.MethodDelete, []string{"me", "sessions"}, query, nil)
}

// TOTP tells of the user's second factor.
func (c *Client) TOTP(ctx context.Context) (wire.TOTP, error) {
	return call[wire.TOTP](ctx, c, http.MethodGet, []string{"me", "totp"}, nil, nil)
}

// BeginTOTP makes the key of an authenticator, to be confirmed.
func (c *Client) BeginTOTP(ctx context.Context, begin wire.TOTPBegin) (wire.TOTPKey, error) {
	return call[wire.TOTPKey](ctx, c, http.MethodPost, []string{"me", "totp"}, nil, begin)
}

// ConfirmTOTP has logins need a code from now on.
func (c *Client) ConfirmTOTP(ctx context.Context, confirm wire.TOTPConfirm) (wire.RecoveryCodes, error) {
	return call[wire.RecoveryCodes](ctx, c, http.MethodPost, []string{"me", "totp:confirm"}, nil, confirm)
}

// DisableTOTP gives up the second factor.
func (c *Client) DisableTOTP(ctx context.Context, proof wire.TOTPProof) error {
	return c.do(ctx, http.MethodPost, []string{"me", "totp:disable"}, nil, proof, nil)
}

// RenewRecoveryCodes makes new recovery codes in place of those that were left.
func (c *Client) RenewRecoveryCodes(ctx context.Context, proof wire.TOTPProof) (wire.RecoveryCodes, error) {
	return call[wire.RecoveryCodes](ctx, c, http.MethodPost, []string{"me", "totp:recovery-codes"}, nil, proof)
}
