package secrets

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// onBothDatabases runs a test with an empty database.
func onBothDatabases(t *testing.T, test func(t *testing.T, db store.Store)) {
	for name, open := range map[string]func(t *testing.T) (store.Store, error){
		"sqlite": func(t *testing.T) (store.Store, error) {
			return sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
		},
		"postgres": func(t *testing.T) (store.Store, error) {
			return postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := open(t)
			require.NoError(t, err, "because of %v", errors.Unwrap(err))
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			test(t, db)
		})
	}
}

func appOf(t *testing.T, db store.Store, slug string) string {
	t.Helper()
	app, err := db.Apps().Create(t.Context(), store.App{Slug: slug, Name: slug})
	require.NoError(t, err)
	return app.ID
}

// service is one with keys as in the setting, or with a key file.
func service(t *testing.T, db store.Store, keys, file string) *Service {
	t.Helper()
	s, err := New(t.Context(), Config{Store: db.Secrets(), Factors: db.SecondFactors(), Keys: keys, File: file, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return s
}

// testKey is a key for tests.
func testKey(n byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, KeyBytes))
}

func (s *Service) mustSet(t *testing.T, appID, name, value string) {
	t.Helper()
	_, err := s.Set(t.Context(), appID, name, value)
	require.NoError(t, err)
}

// setMany sets secrets s0, s1, ... to value-0, value-1, ... at once.
func setMany(t *testing.T, db store.Store, keys, file, appID string, n int) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(tx store.Store) error {
		s := service(t, tx, keys, file)
		for i := range n {
			s.mustSet(t, appID, fmt.Sprint("s", i), fmt.Sprint("value-", i))
		}
		return nil
	}))
}

// has checks the value of a secret; "": there is none.
func (s *Service) has(t *testing.T, appID, name, want string) {
	t.Helper()
	got, err := s.Get(t.Context(), appID, name)
	found, hasErr := s.Has(t.Context(), appID, name)
	require.NoError(t, hasErr)
	assert.Equal(t, want != "", found, name)
	if want == "" {
		require.Equal(t, fault.NotFound, fault.Of(err), name)
		return
	}
	require.NoError(t, err)
	assert.Equal(t, want, got, name)
}

func TestSecrets(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		s := service(t, db, testKey(1), "")
		app, other := appOf(t, db, "a"), appOf(t, db, "b")
		s.has(t, app, "key", "")
		set, err := s.Set(t.Context(), app, "key", "value-1")
		require.NoError(t, err)
		assert.Equal(t, []any{"key", 7, []byte(nil)}, []any{set.Name, set.Size, set.Sealed})
		s.mustSet(t, app, "Other.key_2", "é\x00\n")
		s.mustSet(t, other, "key", "theirs")
		s.has(t, app, "key", "value-1")
		s.has(t, app, "Other.key_2", "é\x00\n")
		s.has(t, other, "key", "theirs")
		s.has(t, other, "Other.key_2", "")
		s.mustSet(t, app, "key", "value-2")
		s.has(t, app, "key", "value-2")
		names, err := s.Names(t.Context(), app)
		require.NoError(t, err)
		assert.Equal(t, []string{"Other.key_2", "key"}, names)
		listed, err := s.List(t.Context(), app)
		require.NoError(t, err)
		require.Len(t, listed, 2)
		for _, secret := range listed {
			assert.Nil(t, secret.Sealed)
		}
		require.NoError(t, s.Delete(t.Context(), app, "key"))
		require.Equal(t, fault.NotFound, fault.Of(s.Delete(t.Context(), app, "key")))
		s.has(t, app, "key", "")
		s.has(t, other, "key", "theirs")

		kept, err := db.Secrets().List(t.Context(), app)
		require.NoError(t, err)
		assert.NotContains(t, string(kept[0].Sealed), "é", "the database has nothing to read")
	})
}

func TestBounds(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		s, app := service(t, db, testKey(1), ""), appOf(t, db, "a")
		for _, c := range []struct{ name, value, want string }{
			{"", "v", "name: must be 1 to 128 bytes, got 0"},
			{strings.Repeat("n", 129), "v", "name: must be 1 to 128 bytes, got 129"},
			{"-a", "v", "name: must be letters, digits, and _ - and . that do not come first, got another character at byte 0"},
			{"a/b", "v", "name: must be letters, digits, and _ - and . that do not come first, got another character at byte 1"},
			{"é", "v", "name: must be letters, digits, and _ - and . that do not come first, got another character at byte 0"},
			{"n", "", "value: must be 1 to 65536 bytes, got 0"},
			{"n", strings.Repeat("secret", 20_000), "value: must be 1 to 65536 bytes, got 120000"},
			{"n", "secret\xff", "value: must be UTF-8"},
		} {
			_, err := s.Set(t.Context(), app, c.name, c.value)
			assert.Equal(t, fault.Invalid, fault.Of(err))
			assert.EqualError(t, err, c.want)
		}
		for _, name := range []string{"", "a b"} {
			_, err := s.Get(t.Context(), app, name)
			assert.Equal(t, fault.Invalid, fault.Of(err))
			_, err = s.Has(t.Context(), app, name)
			assert.Equal(t, fault.Invalid, fault.Of(err))
			assert.Equal(t, fault.Invalid, fault.Of(s.Delete(t.Context(), app, name)))
		}
		longest := strings.Repeat("é", MaxValueBytes/2)
		s.mustSet(t, app, strings.Repeat("n", MaxNameBytes), longest)
		s.has(t, app, strings.Repeat("n", MaxNameBytes), longest)
		setMany(t, db, testKey(1), "", app, MaxPerApp-1)
		_, err := s.Set(t.Context(), app, "more", "v")
		assert.Equal(t, fault.Quota, fault.Of(err))
		assert.EqualError(t, err, "an app may have 256 secrets, and this one has 256")
		s.mustSet(t, app, "s0", "w")
		_, err = s.Set(t.Context(), "nothing", "n", "v")
		assert.Equal(t, fault.NotFound, fault.Of(err))
	})
}

// What is sealed for one place opens nowhere else.
func TestSealedForItsPlace(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		s := service(t, db, testKey(1), "")
		app, other := appOf(t, db, "a"), appOf(t, db, "b")
		s.mustSet(t, app, "key", "value-1")
		kept, err := db.Secrets().List(t.Context(), app)
		require.NoError(t, err)
		move := func(name string, change func(*store.Secret)) {
			moved := kept[0]
			change(&moved)
			_, err := db.Secrets().Set(t.Context(), moved, MaxPerApp)
			require.NoError(t, err)
			s.Changed("")
			_, err = s.Get(t.Context(), moved.AppID, moved.Name)
			assert.Equal(t, fault.Corrupted, fault.Of(err), name)
			assert.EqualError(t, err, "the secret "+moved.Name+" cannot be opened: what is stored is not what was sealed")
		}
		move("to another app", func(s *store.Secret) { s.AppID = other })
		move("to another name", func(s *store.Secret) { s.Name = "other" })
		move("a bit of it", func(s *store.Secret) {
			s.Name, s.Sealed = "key", bytes.Clone(s.Sealed)
			s.Sealed[len(s.Sealed)-1] ^= 1
		})
		move("short", func(s *store.Secret) { s.Name, s.Sealed = "short", []byte{1, 2} })
	})
}

func TestKeys(t *testing.T) {
	one, two := testKey(1), testKey(2)
	for _, c := range []struct{ keys, want string }{
		{"x", "key 1 must be 32 bytes as base64, got something else"},
		{one + ",AAAA", "key 2 must be 32 bytes as base64, got 3 bytes"},
		{one + ",", "key 2 must be 32 bytes as base64, got 0 bytes"},
		{one + two, "key 1 must be 32 bytes as base64, got something else"},
	} {
		_, err := New(t.Context(), Config{Keys: c.keys})
		assert.EqualError(t, err, c.want)
	}
	odd := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb, 0xff}, KeyBytes/2))
	for _, written := range []string{odd, strings.TrimRight(odd, "="), strings.NewReplacer("+", "-", "/", "_").Replace(odd), " " + odd + "\n"} {
		keys, err := parseKeys([]string{written})
		require.NoError(t, err, written)
		assert.Equal(t, odd, keys[0].text)
	}
	keys, err := parseKeys([]string{one, two, one})
	require.NoError(t, err)
	assert.Len(t, keys, 2, "one that is there twice is one")
	assert.NotContains(t, keys[0].id, one)
}

// Without its key a secret is refused, and never garbage; others are not.
func TestMissingKey(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		app := appOf(t, db, "a")
		first := service(t, db, testKey(1), "")
		first.mustSet(t, app, "old", "value-1")
		id := first.keys[0].id

		var log bytes.Buffer
		s, err := New(t.Context(), Config{Store: db.Secrets(), Factors: db.SecondFactors(), Keys: testKey(2), Log: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		assert.Contains(t, log.String(), `msg="secrets cannot be opened: they are sealed with a key that this server does not have" key_id=`+id+" secrets=1")
		s.mustSet(t, app, "new", "value-2")
		_, err = s.Get(t.Context(), app, "old")
		assert.Equal(t, fault.Unavailable, fault.Of(err))
		assert.EqualError(t, err, "the secret old is sealed with the key "+id+", which this server does not have")
		s.has(t, app, "new", "value-2")
		mask, err := s.Mask(t.Context(), app)
		require.NoError(t, err)
		assert.Equal(t, "*** value-1", mask.Hide("value-2 value-1"), "what can be opened is masked")

		both := service(t, db, testKey(2)+","+testKey(1), "")
		both.has(t, app, "old", "value-1")
		both.has(t, app, "new", "value-2")

		none := service(t, db, "", "")
		_, err = none.Set(t.Context(), app, "new", "value-3")
		assert.Equal(t, fault.Unavailable, fault.Of(err))
		assert.EqualError(t, err, "secrets need the setting secret_key (PICLOUD_SECRET_KEY), which this server does not have")
		_, err = none.Rotate(t.Context())
		assert.Equal(t, fault.Unavailable, fault.Of(err))
		require.NoError(t, none.Delete(t.Context(), app, "new"))
	})
}

func TestKeyFile(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		app, path := appOf(t, db, "a"), filepath.Join(t.TempDir(), FileName)
		s := service(t, db, "", path)
		s.has(t, app, "key", "")
		require.NoFileExists(t, path, "who has no secrets needs no key")
		s.mustSet(t, app, "key", "value-1")
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		service(t, db, "", path).has(t, app, "key", "value-1")
		service(t, db, testKey(1), path).has(t, app, "key", "value-1") // until it is rotated to the setting's

		gone := service(t, db, "", filepath.Join(t.TempDir(), FileName))
		_, err = gone.Set(t.Context(), app, "other", "value-2")
		assert.EqualError(t, err, "the database has secrets that are sealed with the key "+s.keys[0].id+
			", which this server does not have: bring back its file secret.key, or set secret_key (PICLOUD_SECRET_KEY)")
		_, err = gone.Get(t.Context(), app, "key")
		assert.Equal(t, fault.Unavailable, fault.Of(err))

		for _, c := range []struct {
			content string
			mode    os.FileMode
			want    string
		}{
			{testKey(1), 0o644, ": must be for its owner alone, mode 0600, got 0644"},
			{"# nothing\n", 0o600, ": there is no key in it"},
			{"hunter2", 0o600, ": key 1 must be 32 bytes as base64, got 5 bytes"},
		} {
			path := filepath.Join(t.TempDir(), FileName)
			require.NoError(t, os.WriteFile(path, []byte(c.content), c.mode))
			_, err := New(t.Context(), Config{Store: db.Secrets(), Factors: db.SecondFactors(), File: path})
			assert.ErrorContains(t, err, strings.TrimPrefix(c.want, ":"))
			assert.NotContains(t, fmt.Sprint(err), "hunter2")
		}
	})
}

func TestRotateFile(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		app, path := appOf(t, db, "a"), filepath.Join(t.TempDir(), FileName)
		setMany(t, db, "", path, app, rotationBatch+5)
		s := service(t, db, "", path)
		before := s.keys[0]
		done, err := s.Rotate(t.Context())
		require.NoError(t, err)
		assert.Equal(t, Rotation{KeyID: s.keys[0].id, Resealed: rotationBatch + 5}, done)
		assert.NotEqual(t, before.id, done.KeyID)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NotContains(t, string(text), before.text, "the old key is forgotten")
		ids, err := db.Secrets().KeyIDs(t.Context())
		require.NoError(t, err)
		assert.Equal(t, map[string]int{done.KeyID: rotationBatch + 5}, ids)
		again := service(t, db, "", path)
		s.has(t, app, "s3", "value-3")
		again.has(t, app, "s104", "value-104")

		// A key is kept as long as something may need it.
		foreign := service(t, db, testKey(7), "")
		foreign.mustSet(t, app, "foreign", "value")
		done, err = again.Rotate(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, done.Left)
		assert.Len(t, service(t, db, "", path).keys, 2)
	})
}

func TestRotateSetting(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		app := appOf(t, db, "a")
		old := service(t, db, testKey(1), "")
		old.mustSet(t, app, "one", "value-1")
		s := service(t, db, testKey(2)+","+testKey(1), "")
		s.mustSet(t, app, "two", "value-2")
		done, err := s.Rotate(t.Context())
		require.NoError(t, err)
		assert.Equal(t, Rotation{KeyID: s.keys[0].id, Resealed: 1}, done)
		s.has(t, app, "one", "value-1")
		now := service(t, db, testKey(2), "")
		now.has(t, app, "one", "value-1")
		now.has(t, app, "two", "value-2")
		done, err = now.Rotate(t.Context())
		require.NoError(t, err)
		assert.Equal(t, Rotation{KeyID: s.keys[0].id}, done, "there is nothing to do")
	})
}

// Secrets are read and set while they are sealed anew, and none is lost.
func TestRotateMeanwhile(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		app, path := appOf(t, db, "a"), filepath.Join(t.TempDir(), FileName)
		s := service(t, db, "", path)
		const writers, writes = 4, 15
		for w := range writers {
			s.mustSet(t, app, fmt.Sprint("s", w), "value")
		}
		ctx, stop := context.WithCancel(t.Context())
		var rotations sync.WaitGroup
		rotations.Go(func() {
			for ctx.Err() == nil {
				_, err := s.Rotate(t.Context())
				assert.NoError(t, err)
			}
		})
		var work sync.WaitGroup
		for w := range writers {
			work.Go(func() {
				name := fmt.Sprint("s", w)
				for i := range writes {
					value := fmt.Sprint("value ", i)
					_, err := s.Set(t.Context(), app, name, value)
					assert.NoError(t, err)
					got, err := s.Get(t.Context(), app, name)
					assert.NoError(t, err)
					assert.Equal(t, value, got)
				}
			})
		}
		work.Wait()
		stop()
		rotations.Wait()
		reopened := service(t, db, "", path)
		for w := range writers {
			reopened.has(t, app, fmt.Sprint("s", w), fmt.Sprint("value ", writes-1))
		}
	})
}

// What is known in memory is as the database is, once it was told.
func TestChanged(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store) {
		app := appOf(t, db, "a")
		here, there := service(t, db, testKey(1), ""), service(t, db, testKey(1), "")
		here.has(t, app, "key", "")
		there.mustSet(t, app, "key", "value-1")
		here.has(t, app, "key", "")
		here.Changed(app)
		here.has(t, app, "key", "value-1")
		there.mustSet(t, app, "key", "value-2")
		here.Changed("")
		here.has(t, app, "key", "value-2")
	})
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	large := func() (*app, error) {
		return &app{values: map[string]value{"v": {text: strings.Repeat("x", maxCachedBytes/10)}}}, nil
	}
	for i := range 10 {
		known, err := c.get(fmt.Sprint(i), large)
		require.NoError(t, err)
		c.mask(fmt.Sprint(i), known)
	}
	assert.LessOrEqual(t, c.bytes, maxCachedBytes)
	assert.Equal(t, 4, c.apps.Len(), "each has its value and what hides it")
	c.forget("9")
	c.forget("")
	assert.Zero(t, c.bytes)

	_, err := c.get("a", func() (*app, error) { c.forget("a"); return &app{}, nil })
	require.NoError(t, err)
	assert.False(t, c.apps.Contains("a"), "what has changed while it was read is not kept")
	failure := errors.New("failed")
	_, err = c.get("a", func() (*app, error) { return nil, failure })
	assert.ErrorIs(t, err, failure)
}
