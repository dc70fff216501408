// Package identity has the rules about people: who may be what, and who decides about it.
package identity

import (
	"context"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Members decides who works on an app, and as what. It is safe for concurrent use.
//
// Whoever may manage members gives roles, changes them and takes them away, but none that has a
// capability they lack. A member may leave, also the last one: the instance's admins are left.
type Members struct {
	store     store.Store
	authority *authz.Authority
}

// NewMembers makes what decides about the members of a store's apps.
func NewMembers(s store.Store, a *authz.Authority) *Members { return &Members{store: s, authority: a} }

// List returns the members of an app in the order of their names. The error is the store's.
func (m *Members) List(ctx context.Context, appID string) ([]store.Member, error) {
	return m.store.Apps().Members(ctx, appID)
}

// Set makes a user, named by id or user name, a member of an app, or changes the role. The error is that
// of [authz.Rights.CheckGrant] for the role and for the one before, [fault.NotFound] for a user who does not
// exist, or the store's.
func (m *Members) Set(ctx context.Context, by *authz.Principal, appID, user string, role store.AppRole) (member store.Member, err error) {
	rights, err := m.authority.RightsIn(ctx, by, appID)
	if err != nil {
		return store.Member{}, err
	}
	if err := rights.CheckGrant(role); err != nil {
		return store.Member{}, err
	}
	err = m.store.InTx(ctx, func(tx store.Store) error {
		found, err := findUser(ctx, tx, user)
		if err != nil {
			return err
		}
		before, err := tx.Apps().Member(ctx, appID, found.ID)
		if err == nil {
			err = rights.CheckGrant(before)
		}
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		member = store.Member{AppID: appID, UserID: found.ID, Username: found.Username, Role: role}
		return tx.Apps().SetMember(ctx, appID, found.ID, role)
	})
	return member, err
}

// Remove ends the membership of a user, named by id or user name. Users with a session may end their own;
// otherwise the error is that of [authz.Rights.CheckGrant] for the role, [fault.NotFound] for a user who is no
// member, or the store's.
func (m *Members) Remove(ctx context.Context, by *authz.Principal, appID, user string) error {
	rights, err := m.authority.RightsIn(ctx, by, appID)
	if err != nil {
		return err
	}
	return m.store.InTx(ctx, func(tx store.Store) error {
		found, err := findUser(ctx, tx, user)
		leaves := err == nil && found.ID == by.User.ID && by.Key == nil
		if !leaves && !rights.Hold(authz.MembersManage) { // before anything is told of others
			return authz.Denied(authz.MembersManage)
		}
		if err != nil {
			return err
		}
		role, err := tx.Apps().Member(ctx, appID, found.ID)
		if err != nil {
			return err
		}
		if !leaves {
			if err := rights.CheckGrant(role); err != nil {
				return err
			}
		}
		return tx.Apps().RemoveMember(ctx, appID, found.ID)
	})
}

// findUser finds a user by id or, in whatever case, by name.
func findUser(ctx context.Context, s store.Store, ref string) (store.User, error) {
	user, err := s.Users().Get(ctx, ref)
	if fault.Unknown(err) {
		user, err = s.Users().GetByUsername(ctx, ref)
	}
	if fault.Unknown(err) {
		err = fault.Missing("user")
	}
	return user, err
}
