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
