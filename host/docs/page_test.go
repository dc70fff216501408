//go:build unix

package docs_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/store"
)

func TestSort(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		names := f.load(t, "all", `
			map: {"v": {"a": 1}}
			crab: {"v": "🦀", "w": 1}
			one: {"v": 1, "w": 2}
			blob: {"v": {"$blob": ""}}
			true: {"v": true}
			empty: {"v": ""}
			null: {"v": null}
			one-float: {"v": 1.0, "w": 1}
			ffff: {"v": "\uffff"}
			min: {"v": -9223372036854775808}
			none: {"w": 3}
			2^53+1: {"v": 9007199254740993}
			false: {"v": false}
			list: {"v": [0]}
			2^53-float: {"v": 9007199254740992.0}
			upper: {"v": "A"}
			huge: {"v": 1e300}
			max: {"v": 9223372036854775807}
			2^63: {"v": 9223372036854775808.0}
			lower: {"v": "a", "w": null}
		`)
		for _, c := range []struct{ sort, want string }{
			{`{"v": 1}`, "null none false true min one one-float 2^53-float 2^53+1 max 2^63 huge empty upper lower ffff crab map blob list"},
			{`{"v": -1}`, "map blob list crab ffff lower upper empty huge 2^63 max 2^53+1 2^53-float one one-float min true false null none"},
			{`{"w": -1, "v": 1}`, "none one one-float crab null false true min 2^53-float 2^53+1 max 2^63 huge empty upper lower ffff map blob list"},
			{`{"w": 1.0, "v": -1.0}`, "map blob list ffff lower upper empty huge 2^63 max 2^53+1 2^53-float min true false null crab one-float one none"},
			{`[["w", -1], ["v", 1]]`, "none one one-float crab null false true min 2^53-float 2^53+1 max 2^63 huge empty upper lower ffff map blob list"},
			{`[["v", -1]]`, "map blob list crab ffff lower upper empty huge 2^63 max 2^53+1 2^53-float one one-float min true false null none"},
			{`[]`, "map crab one blob true empty null one-float ffff min none 2^53+1 false list 2^53-float upper huge max 2^63 lower"},
			{`{"$id": 1}`, "map crab one blob true empty null one-float ffff min none 2^53+1 false list 2^53-float upper huge max 2^63 lower"},
			{`{"id": -1}`, "lower 2^63 max huge upper 2^53-float list false 2^53+1 none min ffff one-float null empty true blob one crab map"},
			{`{"nothing": 1}`, "map crab one blob true empty null one-float ffff min none 2^53+1 false list 2^53-float upper huge max 2^63 lower"},
			{`{}`, "map crab one blob true empty null one-float ffff min none 2^53+1 false list 2^53-float upper huge max 2^63 lower"},
			{`{"v.a": -1, "nothing.0": 1}`, "map crab one blob true empty null one-float ffff min none 2^53+1 false list 2^53-float upper huge max 2^63 lower"},
		} {
			assert.Equal(t, c.want, f.find(t, "all", names, docs.Query{Sort: value(t, c.sort)}), c.sort)
			for _, size := range []int{1, 2, 7, 19, 20} {
				assert.Equal(t, c.want, strings.Join(f.pages(t, "all", names, docs.Query{Sort: value(t, c.sort), Limit: size}), " "), "%s in pages of %d", c.sort, size)
			}
		}
		assert.Equal(t, "huge 2^63 max 2^53+1", f.find(t, "all", names,
			docs.Query{Sort: value(t, `{"v": -1}`), Filter: value(t, `{"v": {"$gt": 9007199254740992}}`)}))
	})
}

// pages reads all pages of a query.
func (f fixture) pages(tb testing.TB, collection string, names map[string]string, query docs.Query) (found []string) {
	tb.Helper()
	for {
		page, err := f.Find(f.ctx, f.app, collection, query)
		require.NoError(tb, err)
		for _, doc := range page.Items {
			found = append(found, names[doc.ID])
		}
		if page.Next == "" {
			return found
		}
		require.Len(tb, page.Items, query.Limit, "a page that is not the last")
		query.Cursor = page.Next
	}
}

// Documents that come and go between two pages shift nothing.
func TestPagesWhileDocumentsChange(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		for _, sort := range []string{`{}`, `{"v": 1}`, `{"v": -1}`} {
			collection := "c" + sort
			var ids []string
			for i := range 30 {
				ids = append(ids, f.create(t, collection, fmt.Sprintf(`{"v": %d, "kept": true}`, i/3)).ID)
			}
			query := docs.Query{Sort: value(t, sort), Filter: value(t, `{"kept": true}`), Limit: 7}
			var seen []string
			for i := 0; ; i++ {
				page, err := f.Find(f.ctx, f.app, collection, query)
				require.NoError(t, err)
				for _, doc := range page.Items {
					seen = append(seen, doc.ID)
				}
				if page.Next == "" {
					break
				}
				query.Cursor = page.Next
				require.NoError(t, f.Delete(f.ctx, f.app, collection, seen[len(seen)-1])) // where the cursor is
				f.create(t, collection, fmt.Sprintf(`{"v": %d, "kept": false}`, i))
			}
			slices.Sort(seen)
			require.Equal(t, ids, seen, sort)
		}
	})
}

func TestPageRefusals(t *testing.T) {
	f := newFixture(t, databases["sqlite"])
	for i := range 3 {
		f.create(t, "c", fmt.Sprintf(`{"v": %d}`, i))
	}
	for _, c := range []struct{ sort, field, reason string }{
		{`"v"`, "sort", "must be a map, or an array of pairs, got a string"},
		{`["v"]`, "sort[0]", `must be a pair of a path and 1 or -1, as ["age", -1], got "v"`},
		{`[["v", 1], ["w"]]`, "sort[1]", "must be a pair"},
		{`[["v", 1, 1]]`, "sort[0]", "must be a pair"},
		{`[[1, "v"]]`, "sort[0]", "must be a pair"},
		{`[["v", 2]]`, "sort[0]", "must be 1 or -1, got 2"},
		{`{"v": 2}`, "sort.v", "must be 1 or -1, got 2"},
		{`{"v": "asc"}`, "sort.v", `must be 1 or -1, got "asc"`},
		{`{"v": null}`, "sort.v", "must be 1 or -1, got null"},
		{`{"v": 1.5}`, "sort.v", "must be 1 or -1, got 1.5"},
		{`{"": 1}`, "sort.", "empty key"},
		{`{"a.$b": 1}`, "sort.a.$b", "has an operator in it"},
		{`{"a": 1, "a": -1}`, "sort.a", "occurs twice"},
		{`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`, "sort.i", "by 8 paths"},
		{`{"` + strings.Repeat("x", 4096) + `": 1}`, "sort", "must be at most 4096 bytes as JSON"},
	} {
		_, err := f.Find(f.ctx, f.app, "c", docs.Query{Sort: value(t, c.sort)})
		refused(t, err, c.field, c.reason)
	}
	for _, limit := range []int{-1, 1001} {
		_, err := f.Find(f.ctx, f.app, "c", docs.Query{Limit: limit})
		refused(t, err, "limit", fmt.Sprintf("must be between 1 and 1000, got %d", limit))
	}
	sorted, err := f.Find(f.ctx, f.app, "c", docs.Query{Sort: value(t, `{"v": 1}`), Limit: 1})
	require.NoError(t, err)
	byID, err := f.Find(f.ctx, f.app, "c", docs.Query{Limit: 1})
	require.NoError(t, err)
	encoded := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct{ sort, cursor string }{
		{`{}`, "?"}, {`{}`, "AAAA"}, {`{}`, encoded(`{}`)}, {`{}`, encoded(`[]`)}, {`{}`, encoded(`{"docs":"{}","id":""}`)},
		{`{"v": -1}`, sorted.Next}, {`{"w": 1}`, sorted.Next}, {`{}`, sorted.Next}, {`{"v": 1}`, byID.Next},
		{`{"v": 1}`, encoded(`{"docs":"{\"v\":1}","id":"x"}`)}, {`{"v": 1}`, encoded(`{"docs":"{\"v\":1}","id":"x","values":[1,2]}`)},
	} {
		_, err := f.Find(f.ctx, f.app, "c", docs.Query{Sort: value(t, c.sort), Cursor: c.cursor})
		require.ErrorIs(t, err, store.ErrInvalidCursor, "%s after %s", c.sort, c.cursor)
	}
	// Cursors that somebody made up are answered or refused.
	for _, values := range []string{`["\u0000"]`, `[1e400]`, `[{"a":[1, 2]}]`, `["\ud800"]`, `[ 1 ]`, `[true]`, `[[]]`} {
		_, err := f.Find(f.ctx, f.app, "c", docs.Query{Sort: value(t, `{"v": 1}`), Cursor: encoded(`{"docs":"{\"v\":1}","id":"x","values":` + values + `}`)})
		require.NoError(t, err, values)
	}
}

// Many documents, in pages of any size, also where few match and where they are large.
func TestLargeCollections(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		const n = 7000 // more than make a term common
		f.fill(t, "c", n, func(i int) string {
			return fmt.Sprintf(`{"n": %d, "rare": %t, "common": true, "key": "%03d"}`, i, i%1000 == 999, (i*7919)%1000)
		})
		numbers := func(query docs.Query) (all []string) {
			for {
				page, err := f.Find(f.ctx, f.app, "c", query)
				require.NoError(t, err)
				for _, doc := range page.Items {
					all = append(all, string(doc.Data[5:strings.IndexByte(string(doc.Data), ',')]))
				}
				if query.Cursor = page.Next; page.Next == "" {
					return all
				}
			}
		}
		want := []string{"999", "1999", "2999", "3999", "4999", "5999", "6999"}
		for _, filter := range []string{`{"rare": true}`, `{"rare": {"$ne": false}}`, `{"rare": true, "common": true}`, `{"n": {"$in": [999, 1999, 2999, 3999, 4999, 5999, 6999]}}`} {
			for _, limit := range []int{3, 1000} {
				require.Equal(t, want, numbers(docs.Query{Filter: value(t, filter), Limit: limit}), filter)
				require.Equal(t, want, numbers(docs.Query{Filter: value(t, filter), Limit: limit, Sort: value(t, `{"n": 1}`)}), filter)
			}
		}
		require.Len(t, numbers(docs.Query{Filter: value(t, `{"common": true}`), Limit: 1000}), n)
		require.Len(t, numbers(docs.Query{Limit: 999}), n)
		sorted := numbers(docs.Query{Sort: value(t, `{"key": 1, "n": -1}`), Limit: 1000})
		require.Len(t, sorted, n)
		require.Equal(t, []string{"6000", "5000", "4000"}, sorted[:3])

		size := 1 << 19
		for i := range 40 {
			f.create(t, "large", fmt.Sprintf(`{"n": %d, "text": "%s"}`, i, strings.Repeat("x", size)))
		}
		for _, sort := range []string{`{}`, `{"n": -1}`} {
			query := docs.Query{Sort: value(t, sort), Limit: 30}
			var found []string
			for {
				page, err := f.Find(f.ctx, f.app, "large", query)
				require.NoError(t, err)
				require.Len(t, page.Items, min(15, 40-len(found)), "as many as are in 8 MiB")
				for _, doc := range page.Items {
					require.Greater(t, len(doc.Data), size)
					found = append(found, doc.ID)
				}
				if query.Cursor = page.Next; page.Next == "" {
					break
				}
			}
			require.Len(t, found, 40)
			require.Equal(t, sort == `{}`, slices.IsSorted(found))
		}
	})
}

// Long strings are sorted by their beginning, and paged through all the same.
func TestSortByLongStrings(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		names := map[string]string{}
		for i := range 10 {
			text := strings.Repeat("é", 600+i%2) + fmt.Sprint(rand.IntN(10)) // differs behind 1024 bytes
			names[f.create(t, "c", `{"v": "`+text+`"}`).ID] = fmt.Sprint(i)
		}
		names[f.create(t, "c", `{"v": "`+strings.Repeat("e", 2000)+`"}`).ID] = "first"
		want := strings.Fields("first 0 1 2 3 4 5 6 7 8 9")
		require.Equal(t, want, f.pages(t, "c", names, docs.Query{Sort: value(t, `{"v": 1}`), Limit: 3}))
	})
}
