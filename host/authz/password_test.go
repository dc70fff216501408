package authz

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func TestLoginUsesAGeneratedPassword(t *testing.T) {
	h := newHouse(t)
	ann := h.users["ann"].ID
	_, err := h.store.Users().Update(t.Context(), ann, store.UserChange{PasswordGenerated: new(true)})
	require.NoError(t, err)
	generated := func() bool {
		user, err := h.store.Users().Get(t.Context(), ann)
		require.NoError(t, err)
		return user.PasswordGenerated
	}
	_, _, err = h.login(t.Context(), "ann", "wrong", "1.2.3.4")
	require.ErrorIs(t, err, ErrCredentials)
	assert.True(t, generated())
	_, _, err = h.login(t.Context(), "ann", password, "1.2.3.4")
	require.NoError(t, err)
	assert.False(t, generated())
}

func TestSetPassword(t *testing.T) {
	h := newHouse(t)
	login := func(name, password string) string {
		t.Helper()
		token, _, err := h.login(t.Context(), name, password, "1.2.3.4")
		require.NoError(t, err)
		return token
	}
	hers, his := login("ann", password), login("ed", password)
	key, _, err := h.CreateKey(t.Context(), h.users["ann"].ID, "key", nil, "", time.Time{})
	require.NoError(t, err)

	ann := h.users["ann"].ID
	require.ErrorContains(t, SetPassword(t.Context(), h.store, ann, "short"), "between 8 and 1024 bytes, got 5")
	require.Equal(t, fault.NotFound, fault.Of(SetPassword(t.Context(), h.store, "nobody", "another password")))
	_, err = h.Authenticate(t.Context(), hers)
	require.NoError(t, err, "what is refused changes nothing")

	require.NoError(t, SetPassword(t.Context(), h.store, ann, "another password"))
	_, err = h.Authenticate(t.Context(), hers)
	assert.ErrorIs(t, err, ErrToken, "her sessions have ended")
	_, err = h.Authenticate(t.Context(), his)
	assert.NoError(t, err, "his have not")
	_, err = h.Authenticate(t.Context(), key)
	assert.NoError(t, err, "nor have her keys")
	_, _, err = h.login(t.Context(), "ann", password, "1.2.3.4")
	assert.ErrorIs(t, err, ErrCredentials)
	login("ann", "another password")
}

func TestSessionSweeper(t *testing.T) {
	h := newHouse(t)
	for range 2 {
		_, _, err := h.login(t.Context(), "ann", password, "1.2.3.4")
		require.NoError(t, err)
	}
	h.now = h.now.Add(time.Hour)
	sweeper := h.SessionSweeper(slog.New(slog.DiscardHandler))
	swept := sweeper.Swept()
	for _, removes := range []int64{2, 0} {
		sweeper.Start()
		n, err := swept.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, removes, n)
		sweeper.Wake()
	}
	require.NoError(t, sweeper.Stop(t.Context()))
}
