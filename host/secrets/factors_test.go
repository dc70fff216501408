package secrets

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func userOf(t *testing.T, db store.Store, name string) string {
	t.Helper()
	user, err := db.Users().Create(t.Context(), store.User{Username: name, Role: store.RoleMember})
	require.NoError(t, err)
	return user.ID
}

// begin makes a second factor as a user does, and returns it as it is stored.
func (s *Service) begin(t *testing.T, db store.Store, userID, secret string) store.SecondFactor {
	t.Helper()
	require.NoError(t, s.SealFactor(t.Context(), userID, secret, func(factor store.SecondFactor) error {
		return db.SecondFactors().Begin(t.Context(), factor)
	}))
	return factorOf(t, db, userID)
}

func factorOf(t *testing.T, db store.Store, userID string) store.SecondFactor {
	t.Helper()
	factor, err := db.SecondFactors().Get(t.Context(), userID)
	require.NoError(t, err)
	return factor
}

// opens checks what a server makes of a user's second factor.
func (s *Service) opens(t *testing.T, db store.Store, userID, want string) {
	t.Helper()
	got, err := s.OpenFactor(factorOf(t, db, userID))
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// The secret of a second factor is sealed for its user: it opens for no other, and nowhere as a secret of an app.
func TestFactorsAreSealed(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		s := service(t, db, testKey(1), "")
		ada, bob := userOf(t, db, "ada"), userOf(t, db, "bob")
		sealed := s.begin(t, db, ada, "ADASSECRET")
		assert.Empty(t, sealed.Secret)
		assert.NotContains(t, string(sealed.Sealed), "ADASSECRET")
		s.opens(t, db, ada, "ADASSECRET")
		for name, change := range map[string]func(*store.SecondFactor){
			"of another user": func(f *store.SecondFactor) { f.UserID = bob },
			"a bit of it":     func(f *store.SecondFactor) { f.Sealed[3] ^= 1 },
			"short":           func(f *store.SecondFactor) { f.Sealed = f.Sealed[:2] },
		} {
			other := factorOf(t, db, ada)
			change(&other)
			_, err := s.OpenFactor(other)
			assert.Equal(t, fault.Corrupted, fault.Of(err), name)
			assert.EqualError(t, err, "the second factor cannot be opened: what is stored is not what was sealed")
		}
		_, err := s.keys.openSecret(store.Secret{AppID: ada, Name: "factor", KeyID: sealed.KeyID, Sealed: sealed.Sealed})
		assert.Equal(t, fault.Corrupted, fault.Of(err))
		_, err = service(t, db, testKey(2), "").OpenFactor(sealed)
		assert.Equal(t, fault.Unavailable, fault.Of(err))
		assert.EqualError(t, err, "the second factor is sealed with the key "+sealed.KeyID+", which this server does not have")
	})
}

// A server without a key keeps second factors as they are, and says so; with one it seals them at the next start,
// and those that are sealed stay as they are.
func TestFactorsAreSealedLater(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		users := make([]string, 2*rotationBatch+5)
		without := service(t, db, "", "")
		for i := range users {
			users[i] = userOf(t, db, fmt.Sprint("user", i))
			assert.Equal(t, "SECRET", without.begin(t, db, users[i], "SECRET").Secret)
		}
		without.opens(t, db, users[7], "SECRET")
		require.NoError(t, db.SecondFactors().Confirm(t.Context(), users[7]))
		var log strings.Builder
		told, err := New(t.Context(), Config{Store: db.Secrets(), Factors: db.SecondFactors(), Log: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		require.NoError(t, told.SealFactors(t.Context()))
		assert.Contains(t, log.String(), "second_factors=205")
		assert.Contains(t, log.String(), "secret_key (PICLOUD_SECRET_KEY)")

		older := service(t, db, testKey(9), "")
		early := older.begin(t, db, users[0], "EARLY")
		with := service(t, db, testKey(1)+","+testKey(9), "")
		require.NoError(t, with.SealFactors(t.Context()))
		require.NoError(t, with.SealFactors(t.Context()), "again there is nothing to do")
		keys, err := db.SecondFactors().KeyIDs(t.Context())
		require.NoError(t, err)
		assert.Equal(t, map[string]int{early.KeyID: 1, with.keys[0].id: 204}, keys)
		for _, user := range users[1:] {
			with.opens(t, db, user, "SECRET")
		}
		with.opens(t, db, users[0], "EARLY")
		assert.False(t, factorOf(t, db, users[7]).ConfirmedAt.IsZero(), "it counts as before")
	})
}

// A rotation seals second factors anew, too, and forgets no key that one needs.
func TestRotationOfFactors(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		app, ada, bob := appOf(t, db, "a"), userOf(t, db, "ada"), userOf(t, db, "bob")
		first := service(t, db, testKey(1), "")
		first.mustSet(t, app, "key", "value")
		first.begin(t, db, ada, "ADAS")
		require.NoError(t, db.SecondFactors().Begin(t.Context(), store.SecondFactor{UserID: bob, Secret: "BOBS"}))
		both := service(t, db, testKey(2)+","+testKey(1), "")
		done, err := both.Rotate(t.Context())
		require.NoError(t, err)
		assert.Equal(t, Rotation{KeyID: both.keys[0].id, Resealed: 3}, done)
		second := service(t, db, testKey(2), "")
		second.has(t, app, "key", "value")
		second.opens(t, db, ada, "ADAS")
		second.opens(t, db, bob, "BOBS")
		done, err = second.Rotate(t.Context())
		require.NoError(t, err)
		assert.Zero(t, done.Resealed)

		// A server that makes its key itself has none for these, and makes none that hides that.
		file := filepath.Join(t.TempDir(), FileName)
		generating := service(t, db, "", file)
		require.NoError(t, db.Secrets().Delete(t.Context(), app, "key"))
		err = generating.SealFactor(t.Context(), bob, "MORE", func(store.SecondFactor) error { panic("it is not stored") })
		require.Equal(t, fault.Unavailable, fault.Of(err))
		require.ErrorContains(t, err, second.keys[0].id)
		assert.NoFileExists(t, file)
		for _, user := range []string{ada, bob} {
			require.NoError(t, db.SecondFactors().Delete(t.Context(), user))
		}
		generating.begin(t, db, ada, "NEW")
		kept := generating.keys
		done, err = generating.Rotate(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, done.Resealed)
		assert.NotEqual(t, kept[0].id, done.KeyID)
		assert.Len(t, generating.keys, 1, "the old key is not needed")
		service(t, db, "", file).opens(t, db, ada, "NEW")
	})
}
