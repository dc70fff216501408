package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func testDocs(t *testing.T, s subject) {
	for _, topic := range []struct {
		name string
		test func(t *testing.T, s *shelf)
	}{
		{"Changes", testDocsChanges},
		{"Versions", testDocsVersions},
		{"Terms", testDocsTerms},
		{"Scan", testDocsScan},
		{"Data", testDocsData},
		{"Reindex", testDocsReindex},
		{"Indexes", testDocsIndexes},
		{"Collections", testDocsCollections},
		{"Apart", testDocsApart},
		{"Refusals", testDocsRefusals},
		{"Undone", testDocsUndone},
		{"Concurrency", testDocsConcurrency},
		{"Gone with the app", testDocsGone},
	} {
		t.Run(topic.name, func(t *testing.T) {
			app := s.app(t, "docs-"+strings.ToLower(strings.ReplaceAll(topic.name, " ", "-")))
			topic.test(t, &shelf{s, app.ID, "shelf"})
			err := s.Apps().Delete(s.ctx, app.ID)
			require.True(t, err == nil || fault.Of(err) == fault.NotFound, err)
			s.takeChanges(t)
		})
	}
}

// shelf is a collection of documents under test.
type shelf struct {
	subject
	app, name string
}

func (s *shelf) key(id string) store.DocumentKey {
	return store.DocumentKey{AppID: s.app, Collection: s.name, ID: id}
}

func content(data string, terms ...int64) store.DocumentContent {
	return store.DocumentContent{Data: json.RawMessage(data), Terms: terms}
}

func (s *shelf) put(t testing.TB, data string, terms ...int64) store.Document {
	t.Helper()
	doc, err := s.Docs().Create(s.ctx, s.key(""), content(data, terms...))
	require.NoError(t, err)
	return doc
}

func (s *shelf) has(t testing.TB, want store.Document) {
	t.Helper()
	got, err := s.Docs().Get(s.ctx, s.key(want.ID))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// scan returns the data of the documents that a query finds, in its order.
func (s *shelf) scan(t testing.TB, query store.DocumentQuery) (found []string) {
	t.Helper()
	query.AppID, query.Collection = s.app, s.name
	_, err := s.Docs().Scan(s.ctx, query, func(doc store.Document) error {
		found = append(found, string(doc.Data))
		return nil
	})
	require.NoError(t, err)
	return found
}

func (s *shelf) change(id string, version int64, operation store.ChangeOperation, previous, next string) store.Change {
	change := store.Change{AppID: s.app, Source: store.ChangeDocs, Collection: s.name, Key: id, Operation: operation, Version: version}
	if previous != "" {
		change.Previous = json.RawMessage(previous)
	}
	if next != "" {
		change.New = json.RawMessage(next)
	}
	return change
}

func testDocsChanges(t *testing.T, s *shelf) {
	made := s.put(t, `{"n":1}`, 7)
	id, err := uuid.Parse(made.ID)
	require.NoError(t, err)
	require.Equal(t, 7, int(id.Version()))
	require.Equal(t, store.Document{ID: made.ID, Data: json.RawMessage(`{"n":1}`), Version: 1, CreatedAt: kept(s.clock.Now()), UpdatedAt: kept(s.clock.Now())}, made)
	s.has(t, made)
	s.sameChanges(t, s.change(made.ID, 1, store.ChangeCreate, "", `{"n":1}`))

	s.clock.advance(time.Minute)
	replaced, err := s.Docs().Replace(s.ctx, s.key(made.ID), content(`{"n":2}`, 8), nil)
	require.NoError(t, err)
	require.Equal(t, store.Document{ID: made.ID, Data: json.RawMessage(`{"n":2}`), Version: 2, CreatedAt: made.CreatedAt, UpdatedAt: kept(s.clock.Now())}, replaced)
	s.has(t, replaced)
	s.sameChanges(t, s.change(made.ID, 2, store.ChangeUpdate, `{"n":1}`, `{"n":2}`))

	modified, err := s.Docs().Modify(s.ctx, s.key(made.ID), nil, func(data json.RawMessage) (store.DocumentContent, error) {
		require.Equal(t, `{"n":2}`, string(data))
		return content(`{"n":3}`), nil
	})
	require.NoError(t, err)
	require.Equal(t, int64(3), modified.Version)
	require.True(t, modified.UpdatedAt.After(replaced.UpdatedAt), "a later version has a later time even when the clock stands still")
	s.has(t, modified)
	s.sameChanges(t, s.change(made.ID, 3, store.ChangeUpdate, `{"n":2}`, `{"n":3}`))

	again, err := s.Docs().Replace(s.ctx, s.key(made.ID), content(`{"n":3}`), nil)
	require.NoError(t, err)
	require.Equal(t, modified.UpdatedAt.Add(time.Microsecond), again.UpdatedAt)
	s.sameChanges(t, s.change(made.ID, 4, store.ChangeUpdate, `{"n":3}`, `{"n":3}`))

	require.NoError(t, s.Docs().Delete(s.ctx, s.key(made.ID)))
	s.sameChanges(t, s.change(made.ID, 4, store.ChangeDelete, `{"n":3}`, ""))
	_, err = s.Docs().Get(s.ctx, s.key(made.ID))
	notFound(t, err, "document")
	notFound(t, s.Docs().Delete(s.ctx, s.key(made.ID)), "document")
	s.sameChanges(t)

	given, err := s.Docs().Create(s.ctx, s.key("given"), content(`{}`))
	require.NoError(t, err)
	require.Equal(t, "given", given.ID)
	_, err = s.Docs().Create(s.ctx, s.key("given"), content(`{"other":1}`))
	conflict(t, err, store.Conflict("document", "id", "given", "given"))
	s.has(t, given)
	s.sameChanges(t, s.change("given", 1, store.ChangeCreate, "", `{}`))
}

func testDocsVersions(t *testing.T, s *shelf) {
	doc := s.put(t, `{"n":1}`)
	s.takeChanges(t)
	update := map[string]func(id string, expect int64) (store.Document, error){
		"replace": func(id string, expect int64) (store.Document, error) {
			return s.Docs().Replace(s.ctx, s.key(id), content(`{"n":2}`), &expect)
		},
		"modify": func(id string, expect int64) (store.Document, error) {
			return s.Docs().Modify(s.ctx, s.key(id), &expect, func(json.RawMessage) (store.DocumentContent, error) {
				return content(`{"n":2}`), nil
			})
		},
	}
	version := int64(1)
	for name, update := range update {
		for _, wrong := range []int64{version - 1, version + 1, -1} {
			_, err := update(doc.ID, wrong)
			require.Equal(t, store.Stale("document", wrong, version), err, name)
		}
		_, err := update("nowhere", 1)
		notFound(t, err, "document")
		s.sameChanges(t)
		got, err := update(doc.ID, version)
		require.NoError(t, err, name)
		version++
		require.Equal(t, version, got.Version)
		s.tookChanges(t, 1)
	}
	_, err := s.Docs().Replace(s.ctx, s.key("nowhere"), content(`{}`), nil)
	notFound(t, err, "document")
}

func testDocsTerms(t *testing.T, s *shelf) {
	find := func(groups ...[]int64) []string {
		t.Helper()
		found := s.scan(t, store.DocumentQuery{Terms: groups, Limit: 100})
		require.ElementsMatch(t, found, s.scan(t, store.DocumentQuery{Terms: groups}), "without a limit in any order")
		return found
	}
	s.put(t, `"a"`, 1, 2, 3)
	b := s.put(t, `"b"`, 2, 3, 4)
	s.put(t, `"c"`)
	s.put(t, `"d"`, -1<<63, 1<<63-1, 0, -1)
	require.Equal(t, []string{`"a"`, `"b"`, `"c"`, `"d"`}, find())
	require.Equal(t, []string{`"a"`}, find([]int64{1}))
	require.Equal(t, []string{`"a"`, `"b"`}, find([]int64{2}))
	require.Equal(t, []string{`"a"`, `"b"`}, find([]int64{1, 4}))
	require.Equal(t, []string{`"b"`}, find([]int64{2}, []int64{4, 9}))
	require.Empty(t, find([]int64{1}, []int64{4}))
	require.Empty(t, find([]int64{9}))
	require.Empty(t, find([]int64{}))
	for _, term := range []int64{-1 << 63, 1<<63 - 1, 0, -1} {
		require.Equal(t, []string{`"d"`}, find([]int64{term}), term)
	}

	_, err := s.Docs().Replace(s.ctx, s.key(b.ID), content(`"b2"`, 4, 5), nil)
	require.NoError(t, err)
	require.Equal(t, []string{`"a"`}, find([]int64{2}))
	require.Equal(t, []string{`"b2"`}, find([]int64{4}))
	require.Equal(t, []string{`"b2"`}, find([]int64{5}))
	_, err = s.Docs().Modify(s.ctx, s.key(b.ID), nil, func(json.RawMessage) (store.DocumentContent, error) {
		return content(`"b3"`, 5, 1), nil
	})
	require.NoError(t, err)
	require.Empty(t, find([]int64{4}))
	require.Equal(t, []string{`"a"`, `"b3"`}, find([]int64{1}))
	require.NoError(t, s.Docs().Delete(s.ctx, s.key(b.ID)))
	require.Equal(t, []string{`"a"`}, find([]int64{1, 5}))
}

func testDocsScan(t *testing.T, s *shelf) {
	var want []string
	for i := range 10 {
		id := fmt.Sprint("id-", i*7%10)
		_, err := s.Docs().Create(s.ctx, s.key(id), content(`"`+id+`"`, int64(i%2)))
		require.NoError(t, err)
		want = append(want, fmt.Sprintf(`"id-%d"`, i))
	}
	require.Equal(t, want, s.scan(t, store.DocumentQuery{Limit: 11}))
	require.Equal(t, want[:3], s.scan(t, store.DocumentQuery{Limit: 3}))
	require.Equal(t, want[3:5], s.scan(t, store.DocumentQuery{Limit: 2, After: "id-2"}))
	require.Equal(t, want[3:5], s.scan(t, store.DocumentQuery{Limit: 2, After: "id-2x"}))
	require.Empty(t, s.scan(t, store.DocumentQuery{Limit: 2, After: "id-9"}))
	require.ElementsMatch(t, want[5:], s.scan(t, store.DocumentQuery{After: "id-4"}))
	count, err := s.Docs().Count(s.ctx, s.app, s.name)
	require.NoError(t, err)
	require.Equal(t, int64(10), count)

	refusal := errors.New("seen enough")
	seen := 0
	query := store.DocumentQuery{AppID: s.app, Collection: s.name, Limit: 100}
	looked, err := s.Docs().Scan(s.ctx, query, func(doc store.Document) error {
		require.Equal(t, int64(1), doc.Version)
		require.Equal(t, kept(s.clock.Now()), doc.CreatedAt)
		if seen++; seen == 4 {
			return refusal
		}
		return nil
	})
	require.Equal(t, refusal, err)
	require.Equal(t, 4, seen)
	require.Equal(t, store.Looked{Documents: 4, Last: "id-3"}, looked)

	query.Match = func(doc *store.Document) bool {
		return doc.Data[len(doc.Data)-2] == '5' && doc.ID == "id-5" && !doc.CreatedAt.IsZero()
	}
	looked, err = s.Docs().Scan(s.ctx, query, func(doc store.Document) error {
		require.Equal(t, "id-5", doc.ID)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, store.Looked{Documents: 10, Last: "id-9"}, looked)
}

// Terms are made anew once, and found by.
func testDocsReindex(t *testing.T, s *shelf) {
	for i := range 40 {
		s.put(t, fmt.Sprintf(`{"n":%d}`, i))
	}
	calls := 0
	terms := func(appID, collection string, data json.RawMessage) []int64 {
		calls++
		if appID == s.app && string(data) == `{"n":7}` {
			return []int64{-7}
		}
		return []int64{}
	}
	n, err := s.Docs().Reindex(s.ctx, 1000, terms)
	require.NoError(t, err)
	require.Equal(t, calls, n)
	require.GreaterOrEqual(t, n, 40)
	var found []string
	_, err = s.Docs().Scan(s.ctx, store.DocumentQuery{AppID: s.app, Collection: s.name, Terms: [][]int64{{-7}}}, func(d store.Document) error {
		found = append(found, string(d.Data))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{`{"n":7}`}, found)
	n, err = s.Docs().Reindex(s.ctx, 1000, terms)
	require.NoError(t, err)
	require.Zero(t, n)
}

func testDocsData(t *testing.T, s *shelf) {
	for _, data := range []string{
		`{}`, `{"n":1e400}`, `{"n":-0.0,"m":1.0,"o":9007199254740993}`, `{"b":1,"a":2}`, `{"nul":"\u0000","half":"\ud800"}`,
		`{"text":"ünïcödé 🦀 \\ \" ' $1 ? %s"}`, `{"long":"` + strings.Repeat("x", 1<<20) + `"}`, ` { "spaced" : 1 } `,
	} {
		doc := s.put(t, data)
		s.has(t, doc)
		require.Equal(t, data, string(doc.Data))
		replaced, err := s.Docs().Replace(s.ctx, s.key(doc.ID), content(data), nil)
		require.NoError(t, err)
		s.has(t, replaced)
		if taken := s.takeChanges(t); !s.changes.deaf {
			require.Len(t, taken, 2)
			require.Equal(t, data, string(taken[1].Previous))
		}
	}
}

func testDocsCollections(t *testing.T, s *shelf) {
	list := func() []store.DocumentCollection {
		return collect(t, 2, func(page store.PageRequest) (store.Page[store.DocumentCollection], error) {
			return s.Docs().Collections(s.ctx, s.app, page)
		})
	}
	require.Empty(t, list())
	for i, name := range []string{"b", "a", "ä", "B", "a b"} {
		for range i + 1 {
			_, err := s.Docs().Create(s.ctx, store.DocumentKey{AppID: s.app, Collection: name}, content(`{}`))
			require.NoError(t, err)
		}
	}
	require.Equal(t, []store.DocumentCollection{{Name: "B", Count: 4}, {Name: "a", Count: 2}, {Name: "a b", Count: 5}, {Name: "b", Count: 1}, {Name: "ä", Count: 3}}, list())
	_, err := s.Docs().Collections(s.ctx, s.app, store.PageRequest{Cursor: "x"})
	require.ErrorIs(t, err, store.ErrInvalidCursor)
	_, err = s.Docs().Collections(s.ctx, s.app, store.PageRequest{Limit: 1001})
	invalid(t, err, "limit", "must be between 1 and 1000, got 1001")
}

// testDocsApart sees to it that an app or a collection that guesses another's ids finds nothing.
func testDocsApart(t *testing.T, s *shelf) {
	mine := s.put(t, `"mine"`, 1)
	other := s.subject.app(t, "docs-other")
	for _, guess := range []shelf{{s.subject, other.ID, s.name}, {s.subject, s.app, "other"}, {s.subject, "nowhere", s.name}, {s.subject, "", ""}} {
		s.takeChanges(t)
		key := guess.key(mine.ID)
		_, err := s.Docs().Get(s.ctx, key)
		notFound(t, err, "document")
		if guess.name != "" {
			for _, expect := range []*int64{nil, new(int64(1)), new(int64(5))} {
				_, err = s.Docs().Replace(s.ctx, key, content(`{}`), expect)
				notFound(t, err, "document")
				_, err = s.Docs().Modify(s.ctx, key, expect, func(json.RawMessage) (store.DocumentContent, error) {
					t.Error("was shown another's document")
					return content(`{}`), nil
				})
				notFound(t, err, "document")
			}
		}
		notFound(t, s.Docs().Delete(s.ctx, key), "document")
		require.Empty(t, guess.scan(t, store.DocumentQuery{Terms: [][]int64{{1}}}))
		require.Empty(t, guess.scan(t, store.DocumentQuery{}))
		count, err := s.Docs().Count(s.ctx, guess.app, guess.name)
		require.NoError(t, err)
		require.Zero(t, count)
		s.sameChanges(t)
	}
	// The same id in another app is another document.
	theirs := &shelf{s.subject, other.ID, s.name}
	_, err := s.Docs().Create(s.ctx, theirs.key(mine.ID), content(`"theirs"`))
	require.NoError(t, err)
	s.has(t, mine)
	require.NoError(t, s.Docs().Delete(s.ctx, theirs.key(mine.ID)))
	s.has(t, mine)
	require.NoError(t, s.Apps().Delete(s.ctx, other.ID))
	s.has(t, mine)
}

func testDocsRefusals(t *testing.T, s *shelf) {
	_, err := s.Docs().Create(s.ctx, store.DocumentKey{AppID: "nowhere", Collection: "c"}, content(`{}`))
	notFound(t, err, "app")
	_, err = s.Docs().Create(s.ctx, store.DocumentKey{AppID: s.app}, content(`{}`))
	invalid(t, err, "collection", "must not be empty")
	_, err = s.Docs().Create(s.ctx, store.DocumentKey{AppID: s.app, Collection: "a\x00b"}, content(`{}`))
	invalid(t, err, "collection", "must not contain NUL (byte 1)")
	_, err = s.Docs().Create(s.ctx, s.key("\xff"), content(`{}`))
	invalid(t, err, "id", "must be UTF-8 (byte 0 is not)")
	_, err = s.Docs().Create(s.ctx, s.key(""), content("{\xff}"))
	invalid(t, err, "data", "must be UTF-8 (byte 1 is not)")
	doc := s.put(t, `{}`)
	_, err = s.Docs().Replace(s.ctx, s.key(doc.ID), content("{\x00}"), nil)
	invalid(t, err, "data", "must not contain NUL (byte 1)")
	for _, id := range []string{"", "\x00", "\xff", strings.Repeat("x", 100_000)} {
		_, err = s.Docs().Get(s.ctx, s.key(id))
		notFound(t, err, "document")
		notFound(t, s.Docs().Delete(s.ctx, s.key(id)), "document")
	}
	s.has(t, doc)
}

func testDocsUndone(t *testing.T, s *shelf) {
	doc := s.put(t, `{"n":1}`, 1)
	s.takeChanges(t)
	refusal := fault.Refuse("event", "not now")
	modify := func(tx store.Store, fail error) error {
		_, err := tx.Docs().Modify(s.ctx, s.key(doc.ID), nil, func(json.RawMessage) (store.DocumentContent, error) {
			return content(`{"n":2}`, 2), fail
		})
		return err
	}
	changes := map[string]func(tx store.Store) error{
		"create": func(tx store.Store) error { _, err := tx.Docs().Create(s.ctx, s.key(""), content(`{}`, 3)); return err },
		"replace": func(tx store.Store) error {
			_, err := tx.Docs().Replace(s.ctx, s.key(doc.ID), content(`{}`, 3), nil)
			return err
		},
		"modify": func(tx store.Store) error { return modify(tx, nil) },
		"delete": func(tx store.Store) error { return tx.Docs().Delete(s.ctx, s.key(doc.ID)) },
	}
	same := func() {
		t.Helper()
		s.sameChanges(t)
		s.has(t, doc)
		require.Equal(t, []string{`{"n":1}`}, s.scan(t, store.DocumentQuery{Terms: [][]int64{{1, 2, 3}}}))
		require.Equal(t, []string{`{"n":1}`}, s.scan(t, store.DocumentQuery{}))
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			if !s.changes.deaf {
				s.changes.refuse(refusal)
				require.Equal(t, error(refusal), change(s), "the error of who is told is the caller's")
				s.changes.refuse(nil)
				same()
			}
			rollback := errors.New("changed my mind")
			require.Equal(t, rollback, s.InTx(s.ctx, func(tx store.Store) error {
				require.NoError(t, change(tx))
				return rollback
			}))
			same()
		})
	}
	custom := errors.New("an error of the caller's own")
	require.Equal(t, custom, modify(s, custom))
	same()

	require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error { return changes["modify"](tx) }))
	s.sameChanges(t, s.change(doc.ID, 2, store.ChangeUpdate, `{"n":1}`, `{"n":2}`))
}

func testDocsConcurrency(t *testing.T, s *shelf) {
	const clients, each = 16, 5
	doc := s.put(t, `0`)
	s.takeChanges(t)
	add := func(data json.RawMessage) (store.DocumentContent, error) {
		var n int
		if err := json.Unmarshal(data, &n); err != nil {
			return store.DocumentContent{}, err
		}
		return content(fmt.Sprint(n+1), int64(n+1)), nil
	}
	require.NoError(t, errors.Join(all(clients, func(i int) error {
		for range each {
			var err error
			if i%2 == 0 {
				_, err = s.Docs().Modify(s.ctx, s.key(doc.ID), nil, add)
			} else {
				err = s.optimistic(doc.ID, add)
			}
			if err != nil {
				return errors.Join(err, errors.Unwrap(err))
			}
		}
		return nil
	})...))
	got, err := s.Docs().Get(s.ctx, s.key(doc.ID))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(clients*each), string(got.Data))
	require.Equal(t, int64(1+clients*each), got.Version)
	require.Equal(t, []string{string(got.Data)}, s.scan(t, store.DocumentQuery{Terms: [][]int64{{clients * each}}}))
	// Each change went from where the one before had gone to.
	from := map[string]string{}
	for _, change := range s.takeChanges(t) {
		from[string(change.Previous)] = string(change.New)
	}
	if !s.changes.deaf {
		require.Len(t, from, clients*each)
		for n := range clients * each {
			require.Equal(t, fmt.Sprint(n+1), from[fmt.Sprint(n)])
		}
	}

	created := all(clients, func(int) error {
		_, err := s.Docs().Create(s.ctx, s.key("once"), content(`{}`))
		return err
	})
	winners := 0
	for _, err := range created {
		if err == nil {
			winners++
		} else {
			conflict(t, err, store.Conflict("document", "id", "once", "once"))
		}
	}
	require.Equal(t, 1, winners)
	s.tookChanges(t, 1)
}

// optimistic changes a document as a client does that holds no lock.
func (s *shelf) optimistic(id string, change func(json.RawMessage) (store.DocumentContent, error)) error {
	for {
		doc, err := s.Docs().Get(s.ctx, s.key(id))
		if err != nil {
			return err
		}
		next, err := change(doc.Data)
		if err != nil {
			return err
		}
		_, err = s.Docs().Replace(s.ctx, s.key(id), next, &doc.Version)
		if fault.Of(err) != fault.Stale {
			return err
		}
	}
}

func testDocsGone(t *testing.T, s *shelf) {
	for i := range 5 {
		s.put(t, fmt.Sprint(i), 1, int64(10+i))
	}
	require.NoError(t, s.Apps().Delete(s.ctx, s.app))
	s.remove(t, store.MaxBatch, nil)
	require.Empty(t, s.scan(t, store.DocumentQuery{}))
	require.Empty(t, s.scan(t, store.DocumentQuery{Terms: [][]int64{{1}}}))
	_, err := s.Docs().Create(s.ctx, s.key(""), content(`{}`))
	notFound(t, err, "app")
}
