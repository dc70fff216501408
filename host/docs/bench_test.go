//go:build unix

package docs_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store"
)

// order is the i-th of many documents of a likely size.
func order(i int) string {
	return fmt.Sprintf(`{"number":%d,"customer":{"id":"c%05d","name":"Customer %d","city":"city-%d"},"status":"%s","total":%d.%02d,`+
		`"paid":%t,"items":[{"sku":"sku-%d","count":%d},{"sku":"sku-%d","count":1}],"note":"Please ring at the back door, number %d."}`,
		i, i%10_000, i%10_000, i%100, []string{"new", "paid", "sent", "done"}[i%4], i%997, i%100, i%4 > 0, i%500, i%7, i%77, i)
}

// fill creates n documents in a collection.
func (f fixture) fill(tb testing.TB, collection string, n int, document func(i int) string) {
	tb.Helper()
	const batch = 5000
	for from := 0; from < n; from += batch {
		require.NoError(tb, f.store.InTx(f.ctx, func(tx store.Store) error {
			service := docs.New(docs.Config{Store: tx.Docs()})
			for i := from; i < min(n, from+batch); i++ {
				if _, err := service.Create(f.ctx, f.app, collection, value(tb, document(i))); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// Benchmark works on a collection of 100,000 documents of 330 bytes. Create elsewhere is create
// while somebody listens to another collection of the app; create told is create in a collection
// that somebody listens to, which makes it a transaction.
func Benchmark(b *testing.B) {
	for name, open := range databases {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, open)
			f.fill(b, "orders", 100_000, order)
			known := f.create(b, "orders", `{"number":"known"}`).ID
			data := value(b, order(100_000))
			patch := value(b, `{"status":"sent"}`)
			run := func(name string, work func(i int) error) {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						if err := work(i); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			next := "" // the cursor of the page that was found last
			find := func(name string, found int, query func(i int) docs.Query) {
				run(name, func(i int) error {
					page, err := f.Find(f.ctx, f.app, "orders", query(i))
					if err == nil && len(page.Items) != found {
						err = fmt.Errorf("found %d instead of %d", len(page.Items), found)
					}
					next = page.Next
					return err
				})
			}
			filter := func(format string) func(i int) docs.Query {
				return func(i int) docs.Query { return docs.Query{Filter: value(b, fmt.Sprintf(format, i%10_000))} }
			}
			run("get", func(int) error { _, err := f.Get(f.ctx, f.app, "orders", known); return err })
			find("find one", 1, filter(`{"number":%d}`))
			find("find ten", 10, filter(`{"customer.id":"c%05d"}`))
			find("find ten of two", 10, filter(`{"customer.id":"c%05d","paid":{"$exists":true}}`))
			find("find of half", 50, filter(`{"paid":true,"number":{"$gte":%d}}`))
			find("list", 50, func(int) docs.Query { return docs.Query{} })
			find("range none", 0, filter(`{"number":{"$lt":-1,"$gt":%d}}`))
			find("sort all", 50, func(int) docs.Query { return docs.Query{Sort: value(b, `{"total":-1}`)} })
			run("count all", func(int) error { _, err := f.Count(f.ctx, f.app, "orders", nil); return err })
			run("count quarter", func(int) error { _, err := f.Count(f.ctx, f.app, "orders", value(b, `{"status":"sent"}`)); return err })
			f.index(b, "orders", "number", "total", "items.1.sku")
			find("indexed range", 10, func(i int) docs.Query {
				return docs.Query{Filter: value(b, fmt.Sprintf(`{"number":{"$gte":%d,"$lt":%d}}`, i%90_000, i%90_000+10))}
			})
			find("indexed equality", 50, func(i int) docs.Query { // of a path that has no terms
				return docs.Query{Filter: value(b, fmt.Sprintf(`{"items.1.sku":"sku-%d"}`, i%77))}
			})
			find("indexed sort", 50, func(int) docs.Query { return docs.Query{Sort: value(b, `{"total":-1}`)} })
			find("indexed range and sort", 50, func(i int) docs.Query {
				return docs.Query{Filter: value(b, fmt.Sprintf(`{"number":{"$gte":%d}}`, i%90_000)), Sort: value(b, `{"number":1}`)}
			})
			find("indexed pages", 50, func(i int) docs.Query { // each after the one before
				if i%1000 == 0 {
					next = ""
				}
				return docs.Query{Sort: value(b, `{"total":1}`), Cursor: next}
			})
			run("create", func(int) error { _, err := f.Create(f.ctx, f.app, "more", data); return err })
			listen := func(collection string) {
				require.NoError(b, f.heard.Reload(f.ctx, f.app, func(context.Context) ([]events.Listener, error) {
					return []events.Listener{{Source: store.ChangeDocs, Collection: collection}}, nil
				}))
			}
			listen("orders-*")
			run("create elsewhere", func(int) error { _, err := f.Create(f.ctx, f.app, "more", data); return err })
			listen("more")
			run("create told", func(int) error { _, err := f.Create(f.ctx, f.app, "more", data); return err })
			listen("orders-*")
			run("update", func(int) error { _, err := f.Update(f.ctx, f.app, "orders", known, data, nil); return err })
			run("patch", func(int) error { _, err := f.Patch(f.ctx, f.app, "orders", known, patch, nil); return err })
		})
	}
}

// BenchmarkIndexing builds an index of 100,000 documents while others write to the collection, and tells how
// long these take, in milliseconds, before and while it is built.
func BenchmarkIndexing(b *testing.B) {
	for name, open := range databases {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, open)
			f.fill(b, "orders", 100_000, order)
			known := f.create(b, "orders", `{"number":"known"}`).ID
			data := value(b, order(100_000))
			write := func(i int) time.Duration {
				begun := time.Now()
				var err error
				if i%2 == 0 {
					_, err = f.Update(f.ctx, f.app, "orders", known, data, nil)
				} else {
					_, err = f.Create(f.ctx, f.app, "orders", data)
				}
				require.NoError(b, err)
				return time.Since(begun)
			}
			tell := func(when string, took []time.Duration) {
				slices.Sort(took)
				for part, at := range map[string]int{"p50": len(took) / 2, "p99": len(took) * 99 / 100, "max": len(took) - 1} {
					b.ReportMetric(float64(took[at].Microseconds())/1000, part+"-ms-"+when)
				}
			}
			var before, during []time.Duration
			for i := range 2000 {
				before = append(before, write(i))
			}
			for b.Loop() {
				_, made, err := f.Index(f.ctx, f.app, "orders", "number")
				require.NoError(b, err)
				require.True(b, made)
				built := make(chan error, 1)
				go func() { built <- f.Work(f.ctx) }()
				for i, done := 0, false; !done; i++ {
					select {
					case err := <-built:
						require.NoError(b, err)
						done = true
					default:
						during = append(during, write(i))
					}
				}
				b.StopTimer()
				listed, err := f.Indexes(f.ctx, f.app, "orders")
				require.NoError(b, err)
				require.Equal(b, store.IndexReady, listed[0].State)
				require.NoError(b, f.DropIndex(f.ctx, f.app, listed[0].ID))
				require.NoError(b, f.Work(f.ctx))
				b.StartTimer()
			}
			tell("before", before)
			tell("while", during)
		})
	}
}
