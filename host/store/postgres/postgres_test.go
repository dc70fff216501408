//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/storetest"
)

func fresh(tb testing.TB) storetest.Opener {
	url := pgtest.URL(tb)
	return func(now func() time.Time, listeners store.Listeners) (store.Store, error) {
		return postgres.Open(context.Background(), postgres.Config{URL: url, Now: now, Listeners: listeners})
	}
}

func TestStore(t *testing.T) { storetest.Exercise(t, fresh) }

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, fresh) }

func TestOpenFails(t *testing.T) {
	for name, url := range map[string]string{
		"not a URL":       "postgres://secret:secret@[::1",
		"nobody answers":  "postgres://secret:secret@/secret?host=" + t.TempDir(),
		"no such setting": "postgres://secret:secret@/secret?pool_max_conns=many",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postgres.Open(context.Background(), postgres.Config{URL: url})
			require.EqualError(t, err, "open database: storage failed")
			require.NotContains(t, fault.Cause(err).Error(), "secret:secret", "the log shows the password")
		})
	}
}

// Transactions that were in each other's way have the outcome of one after the other, or one is lost.
func TestCrossedTransactions(t *testing.T) {
	s, err := fresh(t)(nil, nil)
	require.NoError(t, err)
	defer s.Close()
	app := func(slug string) string {
		created, err := s.Apps().Create(t.Context(), store.App{Slug: slug})
		require.NoError(t, err)
		return created.ID
	}
	one := app("one")
	read := func(key string) func(ctx context.Context, tx store.Store) error {
		return func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Has(ctx, one, "c", key)
			return err
		}
	}
	write := func(key string) func(ctx context.Context, tx store.Store) error {
		return func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Set(ctx, one, "c", store.KVEntry{Key: key, Value: []byte(`1`)}, false)
			return err
		}
	}
	for name, c := range map[string]struct {
		first, second func(ctx context.Context, tx store.Store) error // of each transaction
		other         func(ctx context.Context, tx store.Store) error // that the other one does second
	}{
		"the same entry":     {read("a"), write("a"), write("a")},
		"what was not there": {read("c"), write("c"), write("c")},
		"each what the other read": {func(ctx context.Context, tx store.Store) error {
			return errors.Join(read("x")(ctx, tx), read("y")(ctx, tx))
		}, write("x"), write("y")},
	} {
		t.Run(name, func(t *testing.T) {
			here, err := s.Begin(t.Context(), app("here-"+strings.ReplaceAll(name, " ", "-")))
			require.NoError(t, err)
			there, err := s.Begin(t.Context(), app("there-"+strings.ReplaceAll(name, " ", "-")))
			require.NoError(t, err)
			require.NoError(t, here.Do(c.first))
			require.NoError(t, there.Do(c.first))
			require.NoError(t, here.Do(c.second))
			require.NoError(t, here.Commit())
			err = there.Do(c.other)
			if err == nil {
				err = there.Commit()
			}
			require.Equal(t, store.ErrCrossed, err)
			require.Equal(t, store.ErrCrossed, there.Do(c.first), "it is lost")
			require.Equal(t, store.ErrCrossed, there.Rollback())
		})
	}
}
