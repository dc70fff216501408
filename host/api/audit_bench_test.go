//go:build unix

package api_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/store/eachtest"
)

// newQuietSite makes one that logs nothing, on a kind of database.
func newQuietSite(b *testing.B, kind string) *site {
	return &site{apitest.NewOn(b, slog.New(slog.DiscardHandler), eachtest.Of(b, kind).Open)}
}

// BenchmarkAudit measures what the record adds to an administrative write, from the request to the
// answer: the same request is recorded and not recorded by turns. The ratio is of the medians.
func BenchmarkAudit(b *testing.B) {
	for _, name := range eachtest.Kinds(b) {
		s := newQuietSite(b, name)
		s.App("shop")
		script := s.Script("shop", "main", "1")
		for _, c := range []struct{ operation, method, path, body string }{
			{"update-app", "PUT", "apps/shop", `{"name":"Shop %d"}`},
			{"update-script", "PUT", "scripts/" + script.ID, `{"source":"// %d` + strings.Repeat(`\nlet sum = 0; for i in 0..10 { sum += i * i; }`, 40) + `"}`},
			{"set-kv", "PUT", "apps/shop/kv/c/k", `{"value":%d}`},
		} {
			b.Run(name+"/"+c.operation, func(b *testing.B) {
				n := 0
				write := func(readOnly bool) time.Duration {
					before := *api.ReadOnly
					defer func() { *api.ReadOnly = before }()
					if readOnly {
						*api.ReadOnly = append(slices.Clone(before), c.operation)
					}
					n++
					begin := time.Now()
					if got := s.Admin(s.Token, c.method, c.path, fmt.Sprintf(c.body, n)); got.StatusCode != 200 {
						b.Fatalf("%d %s", got.StatusCode, got.Content)
					}
					return time.Since(begin)
				}
				var plain, recorded []time.Duration
				for b.Loop() {
					plain = append(plain, write(true))
					recorded = append(recorded, write(false))
				}
				slices.Sort(plain)
				slices.Sort(recorded)
				middle := len(plain) / 2
				b.ReportMetric(float64(plain[middle].Microseconds()), "µs/plain")
				b.ReportMetric(float64(recorded[middle].Microseconds()), "µs/recorded")
				b.ReportMetric(float64(recorded[middle])/float64(plain[middle]), "ratio")
			})
		}
	}
}
