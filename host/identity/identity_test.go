package identity

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

const password = "correct horse"

// house is two nodes on one database, with a clock of their own and an owner.
type house struct {
	*Service
	t     *testing.T
	other *Service // on the other node
	mu    sync.Mutex
	at    time.Time
	owner *authz.Principal
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// onBoth runs a test on each database.
func onBoth(t *testing.T, test func(h *house)) {
	for name, open := range map[string]func(t *testing.T) func() (store.Store, error){
		"sqlite": func(t *testing.T) func() (store.Store, error) {
			path := filepath.Join(t.TempDir(), sqlite.FileName)
			return func() (store.Store, error) { return sqlite.Open(context.Background(), sqlite.Config{Path: path}) }
		},
		"postgres": func(t *testing.T) func() (store.Store, error) {
			url := pgtest.URL(t)
			return func() (store.Store, error) { return postgres.Open(context.Background(), postgres.Config{URL: url}) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{t: t, at: time.Now()}
			connect := open(t)
			node := func() *Service {
				db, err := connect()
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, db.Close()) })
				cheap := &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
				authority := authz.New(db, 24*time.Hour, authz.Hashing(cheap), authz.Clock(h.clock))
				return New(Config{Store: db, Authority: authority, InviteTTL: time.Hour, Now: h.clock})
			}
			h.Service, h.other = node(), node()
			hash, err := h.authority.HashPassword(password)
			require.NoError(t, err)
			owner, err := h.store.Users().Create(t.Context(), store.User{Username: "owner", PasswordHash: hash, Role: store.RoleOwner})
			require.NoError(t, err)
			h.owner = &authz.Principal{User: owner}
			test(h)
		})
	}
}

// make makes a user and acts as the user.
func (h *house) make(name string, role store.InstanceRole) *authz.Principal {
	h.t.Helper()
	user, _, err := h.Create(h.t.Context(), h.owner, NewUser{Username: name, Password: password, Role: role})
	require.NoError(h.t, err)
	return &authz.Principal{User: user}
}

// login logs in and returns who that is.
func (h *house) login(name, password, code string) (*authz.Principal, string) {
	h.t.Helper()
	made, err := h.authority.Login(h.t.Context(), authz.LoginRequest{Username: name, Password: password, Code: code})
	require.NoError(h.t, err)
	p, err := h.authority.Authenticate(h.t.Context(), made.Token)
	require.NoError(h.t, err)
	return p, made.Token
}

func (h *house) user(p *authz.Principal) store.User {
	h.t.Helper()
	user, err := h.store.Users().Get(h.t.Context(), p.User.ID)
	require.NoError(h.t, err)
	return user
}

func (h *house) withKey(p *authz.Principal, appID string, scopes ...authz.Scope) *authz.Principal {
	_, key, err := h.authority.CreateKey(h.t.Context(), p.User.ID, "k", scopes, appID, time.Time{})
	require.NoError(h.t, err)
	return &authz.Principal{User: p.User, Key: &key}
}

// rules say what becomes of what somebody does to a user of each role: ok, none (there is no such
// user), or the capability that is missing.
const rules = `
who           does            to a member         to an admin         to an owner
owner         see             ok                  ok                  ok
owner         rename          ok                  ok                  ok
owner         make owner      ok                  ok                  ok
owner         make admin      ok                  ok                  ok
owner         deactivate      ok                  ok                  ok
owner         set password    ok                  ok                  ok
owner         reset password  ok                  ok                  ok
owner         reset factor    ok                  ok                  ok
owner         delete          ok                  ok                  ok
admin         see             ok                  ok                  ok
admin         rename          ok                  ok                  owners.manage
admin         make owner      owners.manage       owners.manage       owners.manage
admin         make admin      ok                  ok                  owners.manage
admin         deactivate      ok                  ok                  owners.manage
admin         set password    ok                  ok                  owners.manage
admin         reset password  ok                  ok                  owners.manage
admin         reset factor    ok                  ok                  owners.manage
admin         delete          ok                  ok                  owners.manage
member        see             none                none                none
member        rename          none                none                none
member        make admin      none                none                none
member        deactivate      none                none                none
member        set password    none                none                none
member        reset factor    none                none                none
member        delete          none                none                none
owner's key   see             ok                  ok                  ok
owner's key   rename          ok                  credentials.manage  credentials.manage
owner's key   make owner      credentials.manage  credentials.manage  credentials.manage
owner's key   make admin      credentials.manage  credentials.manage  credentials.manage
owner's key   deactivate      ok                  credentials.manage  credentials.manage
owner's key   set password    credentials.manage  credentials.manage  credentials.manage
owner's key   reset password  credentials.manage  credentials.manage  credentials.manage
owner's key   reset factor    credentials.manage  credentials.manage  credentials.manage
owner's key   delete          ok                  credentials.manage  credentials.manage
app's key     see             none                none                none
app's key     deactivate      none                none                none
app's key     delete          none                none                none
`

func TestRules(t *testing.T) {
	actions := map[string]func(h *house, by *authz.Principal, id string) error{
		"see": func(h *house, by *authz.Principal, id string) error {
			_, err := h.Get(h.t.Context(), by, id)
			return err
		},
		"rename": func(h *house, by *authz.Principal, id string) error {
			_, err := h.Change(h.t.Context(), by, id, Change{Username: new("x" + id[1:])})
			return err
		},
		"make owner": func(h *house, by *authz.Principal, id string) error {
			_, err := h.Change(h.t.Context(), by, id, Change{Role: new(store.RoleOwner)})
			return err
		},
		"make admin": func(h *house, by *authz.Principal, id string) error {
			_, err := h.Change(h.t.Context(), by, id, Change{Role: new(store.RoleAdmin)})
			return err
		},
		"deactivate": func(h *house, by *authz.Principal, id string) error {
			_, err := h.Deactivate(h.t.Context(), by, id)
			return err
		},
		"set password": func(h *house, by *authz.Principal, id string) error {
			_, _, err := h.ResetPassword(h.t.Context(), by, id, "another horse")
			return err
		},
		"reset password": func(h *house, by *authz.Principal, id string) error {
			_, _, err := h.ResetPassword(h.t.Context(), by, id, "")
			return err
		},
		"reset factor": func(h *house, by *authz.Principal, id string) error {
			require.NoError(h.t, h.store.SecondFactors().Begin(h.t.Context(), store.SecondFactor{UserID: id, Secret: "SECRET"}))
			_, err := h.ResetSecondFactor(h.t.Context(), by, id)
			return err
		},
		"delete": func(h *house, by *authz.Principal, id string) error { return h.Delete(h.t.Context(), by, id) },
	}
	onBoth(t, func(h *house) {
		app, err := h.store.Apps().Create(h.t.Context(), store.App{Slug: "app"})
		require.NoError(h.t, err)
		callers := map[string]*authz.Principal{
			"owner": h.owner, "admin": h.make("admin", store.RoleAdmin), "member": h.make("member", store.RoleMember),
			"owner's key": h.withKey(h.owner, "", authz.Scopes...), "app's key": h.withKey(h.owner, app.ID, authz.Scopes...),
		}
		const nobody = "019aa000-0000-7000-8000-000000000000"
		roles := []store.InstanceRole{store.RoleMember, store.RoleAdmin, store.RoleOwner}
		for i, line := range strings.Split(strings.TrimSpace(rules), "\n")[1:] {
			column := func(from, to int) string { return strings.TrimSpace(line[min(from, len(line)):min(to, len(line))]) }
			who, does := column(0, 14), column(14, 30)
			by := callers[who]
			require.NotNil(h.t, by, line)
			require.NotNil(h.t, actions[does], line)
			for k, want := range []string{column(30, 50), column(50, 70), column(70, 90)} {
				target := h.make(fmt.Sprintf("target-%d-%d", i, k), roles[k])
				before := h.user(target)
				err := actions[does](h, by, target.User.ID)
				tells := fmt.Sprintf("%s: %s of %s", who, does, roles[k])
				switch want {
				case "ok":
					assert.NoError(h.t, err, tells)
				case "none":
					assert.Equal(h.t, errUser, err, tells)
				default:
					assert.Equal(h.t, fault.Forbidden, fault.Of(err), tells)
					assert.ErrorContains(h.t, err, "("+want+")", tells)
				}
				if want != "ok" {
					assert.Equal(h.t, before, h.user(target), "%s is refused and changes nothing", tells)
				}
			}
			if by.May(authz.UsersManage) && does != "reset factor" {
				for _, id := range []string{nobody, "owner", "\x00"} {
					assert.Equal(h.t, fault.NotFound, fault.Of(actions[does](h, by, id)), "%s: %s of %q", who, does, id)
				}
			}
		}
	})
}

// However several requests at once try, an owner who can log in is left.
func TestLastOwner(t *testing.T) {
	demote := func(s *Service, by *authz.Principal, id string) error {
		_, err := s.Change(context.Background(), by, id, Change{Role: new(store.RoleMember)})
		return err
	}
	deactivate := func(s *Service, by *authz.Principal, id string) error {
		_, err := s.Deactivate(context.Background(), by, id)
		return err
	}
	leave := func(s *Service, by *authz.Principal, id string) error { return s.Delete(context.Background(), by, id) }
	reset := func(s *Service, by *authz.Principal, id string) error {
		_, _, err := s.ResetPassword(context.Background(), by, id, "")
		return err
	}
	type way = func(*Service, *authz.Principal, string) error
	onBoth(t, func(h *house) {
		ctx := h.t.Context()
		for name, gone := range map[string]way{"demote": demote, "deactivate": deactivate, "leave": leave} {
			err := gone(h.Service, h.owner, h.owner.User.ID)
			assert.Equal(h.t, fault.Conflict, fault.Of(err), name)
			assert.ErrorContains(h.t, err, "the last active owner", name)
		}
		invited, _, err := h.Create(ctx, h.owner, NewUser{Username: "invited", Role: store.RoleOwner})
		require.NoError(h.t, err)
		assert.Equal(h.t, fault.Conflict, fault.Of(demote(h.Service, h.owner, h.owner.User.ID)), "who is invited may never come")
		require.NoError(h.t, h.Delete(ctx, h.owner, invited.ID))

		owners := []*authz.Principal{h.owner, h.make("second", store.RoleOwner)}
		round := 0
		for name, ways := range map[string][2]way{
			"both demote themselves": {demote, demote}, "one leaves, one is deactivated": {leave, deactivate}, "each resets the other's": {reset, reset},
		} {
			for _, oneself := range []bool{true, false} {
				if name == "each resets the other's" && oneself {
					continue // which is refused anyway
				}
				for range 3 {
					round++
					errs := make([]error, 2)
					var wait sync.WaitGroup
					for i, s := range []*Service{h.Service, h.other} {
						target := owners[i]
						if !oneself {
							target = owners[1-i]
						}
						wait.Go(func() { errs[i] = ways[i](s, owners[i], target.User.ID) })
					}
					wait.Wait()
					done := 0
					for _, err := range errs {
						switch fault.Of(err) {
						case fault.Conflict, fault.Forbidden, fault.Unauthorized, fault.NotFound:
						default:
							require.NoError(h.t, err)
							done++
						}
					}
					n, err := h.store.Users().ActiveOwners(ctx)
					require.NoError(h.t, err)
					require.Equal(h.t, []int64{1, 1}, []int64{int64(done), n}, "%s (oneself: %v): %v", name, oneself, errs)
					// Make two again.
					var left *authz.Principal
					for _, p := range owners {
						if user, err := h.store.Users().Get(ctx, p.User.ID); err == nil && user.Active() && user.Role == store.RoleOwner && user.PasswordHash != "" {
							left = p
						}
					}
					require.NotNil(h.t, left)
					h.owner = left
					owners = []*authz.Principal{left, h.make(fmt.Sprint("successor-", round), store.RoleOwner)}
				}
			}
		}
	})
}

// The rights of who asks are those at the moment of the change.
func TestRightsOfNow(t *testing.T) {
	onBoth(t, func(h *house) {
		admin := h.make("admin", store.RoleAdmin)
		target := h.make("target", store.RoleMember)
		_, err := h.Change(h.t.Context(), h.owner, admin.User.ID, Change{Role: new(store.RoleMember)})
		require.NoError(h.t, err)
		_, err = h.Deactivate(h.t.Context(), admin, target.User.ID) // admin still says what was so
		assert.Equal(h.t, errUser, err)
		_, _, err = h.Create(h.t.Context(), admin, NewUser{Username: "new", Role: store.RoleMember})
		assert.ErrorContains(h.t, err, authz.Denied(authz.UsersManage).Error()+"; you are member")
		_, err = h.Deactivate(h.t.Context(), h.owner, admin.User.ID)
		require.NoError(h.t, err)
		_, err = h.Deactivate(h.t.Context(), admin, target.User.ID)
		assert.ErrorIs(h.t, err, authz.ErrToken)
	})
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ name, says string }{
		{"ada", ""}, {"Ada.Lovelace@example.org", ""}, {"Jürg", ""}, {strings.Repeat("x", 128), ""},
		{"", "1 to 128 bytes, got 0"}, {strings.Repeat("x", 129), "got 129"}, {"a b", "spaces"}, {"a\u00a0b", "spaces"}, {"a\nb", "spaces and control"},
		{"a\u200b\x7f", "control"}, {"\xff", "UTF-8"}, {"019aa000-0000-7000-8000-000000000000", "look like an id"},
	} {
		err := checkUsername(c.name)
		if c.says == "" {
			assert.NoError(t, err, "%q", c.name)
			continue
		}
		assert.ErrorContains(t, err, c.says, "%q", c.name)
		assert.Equal(t, "username", fault.From(err).Field)
	}
}

func TestInvitesEnd(t *testing.T) {
	onBoth(t, func(h *house) {
		ctx := h.t.Context()
		redeem := func(i *Invite) error {
			_, err := h.Redeem(ctx, i.Token, "another horse")
			return err
		}
		user, first, err := h.Create(ctx, h.owner, NewUser{Username: "ada", Role: store.RoleMember})
		require.NoError(h.t, err)
		h.advance(time.Hour)
		assert.ErrorIs(h.t, redeem(first), ErrInvite, "expired")

		_, second, err := h.Invite(ctx, h.owner, user.ID)
		require.NoError(h.t, err)
		_, third, err := h.Invite(ctx, h.owner, user.ID)
		require.NoError(h.t, err)
		assert.ErrorIs(h.t, redeem(second), ErrInvite, "another one came after it")
		_, err = h.Deactivate(ctx, h.owner, user.ID)
		require.NoError(h.t, err)
		assert.ErrorIs(h.t, redeem(third), ErrInvite, "of who was deactivated")
		_, err = h.Reactivate(ctx, h.owner, user.ID)
		require.NoError(h.t, err)
		assert.ErrorIs(h.t, redeem(third), ErrInvite)

		_, fourth, err := h.Invite(ctx, h.owner, user.ID)
		require.NoError(h.t, err)
		_, err = h.Redeem(ctx, fourth.Token, "short")
		assert.Equal(h.t, "password", fault.From(err).Field)
		errs := make([]error, 6)
		var wait sync.WaitGroup
		for i := range errs {
			s := []*Service{h.Service, h.other}[i%2]
			wait.Go(func() { _, errs[i] = s.Redeem(context.Background(), fourth.Token, fmt.Sprint("password ", i)) })
		}
		wait.Wait()
		used := -1
		for i, err := range errs {
			if err == nil {
				assert.Equal(h.t, -1, used, "once")
				used = i
			} else {
				assert.ErrorIs(h.t, err, ErrInvite)
			}
		}
		require.NotEqual(h.t, -1, used)
		h.login("ada", fmt.Sprint("password ", used), "")
		_, _, err = h.Invite(ctx, h.owner, user.ID)
		assert.Equal(h.t, fault.Conflict, fault.Of(err))
	})
}

func TestDeactivationEndsWhatThereIs(t *testing.T) {
	onBoth(t, func(h *house) {
		ctx := h.t.Context()
		h.make("ada", store.RoleMember)
		ada, token := h.login("ada", password, "")
		key, _, err := h.authority.CreateKey(ctx, ada.User.ID, "k", authz.Scopes, "", time.Time{})
		require.NoError(h.t, err)
		for range 2 { // again it changes nothing
			user, err := h.Deactivate(ctx, h.owner, ada.User.ID)
			require.NoError(h.t, err)
			assert.False(h.t, user.Active())
		}
		for range 2 {
			user, err := h.Reactivate(ctx, h.owner, ada.User.ID)
			require.NoError(h.t, err)
			assert.True(h.t, user.Active())
		}
		for _, credential := range []string{token, key} {
			_, err := h.authority.Authenticate(ctx, credential)
			assert.ErrorIs(h.t, err, authz.ErrToken, "it has ended")
		}
		h.login("ada", password, "")
	})
}

func TestDeletionNamesWhatIsOwned(t *testing.T) {
	onBoth(t, func(h *house) {
		ctx := h.t.Context()
		ada := h.make("ada", store.RoleMember)
		for i := range 7 {
			_, _, err := h.authority.CreateKey(ctx, ada.User.ID, fmt.Sprint("key", i), authz.Scopes, "", time.Time{})
			require.NoError(h.t, err)
		}
		app, err := h.store.Apps().Create(ctx, store.App{Slug: "shop"})
		require.NoError(h.t, err)
		require.NoError(h.t, h.store.Apps().SetMember(ctx, app.ID, ada.User.ID, store.RoleAppAdmin))
		err = h.Delete(ctx, h.owner, ada.User.ID)
		assert.Equal(h.t, fault.Conflict, fault.Of(err))
		assert.EqualError(h.t, err, "ada has 7 API keys (key0, key1, key2, key3, key4, ...), 1 apps without another app_admin (shop): "+
			"that has to go first, or deactivate the user")
		_, err = h.Deactivate(ctx, h.owner, ada.User.ID)
		require.NoError(h.t, err)
		require.NoError(h.t, h.store.Apps().SetMember(ctx, app.ID, h.owner.User.ID, store.RoleAppAdmin))
		require.NoError(h.t, h.Delete(ctx, h.owner, ada.User.ID))
	})
}

func TestOwnPassword(t *testing.T) {
	onBoth(t, func(h *house) {
		ctx := h.t.Context()
		h.make("ada", store.RoleMember)
		ada, this := h.login("ada", password, "")
		_, other := h.login("ada", password, "")
		err := h.ChangePassword(ctx, ada, "wrong", "another horse")
		assert.Equal(h.t, "old_password", fault.From(err).Field)
		err = h.ChangePassword(ctx, ada, password, "short")
		assert.EqualError(h.t, err, "new_password: must have between 8 and 1024 bytes, got 5")
		require.NoError(h.t, h.ChangePassword(ctx, ada, password, "another horse"))
		_, err = h.authority.Authenticate(ctx, this)
		assert.NoError(h.t, err)
		_, err = h.authority.Authenticate(ctx, other)
		assert.ErrorIs(h.t, err, authz.ErrToken)
		h.login("ada", "another horse", "")

		_, _, err = h.ResetPassword(ctx, h.owner, h.owner.User.ID, "without the old one")
		assert.Equal(h.t, errOneself, err)
		_, err = h.ResetSecondFactor(ctx, h.owner, h.owner.User.ID)
		assert.Equal(h.t, errOneself, err)
	})
}

func TestSecondFactorOfOneself(t *testing.T) {
	onBoth(t, func(h *house) {
		ctx := h.t.Context()
		h.make("ada", store.RoleMember)
		ada, _ := h.login("ada", password, "")
		_, err := h.ConfirmSecondFactor(ctx, ada, "123456")
		assert.Equal(h.t, fault.Conflict, fault.Of(err), "nothing is begun")
		assert.Equal(h.t, errNoFactor, h.DisableSecondFactor(ctx, ada, Proof{Password: password}))

		authenticator, err := h.BeginSecondFactor(ctx, ada, password)
		require.NoError(h.t, err)
		code := func() string {
			h.advance(authz.CodePeriod)
			code, err := totp.GenerateCode(authenticator.Secret, h.clock())
			require.NoError(h.t, err)
			return code
		}
		_, err = h.ConfirmSecondFactor(ctx, ada, "12345x")
		assert.Equal(h.t, "code", fault.From(err).Field)

		// Of several confirmations at once by one code one is answered recovery codes.
		once, all := code(), make([][]string, 4)
		var wait sync.WaitGroup
		errs := make([]error, len(all))
		for i := range all {
			s := []*Service{h.Service, h.other}[i%2]
			wait.Go(func() { all[i], errs[i] = s.ConfirmSecondFactor(context.Background(), ada, once) })
		}
		wait.Wait()
		var recovery []string
		for _, codes := range all {
			if codes != nil {
				assert.Nil(h.t, recovery)
				recovery = codes
			}
		}
		require.Len(h.t, recovery, authz.RecoveryCodes, "%v", errors.Join(errs...))

		_, err = h.BeginSecondFactor(ctx, ada, password)
		assert.Equal(h.t, errHasFactor, err)
		h.login("ada", password, code())
		factor, err := h.SecondFactor(ctx, ada)
		require.NoError(h.t, err)
		assert.Equal(h.t, authz.RecoveryCodes, factor.RecoveryCodes)
		fresh, err := h.RenewRecoveryCodes(ctx, ada, Proof{Code: code()})
		require.NoError(h.t, err)
		_, err = h.authority.Login(ctx, authz.LoginRequest{Username: "ada", Password: password, Code: recovery[0]})
		assert.ErrorIs(h.t, err, authz.ErrCode)
		h.login("ada", password, fresh[0])
		require.NoError(h.t, h.DisableSecondFactor(ctx, ada, Proof{Password: password}))
		h.login("ada", password, "")
		factor, err = h.SecondFactor(ctx, ada)
		require.NoError(h.t, err)
		assert.Zero(h.t, factor)
	})
}
