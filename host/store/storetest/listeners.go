package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// mutation is one way to change an app's data.
type mutation struct {
	name   string
	change func(ctx context.Context, tx store.Store) error
}

// mutations are all ways to change an app's data, each of which succeeds in this order.
func mutations(app, collection string) []mutation {
	entry := store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}
	doc := store.DocumentKey{AppID: app, Collection: collection, ID: "d"}
	file := fileOf(store.App{ID: app}, collection, "f", 1)
	file.ID = "f"
	return []mutation{
		{"kv add", func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Set(ctx, app, collection, entry, true)
			return err
		}},
		{"kv set", func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Set(ctx, app, collection, entry, false)
			return err
		}},
		{"kv update", func(ctx context.Context, tx store.Store) error {
			return tx.KV().Update(ctx, app, collection, "k", func(json.RawMessage) (json.RawMessage, bool, error) {
				return json.RawMessage(`2`), true, nil
			})
		}},
		{"kv delete", func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Delete(ctx, app, collection, "k")
			return err
		}},
		{"docs create", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Docs().Create(ctx, doc, content(`1`))
			return err
		}},
		{"docs replace", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Docs().Replace(ctx, doc, content(`2`), nil)
			return err
		}},
		{"docs modify", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Docs().Modify(ctx, doc, nil, func(json.RawMessage) (store.DocumentContent, error) { return content(`3`), nil })
			return err
		}},
		{"docs delete", func(ctx context.Context, tx store.Store) error { return tx.Docs().Delete(ctx, doc) }},
		{"files create", func(ctx context.Context, tx store.Store) error { _, err := tx.Files().Create(ctx, file, 0); return err }},
		{"files update", func(ctx context.Context, tx store.Store) error {
			_, _, err := tx.Files().Update(ctx, app, collection, "f", store.FileChange{Name: new("g")}, 0)
			return err
		}},
		{"files delete", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Files().Delete(ctx, app, collection, "f", "")
			return err
		}},
	}
}

// testListeners sees to it that each change is made between entering and leaving, however it ends.
func testListeners(t *testing.T, s subject) {
	app, other := s.app(t, "heard").ID, s.app(t, "heard, too").ID
	balanced := func(t *testing.T) {
		t.Helper()
		require.Zero(t, s.changes.inside, "not everybody who entered has left")
	}
	ended, cancel := context.WithCancel(s.ctx)
	cancel()
	refusal := errors.New("no")
	for _, collection := range []string{"heard", unheard} {
		for _, m := range mutations(app, collection) {
			t.Run(collection+" "+m.name, func(t *testing.T) {
				require.ErrorIs(t, m.change(ended, s), context.Canceled)
				balanced(t)
				require.Panics(t, func() {
					_ = s.InTx(s.ctx, func(tx store.Store) error {
						require.NoError(t, m.change(s.ctx, tx))
						panic("oh")
					})
				})
				balanced(t)
				require.Equal(t, refusal, s.InTx(s.ctx, func(tx store.Store) error {
					require.NoError(t, m.change(s.ctx, tx))
					return refusal
				}))
				balanced(t)
				require.Empty(t, s.takeChanges(t))

				require.NoError(t, m.change(s.ctx, s))
				balanced(t)
				want := 1
				if collection == unheard {
					want = 0
				}
				s.tookChanges(t, want)
			})
		}
	}

	t.Run("left when it is done", func(t *testing.T) {
		value := func() string {
			entry, err := s.KV().Get(s.ctx, app, "heard", "k")
			if fault.Of(err) == fault.NotFound {
				return ""
			}
			require.NoError(t, err)
			return string(entry.Value)
		}
		left := []string{}
		s.changes.leaving = func() { left = append(left, value()) }
		defer func() { s.changes.leaving = nil }()
		set := func(tx store.Store, value string) error {
			_, err := tx.KV().Set(s.ctx, app, "heard", store.KVEntry{Key: "k", Value: json.RawMessage(value)}, false)
			return err
		}
		require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error {
			require.Equal(t, 0, s.changes.inside, "nothing is changed yet")
			require.NoError(t, set(tx, `1`))
			require.NoError(t, set(tx, `2`))
			require.Equal(t, 1, s.changes.inside)
			return nil
		}))
		require.Equal(t, []string{`2`}, left, "once, and when the change could be seen")
		require.NoError(t, set(s, `3`))
		require.Equal(t, `3`, left[len(left)-1])
		require.Equal(t, refusal, s.InTx(s.ctx, func(tx store.Store) error {
			require.NoError(t, set(tx, `4`))
			return refusal
		}))
		require.Equal(t, `3`, left[len(left)-1])
		s.takeChanges(t)
	})

	t.Run("by others from a moment on", func(t *testing.T) {
		for _, ours := range []string{app, other} { // the first app that changes, and one after it
			heard := &hearer{}
			require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error {
				set := func(id, key string) {
					_, err := tx.KV().Set(s.ctx, id, "heard", store.KVEntry{Key: key, Value: json.RawMessage(`1`)}, false)
					require.NoError(t, err)
				}
				set(app, "to us")
				tx.Hear(ours, heard)
				set(ours, "to them")
				return nil
			}))
			require.Zero(t, s.changes.inside)
			s.tookChanges(t, 1)
			require.Equal(t, []string{"to them"}, heard.keys)
			require.Equal(t, 1, heard.left)
		}
		alone := &hearer{}
		s.Hear(app, alone)
		require.NoError(t, set1(s, app))
		require.Empty(t, alone.keys)
		require.Equal(t, 1, alone.left)
		s.tookChanges(t, 1)
	})

	t.Run("of each app whose data changes", func(t *testing.T) {
		require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error {
			for i, id := range []string{app, other, app, other} {
				_, err := tx.KV().Set(s.ctx, id, "heard", store.KVEntry{Key: "of several", Value: json.RawMessage(strconv.Itoa(i))}, false)
				require.NoError(t, err)
				require.Equal(t, min(i+1, 2), s.changes.inside)
			}
			return nil
		}))
		require.Zero(t, s.changes.inside)
		s.tookChanges(t, 4)
	})
}

// set1 sets an entry that is heard.
func set1(s subject, app string) error {
	_, err := s.KV().Set(s.ctx, app, "heard", store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}, false)
	return err
}

// hearer is an audience that keeps the keys of what it is told.
type hearer struct {
	keys []string
	left int
}

func (h *hearer) Listens(string, store.ChangeSource, string) bool { return true }
func (h *hearer) Leave()                                          { h.left++ }
func (h *hearer) Tell(_ context.Context, _ store.Store, change store.Change) error {
	h.keys = append(h.keys, change.Key)
	return nil
}

// testAfterCommit checks when what waits for a commit is called, and how often.
func testAfterCommit(t *testing.T, s subject) {
	app := s.app(t, "committed")
	calls := []string{}
	call := func(name string) func() {
		return func() {
			require.Zero(t, s.changes.inside, "the audience is left before")
			_, err := s.Apps().GetBySlug(s.ctx, name)
			require.NoError(t, err, "the change can be seen, and the store be used")
			calls = append(calls, name)
		}
	}
	called := func(t *testing.T, want ...string) {
		t.Helper()
		require.Equal(t, append([]string{}, want...), calls)
		calls = calls[:0]
	}
	create := func(t *testing.T, tx store.Store, slug string) {
		t.Helper()
		_, err := tx.Apps().Create(s.ctx, store.App{Slug: slug})
		require.NoError(t, err)
		_, err = tx.KV().Set(s.ctx, app.ID, "c", store.KVEntry{Key: slug, Value: json.RawMessage(`1`)}, false)
		require.NoError(t, err)
		tx.AfterCommit(call(slug))
	}

	t.Run("outside", func(t *testing.T) {
		s.AfterCommit(call("committed"))
		called(t, "committed")
	})
	t.Run("committed", func(t *testing.T) {
		require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error {
			create(t, tx, "first")
			called(t)
			return tx.InTx(s.ctx, func(tx store.Store) error {
				create(t, tx, "second")
				return nil
			})
		}))
		called(t, "first", "second")
	})
	t.Run("rolled back", func(t *testing.T) {
		refusal := errors.New("no")
		require.Equal(t, refusal, s.InTx(s.ctx, func(tx store.Store) error {
			create(t, tx, "refused")
			return refusal
		}))
		require.Panics(t, func() {
			_ = s.InTx(s.ctx, func(tx store.Store) error {
				create(t, tx, "panicked")
				panic("oh")
			})
		})
		ctx, cancel := context.WithCancel(s.ctx)
		require.ErrorIs(t, s.InTx(ctx, func(tx store.Store) error {
			create(t, tx, "cancelled")
			cancel()
			return nil
		}), context.Canceled)
		called(t)
	})
	t.Run("asked for by who is told", func(t *testing.T) {
		s.changes.wake = call("committed")
		defer func() { s.changes.wake = nil }()
		for _, m := range mutations(app.ID, "c") {
			require.NoError(t, m.change(s.ctx, s), m.name)
			called(t, "committed")
		}
		s.changes.refuse(errors.New("no"))
		for _, m := range mutations(app.ID, "d")[:1] {
			require.Error(t, m.change(s.ctx, s), m.name)
		}
		s.changes.refuse(nil)
		called(t)
	})
}
