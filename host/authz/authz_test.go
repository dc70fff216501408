package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// house is an authority over a real store, with a clock of its own and a user of each kind.
type house struct {
	*Authority
	t     testing.TB
	now   time.Time
	users map[string]store.User
	app   store.App // ann is its app_admin, ed an editor, vi a viewer
	other store.App // nobody's
}

const password = "correct horse"

// Real hashes cost 30 ms, and half a second under the race detector.
var realHashing = *hashing

func init() {
	hashing = &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

func newHouse(t testing.TB) *house {
	t.Helper()
	ctx := context.Background()
	db, err := eachtest.New(t).Open(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	h := &house{t: t, now: time.Now(), users: map[string]store.User{}}
	h.Authority = New(db, time.Hour, Clock(func() time.Time { return h.now }))
	hash, err := HashPassword(password)
	require.NoError(t, err)
	for name, role := range map[string]store.InstanceRole{
		"owner": store.RoleOwner, "admin": store.RoleAdmin,
		"ann": store.RoleMember, "ed": store.RoleMember, "vi": store.RoleMember, "stranger": store.RoleMember,
	} {
		h.users[name], err = db.Users().Create(ctx, store.User{Username: name, PasswordHash: hash, Role: role})
		require.NoError(t, err)
	}
	h.app, err = db.Apps().Create(ctx, store.App{Slug: "app", Name: "App"})
	require.NoError(t, err)
	h.other, err = db.Apps().Create(ctx, store.App{Slug: "other", Name: "Other"})
	require.NoError(t, err)
	for name, role := range map[string]store.AppRole{"ann": store.RoleAppAdmin, "ed": store.RoleEditor, "vi": store.RoleViewer} {
		require.NoError(t, db.Apps().SetMember(ctx, h.app.ID, h.users[name].ID, role))
	}
	return h
}

func (h *house) mayIn(p *Principal, app store.App, c Capability) bool {
	h.t.Helper()
	may, err := h.MayIn(context.Background(), p, app.ID, c)
	require.NoError(h.t, err)
	return may
}

func TestRoles(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		capability Capability
		holders    string // in the app; owner and admin hold all of these everywhere
	}{
		{AppRead, "ann ed vi"}, {ScriptRead, "ann ed vi"}, {RouteRead, "ann ed vi"}, {LogRead, "ann ed vi"}, {DataRead, "ann ed vi"},
		{MembersRead, "ann ed vi"}, {TriggerRead, "ann ed vi"}, {TriggerWrite, "ann ed"}, {EventManage, "ann ed"}, {SecretRead, "ann ed"},
		{SecretWrite, "ann"}, {AuditRead, "ann"}, {QuotaManage, ""},
		{ScriptWrite, "ann ed"}, {ScriptDelete, "ann ed"}, {ScriptExecute, "ann ed"}, {RouteWrite, "ann ed"}, {DataWrite, "ann ed"},
		{AppUpdate, "ann"}, {AppDelete, "ann"}, {MembersManage, "ann"}, {DomainsManage, "ann"},
	} {
		for name, user := range h.users {
			p := &Principal{User: user}
			everywhere := name == "owner" || name == "admin"
			assert.Equal(t, everywhere || strings.Contains(" "+c.holders+" ", " "+name+" "), h.mayIn(p, h.app, c.capability), "%s %s", name, c.capability)
			assert.Equal(t, everywhere, h.mayIn(p, h.other, c.capability), "%s %s in another app", name, c.capability)
		}
	}
	for _, c := range []struct {
		capability Capability
		holders    string
	}{
		{AppCreate, "owner admin"}, {UsersManage, "owner admin"}, {OwnersManage, "owner"}, {SecretRotate, "owner admin"}, {BackupCreate, "owner"}, {AuditRead, "owner admin"}, {KeysManage, "owner admin ann ed vi stranger"}, {AppRead, "owner admin"}, {AuditRead, "owner admin"},
	} {
		for name, user := range h.users {
			assert.Equal(t, strings.Contains(" "+c.holders+" ", " "+name+" "), (&Principal{User: user}).May(c.capability), "%s %s", name, c.capability)
		}
	}
	assert.False(t, h.mayIn(nil, h.app, AppRead), "nobody may nothing")
	assert.False(t, (*Principal)(nil).May(KeysManage))
}

// Every capability in an app is in the list of those, and somebody holds it.
func TestInApp(t *testing.T) {
	assert.ElementsMatch(t, slices.Concat(appAdmin, capabilitySet{QuotaManage}), InApp)
	for _, c := range []Capability{AppCreate, UsersManage, OwnersManage, KeysManage} {
		assert.NotContains(t, InApp, c)
	}
}

func TestKeysNarrowRoles(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	for _, c := range []struct {
		name, user string
		scopes     []Scope
		bound      bool
		may        []Capability // of all capabilities in the app
	}{
		{"no scope", "owner", nil, false, nil},
		{"script:read", "owner", []Scope{ScopeScriptRead}, false, []Capability{AppRead, ScriptRead, RouteRead, TriggerRead}},
		{"script:write", "ed", []Scope{ScopeScriptWrite}, false, []Capability{AppRead, ScriptRead, ScriptWrite, ScriptDelete, ScriptExecute, RouteRead, TriggerRead, TriggerWrite, EventManage, DataRead, DataWrite}},
		{"script:write of a viewer", "vi", []Scope{ScopeScriptWrite}, false, []Capability{AppRead, ScriptRead, RouteRead, TriggerRead, DataRead}},
		{"route:write and log:read, bound", "ed", []Scope{ScopeRouteWrite, ScopeLogRead}, true, []Capability{AppRead, RouteRead, RouteWrite, LogRead}},
		{"app:admin of an editor", "ed", []Scope{ScopeAppAdmin}, true, editor},
		{"instance:admin", "admin", []Scope{ScopeInstanceAdmin}, false, []Capability{AppRead, AuditRead}},
		{"domain:manage", "ann", []Scope{ScopeDomainManage}, false, []Capability{AppRead, RouteRead, DomainsManage}},
		{"of a stranger", "stranger", Scopes, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bound := ""
			if c.bound {
				bound = h.app.ID
			}
			key, row, err := h.CreateKey(ctx, h.users[c.user].ID, "k", c.scopes, bound, time.Time{})
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(key, row.Prefix) && len(row.Prefix) < 12)
			p, err := h.Authenticate(ctx, key)
			require.NoError(t, err)
			for _, capability := range InApp {
				assert.Equal(t, capabilitySet(c.may).has(capability), h.mayIn(p, h.app, capability), capability)
				if c.bound {
					assert.False(t, h.mayIn(p, h.other, capability), "in another app")
				}
			}
			assert.False(t, p.May(KeysManage), "a key must not make keys")
			assert.Equal(t, c.name == "instance:admin", p.May(AppCreate))
		})
	}
	_, _, err := h.CreateKey(ctx, h.users["owner"].ID, "k", []Scope{"script:everything"}, "", time.Time{})
	assert.ErrorContains(t, err, "script:everything")
}

// login logs in without a known device.
func (h *house) login(ctx context.Context, username, password, address string) (token string, expires time.Time, err error) {
	login, err := h.Login(ctx, LoginRequest{Username: username, Password: password, Address: address})
	return login.Token, login.Expires, err
}

func TestSessionLifetime(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	token, expires, err := h.login(ctx, "OWNER", password, "1.2.3.4")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(token, SessionPrefix))
	assert.WithinDuration(t, h.now.Add(time.Hour), expires, time.Millisecond)
	p, err := h.Authenticate(ctx, token)
	require.NoError(t, err)
	assert.Equal(t, "owner", p.User.Username)

	h.now = h.now.Add(59 * time.Minute)
	_, err = h.Authenticate(ctx, token)
	require.NoError(t, err)
	h.now = h.now.Add(2 * time.Minute)
	_, err = h.Authenticate(ctx, token)
	assert.ErrorIs(t, err, ErrToken, "expired")

	token, _, err = h.login(ctx, "owner", password, "1.2.3.4")
	require.NoError(t, err)
	p, err = h.Authenticate(ctx, token)
	require.NoError(t, err)
	require.NoError(t, h.Logout(ctx, p))
	require.NoError(t, h.Logout(ctx, p), "twice does no harm")
	_, err = h.Authenticate(ctx, token)
	assert.ErrorIs(t, err, ErrToken, "logged out")
}

func TestAuthenticateRefuses(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	key, row, err := h.CreateKey(ctx, h.users["ed"].ID, "k", Scopes, "", h.now.Add(time.Minute))
	require.NoError(t, err)
	_, err = h.Authenticate(ctx, "")
	assert.ErrorIs(t, err, ErrNoToken)
	for _, token := range []string{"x", SessionPrefix, KeyPrefix, SessionPrefix + "unknown", key + "x", strings.ToUpper(key), hashToken(key), "pcs_\x00"} {
		_, err := h.Authenticate(ctx, token)
		assert.ErrorIs(t, err, ErrToken, "%q", token)
	}
	_, err = h.Authenticate(ctx, key)
	require.NoError(t, err)
	h.now = h.now.Add(time.Minute)
	_, err = h.Authenticate(ctx, key)
	assert.ErrorIs(t, err, ErrToken, "expired")
	h.now = h.now.Add(-time.Minute)
	require.NoError(t, h.store.APIKeys().Delete(ctx, row.ID))
	_, err = h.Authenticate(ctx, key)
	assert.ErrorIs(t, err, ErrToken, "revoked")
}

func TestLoginTellsNothingAboutNames(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct{ username, password string }{
		{"owner", "wrong"}, {"nobody", password}, {"nobody", ""}, {"", ""}, {"own\x00er", password}, {"\xff", password},
	} {
		_, _, err := h.login(context.Background(), c.username, c.password, "1.2.3.4")
		assert.ErrorIs(t, err, ErrCredentials, "%q", c)
		assert.EqualError(t, err, "wrong username or password")
	}
	// The hash compared for nobody must cost what a real one costs.
	matches, err := passwordMatches(context.Background(), "x", nobody)
	require.NoError(t, err)
	assert.False(t, matches)
	params, _, _, err := argon2id.DecodeHash(nobody)
	require.NoError(t, err)
	assert.Equal(t, realHashing.Memory, params.Memory)
	assert.Equal(t, realHashing.Iterations, params.Iterations)
	assert.Equal(t, realHashing.Parallelism, params.Parallelism)
}

func TestLoginIsThrottled(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	login := func(username, password, address string) error {
		_, _, err := h.login(ctx, username, password, address)
		return err
	}
	for range burst(atPlace) {
		require.ErrorIs(t, login("owner", "wrong", "1.1.1.1"), ErrCredentials)
	}
	refused := fault.From(login("Owner", password, "1.1.1.1"))
	require.NotNil(t, refused, "even with the right password")
	assert.Equal(t, fault.Throttled, refused.Code)
	assert.Equal(t, 6*time.Second, refused.RetryAfter)
	assert.NoError(t, login("owner", password, "2.2.2.2"), "from elsewhere")
	assert.NoError(t, login("admin", password, "1.1.1.1"), "as another user")
	h.now = h.now.Add(limits[atPlace].refill)
	assert.NoError(t, login("owner", password, "1.1.1.1"), "after waiting")
	for range burst(atPlace) {
		require.NoError(t, login("owner", password, "1.1.1.1"), "success is not counted")
	}
}

func TestAddressIsThrottledOverNames(t *testing.T) {
	now := time.Now()
	throttle := newThrottle(func() time.Time { return now })
	login := func(name, address string) time.Duration {
		return throttle.attempt(guess{atPlace, name, address}, guess{atAddress, "", address})
	}
	for i := range burst(atAddress) {
		require.Zero(t, login(strings.Repeat("x", i), "1.1.1.1"))
	}
	assert.Positive(t, login("fresh", "1.1.1.1"))
	assert.Zero(t, login("fresh", "2.2.2.2"))
	now = now.Add(limits[atAddress].refill)
	assert.Zero(t, login("fresh", "1.1.1.1"))
}

// burst is how many attempts there may be at once.
func burst(k kind) int { return int(limits[k].burst) }

// Who guesses from as many addresses as there are has few guesses at a user, and keeps nobody out who has logged
// in from the same address before. Names that no user has look the same.
func TestUserIsThrottledOverAddresses(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	login := func(username, password, address string) error {
		_, _, err := h.login(ctx, username, password, address)
		return err
	}
	const home, laptop = "198.51.100.1", "198.51.100.2"
	require.NoError(t, login("owner", password, home))
	device, err := h.Login(ctx, LoginRequest{Username: "owner", Password: password, Address: laptop})
	require.NoError(t, err)
	require.NoError(t, login("admin", password, home))

	n := 0
	elsewhere := func() string {
		n++
		return fmt.Sprintf("192.0.2.%d", n)
	}
	for _, name := range []string{"Owner", "nobody"} {
		for range burst(atUser) {
			require.ErrorIs(t, login(name, "guess", elsewhere()), ErrCredentials, name)
		}
		refused := fault.From(login(name, password, elsewhere()))
		require.NotNil(t, refused, "even with the right password")
		assert.Equal(t, fault.Throttled, refused.Code)
		assert.Equal(t, time.Minute, refused.RetryAfter, name)
	}
	assert.NoError(t, login("ann", password, elsewhere()), "another user")
	assert.NoError(t, login("owner", password, home), "from where the user has logged in before")
	_, err = h.Login(ctx, LoginRequest{Username: "owner", Password: password, Address: elsewhere(), Device: device.Device})
	assert.NoError(t, err, "from a known device")
	assert.Equal(t, fault.Throttled, fault.Of(login("owner", password, elsewhere())), "that did not give back what the guesser has used")

	// A known place guesses no faster than any other, and what it guesses is not the others'.
	for range burst(knownPlace) {
		require.ErrorIs(t, login("owner", "guess", home), ErrCredentials)
	}
	require.Equal(t, fault.Throttled, fault.Of(login("owner", password, home)))
	require.NoError(t, login("owner", password, laptop))

	// In a day a guesser has as many as come back.
	guesses := 0
	for range 24 * 60 {
		h.now = h.now.Add(time.Minute)
		for range 3 {
			if err := login("owner", "guess", elsewhere()); errors.Is(err, ErrCredentials) {
				guesses++
			}
		}
	}
	assert.Equal(t, 24*60, guesses)

	// Success is not counted, and makes a place known. A place is known for 90 days, and until the password changes.
	h.now = h.now.Add(time.Minute)
	office := elsewhere()
	require.NoError(t, login("owner", password, office))
	for range burst(atUser) {
		_ = login("owner", "guess", elsewhere())
	}
	require.NoError(t, login("owner", password, office))
	h.now = h.now.Add(placeKept + time.Minute)
	for range burst(atUser) {
		_ = login("owner", "guess", elsewhere())
	}
	require.Equal(t, fault.Throttled, fault.Of(login("owner", password, office)))
	h.now = h.now.Add(time.Minute)
	require.NoError(t, login("owner", password, office))
	require.NoError(t, SetPassword(ctx, h.store, h.users["owner"].ID, "another password"))
	for range burst(atUser) {
		_ = login("owner", "guess", elsewhere())
	}
	require.Equal(t, fault.Throttled, fault.Of(login("owner", "another password", office)))
}

func TestCheckPassword(t *testing.T) {
	assert.NoError(t, CheckPassword("12345678"))
	assert.ErrorContains(t, CheckPassword("1234567"), "got 7")
	assert.ErrorContains(t, CheckPassword(strings.Repeat("x", 1025)), "1024")
	assert.ErrorContains(t, CheckPassword("\xff2345678"), "UTF-8")
}

// Who guesses from behind the same proxy does not keep a user out whose device is known, and a device is no
// password.
func TestKnownDevice(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	const proxy = "9.9.9.9"
	first, err := h.Login(ctx, LoginRequest{Username: "owner", Password: password, Address: proxy})
	require.NoError(t, err)
	for range burst(atAddress) + burst(atPlace) { // of which most are throttled
		_, _, err := h.login(ctx, "owner", "guess", proxy)
		require.Error(t, err)
	}
	_, _, err = h.login(ctx, "owner", password, proxy)
	require.Equal(t, fault.Throttled, fault.Of(err), "an unknown device")
	for _, device := range []string{"", "x", first.Token, first.Device + "x", strings.ToUpper(first.Device)} {
		_, err := h.Login(ctx, LoginRequest{Username: "owner", Password: password, Address: proxy, Device: device})
		require.Equal(t, fault.Throttled, fault.Of(err), "device %q", device)
	}
	again, err := h.Login(ctx, LoginRequest{Username: "OWNER", Password: password, Address: proxy, Device: first.Device})
	require.NoError(t, err)
	assert.Equal(t, first.Device, again.Device)
	for range burst(atPlace) {
		_, _, err := h.login(ctx, "admin", "guess", proxy)
		require.ErrorIs(t, err, ErrCredentials)
	}
	_, err = h.Login(ctx, LoginRequest{Username: "admin", Password: password, Address: proxy, Device: first.Device})
	require.Equal(t, fault.Throttled, fault.Of(err), "another user's device")

	for range burst(atPlace) {
		_, err := h.Login(ctx, LoginRequest{Username: "owner", Password: "guess", Address: "8.8.8.8", Device: first.Device})
		require.ErrorIs(t, err, ErrCredentials)
	}
	_, err = h.Login(ctx, LoginRequest{Username: "owner", Password: password, Address: "8.8.8.8", Device: first.Device})
	require.Equal(t, fault.Throttled, fault.Of(err), "a stolen device guesses no faster")

	h.now = h.now.Add(time.Hour)
	require.NoError(t, SetPassword(ctx, h.store, h.users["owner"].ID, "another password"))
	after, err := h.Login(ctx, LoginRequest{Username: "owner", Password: "another password", Address: proxy})
	require.NoError(t, err)
	assert.NotEqual(t, first.Device, after.Device, "a new password makes devices unknown")
}

func TestHoldsToken(t *testing.T) {
	session, key := newSecret(SessionPrefix), newSecret(KeyPrefix)
	for _, text := range []string{
		session, key, newSecret(InvitePrefix), "Bearer " + session, "bearer\t" + key, `"` + key + `"`, "a=" + session + "; b=2", "x" + key, session + "more",
		"pcs_short " + key, "pic_" + session,
	} {
		assert.True(t, HoldsToken(text), "%q", text)
	}
	for _, text := range []string{"", "pcs_", "pic_short", session[4:], "pcs " + session[4:], strings.ToUpper(session), key[:len(key)-1]} {
		assert.False(t, HoldsToken(text), "%q", text)
	}
}
