package authz

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func TestRotateKey(t *testing.T) {
	h := newHouse(t)
	ed := h.users["ed"].ID
	good := func(key string) bool {
		_, err := h.Authenticate(t.Context(), key)
		return err == nil
	}
	for name, c := range map[string]struct {
		ends    time.Duration // after which the old key ends of its own accord; 0: never
		overlap time.Duration
		expires time.Duration // asked for the new key; 0: not
		last    time.Duration // the old key is good until then
		life    time.Duration // of the new key; 0: for ever
	}{
		"for ever":                        {overlap: time.Hour, last: time.Hour},
		"at once":                         {last: 0},
		"the old one ends within":         {ends: time.Hour, overlap: 2 * time.Hour, last: time.Hour, life: time.Hour},
		"the old one would end after":     {ends: 9 * time.Hour, overlap: time.Hour, last: time.Hour, life: 9 * time.Hour},
		"the new one is to end":           {overlap: time.Hour, expires: 5 * time.Hour, last: time.Hour, life: 5 * time.Hour},
		"the new one is to end otherwise": {ends: 9 * time.Hour, overlap: time.Hour, expires: 5 * time.Hour, last: time.Hour, life: 5 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			h.now = time.Now()
			began := h.now
			at := func(d time.Duration) time.Time {
				if d == 0 {
					return time.Time{}
				}
				return began.Add(d)
			}
			old, row, err := h.CreateKey(t.Context(), ed, "ci", []Scope{ScopeScriptRead, ScopeLogRead}, h.app.ID, at(c.ends))
			require.NoError(t, err)
			key, by, err := h.RotateKey(t.Context(), ed, row.ID, c.overlap, at(c.expires))
			require.NoError(t, err)
			assert.NotEqual(t, old, key)
			assert.Equal(t, []any{row.Name, row.Scopes, row.AppID, row.UserID}, []any{by.Name, by.Scopes, by.AppID, by.UserID})
			if c.life == 0 {
				assert.Zero(t, by.ExpiresAt)
			} else {
				assert.WithinDuration(t, began.Add(c.life), by.ExpiresAt, time.Second)
			}
			row, err = h.KeyOf(t.Context(), ed, row.ID)
			require.NoError(t, err)
			assert.Equal(t, by.ID, row.ReplacedBy)
			if c.last > 0 {
				h.now = began.Add(c.last - time.Minute)
				assert.True(t, good(old), "in the overlap")
			}
			assert.True(t, good(key))
			h.now = began.Add(c.last)
			assert.False(t, good(old), "after it")
		})
	}
}

func TestRotateKeyRefuses(t *testing.T) {
	h := newHouse(t)
	ed, ann := h.users["ed"].ID, h.users["ann"].ID
	_, row, err := h.CreateKey(t.Context(), ed, "k", Scopes, "", h.now.Add(time.Hour))
	require.NoError(t, err)
	for _, id := range []string{row.ID, "none", "\x00"} {
		_, _, err = h.RotateKey(t.Context(), ann, id, 0, time.Time{})
		assert.EqualError(t, err, "API key not found", "another's, and none")
	}
	// Of several at once, one gets a key.
	errs := make([]error, 5)
	var rotating sync.WaitGroup
	for i := range errs {
		rotating.Go(func() { _, _, errs[i] = h.RotateKey(t.Context(), ed, row.ID, 0, time.Time{}) })
	}
	rotating.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			assert.Equal(t, fault.Conflict, fault.Of(err), err)
			refused++
		}
	}
	assert.Equal(t, 4, refused)
	keys, err := h.store.APIKeys().ListOf(t.Context(), ed)
	require.NoError(t, err)
	assert.Len(t, keys, 2)
	_, row, err = h.CreateKey(t.Context(), ed, "k", Scopes, "", h.now.Add(time.Hour))
	require.NoError(t, err)
	h.now = h.now.Add(time.Hour)
	_, _, err = h.RotateKey(t.Context(), ed, row.ID, 0, time.Time{})
	assert.EqualError(t, err, "the API key has ended already")
}

func TestKeysAreBounded(t *testing.T) {
	h := newHouse(t)
	ed := h.users["ed"].ID
	var last store.APIKey
	for i := range maxKeys {
		_, row, err := h.CreateKey(t.Context(), ed, fmt.Sprint(i), Scopes, "", h.now.Add(time.Hour))
		require.NoError(t, err)
		last = row
	}
	_, _, err := h.CreateKey(t.Context(), ed, "more", Scopes, "", time.Time{})
	assert.EqualError(t, err, "a user has no more than 100 API keys: revoke one that is not used")
	_, _, err = h.RotateKey(t.Context(), ed, last.ID, time.Hour, time.Time{})
	assert.Equal(t, fault.Conflict, fault.Of(err))
	_, _, err = h.CreateKey(t.Context(), h.users["ann"].ID, "hers", Scopes, "", time.Time{})
	require.NoError(t, err)

	h.now = h.now.Add(time.Hour) // they end, and are listed for a while
	_, _, err = h.CreateKey(t.Context(), ed, "more", Scopes, "", time.Time{})
	require.NoError(t, err)
	keys, err := h.store.APIKeys().ListOf(t.Context(), ed)
	require.NoError(t, err)
	assert.Len(t, keys, maxKeys+1)
	h.now = h.now.Add(expiredKept)
	_, _, err = h.CreateKey(t.Context(), ed, "more", Scopes, "", time.Time{})
	require.NoError(t, err)
	keys, err = h.store.APIKeys().ListOf(t.Context(), ed)
	require.NoError(t, err)
	assert.Len(t, keys, 2)
}
