package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func testSecrets(t *testing.T, s subject) {
	app, other := s.app(t, "a"), s.app(t, "b")
	secret := func(app store.App, name, keyID string) store.Secret {
		return store.Secret{AppID: app.ID, Name: name, KeyID: keyID, Sealed: []byte("\x00\xff " + name), Size: len(name)}
	}
	set := func(t *testing.T, of store.Secret) store.Secret {
		t.Helper()
		kept, err := s.Secrets().Set(s.ctx, of, 100)
		require.NoError(t, err)
		return kept
	}

	t.Run("set and list", func(t *testing.T) {
		first := set(t, secret(app, "one", "k1"))
		want := secret(app, "one", "k1")
		want.CreatedAt, want.UpdatedAt = kept(start), kept(start)
		require.Equal(t, want, first)

		s.clock.advance(time.Hour)
		again := secret(app, "one", "k2")
		again.Sealed, again.Size = []byte{0}, 7
		replaced := set(t, again)
		again.CreatedAt, again.UpdatedAt = kept(start), kept(start.Add(time.Hour))
		require.Equal(t, again, replaced)

		zoo := set(t, secret(app, "Zoo", "k1"))
		theirs := set(t, secret(other, "one", "k1"))
		listed, err := s.Secrets().List(s.ctx, app.ID)
		require.NoError(t, err)
		require.Equal(t, []store.Secret{zoo, again}, listed)
		listed, err = s.Secrets().List(s.ctx, other.ID)
		require.NoError(t, err)
		require.Equal(t, []store.Secret{theirs}, listed)
		listed, err = s.Secrets().List(s.ctx, "nothing")
		require.NoError(t, err)
		require.Empty(t, listed)
	})

	t.Run("refused", func(t *testing.T) {
		_, err := s.Secrets().Set(s.ctx, store.Secret{AppID: "nothing", Name: "one", KeyID: "k1", Sealed: []byte{1}}, 100)
		notFound(t, err, "app")
		_, err = s.Secrets().Set(s.ctx, secret(app, "", "k1"), 100)
		invalid(t, err, "name", "must not be empty")
		_, err = s.Secrets().Set(s.ctx, secret(app, "a\x00b", "k1"), 100)
		invalid(t, err, "name", "must not contain NUL (byte 1)")
		_, err = s.Secrets().Set(s.ctx, secret(app, "three", "k1"), 2)
		require.Equal(t, fault.Quota, fault.Of(err))
		require.EqualError(t, err, "an app may have 2 secrets, and this one has 2")
		_, err = s.Secrets().Set(s.ctx, secret(app, "one", "k2"), 2)
		require.NoError(t, err, "one that is there may be set")
	})

	t.Run("deletion", func(t *testing.T) {
		set(t, secret(app, "gone", "k1"))
		generation, err := s.Revisions().Generation(s.ctx)
		require.NoError(t, err)
		require.NoError(t, s.Secrets().Delete(s.ctx, app.ID, "gone"))
		notFound(t, s.Secrets().Delete(s.ctx, app.ID, "gone"), "secret")
		notFound(t, s.Secrets().Delete(s.ctx, app.ID, "a\x00b"), "secret")
		set(t, secret(app, "one", "k2"))
		revisions, _, err := s.Revisions().After(s.ctx, generation)
		require.NoError(t, err)
		require.Equal(t, []store.Revision{
			{Generation: generation + 1, Resource: store.ResourceSecret, AppID: app.ID, ID: "gone"},
			{Generation: generation + 2, Resource: store.ResourceSecret, AppID: app.ID, ID: "one"},
		}, revisions)
	})

	t.Run("keys", func(t *testing.T) {
		third := s.app(t, "c")
		for i := range 3 {
			set(t, secret(third, fmt.Sprint("s", i), "k3"))
		}
		ids, err := s.Secrets().KeyIDs(s.ctx)
		require.NoError(t, err)
		require.Equal(t, map[string]int{"k1": 2, "k2": 1, "k3": 3}, ids)

		var names []string
		var after store.Secret
		for {
			others, err := s.Secrets().Others(s.ctx, "k1", after, 2)
			require.NoError(t, err)
			if len(others) == 0 {
				break
			}
			require.LessOrEqual(t, len(others), 2)
			for _, found := range others {
				names = append(names, found.Name)
			}
			after = others[len(others)-1]
		}
		require.Equal(t, []string{"one", "s0", "s1", "s2"}, names)

		found, err := s.Secrets().Others(s.ctx, "k1", store.Secret{}, 1)
		require.NoError(t, err)
		before := found[0]
		s.clock.advance(time.Hour)
		done, err := s.Secrets().Reseal(s.ctx, before, "k1", []byte("anew"))
		require.NoError(t, err)
		require.True(t, done)
		listed, err := s.Secrets().List(s.ctx, before.AppID)
		require.NoError(t, err)
		after = before
		after.KeyID, after.Sealed = "k1", []byte("anew")
		require.Contains(t, listed, after, "its value is the same, and so is its time")
		done, err = s.Secrets().Reseal(s.ctx, before, "k1", []byte("late"))
		require.NoError(t, err)
		require.False(t, done, "it is not as it was found")
	})

	t.Run("with its app", func(t *testing.T) {
		require.NoError(t, s.Apps().Delete(s.ctx, other.ID))
		listed, err := s.Secrets().List(s.ctx, other.ID)
		require.NoError(t, err)
		require.Empty(t, listed)
	})
}
