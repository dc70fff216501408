package authz

import (
	"encoding/base32"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// A session that is used lasts until its end, and one that is not ends before.
func TestSessionsSlide(t *testing.T) {
	h := newHouse(t)
	h.sessionTTL, h.sessionIdle = 100*time.Minute, 40*time.Minute
	token, ends, err := h.login(t.Context(), "ann", password, "1.2.3.4")
	require.NoError(t, err)
	assert.WithinDuration(t, h.now.Add(100*time.Minute), ends, time.Millisecond)
	unused, _, err := h.login(t.Context(), "ann", password, "1.2.3.4")
	require.NoError(t, err)

	for _, c := range []struct {
		pause   time.Duration
		unused  bool          // is still good
		expires time.Duration // from the beginning; 0: it has ended
	}{
		{39 * time.Minute, true, 79 * time.Minute},
		{2 * time.Minute, false, 79 * time.Minute},   // used so shortly before that nothing is written
		{37 * time.Minute, false, 100 * time.Minute}, // no longer than its end
		{20 * time.Minute, false, 100 * time.Minute},
		{2 * time.Minute, false, 0},
	} {
		h.now = h.now.Add(c.pause)
		if !c.unused {
			_, err := h.Authenticate(t.Context(), unused)
			assert.ErrorIs(t, err, ErrToken, "not used for %v", c.pause)
		}
		_, err := h.Authenticate(t.Context(), token)
		if c.expires == 0 {
			assert.ErrorIs(t, err, ErrToken)
			continue
		}
		require.NoError(t, err)
		kept, err := h.store.Sessions().Get(t.Context(), hashToken(token), h.now)
		require.NoError(t, err)
		assert.WithinDuration(t, ends.Add(c.expires-100*time.Minute), kept.ExpiresAt, time.Millisecond, "after %v more", c.pause)
	}
}

func TestSessionsKnowTheirPlace(t *testing.T) {
	h := newHouse(t)
	login, err := h.Login(t.Context(), LoginRequest{Username: "ann", Password: password, Place: Place{"192.0.2.1", strings.Repeat("é", 200)}})
	require.NoError(t, err)
	place := func() (string, string) {
		t.Helper()
		session, err := h.store.Sessions().Get(t.Context(), hashToken(login.Token), h.now)
		require.NoError(t, err)
		return session.Address, session.UserAgent
	}
	address, agent := place()
	assert.Equal(t, "192.0.2.1", address)
	assert.Equal(t, strings.Repeat("é", 128), agent)
	h.now = h.now.Add(10 * time.Minute)
	p, err := h.Authenticate(WithPlace(t.Context(), Place{"192.0.2.2", "curl/8"}), login.Token)
	require.NoError(t, err)
	assert.NotEmpty(t, p.SessionID)
	address, agent = place()
	assert.Equal(t, []string{"192.0.2.2", "curl/8"}, []string{address, agent})
}

func TestDeactivatedUsers(t *testing.T) {
	h := newHouse(t)
	ed := h.users["ed"].ID
	token, _, err := h.login(t.Context(), "ed", password, "1.2.3.4")
	require.NoError(t, err)
	key, _, err := h.CreateKey(t.Context(), ed, "k", Scopes, "", time.Time{})
	require.NoError(t, err)
	_, err = h.Registrant(t.Context(), ed, h.app.ID)
	require.NoError(t, err)

	_, err = h.store.Users().Update(t.Context(), ed, store.UserChange{DeactivatedAt: &h.now})
	require.NoError(t, err)
	for _, credential := range []string{token, key} { // which are still kept here
		_, err = h.Authenticate(t.Context(), credential)
		assert.ErrorIs(t, err, ErrToken)
	}
	for _, given := range []string{password, "wrong"} {
		_, _, err = h.login(t.Context(), "ed", given, "1.2.3.4")
		assert.ErrorIs(t, err, ErrCredentials)
	}
	_, err = h.Registrant(t.Context(), ed, h.app.ID)
	assert.Equal(t, fault.Forbidden, fault.Of(err))
	assert.EqualError(t, err, "whoever registered the trigger is deactivated")
}

// A login that cannot succeed compares a hash like any other, so that it takes as long.
func TestLoginsTakeTheSameTime(t *testing.T) {
	hash, err := HashPassword(password)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		user store.User
		want string
	}{
		"unknown":     {store.User{}, nobody},
		"invited":     {store.User{ID: "1"}, nobody},
		"active":      {store.User{ID: "1", PasswordHash: hash}, hash},
		"deactivated": {store.User{ID: "1", PasswordHash: hash, DeactivatedAt: time.Now()}, hash},
	} {
		assert.Equal(t, c.want, hashToCompare(c.user), name)
	}
	h := newHouse(t)
	_, err = h.store.Users().Create(t.Context(), store.User{Username: "invited", Role: store.RoleMember})
	require.NoError(t, err)
	for _, given := range []string{"", password} {
		_, _, err = h.login(t.Context(), "invited", given, "1.2.3.4")
		assert.ErrorIs(t, err, ErrCredentials, "%q", given)
	}
}

// A password that was hashed by other parameters is hashed anew at the next login.
func TestPasswordsAreHashedAnew(t *testing.T) {
	h := newHouse(t)
	old := &argon2id.Params{Memory: 32, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	hash, err := argon2id.CreateHash(password, old)
	require.NoError(t, err)
	ann := h.users["ann"].ID
	_, err = h.store.Users().Update(t.Context(), ann, store.UserChange{PasswordHash: &hash})
	require.NoError(t, err)
	kept := func() string {
		t.Helper()
		user, err := h.store.Users().Get(t.Context(), ann)
		require.NoError(t, err)
		return user.PasswordHash
	}
	_, _, err = h.login(t.Context(), "ann", "wrong", "1.2.3.4")
	require.ErrorIs(t, err, ErrCredentials)
	require.Equal(t, hash, kept(), "by a login alone")

	first, err := h.Login(t.Context(), LoginRequest{Username: "ann", Password: password})
	require.NoError(t, err)
	renewed := kept()
	params, _, _, err := argon2id.DecodeHash(renewed)
	require.NoError(t, err)
	assert.Equal(t, hashing, params)
	_, err = h.Authenticate(t.Context(), first.Token)
	require.NoError(t, err)
	second, err := h.Login(t.Context(), LoginRequest{Username: "ann", Password: password})
	require.NoError(t, err)
	assert.Equal(t, renewed, kept(), "once")
	assert.Equal(t, first.Device, second.Device, "the device of the login that renewed it is known")
}

// The secret and the codes of RFC 6238, appendix B, without their first two digits.
var rfcSecret = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

func (h *house) withSecondFactor(name string) LoginRequest {
	h.t.Helper()
	id := h.users[name].ID
	require.NoError(h.t, h.store.SecondFactors().Begin(h.t.Context(), store.SecondFactor{UserID: id, Secret: rfcSecret}))
	require.NoError(h.t, h.store.SecondFactors().Confirm(h.t.Context(), id))
	return LoginRequest{Username: name, Password: password, Address: "1.2.3.4"}
}

func TestCodesOfRFC6238(t *testing.T) {
	for _, c := range []struct {
		at   int64
		code string
	}{{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"}, {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}} {
		h := newHouse(t)
		h.now = time.Unix(c.at, 0)
		login := h.withSecondFactor("ann")
		login.Code = c.code[:3] + " " + c.code[3:] // as authenticators show it
		_, err := h.Login(t.Context(), login)
		assert.NoError(t, err, "%d", c.at)
	}
}

func TestCodes(t *testing.T) {
	h := newHouse(t)
	h.withSecondFactor("ann")
	h.withSecondFactor("ed")
	check := func(name string, seconds int64, code string) error {
		h.throttle.succeeded(guess{codes, h.users[name].ID, ""})
		h.now = time.Unix(seconds, 0)
		return h.CheckCode(t.Context(), h.users[name].ID, code)
	}
	const (
		step   = 1111111110
		code   = "050471" // of the step that begins then
		before = "081804" // of the one before
	)
	for _, wrong := range []string{"", "050472", "05047", "0504711", "abcdef", "٠٥٠", "-50471", "\x00", "\xff50471"} {
		assert.ErrorIs(t, check("ann", step, wrong), ErrCode, "%q", wrong)
	}
	assert.ErrorIs(t, check("ann", step-31, code), ErrCode, "two steps early")
	assert.ErrorIs(t, check("ann", step+60, code), ErrCode, "two steps late")
	assert.NoError(t, check("ann", step-1, code), "one step early")
	for _, seconds := range []int64{step - 1, step, step + 31} {
		assert.ErrorIs(t, check("ann", seconds, code), ErrCode, "a second time")
	}
	assert.ErrorIs(t, check("ann", step, before), ErrCode, "of a step before the one that was used")
	assert.NoError(t, check("ed", step+59, code), "one step late, of another user")
	assert.ErrorIs(t, check("vi", step, code), ErrCode, "who has no second factor")

	h.withSecondFactor("vi")
	login := LoginRequest{Username: "vi", Password: "wrong", Code: code}
	_, err := h.Login(t.Context(), login)
	assert.ErrorIs(t, err, ErrCredentials)
	login.Password, login.Code = password, ""
	_, err = h.Login(t.Context(), login)
	assert.ErrorIs(t, err, ErrCodeNeeded)
	login.Code = code
	_, err = h.Login(t.Context(), login)
	assert.NoError(t, err, "a wrong password uses no code")
}

func TestRecoveryCodes(t *testing.T) {
	made, hashes := NewRecoveryCodes()
	require.Len(t, made, RecoveryCodes)
	require.Len(t, hashes, RecoveryCodes)
	h := newHouse(t)
	login := h.withSecondFactor("ann")
	require.NoError(t, h.store.SecondFactors().SetRecoveryCodes(t.Context(), h.users["ann"].ID, hashes))
	use := func(code string) error {
		login.Code = code
		_, err := h.Login(t.Context(), login)
		return err
	}
	for i, spelled := range []string{made[0], strings.ToUpper(made[1]), strings.ReplaceAll(made[2], "-", ""), strings.ReplaceAll(made[3], "-", " ")} {
		assert.Regexp(t, "^[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}$", made[i])
		assert.NoError(t, use(spelled), spelled)
		assert.ErrorIs(t, use(spelled), ErrCode, "%s again", spelled)
	}
	assert.ErrorIs(t, use(hashes[4]), ErrCode, "what the database has is no code")
}

// Guesses of codes are counted wherever they come from: who makes them knows the password.
func TestCodesAreThrottled(t *testing.T) {
	h := newHouse(t)
	h.now = time.Unix(1111111111, 0)
	login := h.withSecondFactor("ann")
	login.Code = "000000"
	for i := range burst(codes) {
		login.Address = strings.Repeat("1", i+1)
		_, err := h.Login(t.Context(), login)
		require.ErrorIs(t, err, ErrCode)
	}
	login.Address, login.Code = "5.6.7.8", "050471"
	_, err := h.Login(t.Context(), login)
	require.Equal(t, fault.Throttled, fault.Of(err), "even the right one")
	login.Password = "wrong"
	_, err = h.Login(t.Context(), login)
	require.ErrorIs(t, err, ErrCredentials, "who does not know the password learns nothing of it")
	h.now = h.now.Add(limits[codes].refill)
	login.Password, login.Code = password, "not it"
	_, err = h.Login(t.Context(), login)
	require.ErrorIs(t, err, ErrCode)
}

func TestOwnPasswordIsThrottled(t *testing.T) {
	h := newHouse(t)
	p := &Principal{User: h.users["ann"]}
	check := func(given string) error {
		_, err := h.CheckOwnPassword(t.Context(), p, "old_password", given)
		return err
	}
	require.NoError(t, check(password))
	for range burst(codes) {
		err := check("wrong")
		require.Equal(t, "old_password", fault.From(err).Field)
		require.EqualError(t, err, "old_password: is not your password")
	}
	require.Equal(t, fault.Throttled, fault.Of(check(password)))
	h.now = h.now.Add(limits[codes].refill)
	require.NoError(t, check(password))
}

func TestMayGrant(t *testing.T) {
	h := newHouse(t)
	key := func(scopes ...Scope) *store.APIKey {
		k := &store.APIKey{}
		for _, scope := range scopes {
			k.Scopes = append(k.Scopes, string(scope))
		}
		return k
	}
	for _, c := range []struct {
		name                 string
		p                    *Principal
		owner, admin, member bool
	}{
		{"owner", &Principal{User: h.users["owner"]}, true, true, true},
		{"admin", &Principal{User: h.users["admin"]}, false, true, true},
		{"member", &Principal{User: h.users["ann"]}, false, false, true},
		{"a key of an owner", &Principal{User: h.users["owner"], Key: key(Scopes...)}, false, false, true},
	} {
		for role, want := range map[store.InstanceRole]bool{store.RoleOwner: c.owner, store.RoleAdmin: c.admin, store.RoleMember: c.member} {
			err := c.p.MayGrant(role)
			assert.Equal(t, want, err == nil, "%s grants %s: %v", c.name, role, err)
		}
	}
	assert.ErrorContains(t, (&Principal{User: h.users["admin"]}).MayGrant(store.RoleOwner), string(OwnersManage))
}

// Whoever fails under many names, from many addresses, makes nobody's guesses forgotten.
func TestGuessesStayCounted(t *testing.T) {
	h := newHouse(t)
	for _, kind := range []kind{codes, atUser, knownPlace, knownDevice} {
		for range burst(kind) {
			require.Zero(t, h.throttle.attempt(guess{kind, "ann", ""}))
		}
	}
	for i := range throttleSize + 1 {
		name := strconv.Itoa(i)
		h.throttle.attempt(guess{atPlace, name, name}, guess{atAddress, "", name}, guess{atNobody, name, ""})
	}
	for _, kind := range []kind{codes, atUser, knownPlace, knownDevice} {
		assert.Positive(t, h.throttle.attempt(guess{kind, "ann", ""}))
	}
	assert.Zero(t, h.throttle.attempt(guess{passwords, "ann", ""}), "which are counted apart")
}
