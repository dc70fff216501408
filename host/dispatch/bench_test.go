package dispatch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// BenchmarkDelivery measures events from commit to done, with a handler that does nothing, by how many of
// the trigger may run at once.
func BenchmarkDelivery(b *testing.B) {
	for name, opened := range map[string]func(b *testing.B) eachtest.Opener{
		"sqlite": func(b *testing.B) eachtest.Opener {
			path := b.TempDir() + "/" + sqlite.FileName
			return func(l store.Listeners) (store.Store, error) {
				return sqlite.Open(b.Context(), sqlite.Config{Path: path, Listeners: l})
			}
		},
		"postgres": func(b *testing.B) eachtest.Opener {
			url := pgtest.URL(b)
			return func(l store.Listeners) (store.Store, error) {
				return postgres.Open(b.Context(), postgres.Config{URL: url, Listeners: l})
			}
		},
	} {
		for _, concurrency := range []int{4, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, concurrency), func(b *testing.B) {
				n := newNode(b, opened(b), concurrency, func(event) (*executions.Outcome, error) { return succeeded, nil })
				script := n.app("a")
				n.consume(script, func(t *store.Trigger) { t.Concurrency = concurrency })
				for left := b.N; left > 0; left -= 1000 {
					n.push(script.AppID, "", slices.Repeat([]string{`{"n":1}`}, min(left, 1000))...)
				}
				n.start()
				began := time.Now()
				b.ResetTimer()
				for {
					count, err := n.store.Outbox().Count(b.Context(), script.AppID, 1)
					require.NoError(b, err)
					if count == 0 {
						break
					}
					time.Sleep(time.Millisecond)
				}
				b.StopTimer()
				b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "events/s")
			})
		}
	}
}
