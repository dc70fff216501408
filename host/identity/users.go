package identity

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// MaxUsernameBytes is how long a user's name may be, in bytes; it has one at least.
const MaxUsernameBytes = 128

// checkUsername refuses what is no name: it has no spaces and control characters, so that it can be
// read in a list, and does not look like an id, since either can name a user.
func checkUsername(name string) error {
	switch {
	case name == "" || len(name) > MaxUsernameBytes:
		return fault.Refuse("username", "must have 1 to %d bytes, got %d", MaxUsernameBytes, len(name))
	case !utf8.ValidString(name):
		return fault.Refuse("username", "must be valid UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return fault.Refuse("username", "must not have spaces and control characters")
	case uuid.Validate(name) == nil:
		return fault.Refuse("username", "must not look like an id")
	}
	return nil
}

// Invite lets whoever has its token set a user's password, once.
type Invite struct {
	Token   string
	Expires time.Time
}

// NewUser is somebody to be made a user.
type NewUser struct {
	Username string
	Password string // "": by the invite
	Role     store.InstanceRole
}

// Create makes a user. One without a password has an invite, and cannot log in before it was used.
func (s *Service) Create(ctx context.Context, by *authz.Principal, wanted NewUser) (user store.User, invite *Invite, err error) {
	if err := need(by, authz.UsersManage); err != nil {
		return store.User{}, nil, err
	}
	if err := by.MayGrant(wanted.Role); err != nil {
		return store.User{}, nil, err
	}
	if err := checkUsername(wanted.Username); err != nil {
		return store.User{}, nil, err
	}
	hash, err := s.hash(wanted.Password)
	if err != nil {
		return store.User{}, nil, err
	}
	err = s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		if err := need(by, authz.UsersManage); err != nil {
			return err
		}
		if err := by.MayGrant(wanted.Role); err != nil {
			return err
		}
		user, err = tx.Users().Create(ctx, store.User{Username: wanted.Username, PasswordHash: hash, Role: wanted.Role})
		if err == nil && hash == "" {
			invite, err = s.invite(ctx, tx, user.ID)
		}
		return err
	})
	return user, invite, err
}

// hash checks and hashes a password; "" stays what it is.
func (s *Service) hash(password string) (string, error) {
	if password == "" {
		return "", nil
	}
	if err := authz.CheckPassword(password); err != nil {
		return "", fault.Refuse("password", "%s", strings.TrimPrefix(err.Error(), "password "))
	}
	return s.authority.HashPassword(password)
}

// invite makes an invite of a user, in place of the one before.
func (s *Service) invite(ctx context.Context, tx store.Store, userID string) (*Invite, error) {
	token, hash := authz.NewInvite()
	kept, err := tx.Invites().Set(ctx, store.Invite{UserID: userID, TokenHash: hash, ExpiresAt: s.now().Add(s.inviteTTL)})
	return &Invite{Token: token, Expires: kept.ExpiresAt}, err
}

// List pages through all users in the order of their names.
func (s *Service) List(ctx context.Context, by *authz.Principal, page store.PageRequest) (store.Page[store.User], error) {
	if err := need(by, authz.UsersManage); err != nil {
		return store.Page[store.User]{}, err
	}
	return s.store.Users().List(ctx, page)
}

// Get finds a user by id.
func (s *Service) Get(ctx context.Context, by *authz.Principal, id string) (store.User, error) {
	return see(ctx, s.store, by, id)
}

// Change is what to change of a user; a nil field stays.
type Change struct {
	Username *string
	Role     *store.InstanceRole
}

// Change changes a user.
func (s *Service) Change(ctx context.Context, by *authz.Principal, id string, change Change) (user store.User, err error) {
	err = s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		if _, err := manage(ctx, tx, by, id, authz.UsersManage); err != nil {
			return err
		}
		if change.Username != nil {
			if err := checkUsername(*change.Username); err != nil {
				return err
			}
		}
		if change.Role != nil {
			if err := by.MayGrant(*change.Role); err != nil {
				return err
			}
		}
		user, err = tx.Users().Update(ctx, id, store.UserChange{Username: change.Username, Role: change.Role})
		return err
	})
	return user, err
}

// Deactivate has nobody act as a user any more: sessions, API keys and an invite end, and triggers that
// the user registered fire no script. What the user did stays. Again it changes nothing.
func (s *Service) Deactivate(ctx context.Context, by *authz.Principal, id string) (user store.User, err error) {
	err = s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		if user, err = manage(ctx, tx, by, id, authz.UsersManage); err != nil || !user.Active() {
			return err
		}
		if user, err = tx.Users().Update(ctx, id, store.UserChange{DeactivatedAt: new(s.now())}); err != nil {
			return err
		}
		if _, err := tx.APIKeys().DeleteOf(ctx, id); err != nil {
			return err
		}
		return s.lockOut(ctx, tx, id)
	})
	return user, err
}

// lockOut ends what a user, or whoever was, is logged in by, and may be by an invite.
func (s *Service) lockOut(ctx context.Context, tx store.Store, id string) error {
	if _, err := tx.Sessions().DeleteOf(ctx, id); err != nil {
		return err
	}
	return tx.Invites().DeleteOf(ctx, id)
}

// Reactivate undoes a deactivation. The user logs in with the password from before; what had ended
// does not come back, but triggers fire again. Again it changes nothing.
func (s *Service) Reactivate(ctx context.Context, by *authz.Principal, id string) (user store.User, err error) {
	err = s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		if user, err = manage(ctx, tx, by, id, authz.UsersManage); err != nil || user.Active() {
			return err
		}
		user, err = tx.Users().Update(ctx, id, store.UserChange{DeactivatedAt: &time.Time{}})
		return err
	})
	return user, err
}

// errOneself refuses to go around the old password.
var errOneself = fault.New(fault.Forbidden, "change your own password and second factor as such: that needs your password")

// other is manage of the credentials of another user, who is active.
func other(ctx context.Context, db store.Store, by *authz.Principal, id string) (store.User, error) {
	user, err := manage(ctx, db, by, id, authz.UsersManage, authz.CredentialsManage)
	switch {
	case err != nil:
		return store.User{}, err
	case id == by.User.ID:
		return store.User{}, errOneself
	case !user.Active():
		return store.User{}, fault.New(fault.Conflict, "the user is deactivated: reactivate the user first")
	}
	return user, nil
}

// ResetPassword gives a user another password, or, when it is "", takes away the one there is for an
// invite to set one. Sessions end; API keys stay.
func (s *Service) ResetPassword(ctx context.Context, by *authz.Principal, id, password string) (user store.User, invite *Invite, err error) {
	if _, err := other(ctx, s.store, by, id); err != nil {
		return store.User{}, nil, err
	}
	hash, err := s.hash(password)
	if err != nil {
		return store.User{}, nil, err
	}
	err = s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		if _, err := other(ctx, tx, by, id); err != nil {
			return err
		}
		if user, err = tx.Users().Update(ctx, id, store.UserChange{PasswordHash: &hash}); err != nil {
			return err
		}
		if err = s.lockOut(ctx, tx, id); err == nil && hash == "" {
			invite, err = s.invite(ctx, tx, id)
		}
		return err
	})
	return user, invite, err
}

// Invite makes another invite of a user who has no password, in place of the one before.
func (s *Service) Invite(ctx context.Context, by *authz.Principal, id string) (user store.User, invite *Invite, err error) {
	err = s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		if user, err = other(ctx, tx, by, id); err != nil {
			return err
		}
		if user.PasswordHash != "" {
			return fault.New(fault.Conflict, "the user has a password: reset it")
		}
		invite, err = s.invite(ctx, tx, id)
		return err
	})
	return user, invite, err
}

// ErrInvite refuses the token of an invite, whatever is wrong with it.
var ErrInvite = fault.New(fault.Unauthorized, "the invite is unknown, expired or was used already")

// Redeem sets the password of the user whom an invite is for. Of several at once one does.
func (s *Service) Redeem(ctx context.Context, token, password string) (user store.User, err error) {
	find := func(db store.Store) (store.Invite, error) {
		invite, err := db.Invites().Get(ctx, authz.HashInvite(token), s.now())
		if fault.Of(err) == fault.NotFound {
			err = ErrInvite
		}
		return invite, err
	}
	if _, err := find(s.store); err != nil { // before anything is hashed for nothing
		return store.User{}, err
	}
	if password == "" {
		return store.User{}, fault.Refuse("password", "must not be empty")
	}
	hash, err := s.hash(password)
	if err != nil {
		return store.User{}, err
	}
	err = s.store.InTx(ctx, func(tx store.Store) error {
		invite, err := find(tx)
		if err != nil {
			return err
		}
		if user, err = tx.Users().Update(ctx, invite.UserID, store.UserChange{PasswordHash: &hash}); err != nil {
			return err
		}
		return s.lockOut(ctx, tx, user.ID)
	})
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}

// ResetSecondFactor takes away a user's second factor, as of somebody who lost it. Sessions stay.
func (s *Service) ResetSecondFactor(ctx context.Context, by *authz.Principal, id string) (user store.User, err error) {
	err = s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		if _, err := other(ctx, tx, by, id); err != nil {
			return err
		}
		if err := tx.SecondFactors().Delete(ctx, id); err != nil {
			return err
		}
		user, err = tx.Users().Get(ctx, id)
		return err
	})
	return user, err
}

// Delete removes a user who owns nothing; the error names what there is. Oneself one may remove, too.
func (s *Service) Delete(ctx context.Context, by *authz.Principal, id string) error {
	return s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		user, err := manage(ctx, tx, by, id, authz.UsersManage)
		if err != nil {
			return err
		}
		owned, err := tx.Users().Owned(ctx, id, s.now())
		if err != nil {
			return err
		}
		if what := listOwned(owned); what != "" {
			return fault.New(fault.Conflict, "%s has %s: that has to go first, or deactivate the user", user.Username, what)
		}
		return tx.Users().Delete(ctx, id)
	})
}

// listOwned writes what a user owns, "" for nothing.
func listOwned(owned store.Owned) string {
	var parts []string
	for _, part := range []struct {
		what  string
		names []string
	}{
		{"triggers", owned.Triggers}, {"API keys", owned.Keys}, {"apps without another app_admin", owned.Apps},
	} {
		const most = 5
		names := part.names
		if len(names) == 0 {
			continue
		}
		more := ""
		if len(names) > most {
			names, more = names[:most], ", ..."
		}
		parts = append(parts, fmt.Sprintf("%d %s (%s%s)", len(part.names), part.what, strings.Join(names, ", "), more))
	}
	return strings.Join(parts, ", ")
}
