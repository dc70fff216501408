//go:build unix

package docs_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// index declares indexes on paths and builds them.
func (f fixture) index(tb testing.TB, collection string, paths ...string) {
	tb.Helper()
	for _, path := range paths {
		_, made, err := f.Index(f.ctx, f.app, collection, path)
		require.NoError(tb, err)
		require.True(tb, made)
	}
	require.NoError(tb, f.Work(f.ctx))
	found, err := f.Indexes(f.ctx, f.app, collection)
	require.NoError(tb, err)
	for _, in := range found {
		require.Equal(tb, store.IndexReady, in.State, in.Path)
	}
}

// all returns the ids of the documents that a query finds, over all its pages.
func (f fixture) all(tb testing.TB, collection string, query docs.Query) (ids []string) {
	tb.Helper()
	for {
		page, err := f.Find(f.ctx, f.app, collection, query)
		require.NoError(tb, err)
		for _, doc := range page.Items {
			ids = append(ids, doc.ID)
		}
		if query.Cursor = page.Next; page.Next == "" {
			return ids
		}
	}
}

// mixed is a document with values of all types, often missing or several.
func mixed(random *rand.Rand) string {
	values := []string{`null`, `true`, `false`, `1`, `1.5`, `-7`, `2`, `30`, `9007199254740993`, `1e300`, `"a"`, `"b"`, `"bb"`, `[1,2]`, `{"x":1}`, `""`}
	value := func() string { return values[random.IntN(len(values))] }
	switch random.IntN(5) {
	case 0:
		return fmt.Sprintf(`{"b":%s}`, value())
	case 1:
		return fmt.Sprintf(`{"a":%s,"items":[{"n":%s},{"n":%s},{"m":%s}]}`, value(), value(), value(), value())
	case 2:
		return fmt.Sprintf(`{"a":%d,"b":%s,"items":[{"n":%s}]}`, random.IntN(20), value(), value())
	default:
		return fmt.Sprintf(`{"a":%s,"b":%s,"items":{"n":%s}}`, value(), value(), value())
	}
}

// Whatever is asked for, with indexes the same documents are found in the same order as without, page by page.
func TestIndexesChangeNoAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		random := rand.New(rand.NewPCG(21, 1))
		var ids []string
		for range 150 {
			ids = append(ids, f.create(t, "c", mixed(random)).ID)
		}
		var queries []docs.Query
		for _, filter := range []string{
			``, `{"a":{"$gte":2,"$lt":20}}`, `{"a":1}`, `{"a":null}`, `{"a":{"$gt":"a"}}`, `{"a":{"$lte":true}}`, `{"a":[1,2]}`, `{"a":{"$gt":1.2},"b":{"$exists":true}}`,
			`{"items.n":{"$gte":1.5,"$lte":2}}`, `{"items.n":{"$lt":"b"},"a":{"$gte":0}}`, `{"$or":[{"a":1},{"b":"a"}]}`, `{"$and":[{"a":{"$gt":0}},{"a":{"$lt":3}}]}`, `{"a":{"$ne":1}}`,
		} {
			for _, sort := range []string{``, `{"a":1}`, `{"a":-1}`, `{"items.n":1}`, `{"items.n":-1}`, `[["a",1],["b",-1]]`, `[["a",-1],["b",1]]`, `{"b":1}`} {
				for _, limit := range []int{7, 50} {
					query := docs.Query{Limit: limit}
					if filter != "" {
						query.Filter = value(t, filter)
					}
					if sort != "" {
						query.Sort = value(t, sort)
					}
					queries = append(queries, query)
				}
			}
		}
		check := func(when string, want [][]string) (found [][]string) {
			for i, query := range queries {
				found = append(found, f.all(t, "c", query))
				if want != nil {
					require.Equal(t, want[i], found[i], "%s, query %d: filter %q sort %q", when, i, query.Filter, query.Sort)
				}
			}
			return found
		}
		want := check("without", nil)
		f.index(t, "c", "a", "items.n")
		check("built", want)
		used := map[string]int{}
		for _, query := range queries {
			_, how, err := f.Explain(f.ctx, f.app, "c", query)
			require.NoError(t, err)
			used[how.Plan+" "+how.Path]++
		}
		require.Greater(t, used["index a"], 50, "%v", used)
		require.Greater(t, used["index items.n"], 20, "%v", used)

		// The entries follow every kind of change.
		for i, id := range ids {
			var err error
			switch i % 4 {
			case 0:
				_, err = f.Update(f.ctx, f.app, "c", id, value(t, mixed(random)), nil)
			case 1:
				_, err = f.Patch(f.ctx, f.app, "c", id, value(t, `{"a":5,"items":null}`), nil)
			case 2:
				err = f.Delete(f.ctx, f.app, "c", id)
			}
			require.NoError(t, err)
		}
		found := check("changed", nil)
		listed, err := f.Indexes(f.ctx, f.app, "c")
		require.NoError(t, err)
		for _, in := range listed {
			require.NoError(t, f.DropIndex(f.ctx, f.app, in.ID))
		}
		check("dropped", found)
		require.NoError(t, f.Work(f.ctx))
		check("gone", found)
	})
}

// A page in the order of an index, or in a range of it, looks at little more than it has.
func TestExplain(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		f.fill(t, "orders", 2000, order)
		f.index(t, "orders", "number", "total")
		for _, c := range []struct {
			filter, sort string
			want         docs.Explained // Looked is the most
		}{
			{`{"number":{"$gte":1990}}`, ``, docs.Explained{Plan: docs.PlanIndex, Path: "number", Range: true, Looked: 10}},
			{``, `{"number":1}`, docs.Explained{Plan: docs.PlanIndex, Path: "number", Sort: true, Looked: 64}},
			{``, `{"total":-1}`, docs.Explained{Plan: docs.PlanIndex, Path: "total", Sort: true, Looked: 64}},
			{`{"number":{"$gte":100,"$lt":1900}}`, `{"number":-1}`, docs.Explained{Plan: docs.PlanIndex, Path: "number", Range: true, Sort: true, Looked: 64}},
			{`{"number":{"$gte":100,"$lt":110}}`, `{"total":1}`, docs.Explained{Plan: docs.PlanIndex, Path: "number", Range: true, Looked: 10}},
			{`{"customer.id":"c00007"}`, `{"number":1}`, docs.Explained{Plan: docs.PlanTerms, Looked: 1}},
			{``, `{"note":1}`, docs.Explained{Plan: docs.PlanAll, Looked: 2000}},
			{``, ``, docs.Explained{Plan: docs.PlanIDs, Looked: 51}},
		} {
			var query docs.Query
			if c.filter != "" {
				query.Filter = value(t, c.filter)
			}
			if c.sort != "" {
				query.Sort = value(t, c.sort)
			}
			_, how, err := f.Explain(f.ctx, f.app, "orders", query)
			require.NoError(t, err)
			assert.LessOrEqual(t, how.Looked, c.want.Looked, "%s %s", c.filter, c.sort)
			assert.Positive(t, how.Looked)
			how.Looked = c.want.Looked
			assert.Equal(t, c.want, how, "%s %s", c.filter, c.sort)
		}
	})
}

// An index in which too many documents have no place is not used.
func TestIndexWithoutPlaces(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		f.fill(t, "c", 6000, func(i int) string { return fmt.Sprintf(`{"items":[{"n":%d},{"n":%d}]}`, i, i+1) })
		f.index(t, "c", "items.n")
		for _, query := range []docs.Query{{Sort: value(t, `{"items.n":1}`)}, {Filter: value(t, `{"items.n":{"$lt":3}}`), Sort: value(t, `{"items.n":1}`)}} {
			page, how, err := f.Explain(f.ctx, f.app, "c", query)
			require.NoError(t, err)
			require.Equal(t, docs.Explained{Plan: docs.PlanAll, Looked: 6000}, how)
			require.Contains(t, string(page.Items[0].Data), `"n":0`)
		}
	})
}

// What a writer has written who did not know of an index is found by it, and has its place there later.
func TestWriterWhoDoesNotKnowTheIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		late := docs.New(docs.Config{Store: f.store.Docs()}) // as another node, that nobody has told
		_, err := late.Create(f.ctx, f.app, "c", value(t, `{"n":2}`))
		require.NoError(t, err)
		f.index(t, "c", "n")
		known := f.create(t, "c", `{"n":3}`)
		added, err := late.Create(f.ctx, f.app, "c", value(t, `{"n":1}`))
		require.NoError(t, err)
		_, err = late.Update(f.ctx, f.app, "c", known.ID, value(t, `{"n":0}`), nil)
		require.NoError(t, err)
		query := docs.Query{Sort: value(t, `{"n":1}`), Limit: 2}
		for _, when := range []string{"before it has a place", "after"} {
			page, how, err := f.Explain(f.ctx, f.app, "c", query)
			require.NoError(t, err)
			require.Equal(t, docs.PlanIndex, how.Plan)
			require.Len(t, page.Items, 2)
			require.Equal(t, []string{known.ID, added.ID}, []string{page.Items[0].ID, page.Items[1].ID}, when)
			require.NoError(t, f.Work(f.ctx))
		}
		// One that has seen an index that is gone does without.
		_, err = late.Find(f.ctx, f.app, "c", query)
		require.NoError(t, err)
		late.IndexesChanged(f.app)
		_, how, err := late.Explain(f.ctx, f.app, "c", query)
		require.NoError(t, err)
		require.Equal(t, docs.PlanIndex, how.Plan)
		listed, err := f.Indexes(f.ctx, f.app, "")
		require.NoError(t, err)
		require.NoError(t, f.DropIndex(f.ctx, f.app, listed[0].ID))
		require.NoError(t, f.Work(f.ctx))
		page, how, err := late.Explain(f.ctx, f.app, "c", query)
		require.NoError(t, err)
		require.Equal(t, docs.PlanAll, how.Plan)
		require.Equal(t, known.ID, page.Items[0].ID)
	})
}

// A transaction that began before an index was declared, and commits afterwards, leaves nothing out of it.
func TestIndexWaitsForTransactions(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		if !f.store.Revisions().Shared() {
			t.Skip("one transaction at a time writes")
		}
		f.create(t, "c", `{"n":2}`)
		written, declared, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			tx, err := f.store.Begin(f.ctx, f.app)
			if err != nil {
				close(written)
				done <- err
				return
			}
			err = tx.Do(func(ctx context.Context, tx store.Store) error {
				_, err := f.In(tx).Create(ctx, f.app, "c", value(t, `{"n":1}`))
				return err
			})
			close(written)
			<-declared
			if err == nil {
				err = tx.Commit()
			}
			done <- err
		}()
		<-written
		_, made, err := f.Index(f.ctx, f.app, "c", "n")
		require.NoError(t, err)
		require.True(t, made)
		short, cancel := context.WithTimeout(f.ctx, 300*time.Millisecond)
		defer cancel()
		require.Error(t, f.Work(short), "it waits")
		listed, err := f.Indexes(f.ctx, f.app, "c")
		require.NoError(t, err)
		require.Equal(t, store.IndexBuilding, listed[0].State)
		close(declared)
		require.NoError(t, <-done)
		require.NoError(t, f.Work(f.ctx))
		page, how, err := f.Explain(f.ctx, f.app, "c", docs.Query{Sort: value(t, `{"n":1}`)})
		require.NoError(t, err)
		require.Equal(t, docs.PlanIndex, how.Plan)
		require.Len(t, page.Items, 2)
	})
}

func TestIndexBoundsAndBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		for i := range 20 {
			f.create(t, "c", fmt.Sprintf(`{"n":%d}`, i))
		}
		used := func() int64 {
			usage, err := f.store.Apps().Usage(f.ctx, f.app, time.Now())
			require.NoError(t, err)
			return usage.Docs
		}
		before := used()
		f.index(t, "c", "n")
		require.Equal(t, before+20*(9+36), used(), "a key has 9 bytes and an id 36")
		same, made, err := f.Index(f.ctx, f.app, "c", "n")
		require.NoError(t, err)
		require.False(t, made)
		require.EqualValues(t, 20, same.Built)
		for i := range store.MaxIndexes - 1 {
			f.index(t, "c", fmt.Sprint("p", i))
		}
		_, _, err = f.Index(f.ctx, f.app, "c", "more")
		require.Equal(t, fault.Quota, fault.Of(err))
		require.EqualError(t, err, "a collection may have 8 indexes, and this one has 8")
		for path, reason := range map[string]string{
			"":           "empty key",
			"a..b":       "empty key",
			"created_at": "created_at is of the document itself",
			"$id":        "id is of the document itself",
			"$gt":        "operator",
		} {
			_, _, err := f.Index(f.ctx, f.app, "d", path)
			refused(t, err, "path", reason)
		}
		_, _, err = f.Index(f.ctx, f.newApp(t, "other"), "c", "n")
		require.NoError(t, err)
		require.Equal(t, fault.NotFound, fault.Of(f.DropIndex(f.ctx, f.newApp(t, "third"), same.ID)), "of another app")

		listed, err := f.Indexes(f.ctx, f.app, "c")
		require.NoError(t, err)
		for _, in := range listed {
			require.NoError(t, f.DropIndex(f.ctx, f.app, in.ID))
		}
		require.NoError(t, f.Work(f.ctx))
		require.Equal(t, before, used())
		f.index(t, "c", "n")
		require.NoError(t, f.store.Apps().Delete(f.ctx, f.app))
		for {
			removed, err := f.store.Deletions().Remove(f.ctx, 10)
			require.NoError(t, err)
			if removed.Rows < 10 {
				break
			}
		}
		require.NoError(t, f.Work(f.ctx))
	})
}

// limited is the service of the fixture where the documents of an app may have so many bytes.
func (f fixture) limited(quota *int64) fixture {
	of := func(appID string) int64 {
		if appID != f.app {
			return 0
		}
		return *quota
	}
	f.Service = docs.New(docs.Config{Store: f.store.Docs(), Quota: of, Admit: func(ctx context.Context, appID string, bytes int) error {
		if has := f.used(); appID == f.app && has+int64(bytes) > *quota {
			return store.OverQuota("documents", *quota, has, int64(bytes))
		}
		return nil
	}})
	return f
}

// used is how many bytes count as documents of the app.
func (f fixture) used() int64 {
	usage, err := f.store.Apps().Usage(f.ctx, f.app, time.Now())
	if err != nil {
		panic(err)
	}
	return usage.Docs
}

// What indexes have counts before it is written: whoever builds an index and whoever writes a document stays within the
// quota, and where there is no room what is there can still be made less.
func TestIndexesStayWithinTheQuota(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		quota := int64(1 << 20)
		f = f.limited(&quota)
		var ids []string
		for range 50 {
			ids = append(ids, f.create(t, "c", `{"n":7}`).ID)
		}
		entry := int64(9 + 36)
		quota = f.used() + 20*entry
		_, _, err := f.Index(f.ctx, f.app, "c", "n")
		require.NoError(t, err)
		require.NoError(t, f.Work(f.ctx))
		listed, err := f.Indexes(f.ctx, f.app, "c")
		require.NoError(t, err)
		require.True(t, listed[0].Full)
		require.EqualValues(t, 20, listed[0].Built)
		require.Equal(t, quota, f.used())

		// Another app goes on.
		other := f
		other.app = f.newApp(t, "other")
		other.create(t, "c", `{"n":1}`)
		other.index(t, "c", "n")

		// One more document is its data and its entry.
		_, err = f.Create(f.ctx, f.app, "c", value(t, `{"n":1}`))
		require.Equal(t, fault.Quota, fault.Of(err))
		quota += 7 + entry - 1
		_, err = f.Create(f.ctx, f.app, "c", value(t, `{"n":1}`))
		require.Equal(t, fault.Quota, fault.Of(err), "for want of a byte")
		quota++
		added := f.create(t, "c", `{"n":1}`)
		require.Equal(t, quota, f.used())

		// The data are no longer, the entry would be.
		_, err = f.Update(f.ctx, f.app, "c", added.ID, value(t, `{"n":1.5}`), nil)
		require.Equal(t, fault.Quota, fault.Of(err))
		_, err = f.Update(f.ctx, f.app, "c", added.ID, value(t, `{"n":2}`), nil)
		require.NoError(t, err)
		_, err = f.Patch(f.ctx, f.app, "c", added.ID, value(t, `{"n":0.5}`), nil)
		require.Equal(t, fault.Quota, fault.Of(err))
		_, err = f.Patch(f.ctx, f.app, "c", added.ID, value(t, `{"n":null}`), nil)
		require.NoError(t, err)

		require.NoError(t, f.Work(f.ctx))
		listed, err = f.Indexes(f.ctx, f.app, "c")
		require.NoError(t, err)
		require.True(t, listed[0].Full)
		for _, id := range ids[:40] {
			require.NoError(t, f.Delete(f.ctx, f.app, "c", id))
		}
		quota += 2 << 10
		require.NoError(t, f.Work(f.ctx))
		listed, err = f.Indexes(f.ctx, f.app, "c")
		require.NoError(t, err)
		require.Equal(t, store.IndexReady, listed[0].State)
		require.False(t, listed[0].Full)
		_, how, err := f.Explain(f.ctx, f.app, "c", docs.Query{Sort: value(t, `{"n":1}`)})
		require.NoError(t, err)
		require.Equal(t, docs.Explained{Plan: docs.PlanIndex, Path: "n", Sort: true, Looked: 11}, how)
	})
}

// Who builds an index leaves documents to transactions that have them, does the others, and keeps none while it waits.
func TestIndexerYields(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		if !f.store.Revisions().Shared() {
			t.Skip("one transaction at a time writes")
		}
		var ids []string
		for i := range 40 {
			ids = append(ids, f.create(t, "c", fmt.Sprintf(`{"n":%d}`, i)).ID)
		}
		_, _, err := f.Index(f.ctx, f.app, "c", "n")
		require.NoError(t, err)
		// From here on transactions know the index, so nobody waits for their end.
		worked, err := f.store.Docs().Work(f.ctx, store.IndexWork{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, store.IndexWorked{Waiting: true}, worked)
		tx, err := f.store.Begin(f.ctx, f.app)
		require.NoError(t, err)
		require.NoError(t, tx.Do(func(ctx context.Context, tx store.Store) error {
			_, err := f.In(tx).Update(ctx, f.app, "c", ids[9], value(t, `{"n":100}`), nil)
			return err
		}))
		done := make(chan error, 1)
		go func() { done <- f.Work(f.ctx) }()
		require.Eventually(t, func() bool {
			listed, err := f.Indexes(f.ctx, f.app, "c")
			return err == nil && listed[0].Built == 9
		}, 4*time.Second, 10*time.Millisecond, "it comes as far as it can")
		for _, id := range ids[10:] {
			_, err := f.Update(f.ctx, f.app, "c", id, value(t, `{"n":200}`), nil)
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit())
		require.NoError(t, <-done)
		page, how, err := f.Explain(f.ctx, f.app, "c", docs.Query{Filter: value(t, `{"n":{"$gte":100,"$lt":200}}`)})
		require.NoError(t, err)
		require.Equal(t, docs.Explained{Plan: docs.PlanIndex, Path: "n", Range: true, Looked: 1}, how)
		require.Equal(t, ids[9], page.Items[0].ID)
	})
}

// A query for which the way in the order of an index was too far goes another way at once, for a while.
func TestTooFar(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		const documents = 1500
		f.WalkAtMost(300)
		f.fill(t, "c", documents, func(i int) string { return fmt.Sprintf(`{"kind":%d,"due":%d}`, i/documents, documents-i) })
		f.index(t, "c", "kind")
		looked := func(sort string) int {
			page, how, err := f.Explain(f.ctx, f.app, "c", docs.Query{Sort: value(t, sort), Limit: 1})
			require.NoError(t, err)
			require.Equal(t, docs.PlanAll, how.Plan)
			require.Len(t, page.Items, 1)
			return how.Looked
		}
		require.Greater(t, looked(`[["kind",1],["due",-1]]`), documents)
		require.Equal(t, documents, looked(`[["kind",1],["due",-1]]`), "it is known")
		require.Greater(t, looked(`[["kind",1],["due",1]]`), documents, "it is another order")
		f.Later(time.Hour)
		require.Greater(t, looked(`[["kind",1],["due",-1]]`), documents, "it may be otherwise now")
	})
}

// The indexes of an app are read once, whatever its collections, and by writes in transactions not at all.
func TestIndexesAreKnown(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		f.create(t, "c", `{"n":1}`)
		f.index(t, "c", "n")
		counting := &counted{Docs: f.store.Docs()}
		service := docs.New(docs.Config{Store: counting})
		for i := range 20 {
			_, err := service.Create(f.ctx, f.app, fmt.Sprint("c", i), value(t, `{"n":1}`))
			require.NoError(t, err)
		}
		_, err := service.Find(f.ctx, f.app, "c1", docs.Query{})
		require.NoError(t, err)
		require.Equal(t, 1, counting.lists)
		service.IndexesChanged(f.app)
		err = f.store.InTx(f.ctx, func(tx store.Store) error {
			within := service.In(tx)
			for range 20 {
				if _, err := within.Create(f.ctx, f.app, "c", value(t, `{"n":1}`)); err != nil {
					return err
				}
			}
			_, err := within.Find(f.ctx, f.app, "c1", docs.Query{})
			return err
		})
		require.NoError(t, err)
		require.Equal(t, 2, counting.lists)
		_, how, err := service.Explain(f.ctx, f.app, "c", docs.Query{Sort: value(t, `{"n":1}`)})
		require.NoError(t, err)
		require.Equal(t, docs.Explained{Plan: docs.PlanIndex, Path: "n", Sort: true, Looked: 21}, how)
	})
}

// counted counts how often indexes are read.
type counted struct {
	store.Docs
	lists int
}

func (c *counted) Indexes(ctx context.Context, appID, collection string) ([]store.DocumentIndex, error) {
	c.lists++
	return c.Docs.Indexes(ctx, appID, collection)
}
