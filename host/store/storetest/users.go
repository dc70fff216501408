package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

func testUsers(t *testing.T, s subject) {
	count, err := s.Users().Count(s.ctx)
	require.NoError(t, err)
	require.Zero(t, count)

	admin, err := s.Users().Create(s.ctx, store.User{Username: "Ädmin", PasswordHash: "$argon2id$1", Role: store.RoleOwner})
	require.NoError(t, err)
	require.Equal(t, store.User{ID: admin.ID, Username: "Ädmin", PasswordHash: "$argon2id$1", Role: store.RoleOwner,
		CreatedAt: kept(start), UpdatedAt: kept(start)}, admin)
	got, err := s.Users().Get(s.ctx, admin.ID)
	require.NoError(t, err)
	require.Equal(t, admin, got)
	for _, spelling := range []string{"Ädmin", "ädmin", "ÄDMIN"} {
		got, err = s.Users().GetByUsername(s.ctx, spelling)
		require.NoError(t, err, spelling)
		require.Equal(t, admin, got)
	}

	_, err = s.Users().Create(s.ctx, store.User{Username: "äDMIN", Role: store.RoleMember})
	conflict(t, err, store.Conflict("user", "username", "äDMIN", admin.ID))
	_, err = s.Users().Create(s.ctx, store.User{ID: admin.ID, Username: "free", Role: store.RoleMember})
	conflict(t, err, store.Conflict("user", "id", admin.ID, admin.ID))
	_, err = s.Users().Create(s.ctx, store.User{Role: store.RoleMember})
	invalid(t, err, "username", "must not be empty")

	bob := s.user(t, "Bob")
	_, err = s.Users().Update(s.ctx, bob.ID, store.UserChange{Username: new("ÄDMIN")})
	conflict(t, err, store.Conflict("user", "username", "ÄDMIN", admin.ID))
	s.clock.advance(time.Second)
	changed, err := s.Users().Update(s.ctx, bob.ID, store.UserChange{Username: new("BOB"), Role: new(store.RoleAdmin)})
	require.NoError(t, err, "a name does not conflict with itself")
	want := bob
	want.Username, want.Role, want.UpdatedAt = "BOB", store.RoleAdmin, kept(s.clock.Now())
	require.Equal(t, want, changed)
	changed, err = s.Users().Update(s.ctx, bob.ID, store.UserChange{PasswordHash: new("$argon2id$2")})
	require.NoError(t, err)
	got, err = s.Users().Get(s.ctx, bob.ID)
	require.NoError(t, err)
	require.Equal(t, changed, got)
	require.Equal(t, "$argon2id$2", got.PasswordHash)

	// A password is a generated one until that is taken back, or another is set.
	carl, err := s.Users().Create(s.ctx, store.User{Username: "carl", PasswordHash: "$argon2id$3", PasswordGenerated: true, PasswordGiven: true, Role: store.RoleOwner})
	require.NoError(t, err)
	require.True(t, carl.PasswordGenerated)
	for _, c := range []struct {
		change           store.UserChange
		generated, given bool
	}{
		{store.UserChange{Role: new(store.RoleAdmin)}, true, true},
		{store.UserChange{PasswordGenerated: new(false)}, false, true},
		{store.UserChange{PasswordHash: new("$argon2id$4"), PasswordGenerated: new(true), PasswordGiven: new(true)}, true, true},
		{store.UserChange{PasswordHash: new("$argon2id$5")}, false, false},
	} {
		_, err = s.Users().Update(s.ctx, carl.ID, c.change)
		require.NoError(t, err)
		got, err = s.Users().Get(s.ctx, carl.ID)
		require.NoError(t, err)
		require.Equal(t, c.generated, got.PasswordGenerated)
		require.Equal(t, c.given, got.PasswordGiven)
	}
	require.NoError(t, s.Users().Delete(s.ctx, carl.ID))

	s.user(t, "anna")
	users := collect(t, 2, func(page store.PageRequest) (store.Page[store.User], error) { return s.Users().List(s.ctx, page) })
	require.Equal(t, []string{"anna", "BOB", "Ädmin"}, project(users, func(u store.User) string { return u.Username }))
	count, err = s.Users().Count(s.ctx)
	require.NoError(t, err)
	require.Equal(t, int64(3), count)

	require.NoError(t, s.Users().Delete(s.ctx, bob.ID))
	_, err = s.Users().Get(s.ctx, bob.ID)
	notFound(t, err, "user")
	_, err = s.Users().GetByUsername(s.ctx, "bob")
	notFound(t, err, "user")
	_, err = s.Users().Update(s.ctx, bob.ID, store.UserChange{})
	notFound(t, err, "user")
	notFound(t, s.Users().Delete(s.ctx, bob.ID), "user")
}

func testSessions(t *testing.T, s subject) {
	user := s.user(t, "visitor")
	now := kept(start)
	open := func(hash string, expires time.Time) store.Session {
		session, err := s.Sessions().Create(s.ctx, store.Session{TokenHash: hash, UserID: user.ID, ExpiresAt: expires})
		require.NoError(t, err)
		return session
	}

	session := open("hash-1", start.Add(time.Hour))
	require.Equal(t, store.Session{ID: session.ID, TokenHash: "hash-1", UserID: user.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		EndsAt: now.Add(time.Hour), LastUsedAt: now}, session)
	require.NotEmpty(t, session.ID)
	got, err := s.Sessions().Get(s.ctx, "hash-1", now)
	require.NoError(t, err)
	require.Equal(t, session, got)
	_, err = s.Sessions().Get(s.ctx, "hash-1", now.Add(time.Hour))
	notFound(t, err, "session")
	_, err = s.Sessions().Get(s.ctx, "hash-1", now.Add(time.Hour-time.Microsecond))
	require.NoError(t, err)
	_, err = s.Sessions().Get(s.ctx, "hash-2", now)
	notFound(t, err, "session")

	_, err = s.Sessions().Create(s.ctx, store.Session{TokenHash: "hash-1", UserID: user.ID, ExpiresAt: start})
	conflict(t, err, store.Conflict("session", "token_hash", "", ""))
	_, err = s.Sessions().Create(s.ctx, store.Session{TokenHash: "hash-2", UserID: "nobody", ExpiresAt: start})
	notFound(t, err, "user")
	_, err = s.Sessions().Create(s.ctx, store.Session{UserID: user.ID, ExpiresAt: start})
	invalid(t, err, "token_hash", "must not be empty")

	touch := func(hash string, at time.Time) error {
		return s.Sessions().Touch(s.ctx, hash, store.SessionUse{At: at, ExpiresAt: start.Add(time.Hour)})
	}
	require.NoError(t, touch("hash-1", now.Add(time.Minute)))
	require.NoError(t, touch("hash-1", now.Add(time.Second)), "an earlier use, noted later")
	require.NoError(t, touch("gone", now))
	got, err = s.Sessions().Get(s.ctx, "hash-1", now)
	require.NoError(t, err)
	require.Equal(t, now.Add(time.Minute), got.LastUsedAt)

	for i := range 3 {
		open(fmt.Sprint("brief-", i), start.Add(time.Minute))
	}
	for _, want := range []int{2, 1, 0} {
		n, err := s.Sessions().DeleteExpired(s.ctx, now.Add(time.Minute), 2)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, err = s.Sessions().Get(s.ctx, "brief-0", now)
	notFound(t, err, "session")
	_, err = s.Sessions().DeleteExpired(s.ctx, now, 0)
	invalid(t, err, "limit", "must be between 1 and 1000, got 0")

	require.NoError(t, s.Sessions().Delete(s.ctx, "hash-1"))
	notFound(t, s.Sessions().Delete(s.ctx, "hash-1"), "session")
	open("a", start.Add(time.Hour))
	open("b", start.Add(time.Hour))
	n, err := s.Sessions().DeleteOf(s.ctx, user.ID)
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
}

// A session slides as it is used, up to its end, and is listed and ended by its id.
func testSlidingSessions(t *testing.T, s subject) {
	user, other := s.user(t, "visitor"), s.user(t, "other")
	now := kept(start)
	open := func(hash string, of store.User) store.Session {
		t.Helper()
		session, err := s.Sessions().Create(s.ctx, store.Session{
			TokenHash: hash, UserID: of.ID, ExpiresAt: start.Add(time.Hour), EndsAt: start.Add(3 * time.Hour), Address: "192.0.2.1", UserAgent: "curl\x00\xff",
		})
		require.NoError(t, err)
		return session
	}
	first := open("first", user)
	require.Equal(t, "curl\uFFFD\uFFFD", first.UserAgent)
	for _, c := range []struct {
		at, until                  time.Duration
		address, agent             string
		expires                    time.Duration
		wantAddress, wantUserAgent string
	}{
		{time.Minute, 2 * time.Hour, "192.0.2.2", "picloud", 2 * time.Hour, "192.0.2.2", "picloud"},
		{2 * time.Minute, 150 * time.Minute, "", "", 150 * time.Minute, "192.0.2.2", "picloud"},
		{3 * time.Minute, 10 * time.Hour, "2001:db8::1", "", 3 * time.Hour, "2001:db8::1", "picloud"}, // not after its end
	} {
		require.NoError(t, s.Sessions().Touch(s.ctx, "first", store.SessionUse{
			At: start.Add(c.at), ExpiresAt: start.Add(c.until), Address: c.address, UserAgent: c.agent,
		}))
		got, err := s.Sessions().Get(s.ctx, "first", now)
		require.NoError(t, err)
		want := first
		want.LastUsedAt, want.ExpiresAt, want.Address, want.UserAgent = now.Add(c.at), now.Add(c.expires), c.wantAddress, c.wantUserAgent
		require.Equal(t, want, got)
	}

	second := open("second", user)
	theirs := open("theirs", other)
	list, err := s.Sessions().ListOf(s.ctx, user.ID, now)
	require.NoError(t, err)
	require.Equal(t, []string{first.ID, second.ID}, project(list, func(v store.Session) string { return v.ID }), "the one used last first")
	list, err = s.Sessions().ListOf(s.ctx, user.ID, now.Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, list, 1, "the other has expired")

	notFound(t, s.Sessions().DeleteByID(s.ctx, user.ID, theirs.ID), "session")
	require.NoError(t, s.Sessions().DeleteByID(s.ctx, user.ID, second.ID))
	notFound(t, s.Sessions().DeleteByID(s.ctx, user.ID, second.ID), "session")
	open("third", user)
	open("fourth", user)
	n, err := s.Sessions().DeleteOthers(s.ctx, user.ID, first.ID)
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
	list, err = s.Sessions().ListOf(s.ctx, other.ID, now)
	require.NoError(t, err)
	require.Equal(t, []store.Session{theirs}, list)
}

func testActiveUsers(t *testing.T, s subject) {
	owners := func() int64 {
		t.Helper()
		n, err := s.Users().ActiveOwners(s.ctx)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, owners())
	ada, err := s.Users().Create(s.ctx, store.User{Username: "ada", PasswordHash: "$argon2id$1", Role: store.RoleOwner, SecondFactor: true, DeactivatedAt: start})
	require.NoError(t, err)
	require.True(t, ada.Active())
	require.False(t, ada.SecondFactor, "it is made otherwise")
	_, err = s.Users().Create(s.ctx, store.User{Username: "invited", Role: store.RoleOwner})
	require.NoError(t, err)
	s.user(t, "member")
	require.Equal(t, int64(1), owners(), "who is invited cannot log in yet")

	changed, err := s.Users().Update(s.ctx, ada.ID, store.UserChange{DeactivatedAt: &start})
	require.NoError(t, err)
	require.Equal(t, kept(start), changed.DeactivatedAt)
	got, err := s.Users().Get(s.ctx, ada.ID)
	require.NoError(t, err)
	require.Equal(t, changed, got)
	require.False(t, got.Active())
	require.Zero(t, owners())
	changed, err = s.Users().Update(s.ctx, ada.ID, store.UserChange{DeactivatedAt: &time.Time{}})
	require.NoError(t, err)
	require.True(t, changed.Active())
	require.Equal(t, int64(1), owners())
}

func testOwnedByUsers(t *testing.T, s subject) {
	ada, bob := s.user(t, "ada"), s.user(t, "bob")
	owned := func(user store.User, at time.Time) store.Owned {
		t.Helper()
		found, err := s.Users().Owned(s.ctx, user.ID, at)
		require.NoError(t, err)
		return found
	}
	nothing := store.Owned{Triggers: []string{}, Keys: []string{}, Apps: []string{}}
	require.Equal(t, nothing, owned(ada, start))

	shop, blog := s.app(t, "shop"), s.app(t, "blog")
	trigger := store.Trigger{
		AppID: shop.ID, ScriptID: s.script(t, shop, "main").ID, Kind: store.TriggerPubSub, Name: "heard", Enabled: true, RegisteredBy: ada.ID,
		Concurrency: 1, Retry: store.Retry{MaxAttempts: 1, Backoff: store.BackoffConstant, Base: time.Second, Max: time.Second}, PubSub: &store.PubSubTrigger{Topic: "*"},
	}
	_, err := s.Triggers().Create(s.ctx, trigger)
	require.NoError(t, err)
	for _, key := range []store.APIKey{
		{UserID: ada.ID, Name: "deploy", KeyHash: "1"}, {UserID: ada.ID, Name: "ci", KeyHash: "2", ExpiresAt: start.Add(time.Hour)}, {UserID: bob.ID, Name: "his", KeyHash: "3"},
	} {
		_, err := s.APIKeys().Create(s.ctx, key)
		require.NoError(t, err)
	}
	for _, m := range []struct {
		app  store.App
		user store.User
		role store.AppRole
	}{{shop, ada, store.RoleAppAdmin}, {blog, ada, store.RoleAppAdmin}, {blog, bob, store.RoleAppAdmin}, {shop, bob, store.RoleEditor}} {
		require.NoError(t, s.Apps().SetMember(s.ctx, m.app.ID, m.user.ID, m.role))
	}
	require.Equal(t, store.Owned{Triggers: []string{"shop/heard"}, Keys: []string{"ci", "deploy"}, Apps: []string{"shop"}}, owned(ada, start))
	require.Equal(t, []string{"deploy"}, owned(ada, start.Add(time.Hour)).Keys)
	require.Equal(t, store.Owned{Triggers: []string{}, Keys: []string{"his"}, Apps: []string{}}, owned(bob, start), "another leads the app too")

	n, err := s.APIKeys().DeleteOf(s.ctx, ada.ID)
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
	require.Empty(t, owned(ada, start).Keys)
	require.Len(t, owned(bob, start).Keys, 1)
	require.Equal(t, nothing, owned(store.User{ID: "nobody"}, start))
}

func testLoginPlaces(t *testing.T, s subject) {
	ada, bob := s.user(t, "ada"), s.user(t, "bob")
	known := func(user store.User, place string, since time.Time) bool {
		t.Helper()
		known, err := s.Sessions().KnownPlace(s.ctx, user.ID, place, since)
		require.NoError(t, err)
		return known
	}
	require.False(t, known(ada, "home", start))
	remember := func(user store.User, place string, hour int) error {
		return s.Sessions().RememberPlace(s.ctx, user.ID, place, start.Add(time.Duration(hour)*time.Hour), 3)
	}
	for hour, place := range []string{"home", "work", "train"} {
		require.NoError(t, remember(ada, place, hour))
	}
	require.NoError(t, remember(bob, "home", 0))
	require.True(t, known(ada, "home", start))
	require.False(t, known(ada, "home", start.Add(2*time.Microsecond)))
	require.False(t, known(bob, "work", start))
	require.NoError(t, remember(ada, "home", 3))
	require.True(t, known(ada, "home", start.Add(3*time.Hour)), "it counts from the last time")
	require.NoError(t, remember(ada, "hotel", 4))
	require.False(t, known(ada, "work", start), "of more the oldest goes")
	require.True(t, known(ada, "home", start))
	require.True(t, known(ada, "train", start))
	require.True(t, known(bob, "home", start))
	require.NoError(t, errors.Join(all(8, func(i int) error { return remember(ada, "home", 5+i) })...))

	notFound(t, remember(store.User{ID: "nobody"}, "home", 5), "user")
	invalid(t, remember(ada, "", 5), "place", "must not be empty")
	require.NoError(t, s.Users().Delete(s.ctx, bob.ID))
	require.False(t, known(bob, "home", start))
}

func testInvites(t *testing.T, s subject) {
	ada, bob := s.user(t, "ada"), s.user(t, "bob")
	now, expires := kept(start), start.Add(time.Hour)
	invite, err := s.Invites().Set(s.ctx, store.Invite{UserID: ada.ID, TokenHash: "one", ExpiresAt: expires})
	require.NoError(t, err)
	require.Equal(t, store.Invite{UserID: ada.ID, TokenHash: "one", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, invite)
	got, err := s.Invites().Get(s.ctx, "one", now)
	require.NoError(t, err)
	require.Equal(t, invite, got)
	_, err = s.Invites().Get(s.ctx, "one", now.Add(time.Hour))
	notFound(t, err, "invite")

	_, err = s.Invites().Set(s.ctx, store.Invite{UserID: bob.ID, TokenHash: "his", ExpiresAt: expires})
	require.NoError(t, err)
	_, err = s.Invites().Set(s.ctx, store.Invite{UserID: ada.ID, TokenHash: "two", ExpiresAt: expires})
	require.NoError(t, err)
	_, err = s.Invites().Get(s.ctx, "one", now)
	notFound(t, err, "invite")
	require.NoError(t, s.Invites().DeleteOf(s.ctx, ada.ID))
	require.NoError(t, s.Invites().DeleteOf(s.ctx, ada.ID), "there is none any more")
	_, err = s.Invites().Get(s.ctx, "two", now)
	notFound(t, err, "invite")
	_, err = s.Invites().Get(s.ctx, "his", now)
	require.NoError(t, err)

	_, err = s.Invites().Set(s.ctx, store.Invite{UserID: "nobody", TokenHash: "x", ExpiresAt: expires})
	notFound(t, err, "user")
	_, err = s.Invites().Set(s.ctx, store.Invite{UserID: ada.ID, ExpiresAt: expires})
	invalid(t, err, "token_hash", "must not be empty")
	require.NoError(t, s.Users().Delete(s.ctx, bob.ID))
	_, err = s.Invites().Get(s.ctx, "his", now)
	notFound(t, err, "invite")
}

func testSecondFactors(t *testing.T, s subject) {
	ada, bob := s.user(t, "ada"), s.user(t, "bob")
	needsCode := func(id string) bool {
		t.Helper()
		user, err := s.Users().Get(s.ctx, id)
		require.NoError(t, err)
		return user.SecondFactor
	}
	_, err := s.SecondFactors().Get(s.ctx, ada.ID)
	notFound(t, err, "second factor")
	notFound(t, s.SecondFactors().Confirm(s.ctx, ada.ID), "second factor")
	notFound(t, s.SecondFactors().SetRecoveryCodes(s.ctx, ada.ID, nil), "second factor")
	notFound(t, s.SecondFactors().Delete(s.ctx, ada.ID), "second factor")
	notFound(t, s.SecondFactors().Begin(s.ctx, store.SecondFactor{UserID: "nobody", Secret: "S"}), "user")
	invalid(t, s.SecondFactors().Begin(s.ctx, store.SecondFactor{UserID: ada.ID, Secret: ""}), "secret", "must not be empty")

	require.NoError(t, s.SecondFactors().Begin(s.ctx, store.SecondFactor{UserID: ada.ID, Secret: "SECRET"}))
	want := store.SecondFactor{UserID: ada.ID, Secret: "SECRET", CreatedAt: kept(start)}
	got, err := s.SecondFactors().Get(s.ctx, ada.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.False(t, needsCode(ada.ID))
	require.NoError(t, s.SecondFactors().Confirm(s.ctx, ada.ID))
	require.True(t, needsCode(ada.ID))
	require.False(t, needsCode(bob.ID))

	for _, c := range []struct {
		step     int64
		accepted bool
	}{{100, true}, {100, false}, {99, false}, {101, true}} {
		accepted, err := s.SecondFactors().Accept(s.ctx, ada.ID, c.step)
		require.NoError(t, err)
		require.Equal(t, c.accepted, accepted, "step %d", c.step)
	}
	accepted := make([]bool, 8)
	require.NoError(t, errors.Join(all(len(accepted), func(i int) (err error) {
		accepted[i], err = s.SecondFactors().Accept(s.ctx, ada.ID, 102)
		return err
	})...))
	require.Len(t, slices.DeleteFunc(accepted, func(ok bool) bool { return !ok }), 1, "of several at once one alone")

	require.NoError(t, s.SecondFactors().SetRecoveryCodes(s.ctx, ada.ID, []string{"a", "b", "c"}))
	require.NoError(t, s.SecondFactors().SetRecoveryCodes(s.ctx, ada.ID, []string{"b", "d"}))
	for _, c := range []struct {
		user, hash string
		used       bool
	}{{ada.ID, "a", false}, {ada.ID, "b", true}, {ada.ID, "b", false}, {bob.ID, "d", false}} {
		used, err := s.SecondFactors().UseRecoveryCode(s.ctx, c.user, c.hash)
		require.NoError(t, err)
		require.Equal(t, c.used, used, "%+v", c)
	}
	left, err := s.SecondFactors().RecoveryCodes(s.ctx, ada.ID)
	require.NoError(t, err)
	require.Equal(t, 1, left)

	require.NoError(t, s.SecondFactors().Begin(s.ctx, store.SecondFactor{UserID: ada.ID, Secret: "ANOTHER"}))
	require.False(t, needsCode(ada.ID), "it is not confirmed")
	left, err = s.SecondFactors().RecoveryCodes(s.ctx, ada.ID)
	require.NoError(t, err)
	require.Zero(t, left)
	require.NoError(t, s.SecondFactors().Delete(s.ctx, ada.ID))
	_, err = s.SecondFactors().Get(s.ctx, ada.ID)
	notFound(t, err, "second factor")

	require.NoError(t, s.SecondFactors().Begin(s.ctx, store.SecondFactor{UserID: bob.ID, Secret: "HIS"}))
	require.NoError(t, s.SecondFactors().SetRecoveryCodes(s.ctx, bob.ID, []string{"x"}))
	require.NoError(t, s.Users().Delete(s.ctx, bob.ID))
	_, err = s.SecondFactors().Get(s.ctx, bob.ID)
	notFound(t, err, "second factor")
}

// Second factors are sealed, at once or later, and sealed anew.
func testSealedFactors(t *testing.T, s subject) {
	factors := s.SecondFactors()
	ada, bob, cyd := s.user(t, "ada"), s.user(t, "bob"), s.user(t, "cyd")
	get := func(user store.User) store.SecondFactor {
		t.Helper()
		factor, err := factors.Get(s.ctx, user.ID)
		require.NoError(t, err)
		return factor
	}
	seal := func(found store.SecondFactor, keyID, sealed string) bool {
		t.Helper()
		done, err := factors.Seal(s.ctx, found, keyID, []byte(sealed))
		require.NoError(t, err)
		return done
	}
	require.NoError(t, factors.Begin(s.ctx, store.SecondFactor{UserID: ada.ID, KeyID: "k1", Sealed: []byte{0, 0xff}}))
	require.Equal(t, store.SecondFactor{UserID: ada.ID, KeyID: "k1", Sealed: []byte{0, 0xff}, CreatedAt: kept(start)}, get(ada))
	require.NoError(t, factors.Begin(s.ctx, store.SecondFactor{UserID: bob.ID, Secret: "BOBS"}))
	require.NoError(t, factors.Confirm(s.ctx, bob.ID))
	require.NoError(t, factors.Begin(s.ctx, store.SecondFactor{UserID: cyd.ID, KeyID: "k2", Sealed: []byte("x")}))
	keys, err := factors.KeyIDs(s.ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"k1": 1, "": 1, "k2": 1}, keys)

	found := get(bob)
	require.True(t, seal(found, "k2", "bobs"))
	require.False(t, seal(found, "k2", "bobs"), "it is not as it was found")
	want := found
	want.Secret, want.KeyID, want.Sealed = "", "k2", []byte("bobs")
	require.Equal(t, want, get(bob))
	found = get(ada)
	require.NoError(t, factors.Begin(s.ctx, store.SecondFactor{UserID: ada.ID, KeyID: "k1", Sealed: []byte("another")}))
	require.False(t, seal(found, "k2", "lost"), "another was begun")

	others, err := factors.Others(s.ctx, "k2", "", 10)
	require.NoError(t, err)
	require.Equal(t, []store.SecondFactor{get(ada)}, others)
	require.True(t, seal(others[0], "k3", "adas"))
	var users []string
	for after := ""; ; after = users[len(users)-1] {
		others, err = factors.Others(s.ctx, "none", after, 2)
		require.NoError(t, err)
		if len(others) == 0 {
			break
		}
		for _, factor := range others {
			users = append(users, factor.UserID)
		}
	}
	ids := []string{ada.ID, bob.ID, cyd.ID}
	slices.Sort(ids)
	require.Equal(t, ids, users)
}

func testAPIKeys(t *testing.T, s subject) {
	user, app := s.user(t, "maker"), s.app(t, "bound")
	now := kept(start)

	free, err := s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, Name: "ci", KeyHash: "h1", Prefix: "pic_abc",
		Scopes: []string{"script:read", "script:write"}})
	require.NoError(t, err)
	require.Equal(t, store.APIKey{ID: free.ID, UserID: user.ID, Name: "ci", KeyHash: "h1", Prefix: "pic_abc",
		Scopes: []string{"script:read", "script:write"}, CreatedAt: now}, free)
	s.clock.advance(time.Second)
	bound, err := s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, Name: "app", KeyHash: "h2", AppID: app.ID,
		ExpiresAt: start.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, []string{}, bound.Scopes)

	for _, key := range []store.APIKey{free, bound} {
		got, err := s.APIKeys().GetByHash(s.ctx, key.KeyHash, now)
		require.NoError(t, err)
		require.Equal(t, key, got)
	}
	later := now.Add(time.Hour)
	_, err = s.APIKeys().GetByHash(s.ctx, "h1", later)
	require.NoError(t, err, "a key without an end")
	_, err = s.APIKeys().GetByHash(s.ctx, "h2", later)
	notFound(t, err, "api key")
	_, err = s.APIKeys().GetByHash(s.ctx, "h3", now)
	notFound(t, err, "api key")
	got, err := s.APIKeys().Get(s.ctx, bound.ID)
	require.NoError(t, err)
	require.Equal(t, bound, got)

	_, err = s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, Name: "twin", KeyHash: "h1"})
	conflict(t, err, store.Conflict("api key", "key_hash", "", ""))
	_, err = s.APIKeys().Create(s.ctx, store.APIKey{ID: free.ID, UserID: user.ID, Name: "twin", KeyHash: "h4"})
	conflict(t, err, store.Conflict("api key", "id", free.ID, free.ID))
	_, err = s.APIKeys().Create(s.ctx, store.APIKey{UserID: "nobody", Name: "x", KeyHash: "h5"})
	notFound(t, err, "user")
	_, err = s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, Name: "x", KeyHash: "h5", AppID: "nowhere"})
	notFound(t, err, "app")
	_, err = s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, Name: "x", KeyHash: "h5", Scopes: []string{""}})
	invalid(t, err, "scopes", "must not be empty")

	require.NoError(t, s.APIKeys().Touch(s.ctx, free.ID, later))
	require.NoError(t, s.APIKeys().Touch(s.ctx, free.ID, now))
	require.NoError(t, s.APIKeys().Touch(s.ctx, "gone", now))
	list, err := s.APIKeys().ListOf(s.ctx, user.ID)
	require.NoError(t, err)
	free.LastUsedAt = later
	require.Equal(t, []store.APIKey{free, bound}, list)

	// A key in the place of another: that one ends, at its own end if that is before.
	until := now.Add(30 * time.Minute)
	for _, c := range []struct {
		old  store.APIKey
		ends time.Time
	}{{free, until}, {bound, kept(start.Add(time.Hour))}} {
		by := store.APIKey{UserID: user.ID, Name: c.old.Name, KeyHash: "by " + c.old.KeyHash, Scopes: c.old.Scopes, AppID: c.old.AppID}
		if c.old.ID == bound.ID {
			until = start.Add(24 * time.Hour)
		}
		by, err = s.APIKeys().Replace(s.ctx, c.old.ID, until, by)
		require.NoError(t, err)
		require.Empty(t, by.ReplacedBy)
		got, err := s.APIKeys().Get(s.ctx, by.ID)
		require.NoError(t, err)
		require.Equal(t, by, got)
		want := c.old
		want.ReplacedBy, want.ExpiresAt = by.ID, c.ends
		got, err = s.APIKeys().Get(s.ctx, c.old.ID)
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = s.APIKeys().Replace(s.ctx, c.old.ID, until, store.APIKey{UserID: user.ID, Name: "x", KeyHash: "again"})
		conflict(t, err, store.Conflict("api key", "id", c.old.ID, by.ID))
	}
	_, err = s.APIKeys().Replace(s.ctx, "none", until, store.APIKey{UserID: user.ID, Name: "x", KeyHash: "x"})
	notFound(t, err, "api key")
	for at, want := range map[time.Time]int64{now: 4, now.Add(30 * time.Minute): 3, now.Add(time.Hour): 2} {
		n, err := s.APIKeys().CountOf(s.ctx, user.ID, at)
		require.NoError(t, err)
		require.Equal(t, want, n, at)
	}
	for _, want := range []int64{1, 0} {
		n, err := s.APIKeys().DeleteExpired(s.ctx, user.ID, now.Add(30*time.Minute))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, err = s.APIKeys().Get(s.ctx, free.ID)
	notFound(t, err, "api key")

	free, err = s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, Name: "ci", KeyHash: "h6"})
	require.NoError(t, err)
	require.NoError(t, s.APIKeys().Delete(s.ctx, free.ID))
	notFound(t, s.APIKeys().Delete(s.ctx, free.ID), "api key")
	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	_, err = s.APIKeys().Get(s.ctx, bound.ID)
	notFound(t, err, "api key")
}
