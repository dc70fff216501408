// Package identity holds the rules about people: who may make, see and change which user, and what
// each does with the own password, second factor and sessions.
//
// A user is active, invited (nobody has set a password yet) or deactivated. What a caller may do to
// another follows from capabilities (package authz):
//
//	users.manage         see all users, make them, rename them, change roles, deactivate, reactivate, delete
//	credentials.manage   also set their passwords, make links that let set one, and take away second factors
//	all of a role's      needed beside these to give the role, and to change a user who has it
//
// so that an admin changes no owner, and an API key, which never has credentials.manage, no admin.
// Everybody may see themselves. For who may not see a user there is none.
//
// Of active owners who can log in one is always left: each change of users that would take the last is
// rolled back. Changes of users are one after another (see [store.Store.InTx]), and look at the caller
// as the user is at that moment, not as of the beginning of the request.
package identity

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Config is what a [Service] is made of.
type Config struct {
	Store     store.Store
	Authority *authz.Authority
	InviteTTL time.Duration    // how long a link lets set a password; 0: 72 hours
	Now       func() time.Time // the clock; nil: the system's
}

// Service applies the rules. It is safe for concurrent use.
type Service struct {
	store     store.Store
	authority *authz.Authority
	inviteTTL time.Duration
	now       func() time.Time
}

// New makes a service.
func New(c Config) *Service {
	s := &Service{store: c.Store, authority: c.Authority, inviteTTL: c.InviteTTL, now: c.Now}
	if s.inviteTTL == 0 {
		s.inviteTTL = 72 * time.Hour
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// errUser refuses a user who is not there, or whom the caller may not see.
var errUser = fault.Missing("user")

// need returns nil for a caller with a capability on the instance.
func need(by *authz.Principal, c authz.Capability) error {
	if by.May(c) {
		return nil
	}
	return by.Denied(c)
}

// see finds a user by id, for whom the caller may see.
func see(ctx context.Context, db store.Store, by *authz.Principal, id string) (store.User, error) {
	if id != by.User.ID && !by.May(authz.UsersManage) {
		return store.User{}, errUser
	}
	if uuid.Validate(id) != nil {
		return store.User{}, errUser
	}
	return db.Users().Get(ctx, id)
}

// manage finds a user by id, for a caller who has capabilities and all that the user's role has.
func manage(ctx context.Context, db store.Store, by *authz.Principal, id string, capabilities ...authz.Capability) (store.User, error) {
	user, err := see(ctx, db, by, id)
	if err != nil {
		return store.User{}, err
	}
	for _, c := range capabilities {
		if err := need(by, c); err != nil {
			return store.User{}, err
		}
	}
	return user, by.MayGrant(user.Role)
}

// inTx runs fn in a transaction with the caller as the user is now, and refuses what leaves no active
// owner who was there before.
func (s *Service) inTx(ctx context.Context, by *authz.Principal, fn func(tx store.Store, by *authz.Principal) error) error {
	return s.store.InTx(ctx, func(tx store.Store) error {
		now, err := s.authority.Again(ctx, tx, by)
		if err != nil {
			return err
		}
		before, err := tx.Users().ActiveOwners(ctx)
		if err != nil {
			return err
		}
		if err := fn(tx, now); err != nil {
			return err
		}
		after, err := tx.Users().ActiveOwners(ctx)
		if err == nil && after == 0 && before > 0 {
			err = fault.New(fault.Conflict, "this is the last active owner who can log in: make another one first")
		}
		return err
	})
}
