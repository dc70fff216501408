//go:build unix

package postgres_test

import (
	"context"
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
