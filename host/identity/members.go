package identity

import (
	"context"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Members lists who works on an app, in the order of their names. The error is the store's.
func (s *Service) Members(ctx context.Context, appID string) ([]store.Member, error) {
	return s.store.Apps().Members(ctx, appID)
}

// SetMember makes a user, named by id or user name, a member of an app, or changes the role. Whoever may manage
// members gives roles, and takes them away, but none that has a capability they lack. The error is that
// of [authz.Rights.CheckGrant] for the role and for the one before, [fault.NotFound] for a user who does not
// exist, or the store's.
func (s *Service) SetMember(ctx context.Context, by *authz.Principal, appID, user string, role store.AppRole) (member store.Member, err error) {
	err = s.store.InTx(ctx, func(tx store.Store) error {
		rights, err := s.authority.RightsAgain(ctx, tx, by, appID)
		if err != nil {
			return err
		}
		if err := rights.CheckGrant(role); err != nil {
			return err
		}
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

// RemoveMember ends the membership of a user, named by id or user name. Users with a session may leave, also
// the last app_admin: the instance's admins are left. Otherwise the error is that of [authz.Rights.CheckGrant] for the role, [fault.NotFound] for a user who is no
// member, or the store's.
func (s *Service) RemoveMember(ctx context.Context, by *authz.Principal, appID, user string) error {
	return s.store.InTx(ctx, func(tx store.Store) error {
		rights, err := s.authority.RightsAgain(ctx, tx, by, appID)
		if err != nil {
			return err
		}
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
