package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func testKV(t *testing.T, s subject) {
	for _, topic := range []struct {
		name string
		test func(t *testing.T, b *basket)
	}{
		{"Changes", testKVChanges},
		{"Values", testKVValues},
		{"Expiry", testKVExpiry},
		{"Sweep", testKVSweep},
		{"List", testKVList},
		{"Pages", testKVPages},
		{"Collections", testKVCollections},
		{"Apart", testKVApart},
		{"Refusals", testKVRefusals},
		{"Undone", testKVUndone},
		{"Counter", testKVCounter},
		{"One winner", testKVOneWinner},
		{"History", testKVHistory},
	} {
		t.Run(topic.name, func(t *testing.T) {
			app := s.app(t, "kv-"+strings.ToLower(strings.ReplaceAll(topic.name, " ", "-")))
			topic.test(t, &basket{s, app.ID, "basket"})
			require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
			s.remove(t, store.MaxBatch, nil)
			s.takeChanges(t)
		})
	}
}

// basket is a collection under test.
type basket struct {
	subject
	app, name string
}

func (b *basket) set(t testing.TB, key, value string) { b.setUntil(t, key, value, time.Time{}) }

func (b *basket) setUntil(t testing.TB, key, value string, expires time.Time) {
	t.Helper()
	entry := store.KVEntry{Key: key, Value: json.RawMessage(value), ExpiresAt: expires}
	wrote, err := b.KV().Set(b.ctx, b.app, b.name, entry, false)
	require.NoError(t, err)
	require.True(t, wrote)
}

// add is Set if absent.
func (b *basket) add(key, value string) (bool, error) {
	return b.KV().Set(b.ctx, b.app, b.name, store.KVEntry{Key: key, Value: json.RawMessage(value)}, true)
}

// become updates an entry to a value, "" for none, that must have been another, "" for none.
func (b *basket) become(t testing.TB, key, from, to string) {
	t.Helper()
	require.NoError(t, b.KV().Update(b.ctx, b.app, b.name, key, func(value json.RawMessage) (json.RawMessage, bool, error) {
		require.Equal(t, from, string(value))
		if to == "" {
			return nil, true, nil
		}
		return json.RawMessage(to), true, nil
	}))
}

// has checks what all ways of reading tell of an entry, "" for none.
func (b *basket) has(t testing.TB, key, value string) {
	t.Helper()
	entry, err := b.KV().Get(b.ctx, b.app, b.name, key)
	found, hasErr := b.KV().Has(b.ctx, b.app, b.name, key)
	require.NoError(t, hasErr)
	page, listErr := b.KV().List(b.ctx, b.app, b.name, key, store.PageRequest{})
	require.NoError(t, listErr)
	listed := slices.IndexFunc(page.Items, func(e store.KVEntry) bool { return e.Key == key })
	require.Equal(t, found, listed >= 0)
	if value == "" {
		notFound(t, err, "key")
		require.False(t, found)
		return
	}
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, value, string(entry.Value))
	require.Equal(t, entry, page.Items[listed])
}

// change is one that the emitter is told, "" standing for no value.
func (b *basket) change(operation store.ChangeOperation, key, previous, next string) store.Change {
	c := store.Change{AppID: b.app, Source: store.ChangeKV, Collection: b.name, Key: key, Operation: operation}
	if previous != "" {
		c.Previous = json.RawMessage(previous)
	}
	if next != "" {
		c.New = json.RawMessage(next)
	}
	return c
}

func testKVChanges(t *testing.T, b *basket) {
	for _, step := range []struct {
		name string
		do   func()
		has  string
		want []store.Change
	}{
		{"set", func() { b.set(t, "k", `1`) }, `1`, []store.Change{b.change("create", "k", "", `1`)}},
		{"set again", func() { b.set(t, "k", `{"a":2}`) }, `{"a":2}`, []store.Change{b.change("update", "k", `1`, `{"a":2}`)}},
		{"set the same", func() { b.set(t, "k", `{"a":2}`) }, `{"a":2}`, []store.Change{b.change("update", "k", `{"a":2}`, `{"a":2}`)}},
		{"add where one is", func() {
			wrote, err := b.add("k", `3`)
			require.NoError(t, err)
			require.False(t, wrote)
		}, `{"a":2}`, nil},
		{"update", func() { b.become(t, "k", `{"a":2}`, `4`) }, `4`, []store.Change{b.change("update", "k", `{"a":2}`, `4`)}},
		{"update to nothing", func() { b.become(t, "k", `4`, ``) }, ``, []store.Change{b.change("delete", "k", `4`, ``)}},
		{"update nothing to nothing", func() { b.become(t, "k", ``, ``) }, ``, nil},
		{"update nothing", func() { b.become(t, "k", ``, `5`) }, `5`, []store.Change{b.change("create", "k", ``, `5`)}},
		{"update not wanted", func() {
			require.NoError(t, b.KV().Update(b.ctx, b.app, b.name, "k", func(json.RawMessage) (json.RawMessage, bool, error) {
				return json.RawMessage(`6`), false, nil
			}))
		}, `5`, nil},
		{"update refused", func() {
			refusal := fault.Refuse("by", "too much")
			require.Equal(t, refusal, b.KV().Update(b.ctx, b.app, b.name, "k", func(json.RawMessage) (json.RawMessage, bool, error) {
				return nil, true, refusal
			}))
		}, `5`, nil},
		{"delete", func() {
			found, err := b.KV().Delete(b.ctx, b.app, b.name, "k")
			require.NoError(t, err)
			require.True(t, found)
		}, ``, []store.Change{b.change("delete", "k", `5`, ``)}},
		{"delete again", func() {
			found, err := b.KV().Delete(b.ctx, b.app, b.name, "k")
			require.NoError(t, err)
			require.False(t, found)
		}, ``, nil},
		{"add where none is", func() {
			wrote, err := b.add("k", `null`)
			require.NoError(t, err)
			require.True(t, wrote)
		}, `null`, []store.Change{b.change("create", "k", ``, `null`)}},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.do()
			b.has(t, "k", step.has)
			b.sameChanges(t, step.want...)
		})
	}
}

// What comes back is, byte by byte, what was given.
func testKVValues(t *testing.T, b *basket) {
	for _, value := range []string{
		`null`, `true`, `""`, `[]`, `{}`, `0`, `-0`, `1.0`, `1`, `1e2`, `1E+400`, `0.1000`, `9223372036854775807`, `123456789012345678901234567890`,
		`"\u0000"`, `"\ud800"`, `"\u00e9"`, `"é"`, `"` + "\u2028\u007f\uFFFD🦀" + `"`, `"'; DROP TABLE kv_entries; --"`, `"$1 ? :x @y %s \\"`,
		`{"b":1,"a":1,"a":2}`, `[ 1 ,  2 ]`, `{"$blob":"AAECAw=="}`, `"` + strings.Repeat("x", 1<<20) + `"`,
	} {
		b.set(t, "set", value)
		b.has(t, "set", value)
		_, err := b.KV().Delete(b.ctx, b.app, b.name, "updated")
		require.NoError(t, err)
		b.become(t, "updated", "", value)
		b.has(t, "updated", value)
	}
	for _, key := range []string{" ", "a b", "%", "_", `\`, "'", `"`, "é", "e\u0301", "🦀", "\U0010FFFF", "\u0001", strings.Repeat("k", 512), strings.Repeat("🦀", 128)} {
		b.set(t, key, `"`+strconv.Itoa(len(key))+`"`)
		b.has(t, key, `"`+strconv.Itoa(len(key))+`"`)
	}
}

func testKVExpiry(t *testing.T, b *basket) {
	until := func(d time.Duration) time.Time { return kept(b.clock.Now().Add(d)) }
	one := func(key string, expires time.Time) { // one entry of value 1 that is about to expire
		b.setUntil(t, key, `1`, expires)
		b.sameChanges(t, b.change("create", key, ``, `1`))
		b.clock.advance(expires.Sub(kept(b.clock.Now())) - time.Microsecond)
		b.has(t, key, `1`)
		entry, err := b.KV().Get(b.ctx, b.app, b.name, key)
		require.NoError(t, err)
		require.Equal(t, expires, entry.ExpiresAt)
	}
	expired := func(key string) store.Change { return b.change("expire", key, `1`, ``) }

	for _, c := range []struct {
		name    string
		do      func(key string)
		has     string
		expires bool // the new entry does
		want    []store.Change
	}{
		{"set", func(key string) { b.set(t, key, `2`) }, `2`, false, []store.Change{expired("set"), b.change("create", "set", ``, `2`)}},
		{"add", func(key string) {
			wrote, err := b.add(key, `2`)
			require.NoError(t, err)
			require.True(t, wrote)
		}, `2`, false, []store.Change{expired("add"), b.change("create", "add", ``, `2`)}},
		{"update", func(key string) { b.become(t, key, ``, `2`) }, `2`, false,
			[]store.Change{expired("update"), b.change("create", "update", ``, `2`)}},
		{"update to nothing", func(key string) { b.become(t, key, ``, ``) }, ``, false, []store.Change{expired("update to nothing")}},
		{"delete", func(key string) {
			found, err := b.KV().Delete(b.ctx, b.app, b.name, key)
			require.NoError(t, err)
			require.False(t, found)
		}, ``, false, []store.Change{expired("delete")}},
		{"nothing", func(string) {}, ``, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			one(c.name, until(time.Minute))
			b.clock.advance(time.Microsecond)
			b.has(t, c.name, ``)
			b.sameChanges(t)
			c.do(c.name)
			b.has(t, c.name, c.has)
			b.sameChanges(t, c.want...)
			b.clock.advance(time.Hour)
			b.has(t, c.name, c.has)
		})
	}

	t.Run("prolonged and made lasting", func(t *testing.T) {
		one("k", until(time.Minute))
		b.setUntil(t, "k", `2`, until(time.Minute))
		b.clock.advance(time.Minute - time.Microsecond)
		b.has(t, "k", `2`)
		b.set(t, "k", `3`)
		b.clock.advance(time.Hour)
		b.has(t, "k", `3`)
		b.sameChanges(t, b.change("update", "k", `1`, `2`), b.change("update", "k", `2`, `3`))
	})
	t.Run("kept by an update", func(t *testing.T) {
		one("counted", until(time.Minute))
		b.become(t, "counted", `1`, `2`)
		b.has(t, "counted", `2`)
		b.clock.advance(time.Microsecond)
		b.has(t, "counted", ``)
	})
	t.Run("set in the past", func(t *testing.T) {
		b.setUntil(t, "late", `1`, until(0))
		b.has(t, "late", ``)
	})
}

func testKVSweep(t *testing.T, b *basket) {
	expires := kept(b.clock.Now().Add(time.Minute))
	var want []store.Change
	for i := range 5 {
		key := fmt.Sprint("old", i)
		b.setUntil(t, key, strconv.Itoa(i), expires.Add(time.Duration(i-5)*time.Microsecond))
		want = append(want, b.change("expire", key, strconv.Itoa(i), ``))
	}
	b.set(t, "lasting", `1`)
	b.setUntil(t, "young", `1`, expires.Add(time.Microsecond))
	b.takeChanges(t)
	sweep := func(removes int) {
		t.Helper()
		n, err := b.KV().Sweep(b.ctx, 3)
		require.NoError(t, err)
		require.Equal(t, removes, n)
	}
	sweep(0)
	b.clock.advance(time.Minute)
	b.sameChanges(t)
	sweep(3)
	b.sameChanges(t, want[:3]...)
	if !b.changes.deaf {
		refusal := errors.New("no")
		b.changes.refuse(refusal)
		_, err := b.KV().Sweep(b.ctx, 3)
		require.ErrorIs(t, err, refusal)
		b.changes.refuse(nil)
		b.sameChanges(t)
	}
	sweep(2)
	b.sameChanges(t, want[3:]...)
	sweep(0)
	b.has(t, "lasting", `1`)
	b.has(t, "young", `1`)

	t.Run("of which some are not listened to", func(t *testing.T) {
		others := *b
		others.name = unheard
		b.set(t, "old", `0`)
		others.setUntil(t, "lasting", `1`, expires.Add(time.Microsecond))
		want := []store.Change{}
		for i := range 5 {
			key := fmt.Sprint("old", i)
			others.setUntil(t, key, `2`, expires)
			b.setUntil(t, key, `3`, expires.Add(time.Duration(i-5)*time.Microsecond))
			want = append(want, b.change("expire", key, `3`, ``))
		}
		b.takeChanges(t)
		sweep(3)
		sweep(3)
		sweep(3)
		sweep(1)
		b.sameChanges(t, want...)
		b.has(t, "old", `0`)
		others.has(t, "lasting", `1`)
	})
	t.Run("none and too many", func(t *testing.T) {
		for _, limit := range []int{-1, 0, store.MaxBatch + 1} {
			_, err := b.KV().Sweep(b.ctx, limit)
			invalid(t, err, "limit", fmt.Sprintf("must be between 1 and 1000, got %d", limit))
		}
	})
	t.Run("as many as can be", func(t *testing.T) {
		others := *b
		others.name = unheard
		require.NoError(t, b.InTx(b.ctx, func(tx store.Store) error {
			for i := range store.MaxBatch + 1 {
				entry := store.KVEntry{Key: fmt.Sprint("many", i), Value: json.RawMessage(`1`), ExpiresAt: expires}
				if _, err := tx.KV().Set(b.ctx, b.app, unheard, entry, false); err != nil {
					return err
				}
			}
			return nil
		}))
		n, err := store.InBatches(b.ctx, store.MaxBatch, b.KV().Sweep)
		require.NoError(t, err)
		require.Equal(t, store.MaxBatch+1, n)
		b.sameChanges(t)
	})
	t.Run("two at once", func(t *testing.T) {
		for i := range 40 {
			b.setUntil(t, fmt.Sprint("old", i), `1`, expires)
		}
		b.takeChanges(t)
		require.NoError(t, errors.Join(all(4, func(int) error {
			for range 5 {
				if _, err := b.KV().Sweep(b.ctx, 10); err != nil {
					return err
				}
			}
			return nil
		})...))
		sweep(0)
		b.tookChanges(t, 40)
	})
}

func testKVList(t *testing.T, b *basket) {
	keys := []string{
		" ", "!", "%", "%a", "10", "9", "A", "Z", "[", `\`, "_", "_a", "a", "a!", "a%", "aA", "aa", "ab", "a~", "aé", "b", "z", "~", "é", "éa",
		"ê", "\uD7FF", "\uD7FFx", "\uE000", "\uFFFD", "\uFFFF", "🦀", "🦀a", "\U0010FFFF", "\U0010FFFFa", "\U0010FFFF\U0010FFFF",
	}
	require.True(t, slices.IsSorted(keys), "the order of bytes")
	for _, i := range rand.Perm(len(keys)) {
		b.set(t, keys[i], strconv.Itoa(i))
	}
	other := *b
	other.name = "basket2"
	other.set(t, "a", `"elsewhere"`)

	prefixes := []string{"", "x", "aaa", "\uFFFE", "ab" + strings.Repeat("x", 600), "'"}
	prefixes = append(prefixes, keys...)
	for _, prefix := range prefixes {
		want := []string{}
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		for _, limit := range []int{1, 2, 1000} {
			entries := collect(t, limit, func(page store.PageRequest) (store.Page[store.KVEntry], error) {
				return b.KV().List(b.ctx, b.app, b.name, prefix, page)
			})
			got := project(entries, func(e store.KVEntry) string { return e.Key })
			require.Equal(t, want, got, "prefix %q, %d at a time", prefix, limit)
			for _, e := range entries {
				require.Equal(t, keys[mustInt(t, e.Value)], e.Key)
			}
		}
	}
}

func mustInt(t testing.TB, value json.RawMessage) int {
	t.Helper()
	n, err := strconv.Atoi(string(value))
	require.NoError(t, err)
	return n
}

func testKVPages(t *testing.T, b *basket) {
	for _, key := range []string{"b", "d", "e"} {
		b.set(t, key, `1`)
	}
	list := func(prefix string, page store.PageRequest) ([]string, string, error) {
		got, err := b.KV().List(b.ctx, b.app, b.name, prefix, page)
		return project(got.Items, func(e store.KVEntry) string { return e.Key }), got.Next, err
	}
	keys, next, err := list("", store.PageRequest{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, keys)

	t.Run("entries that come and go", func(t *testing.T) {
		for _, key := range []string{"b", "e"} {
			_, err := b.KV().Delete(b.ctx, b.app, b.name, key)
			require.NoError(t, err)
		}
		b.set(t, "a", `1`)
		b.set(t, "c", `1`)
		keys, end, err := list("", store.PageRequest{Cursor: next})
		require.NoError(t, err)
		require.Equal(t, []string{"c", "d"}, keys)
		require.Empty(t, end)
	})
	t.Run("a cursor of another prefix", func(t *testing.T) {
		keys, _, err := list("d", store.PageRequest{Cursor: next})
		require.NoError(t, err)
		require.Equal(t, []string{"d"}, keys)
		keys, _, err = list("a", store.PageRequest{Cursor: next})
		require.NoError(t, err)
		require.Empty(t, keys)
	})
	t.Run("refused", func(t *testing.T) {
		apps, err := b.Apps().List(b.ctx, store.PageRequest{})
		require.NoError(t, err)
		require.NotEmpty(t, apps.Items)
		collections := func(page store.PageRequest) error {
			_, err := b.KV().Collections(b.ctx, b.app, page)
			return err
		}
		entries := func(page store.PageRequest) error { _, _, err := list("", page); return err }
		for _, cursor := range []string{"?", "AAAA", next + "x", next[:len(next)-1], strings.Repeat("A", 100_000), "eyJrZXlzIjoxfQ", "WyJrZXlzIl0"} {
			require.ErrorIs(t, entries(store.PageRequest{Cursor: cursor}), store.ErrInvalidCursor, "%.80q", cursor)
			require.ErrorIs(t, collections(store.PageRequest{Cursor: cursor}), store.ErrInvalidCursor, "%.80q", cursor)
		}
		require.ErrorIs(t, collections(store.PageRequest{Cursor: next}), store.ErrInvalidCursor, "a cursor of entries")
		for limit, reason := range map[int]string{-1: "must be between 1 and 1000, got -1", 1001: "must be between 1 and 1000, got 1001"} {
			invalid(t, entries(store.PageRequest{Limit: limit}), "limit", reason)
			invalid(t, collections(store.PageRequest{Limit: limit}), "limit", reason)
		}
	})
	t.Run("the default size", func(t *testing.T) {
		for i := range store.DefaultPageSize + 1 {
			b.set(t, fmt.Sprintf("n%03d", i), `1`)
		}
		keys, _, err := list("n", store.PageRequest{})
		require.NoError(t, err)
		require.Len(t, keys, store.DefaultPageSize)
	})
}

// A page has no more than so many bytes; nothing is left out.
func testKVLargePages(t *testing.T, fresh func(testing.TB) Opener) {
	s := subject{Store: fresh(t).mustOpen(t, time.Now), ctx: context.Background()}
	defer s.Close()
	b := &basket{s, s.app(t, "large").ID, "basket"}
	sizes := []int{10, 5 << 20, 3<<20 - 10, 1, 100_000, 9 << 20, 1, 8000, 9000, 8 << 20}
	for i, size := range sizes {
		b.set(t, fmt.Sprint(i), strings.Repeat("1", size))
	}
	var pages [][]int
	for request := (store.PageRequest{}); ; {
		page, err := b.KV().List(b.ctx, b.app, b.name, "", request)
		require.NoError(t, err)
		pages = append(pages, project(page.Items, func(e store.KVEntry) int { return len(e.Value) }))
		if request.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	require.Equal(t, [][]int{sizes[:3], sizes[3:5], sizes[5:6], sizes[6:9], sizes[9:]}, pages)
}

func testKVCollections(t *testing.T, b *basket) {
	list := func(limit int) []store.KVCollection {
		t.Helper()
		return collect(t, limit, func(page store.PageRequest) (store.Page[store.KVCollection], error) {
			return b.KV().Collections(b.ctx, b.app, page)
		})
	}
	require.Empty(t, list(10))
	in := func(name string, keys int, expires time.Time) {
		c := *b
		c.name = name
		for i := range keys {
			c.setUntil(t, fmt.Sprint(i), `1`, expires)
		}
	}
	in("b", 2, time.Time{})
	in("a b", 1, time.Time{})
	in("B", 3, time.Time{})
	in("é", 1, time.Time{})
	in("expiring", 2, b.clock.Now().Add(time.Minute))
	in("b", 3, b.clock.Now().Add(time.Minute)) // two of them become expiring
	want := []store.KVCollection{{Name: "B", Entries: 3}, {Name: "a b", Entries: 1}, {Name: "b", Entries: 3}, {Name: "expiring", Entries: 2}, {Name: "é", Entries: 1}}
	for _, limit := range []int{1, 2, 4, 5, 1000} {
		require.Equal(t, want, list(limit))
	}
	b.clock.advance(time.Minute)
	in("b", 1, time.Time{})
	require.Equal(t, []store.KVCollection{{Name: "B", Entries: 3}, {Name: "a b", Entries: 1}, {Name: "b", Entries: 1}, {Name: "é", Entries: 1}}, list(2))

	t.Run("counted so far", func(t *testing.T) {
		require.NoError(t, b.InTx(b.ctx, func(tx store.Store) error {
			for i := range store.MaxKVCount + 1 {
				entry := store.KVEntry{Key: fmt.Sprint(i), Value: json.RawMessage(`1`)}
				if _, err := tx.KV().Set(b.ctx, b.app, "B", entry, false); err != nil {
					return err
				}
			}
			return nil
		}))
		require.Equal(t, store.KVCollection{Name: "B", Entries: store.MaxKVCount}, list(2)[0])
	})
}

// An app sees nothing of another, and what it is told does not differ from what it is told of what
// does not exist.
func testKVApart(t *testing.T, b *basket) {
	b.set(t, "secret", `"mine"`)
	other := *b
	other.app = b.subject.app(t, "kv-other").ID
	other.has(t, "secret", ``)
	found, err := other.KV().Delete(b.ctx, other.app, b.name, "secret")
	require.NoError(t, err)
	require.False(t, found)
	collections, err := other.KV().Collections(b.ctx, other.app, store.PageRequest{})
	require.NoError(t, err)
	require.Empty(t, collections.Items)
	other.become(t, "secret", ``, `"theirs"`)
	other.set(t, "secret", `"theirs"`)
	b.has(t, "secret", `"mine"`)

	require.NoError(t, b.Apps().Delete(b.ctx, other.app))
	b.remove(t, store.MaxBatch, nil)
	other.has(t, "secret", ``)
	b.has(t, "secret", `"mine"`)
	b.takeChanges(t)

	for name, app := range map[string]string{"deleted": other.app, "never made": "nowhere", "not a text": "\xff", "with NUL": "\x00"} {
		t.Run("app "+name, func(t *testing.T) {
			gone := *b
			gone.app = app
			gone.has(t, "k", ``)
			found, err := gone.KV().Delete(b.ctx, app, b.name, "k")
			require.NoError(t, err)
			require.False(t, found)
			collections, err := gone.KV().Collections(b.ctx, app, store.PageRequest{})
			require.NoError(t, err)
			require.Empty(t, collections.Items)
			_, err = gone.KV().Set(b.ctx, app, b.name, store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}, false)
			notFound(t, err, "app")
			_, err = gone.add("k", `1`)
			notFound(t, err, "app")
			notFound(t, gone.KV().Update(b.ctx, app, b.name, "k", func(json.RawMessage) (json.RawMessage, bool, error) {
				return json.RawMessage(`1`), true, nil
			}), "app")
			b.sameChanges(t)
		})
	}
}

func testKVRefusals(t *testing.T, b *basket) {
	for _, c := range []struct{ field, collection, key, value, reason string }{
		{"collection", "", "k", `1`, "must not be empty"},
		{"collection", "a\x00", "k", `1`, "must not contain NUL (byte 1)"},
		{"key", "c", "", `1`, "must not be empty"},
		{"key", "c", "ä\xff", `1`, "must be UTF-8 (byte 2 is not)"},
		{"value", "c", "k", "\"\x00\"", "must not contain NUL (byte 1)"},
		{"value", "c", "k", "\"\xff\"", "must be UTF-8 (byte 1 is not)"},
	} {
		entry := store.KVEntry{Key: c.key, Value: json.RawMessage(c.value)}
		for _, ifAbsent := range []bool{false, true} {
			wrote, err := b.KV().Set(b.ctx, b.app, c.collection, entry, ifAbsent)
			invalid(t, err, c.field, c.reason)
			require.False(t, wrote)
		}
		invalid(t, b.KV().Update(b.ctx, b.app, c.collection, c.key, func(json.RawMessage) (json.RawMessage, bool, error) {
			return json.RawMessage(c.value), true, nil
		}), c.field, c.reason)
	}
	_, err := b.KV().List(b.ctx, b.app, "c", "a\x00", store.PageRequest{})
	invalid(t, err, "prefix", "must not contain NUL (byte 1)")
	for _, bad := range []string{"", "\x00", "\xff"} {
		_, err := b.KV().Get(b.ctx, b.app, b.name, bad)
		notFound(t, err, "key")
		_, err = b.KV().Get(b.ctx, b.app, bad, "k")
		notFound(t, err, "key")
		found, err := b.KV().Has(b.ctx, b.app, b.name, bad)
		require.NoError(t, err)
		require.False(t, found)
		found, err = b.KV().Delete(b.ctx, b.app, bad, "k")
		require.NoError(t, err)
		require.False(t, found)
	}
}

// A change whose transaction fails has not happened, and nobody is told.
func testKVUndone(t *testing.T, b *basket) {
	b.set(t, "k", `1`)
	b.takeChanges(t)
	refusal := errors.New("no")
	mutations := map[string]func(kv store.KV) error{
		"set": func(kv store.KV) error {
			_, err := kv.Set(b.ctx, b.app, b.name, store.KVEntry{Key: "k", Value: json.RawMessage(`2`)}, false)
			return err
		},
		"set another": func(kv store.KV) error {
			_, err := kv.Set(b.ctx, b.app, b.name, store.KVEntry{Key: "new", Value: json.RawMessage(`2`)}, false)
			return err
		},
		"add": func(kv store.KV) error {
			_, err := kv.Set(b.ctx, b.app, b.name, store.KVEntry{Key: "new", Value: json.RawMessage(`2`)}, true)
			return err
		},
		"delete": func(kv store.KV) error { _, err := kv.Delete(b.ctx, b.app, b.name, "k"); return err },
		"update": func(kv store.KV) error {
			return kv.Update(b.ctx, b.app, b.name, "k", func(json.RawMessage) (json.RawMessage, bool, error) {
				return json.RawMessage(`2`), true, nil
			})
		},
	}
	unchanged := func() {
		t.Helper()
		b.has(t, "k", `1`)
		b.has(t, "new", ``)
		b.sameChanges(t)
	}
	for name, mutate := range mutations {
		t.Run(name, func(t *testing.T) {
			if !b.changes.deaf {
				b.changes.refuse(refusal)
				err := mutate(b.KV())
				b.changes.refuse(nil)
				require.ErrorIs(t, err, refusal)
				require.Equal(t, fault.Storage, fault.Of(err))
				unchanged()
			}

			require.Equal(t, refusal, b.InTx(b.ctx, func(tx store.Store) error {
				require.NoError(t, mutate(tx.KV()))
				return refusal
			}))
			unchanged()

			ended, cancel := context.WithCancel(b.ctx)
			cancel()
			_, err := b.KV().Set(ended, b.app, b.name, store.KVEntry{Key: "new", Value: json.RawMessage(`2`)}, false)
			require.EqualError(t, err, "set key: storage failed")
			require.ErrorIs(t, err, context.Canceled)
			unchanged()
		})
	}
	t.Run("all in one transaction", func(t *testing.T) {
		require.NoError(t, b.InTx(b.ctx, func(tx store.Store) error {
			in := *b
			in.Store = tx
			in.set(t, "k", `2`)
			in.has(t, "k", `2`)
			in.become(t, "k", `2`, `3`)
			in.set(t, "new", `1`)
			_, err := tx.KV().Delete(b.ctx, b.app, b.name, "new")
			return err
		}))
		b.has(t, "k", `3`)
		b.sameChanges(t, b.change("update", "k", `1`, `2`), b.change("update", "k", `2`, `3`),
			b.change("create", "new", ``, `1`), b.change("delete", "new", `1`, ``))
	})
}

// 64 clients that count end at the exact sum, beginning with no entry.
func testKVCounter(t *testing.T, b *basket) {
	const clients, each = 64, 5
	require.NoError(t, errors.Join(all(clients, func(int) error {
		for range each {
			err := b.KV().Update(b.ctx, b.app, b.name, "count", func(value json.RawMessage) (json.RawMessage, bool, error) {
				n := 0
				if value != nil {
					n, _ = strconv.Atoi(string(value))
				}
				return strconv.AppendInt(nil, int64(n+1), 10), true, nil
			})
			if err != nil {
				return errors.Join(err, errors.Unwrap(err))
			}
		}
		return nil
	})...))
	b.has(t, "count", strconv.Itoa(clients*each))
	if b.changes.deaf {
		return
	}
	changes := b.takeChanges(t)
	require.Len(t, changes, clients*each)
	for i, change := range changes {
		require.Equal(t, strconv.Itoa(i+1), string(change.New))
	}
}

// Of many who add an entry, or replace the same value, one does.
func testKVOneWinner(t *testing.T, b *basket) {
	const racers, rounds = 16, 5
	for round := range rounds {
		key := fmt.Sprint("added", round)
		won := make([]bool, racers)
		require.NoError(t, errors.Join(all(racers, func(i int) (err error) {
			won[i], err = b.add(key, strconv.Itoa(i))
			return err
		})...))
		winner := slices.Index(won, true)
		require.GreaterOrEqual(t, winner, 0)
		require.NotContains(t, won[winner+1:], true, "two have won")
		b.has(t, key, strconv.Itoa(winner))

		before := strconv.Itoa(winner)
		clear(won)
		require.NoError(t, errors.Join(all(racers, func(i int) error {
			return b.KV().Update(b.ctx, b.app, b.name, key, func(value json.RawMessage) (json.RawMessage, bool, error) {
				won[i] = string(value) == before
				return strconv.AppendInt(nil, int64(100+i), 10), won[i], nil
			})
		})...))
		winner = slices.Index(won, true)
		require.GreaterOrEqual(t, winner, 0)
		require.NotContains(t, won[winner+1:], true, "two have won")
		b.has(t, key, strconv.Itoa(100+winner))
	}
	b.tookChanges(t, 2*rounds)
}

// Whatever many do at once to a few keys, what is told of each key is one history without gaps that
// ends with what is there.
func testKVHistory(t *testing.T, b *basket) {
	const clients, each = 16, 40
	keys := []string{"a", "b", "c"}
	require.NoError(t, errors.Join(all(clients, func(client int) error {
		random := rand.New(rand.NewPCG(1, uint64(client)))
		for i := range each {
			key := keys[random.IntN(len(keys))]
			entry := store.KVEntry{Key: key, Value: json.RawMessage(strconv.Itoa(client*1000 + i))}
			var err error
			switch random.IntN(6) {
			case 0, 1:
				_, err = b.KV().Set(b.ctx, b.app, b.name, entry, false)
			case 2:
				_, err = b.KV().Set(b.ctx, b.app, b.name, entry, true)
			case 3, 4:
				_, err = b.KV().Delete(b.ctx, b.app, b.name, key)
			case 5:
				err = b.KV().Update(b.ctx, b.app, b.name, key, func(value json.RawMessage) (json.RawMessage, bool, error) {
					return append(entry.Value, value...), true, nil
				})
			}
			if err != nil {
				return errors.Join(err, errors.Unwrap(err))
			}
		}
		return nil
	})...))
	if b.changes.deaf {
		return
	}
	now := map[string]string{}
	for _, change := range b.takeChanges(t) {
		require.Equal(t, now[change.Key], string(change.Previous), "%+v", change)
		now[change.Key] = string(change.New)
		switch {
		case change.Previous == nil:
			require.Equal(t, store.ChangeCreate, change.Operation)
		case change.New == nil:
			require.Equal(t, store.ChangeDelete, change.Operation)
		default:
			require.Equal(t, store.ChangeUpdate, change.Operation)
		}
	}
	for _, key := range keys {
		b.has(t, key, now[key])
	}
}
