package authz

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

func TestMemory(t *testing.T) {
	now, reads := time.Unix(1000, 0), 0
	var changes atomic.Int64
	m := newMemory[string, int](2, &changes, func() time.Time { return now })
	get := func(key string) int {
		t.Helper()
		got, err := m.get(key, func() (int, error) { reads++; return reads, nil })
		require.NoError(t, err)
		return got
	}
	assert.Equal(t, 1, get("a"))
	assert.Equal(t, 1, get("a"), "remembered")
	now = now.Add(rememberedFor - 1)
	assert.Equal(t, 1, get("a"))
	now = now.Add(1)
	assert.Equal(t, 2, get("a"), "its time is over")
	now = now.Add(-1)
	assert.Equal(t, 3, get("a"), "the clock was set back")
	changes.Add(1)
	assert.Equal(t, 4, get("a"), "something has changed")

	_, err := m.get("b", func() (int, error) { changes.Add(1); return 0, nil })
	require.NoError(t, err)
	assert.Equal(t, 5, get("b"), "something changed while it was read")

	_, err = m.get("c", func() (int, error) { return 0, errors.New("broken") })
	require.Error(t, err)
	assert.Equal(t, 6, get("c"), "an error is not remembered")
	assert.Equal(t, 2, m.kept.Len(), "the most recent only")
}

// Without anybody to tell it, a node refuses within a second what another one has ended.
func TestRefusedWithinASecond(t *testing.T) {
	h := newHouse(t)
	database := eachtest.New(t)
	var nodes [2]*Authority
	for i := range nodes { // which tell each other nothing
		db, err := database.Open(nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		nodes[i] = New(db, time.Hour, Clock(func() time.Time { return h.now }))
	}
	here, there := nodes[0], nodes[1]
	user, err := here.store.Users().Create(t.Context(), store.User{Username: "u", Role: store.RoleMember})
	require.NoError(t, err)
	key, row, err := here.CreateKey(t.Context(), user.ID, "k", Scopes, "", time.Time{})
	require.NoError(t, err)
	app, err := here.store.Apps().Create(t.Context(), store.App{Slug: "app"})
	require.NoError(t, err)
	require.NoError(t, here.store.Apps().SetMember(t.Context(), app.ID, user.ID, store.RoleViewer))
	knows := func(a *Authority) (caller, member bool) {
		_, err := a.Authenticate(t.Context(), key)
		may, failed := a.MayIn(t.Context(), &Principal{User: user}, app.ID, AppRead)
		require.NoError(t, failed)
		return err == nil, may
	}
	expect := func(want bool, a *Authority, when string) {
		t.Helper()
		caller, member := knows(a)
		assert.Equal(t, []bool{want, want}, []bool{caller, member}, when)
	}
	expect(true, here, "at first")
	expect(true, there, "at first")
	require.NoError(t, here.store.APIKeys().Delete(t.Context(), row.ID))
	require.NoError(t, here.store.Apps().RemoveMember(t.Context(), app.ID, user.ID))
	expect(false, here, "the node that did it, at once")
	expect(true, there, "the other remembers")
	h.now = h.now.Add(time.Second)
	expect(false, there, "a second later")
}

// What a credential that is remembered has of its own end counts, too.
func TestRememberedCredentialsExpire(t *testing.T) {
	h := newHouse(t)
	end := h.now.Add(300 * time.Millisecond)
	key, _, err := h.CreateKey(t.Context(), h.users["ed"].ID, "k", Scopes, "", end)
	require.NoError(t, err)
	for _, after := range []time.Duration{0, 299 * time.Millisecond} {
		h.now = end.Add(after - 300*time.Millisecond)
		_, err = h.Authenticate(t.Context(), key)
		require.NoError(t, err, after)
	}
	h.now = end
	_, err = h.Authenticate(t.Context(), key)
	assert.ErrorIs(t, err, ErrToken)
}

// BenchmarkAuthenticate is what who calls and whether the caller may add to a request, of callers who are
// remembered.
func BenchmarkAuthenticate(b *testing.B) {
	h := newHouse(b)
	login, err := h.Login(context.Background(), LoginRequest{Username: "ed", Password: password})
	require.NoError(b, err)
	key, _, err := h.CreateKey(context.Background(), h.users["ed"].ID, "k", Scopes, h.app.ID, time.Time{})
	require.NoError(b, err)
	for name, token := range map[string]string{"session": login.Token, "key": key} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := h.Authenticate(b.Context(), token)
				if err == nil {
					err = h.Require(b.Context(), p, h.app.ID, "app", DataWrite)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
