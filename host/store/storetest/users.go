package storetest

import (
	"fmt"
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
	carl, err := s.Users().Create(s.ctx, store.User{Username: "carl", PasswordHash: "$argon2id$3", PasswordGenerated: true, Role: store.RoleOwner})
	require.NoError(t, err)
	require.True(t, carl.PasswordGenerated)
	for _, c := range []struct {
		change    store.UserChange
		generated bool
	}{
		{store.UserChange{Role: new(store.RoleAdmin)}, true},
		{store.UserChange{PasswordGenerated: new(false)}, false},
		{store.UserChange{PasswordHash: new("$argon2id$4"), PasswordGenerated: new(true)}, true},
		{store.UserChange{PasswordHash: new("$argon2id$5")}, false},
	} {
		_, err = s.Users().Update(s.ctx, carl.ID, c.change)
		require.NoError(t, err)
		got, err = s.Users().Get(s.ctx, carl.ID)
		require.NoError(t, err)
		require.Equal(t, c.generated, got.PasswordGenerated)
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
	require.Equal(t, store.Session{TokenHash: "hash-1", UserID: user.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour), LastUsedAt: now}, session)
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

	require.NoError(t, s.Sessions().Touch(s.ctx, "hash-1", now.Add(time.Minute)))
	require.NoError(t, s.Sessions().Touch(s.ctx, "hash-1", now.Add(time.Second)), "an earlier use, noted later")
	require.NoError(t, s.Sessions().Touch(s.ctx, "gone", now))
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
