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

// BenchmarkNodes measures one busy lane on PostgreSQL, delivered by one node and by two that share it, in turns:
// "two/one" is how many times as fast the two are, and how many turns they take for an event does not depend on what
// else the machine does.
func BenchmarkNodes(b *testing.B) {
	url := pgtest.URL(b)
	open := func(l store.Listeners) (store.Store, error) {
		return postgres.Open(b.Context(), postgres.Config{URL: url, Listeners: l})
	}
	for _, concurrency := range []int{4, 64} {
		b.Run(fmt.Sprint(concurrency), func(b *testing.B) {
			const rounds = 4
			var took [3]time.Duration // by the number of nodes
			var turns [3]int
			var script store.Script
			for round := range rounds {
				for count := 1; count <= 2; count++ {
					var nodes []*node
					for i := range count {
						n := newNode(b, open, concurrency, func(event) (*executions.Outcome, error) { return succeeded, nil })
						if i == 0 {
							script = n.app(fmt.Sprint("a", concurrency, "-", b.N, "-", round, "-", count))
							n.consume(script, func(t *store.Trigger) { t.Concurrency = concurrency })
						}
						n.know(script.AppID)
						nodes = append(nodes, n)
					}
					for left := b.N; left > 0; left -= 1000 {
						nodes[0].push(script.AppID, "", slices.Repeat([]string{`{"n":1}`}, min(left, 1000))...)
					}
					began := time.Now()
					for _, n := range nodes {
						n.Start()
					}
					nodes[0].drained(script.AppID)
					took[count] += time.Since(began)
					for _, n := range nodes {
						require.NoError(b, n.Stop(b.Context()))
						turns[count] += n.turns
					}
				}
			}
			for count, name := range map[int]string{1: "one", 2: "two"} {
				b.ReportMetric(float64(rounds*b.N)/took[count].Seconds(), name+"-events/s")
				b.ReportMetric(float64(turns[count])/float64(rounds*b.N), name+"-turns/event")
			}
			b.ReportMetric(took[1].Seconds()/took[2].Seconds(), "two/one")
		})
	}
}
