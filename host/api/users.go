package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/identity"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountUsers(admin huma.API) {
	operation(a, admin, http.MethodGet, "/users", "list-users", "List all users", http.StatusOK, a.listUsers)
	operation(a, admin, http.MethodPost, "/users", "create-user", "Make a user, or invite one", http.StatusCreated, a.createUser)
	operation(a, admin, http.MethodGet, "/users/{id}", "get-user", "Show a user", http.StatusOK, a.getUser)
	operation(a, admin, http.MethodPatch, "/users/{id}", "update-user", "Rename a user, or change the role", http.StatusOK, a.updateUser)
	operation(a, admin, http.MethodDelete, "/users/{id}", "delete-user", "Delete a user who owns nothing", http.StatusNoContent, a.deleteUser)
	operation(a, admin, http.MethodPost, "/users/{id}:deactivate", "deactivate-user", "Have nobody act as a user any more", http.StatusOK, a.deactivateUser)
	operation(a, admin, http.MethodPost, "/users/{id}:reactivate", "reactivate-user", "Undo a deactivation", http.StatusOK, a.reactivateUser)
	operation(a, admin, http.MethodPost, "/users/{id}:reset-password", "reset-password", "Set a user's password, or have the user set it", http.StatusOK, a.resetPassword)
	operation(a, admin, http.MethodPost, "/users/{id}:invite", "invite-user", "Make another invite of a user without a password", http.StatusOK, a.inviteUser)
	operation(a, admin, http.MethodDelete, "/users/{id}/totp", "reset-totp", "Take away a user's second factor", http.StatusOK, a.resetTOTP)
	operation(a, admin, http.MethodPost, "/auth/invite", "accept-invite", "Set a password by an invite", http.StatusOK, a.acceptInvite, public)
}

// UserPath is the path parameter of a user.
type UserPath struct {
	ID string `path:"id"`
}

func (a *API) listUsers(ctx context.Context, in *Paging) (*body[wire.Page[wire.User]], error) {
	page, err := a.identity.List(ctx, caller(ctx), in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.User]]{wirePage(page, wireUser)}, nil
}

func (a *API) createUser(ctx context.Context, in *struct{ Body wire.UserCreate }) (*body[wire.User], error) {
	return a.invited(ctx)(a.identity.Create(ctx, caller(ctx), identity.NewUser{
		Username: in.Body.Username, Password: orEmpty(in.Body.Password), Role: store.InstanceRole(in.Body.Role),
	}))
}

func (a *API) getUser(ctx context.Context, in *UserPath) (*body[wire.User], error) {
	return answerUser(a.identity.Get(ctx, caller(ctx), in.ID))
}

func (a *API) updateUser(ctx context.Context, in *struct {
	UserPath
	Body wire.UserUpdate
}) (*body[wire.User], error) {
	return answerUser(a.identity.Change(ctx, caller(ctx), in.ID, identity.Change{
		Username: in.Body.Username, Role: (*store.InstanceRole)(in.Body.Role),
	}))
}

func (a *API) deleteUser(ctx context.Context, in *UserPath) (*none, error) {
	return nil, a.identity.Delete(ctx, caller(ctx), in.ID)
}

func (a *API) deactivateUser(ctx context.Context, in *UserPath) (*body[wire.User], error) {
	return answerUser(a.identity.Deactivate(ctx, caller(ctx), in.ID))
}

func (a *API) reactivateUser(ctx context.Context, in *UserPath) (*body[wire.User], error) {
	return answerUser(a.identity.Reactivate(ctx, caller(ctx), in.ID))
}

func (a *API) resetPassword(ctx context.Context, in *struct {
	UserPath
	Body wire.PasswordReset
}) (*body[wire.User], error) {
	return a.invited(ctx)(a.identity.ResetPassword(ctx, caller(ctx), in.ID, orEmpty(in.Body.Password)))
}

func (a *API) inviteUser(ctx context.Context, in *UserPath) (*body[wire.User], error) {
	return a.invited(ctx)(a.identity.Invite(ctx, caller(ctx), in.ID))
}

func (a *API) resetTOTP(ctx context.Context, in *UserPath) (*body[wire.User], error) {
	return answerUser(a.identity.ResetSecondFactor(ctx, caller(ctx), in.ID))
}

func (a *API) acceptInvite(ctx context.Context, in *struct{ Body wire.InviteAccept }) (*body[wire.InviteAccepted], error) {
	user, err := a.identity.Redeem(ctx, in.Body.Token, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return &body[wire.InviteAccepted]{wire.InviteAccepted{Username: user.Username}}, nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func answerUser(user store.User, err error) (*body[wire.User], error) {
	if err != nil {
		return nil, err
	}
	return &body[wire.User]{wireUser(user)}, nil
}

// invited answers a user with the address that an invite is used by. Its token comes after the #, which
// is sent to no server, and so stands in nobody's log. It is the dashboard's where that has an address for people.
func (a *API) invited(ctx context.Context) func(store.User, *identity.Invite, error) (*body[wire.User], error) {
	return func(user store.User, invite *identity.Invite, err error) (*body[wire.User], error) {
		answer, err := answerUser(user, err)
		if err == nil && invite != nil {
			page := front.OriginOf(ctx) + adminPrefix + "/auth/invite"
			if a.dashboard != "" {
				page = a.dashboard + "/invite"
			}
			answer.Body.InviteURL = page + "#" + invite.Token
			answer.Body.InviteExpiresAt = &invite.Expires
		}
		return answer, err
	}
}

func wireUser(u store.User) wire.User {
	state := "active"
	switch {
	case !u.Active():
		state = "deactivated"
	case u.PasswordHash == "":
		state = "invited"
	}
	return wire.User{
		ID: u.ID, Username: u.Username, Role: string(u.Role), State: state, SecondFactor: u.SecondFactor,
		DeactivatedAt: orAbsent(u.DeactivatedAt), CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}
