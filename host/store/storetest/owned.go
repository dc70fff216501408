package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/background/ending"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// testOwned is about transactions that their owner ends.
func testOwned(t *testing.T, s subject) {
	for _, topic := range []struct {
		name string
		test func(t *testing.T, b *basket)
	}{
		{"all", testOwnedCommit},
		{"or-nothing", testOwnedRollback},
		{"goes-on-after-refusals", testOwnedRefusals},
		{"lost-by-a-listener", testOwnedListener},
		{"lost-by-a-panic", testOwnedPanic},
		{"ends-with-its-context", testOwnedContext},
		{"one-after-the-other", testOwnedCounter},
	} {
		t.Run(topic.name, func(t *testing.T) {
			app := s.app(t, "owned-"+topic.name)
			topic.test(t, &basket{s, app.ID, "basket"})
			require.Zero(t, s.changes.inside, "not everybody who entered has left")
			require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
			s.takeChanges(t)
		})
	}
}

// begin begins a transaction that ends with the test.
func (b *basket) begin(t *testing.T) store.Transaction {
	t.Helper()
	tx, err := b.Begin(t.Context(), b.app)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// put writes an entry in a transaction.
func (b *basket) put(tx store.Transaction, collection, key, value string) error {
	return tx.Do(func(ctx context.Context, tx store.Store) error {
		_, err := tx.KV().Set(ctx, b.app, collection, store.KVEntry{Key: key, Value: json.RawMessage(value)}, false)
		return err
	})
}

// has reads an entry, "" without one.
func has(ctx context.Context, s store.Store, app, collection, key string) (string, error) {
	entry, err := s.KV().Get(ctx, app, collection, key)
	if fault.Of(err) == fault.NotFound {
		return "", nil
	}
	return string(entry.Value), err
}

// keeps fails the test unless that is what others see of an entry.
func (b *basket) keeps(t *testing.T, collection, key, want string) {
	t.Helper()
	got, err := has(b.ctx, b, b.app, collection, key)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func testOwnedCommit(t *testing.T, b *basket) {
	woken := 0
	b.changes.wake = func() { woken++ }
	defer func() { b.changes.wake = nil }()
	tx := b.begin(t)
	require.NoError(t, b.put(tx, b.name, "k", `1`))
	var doc store.Document
	require.NoError(t, tx.Do(func(ctx context.Context, tx store.Store) (err error) {
		seen, err := has(ctx, tx, b.app, b.name, "k")
		require.Equal(t, `1`, seen, "what was done before is seen")
		if err != nil {
			return err
		}
		key := store.DocumentKey{AppID: b.app, Collection: b.name}
		if doc, err = tx.Docs().Create(ctx, key, store.DocumentContent{Data: json.RawMessage(`{"a":1}`)}); err != nil {
			return err
		}
		_, err = tx.Begin(ctx, b.app)
		require.Equal(t, fault.Storage, fault.Of(err), "not another one within")
		count, err := tx.Docs().Count(ctx, b.app, b.name)
		require.EqualValues(t, 1, count)
		return err
	}))
	b.keeps(t, b.name, "k", "")
	require.Zero(t, woken)
	require.Equal(t, 1, b.changes.inside)

	require.NoError(t, tx.Commit())
	b.keeps(t, b.name, "k", `1`)
	require.Equal(t, 2, woken)
	b.tookChanges(t, 2)
	_, err := b.Docs().Get(b.ctx, store.DocumentKey{AppID: b.app, Collection: b.name, ID: doc.ID})
	require.NoError(t, err)

	require.NoError(t, tx.Rollback(), "it has ended")
	require.Equal(t, fault.Storage, fault.Of(tx.Commit()))
	require.Equal(t, fault.Storage, fault.Of(b.put(tx, b.name, "k", `2`)))
	b.keeps(t, b.name, "k", `1`)
}

func testOwnedRollback(t *testing.T, b *basket) {
	tx := b.begin(t)
	require.NoError(t, b.put(tx, b.name, "k", `1`))
	require.NoError(t, tx.Rollback())
	require.NoError(t, tx.Rollback())
	b.keeps(t, b.name, "k", "")
	b.tookChanges(t, 0)
}

func testOwnedRefusals(t *testing.T, b *basket) {
	tx := b.begin(t)
	for _, refused := range []struct {
		do   func(ctx context.Context, tx store.Store) error
		code fault.Code
	}{
		{func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Set(ctx, b.app, "", store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}, false)
			return err
		}, fault.Invalid},
		{func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Get(ctx, b.app, b.name, "none")
			return err
		}, fault.NotFound},
		{func(ctx context.Context, tx store.Store) error {
			return tx.Docs().Delete(ctx, store.DocumentKey{AppID: b.app, Collection: b.name, ID: "none"})
		}, fault.NotFound},
	} {
		require.Equal(t, refused.code, fault.Of(tx.Do(refused.do)))
	}
	require.NoError(t, b.put(tx, b.name, "k", `1`))
	require.NoError(t, tx.Commit())
	b.keeps(t, b.name, "k", `1`)
}

// A change that was refused when it had been written is undone with all others, though whoever made
// it goes on.
func testOwnedListener(t *testing.T, b *basket) {
	tx := b.begin(t)
	require.NoError(t, b.put(tx, b.name, "before", `1`))
	refusal := fault.New(fault.Quota, "too many events wait")
	b.changes.refuse(refusal)
	require.Equal(t, refusal, b.put(tx, b.name, "refused", `1`))
	b.changes.refuse(nil)
	require.Equal(t, refusal, b.put(tx, b.name, "after", `1`))
	require.Equal(t, refusal, tx.Commit())
	require.Equal(t, refusal, tx.Rollback())
	for _, key := range []string{"before", "refused", "after"} {
		b.keeps(t, b.name, key, "")
	}
	b.tookChanges(t, 0)
}

func testOwnedPanic(t *testing.T, b *basket) {
	tx := b.begin(t)
	require.Panics(t, func() {
		_ = tx.Do(func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Set(ctx, b.app, b.name, store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}, false)
			require.NoError(t, err)
			panic("oh")
		})
	})
	require.Equal(t, fault.Storage, fault.Of(tx.Commit()))
	b.set(t, "k", `2`) // others can write
}

func itself(ctx context.Context) context.Context { return ctx }

// ofExecution returns a context as that of an execution, which another context is of.
func ofExecution(ctx context.Context) context.Context { return ending.Under(ctx) }

func testOwnedContext(t *testing.T, b *basket) {
	late := store.TransactionLate(time.Minute)
	cancelled := func(err error) bool { return fault.Of(err) == fault.Storage && errors.Is(err, context.Canceled) }
	for _, ends := range []struct {
		cause error // of the context's end
		of    func(ctx context.Context) context.Context
		is    func(err error) bool
	}{
		{context.Canceled, itself, cancelled},
		{late, itself, func(err error) bool { return err == late }},
		{errors.New("the time of an execution is over"), ofExecution, cancelled},
		{late, ofExecution, func(err error) bool { return err == late }},
	} {
		ctx, cancel := context.WithCancelCause(b.ctx)
		ctx = ends.of(ctx)
		tx, err := b.Begin(ctx, b.app)
		require.NoError(t, err)
		require.NoError(t, b.put(tx, b.name, "k", `1`))
		cancel(ends.cause)
		b.set(t, "other", `1`) // others can write, though nobody has ended it
		err = b.put(tx, b.name, "k", `2`)
		for err == nil { // what is derived from the context of an execution ends a moment later
			err = b.put(tx, b.name, "k", `2`)
		}
		assert.True(t, ends.is(err), "%v", ends.cause)
		assert.True(t, ends.is(tx.Commit()), "%v", ends.cause)
		assert.True(t, ends.is(tx.Rollback()), "%v", ends.cause)
		b.keeps(t, b.name, "k", "")

		_, err = b.Begin(ctx, b.app)
		assert.True(t, ends.is(err), "%v", err)
	}
}

// Who reads, adds and writes in a transaction, again if others were in the way, loses nothing.
func testOwnedCounter(t *testing.T, b *basket) {
	const counters, times = 4, 10
	once := func() error {
		tx, err := b.Begin(b.ctx, b.app)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		err = tx.Do(func(ctx context.Context, tx store.Store) error {
			text, err := has(ctx, tx, b.app, unheard, "n")
			if err != nil {
				return err
			}
			n, _ := strconv.Atoi(text)
			_, err = tx.KV().Set(ctx, b.app, unheard, store.KVEntry{Key: "n", Value: json.RawMessage(strconv.Itoa(n + 1))}, false)
			return err
		})
		if err != nil {
			return err
		}
		return tx.Commit()
	}
	require.NoError(t, errors.Join(all(counters, func(int) error {
		for range times {
			err := once()
			for errors.Is(err, store.ErrCrossed) {
				err = once()
			}
			if err != nil {
				return err
			}
		}
		return nil
	})...))
	b.keeps(t, unheard, "n", strconv.Itoa(counters*times))
}
