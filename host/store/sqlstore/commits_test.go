package sqlstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	driver "modernc.org/sqlite"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
	"github.com/picloud/picloud/host/store/sqlstore"
)

// committing is the commits of one database, which a test counts, stops and refuses by SQLite's own hook.
type committing struct {
	mu     sync.Mutex
	n      int
	before func() (refuse bool) // nil: nothing
}

func (c *committing) commit() int32 {
	c.mu.Lock()
	c.n++
	before := c.before
	c.mu.Unlock()
	if before != nil && before() {
		return 1
	}
	return 0
}

func (c *committing) do(before func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n, c.before = 0, before
}

func (c *committing) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

var (
	hookOnce sync.Once
	hooked   sync.Map // *committing by the directory of the database
)

// shared is a store on SQLite with two apps.
type shared struct {
	store.Store
	*committing
	one, two string // apps
}

func openShared(t *testing.T) *shared {
	t.Helper()
	hookOnce.Do(func() {
		driver.RegisterConnectionHook(func(conn driver.ExecQuerierContext, dsn string) error {
			hooked.Range(func(directory, c any) bool {
				if strings.Contains(dsn, directory.(string)+"/") {
					conn.(driver.HookRegisterer).RegisterCommitHook(c.(*committing).commit)
				}
				return true
			})
			return nil
		})
	})
	directory, c := t.TempDir(), &committing{}
	hooked.Store(directory, c)
	t.Cleanup(func() { hooked.Delete(directory) })
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(directory, sqlite.FileName)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	one, err := s.Apps().Create(t.Context(), store.App{Slug: "one"})
	require.NoError(t, err)
	two, err := s.Apps().Create(t.Context(), store.App{Slug: "two"})
	require.NoError(t, err)
	sqlstore.Unhurried(s)
	return &shared{s, c, one.ID, two.ID}
}

func (s *shared) set(ctx context.Context, app, key string) error {
	_, err := s.KV().Set(ctx, app, "c", store.KVEntry{Key: key, Value: json.RawMessage(`1`)}, false)
	return err
}

func (s *shared) has(t *testing.T, app, key string) bool {
	t.Helper()
	found, err := s.KV().Has(t.Context(), app, "c", key)
	require.NoError(t, err)
	return found
}

// incr adds to a number, after meanwhile, and returns the sum.
func (s *shared) incr(ctx context.Context, tx store.Store, app, key string, meanwhile func() error) (sum int, err error) {
	err = tx.KV().Update(ctx, app, "c", key, func(value json.RawMessage) (json.RawMessage, bool, error) {
		sum = 0
		if value != nil {
			sum, _ = strconv.Atoi(string(value))
		}
		sum++
		return json.RawMessage(strconv.Itoa(sum)), true, meanwhile()
	})
	return sum, err
}

func nothing() error { return nil }

// together runs functions that write in a line, in their order, behind a commit that is under way until all of
// them wait and then has returned. It returns when all have ended.
func (s *shared) together(t *testing.T, then func(), write ...func()) {
	t.Helper()
	reached, goOn := make(chan struct{}), make(chan struct{})
	s.do(func() bool {
		s.do(nil)
		close(reached)
		<-goOn
		return false
	})
	var wait sync.WaitGroup
	wait.Go(func() { assert.NoError(t, s.set(t.Context(), s.one, "first")) })
	<-reached
	for i, write := range write {
		wait.Add(1)
		go func() { // which may end by Goexit
			defer wait.Done()
			write()
		}()
		for sqlstore.InLine(s.Store) <= i {
			runtime.Gosched()
		}
	}
	then()
	close(goOn)
	wait.Wait()
}

func TestWhatWaitsSharesACommit(t *testing.T) {
	s := openShared(t)
	var write []func()
	for i := range sqlstore.MostShares + 10 {
		write = append(write, func() { assert.NoError(t, s.set(t.Context(), s.one, fmt.Sprint(i))) })
	}
	s.together(t, func() {}, write...)
	require.Equal(t, 2, s.count(), "commits: one of as many as may share, one of the rest")
	for i := range write {
		require.True(t, s.has(t, s.one, fmt.Sprint(i)))
	}
	s.do(nil)
	require.NoError(t, s.set(t.Context(), s.one, "alone"))
	require.Equal(t, 1, s.count())
}

func TestAppsTakeTurnsInACommit(t *testing.T) {
	s := openShared(t)
	var order []string // of who has the connection
	var write []func()
	by := func(app, name string) func() {
		return func() {
			_, err := s.incr(t.Context(), s, app, name, func() error { order = append(order, name); return nil })
			assert.NoError(t, err)
		}
	}
	for i := range 5 {
		write = append(write, by(s.one, fmt.Sprint("one ", i)))
	}
	for i := range 2 {
		write = append(write, by(s.two, fmt.Sprint("two ", i)))
	}
	s.together(t, func() {}, write...)
	require.Equal(t, []string{"one 0", "two 0", "one 1", "two 1", "one 2", "one 3", "one 4"}, order)
}

// What takes long keeps nobody waiting who has run before: it begins a group of its own.
func TestALongShareComesFirst(t *testing.T) {
	s := openShared(t)
	large := json.RawMessage(`"` + strings.Repeat("x", 100_000) + `"`)
	small := func(key string) func() {
		return func() { assert.NoError(t, s.set(t.Context(), s.one, key)) }
	}
	const many = 100
	after, ran := 0, 0
	s.together(t, func() {}, small("before"), small("before, too"), func() {
		_, err := s.KV().Set(t.Context(), s.one, "c", store.KVEntry{Key: "large", Value: large}, false)
		assert.NoError(t, err)
	}, func() {
		assert.NoError(t, s.Outbox().Atomically(t.Context(), func(tx store.Store) error {
			ran++
			tx.AfterCommit(func() { after++ })
			var failed error
			for range many {
				if _, err := s.incr(t.Context(), tx, s.one, "many", nothing); err != nil {
					failed = err
				}
			}
			if ran > 1 {
				assert.NoError(t, failed)
			}
			return nil // who takes no notice of an error does not keep the half of it
		}))
	}, small("behind"), small("behind, too"))
	require.Equal(t, 3, s.count(), "commits: one of the short ones, and one each of those that take long")
	require.Equal(t, []int{2, 1}, []int{ran, after}, "runs and commits of the many statements")
	for _, key := range []string{"before", "before, too", "large", "behind", "behind, too"} {
		require.True(t, s.has(t, s.one, key), key)
	}
	sum, err := s.KV().Get(t.Context(), s.one, "c", "many")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(many), string(sum.Value))
}

// What is refused or panics after it has turned out to take long is asked again, or panics.
func TestALongShareFails(t *testing.T) {
	s := openShared(t)
	large := json.RawMessage(`"` + strings.Repeat("x", 100_000) + `"`)
	refusal, ran := fault.Refuse("value", "is not wanted"), 0
	write := func(end func() error) error {
		return s.Outbox().Atomically(t.Context(), func(tx store.Store) error {
			if ran++; ran > 1 {
				return refusal
			}
			if _, err := tx.KV().Set(t.Context(), s.one, "c", store.KVEntry{Key: "large", Value: large}, false); err == nil {
				t.Error("it was written behind others")
			}
			return end()
		})
	}
	s.together(t, func() {}, func() { assert.NoError(t, s.set(t.Context(), s.one, "before")) }, func() {
		assert.Equal(t, refusal, write(func() error { return errors.New("not this one") }))
	})
	require.Equal(t, 2, ran)
	ran = 0
	s.together(t, func() {}, func() { assert.NoError(t, s.set(t.Context(), s.one, "before, too")) }, func() {
		assert.PanicsWithValue(t, "oh", func() { _ = write(func() error { panic("oh") }) })
	})
	require.Equal(t, 1, ran)
	require.False(t, s.has(t, s.one, "large"))
	require.True(t, s.has(t, s.one, "before"))
	require.True(t, s.has(t, s.one, "before, too"))
}

// What one who shares a commit does wrong, or what happens to him, concerns nobody else.
func TestSharesFailAlone(t *testing.T) {
	s := openShared(t)
	ctx := t.Context()
	require.NoError(t, s.Outbox().Atomically(ctx, func(tx store.Store) error { // the statements that transactions prepare
		_, err := s.incr(ctx, tx, s.one, "before", nothing)
		return err
	}))
	key := store.DocumentKey{AppID: s.one, Collection: "c", ID: "taken"}
	_, err := s.Docs().Create(ctx, key, store.DocumentContent{Data: json.RawMessage(`{}`)})
	require.NoError(t, err)
	refusal := fault.Refuse("value", "is not wanted")
	called := map[string]int{} // after commits
	var mu sync.Mutex

	// failing makes a write of two keys that ends as end does.
	failing := func(ctx context.Context, name string, end func() error) error {
		return s.Outbox().Atomically(ctx, func(tx store.Store) error {
			tx.AfterCommit(func() {
				mu.Lock()
				defer mu.Unlock()
				called[name]++
			})
			if _, err := s.incr(ctx, tx, s.one, name+" 1", nothing); err != nil {
				return err
			}
			if _, err := s.incr(ctx, tx, s.one, "common", nothing); err != nil {
				return err
			}
			return end()
		})
	}
	waiting, leave := context.WithCancel(ctx)
	running, end := context.WithCancel(ctx)
	good := func(name string) func() {
		return func() { assert.NoError(t, failing(ctx, name, nothing)) }
	}
	leaves := func() {
		n := sqlstore.InLine(s.Store)
		for leave(); sqlstore.InLine(s.Store) == n; {
			runtime.Gosched()
		}
	}
	s.together(t, leaves,
		func() { assert.Equal(t, refusal, failing(ctx, "the first", func() error { return refusal })) },
		good("a"),
		func() { assert.Equal(t, refusal, failing(ctx, "refused", func() error { return refusal })) },
		func() {
			_, err := s.Docs().Create(ctx, key, store.DocumentContent{Data: json.RawMessage(`{}`)})
			assert.Equal(t, fault.Conflict, fault.Of(err))
		},
		func() {
			assert.PanicsWithValue(t, "oh", func() { _ = failing(ctx, "panics", func() error { panic("oh") }) })
		},
		good("b"),
		func() { _ = failing(ctx, "exits", func() error { runtime.Goexit(); return nil }) },
		func() { assert.ErrorIs(t, failing(waiting, "leaves the line", nothing), context.Canceled) },
		func() {
			assert.ErrorIs(t, failing(running, "ends meanwhile", func() error { end(); return nil }), context.Canceled)
		},
		good("c"),
	)
	for _, name := range []string{"the first", "refused", "panics", "exits", "leaves the line", "ends meanwhile"} {
		require.False(t, s.has(t, s.one, name+" 1"), name)
	}
	require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, called)
	for name := range called {
		require.True(t, s.has(t, s.one, name+" 1"), name)
	}
	common, err := s.KV().Get(ctx, s.one, "c", "common")
	require.NoError(t, err)
	require.Equal(t, `3`, string(common.Value))
}

// A commit that fails is made again for each who shared it. Who fails then does so by himself.
func TestSharedCommitFails(t *testing.T) {
	s := openShared(t)
	const n = 10
	after := make(chan int, 2*n)
	write := func(check func(err error)) (write []func()) {
		for i := range n {
			write = append(write, func() {
				check(s.Outbox().Atomically(t.Context(), func(tx store.Store) error {
					tx.AfterCommit(func() { after <- i })
					_, err := s.incr(t.Context(), tx, s.one, "sum", nothing)
					return err
				}))
			})
		}
		return write
	}
	refused := 0
	decided, odd := 0, errors.New("the document is odd") // which no service has made
	key := store.DocumentKey{AppID: s.one, Collection: "c", ID: "d"}
	_, err := s.Docs().Create(t.Context(), key, store.DocumentContent{Data: json.RawMessage(`{}`)})
	require.NoError(t, err)
	refusal := func() {
		_, err := s.Docs().Modify(t.Context(), key, nil, func(json.RawMessage) (store.DocumentContent, error) {
			decided++
			return store.DocumentContent{}, odd
		})
		assert.Equal(t, odd, err)
	}
	run := func(commit func() bool, check func(error)) {
		s.together(t, func() { s.do(commit) }, append(write(check), refusal)...)
	}
	run(func() bool { refused++; return refused == 1 }, func(err error) { assert.NoError(t, err) })
	require.Equal(t, 1+n, s.count())
	require.Equal(t, 2, decided, "what was refused may have been so because of what was undone")
	require.Len(t, after, n)
	sum, err := s.KV().Get(t.Context(), s.one, "c", "sum")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(n), string(sum.Value))

	run(func() bool { return true }, func(err error) { assert.Equal(t, fault.Storage, fault.Of(err)) })
	require.Equal(t, 1+n, s.count())
	require.Len(t, after, n, "nothing is committed")
	s.do(nil)
	next, err := s.incr(t.Context(), s, s.one, "sum", nothing)
	require.NoError(t, err)
	require.Equal(t, n+1, next)
}

// A value for which there is no room keeps no other from being written.
func TestNoRoomForAShare(t *testing.T) {
	s := openShared(t)
	size, err := s.Size(t.Context())
	require.NoError(t, err)
	const pageSize = 4096
	require.NoError(t, sqlstore.Exec(t.Context(), s.Store, "PRAGMA max_page_count = "+strconv.FormatInt(size/pageSize+10, 10)))
	large := json.RawMessage(`"` + strings.Repeat("x", 60_000) + `"`)
	var write []func()
	for i := range 5 {
		write = append(write,
			func() { assert.NoError(t, s.set(t.Context(), s.one, fmt.Sprint(i))) },
			func() {
				err := s.KV().Update(t.Context(), s.one, "c", fmt.Sprint("large ", i), func(json.RawMessage) (json.RawMessage, bool, error) {
					return large, true, nil
				})
				assert.Equal(t, fault.Storage, fault.Of(err))
			})
	}
	s.together(t, func() {}, write...)
	for i := range 5 {
		require.True(t, s.has(t, s.one, fmt.Sprint(i)))
		require.False(t, s.has(t, s.one, fmt.Sprint("large ", i)))
	}
}

// Whatever happens to those who share commits, what was acknowledged is there once, and what was not is not.
func TestSharesInterleaved(t *testing.T) {
	s := openShared(t)
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { s.interleave(t, seed) })
	}
}

func (s *shared) interleave(t *testing.T, seed uint64) {
	const workers, each = 8, 25
	commits := rand.New(rand.NewPCG(seed, 0)) // used by who commits
	s.do(func() bool { return commits.IntN(10) == 0 })
	var mu sync.Mutex
	sums := map[[2]string][]int{} // acknowledged, by app and key
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(w)+1))
			for range each {
				s.anything(t, seed, random, func(app, key string, sum int) {
					mu.Lock()
					defer mu.Unlock()
					sums[[2]string{app, key}] = append(sums[[2]string{app, key}], sum)
				})
			}
		})
	}
	wait.Wait()
	require.NotEmpty(t, sums)
	for of, got := range sums {
		slices.Sort(got)
		for i, sum := range got {
			require.Equal(t, i+1, sum, "%v: %v", of, got)
		}
		entry, err := s.KV().Get(t.Context(), of[0], "c", of[1])
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(len(got)), string(entry.Value), "%v", of)
	}
}

// within runs fn in a transaction, of one kind or another.
func (s *shared) within(ctx context.Context, kind int, app string, fn func(tx store.Store) error) error {
	switch kind {
	case 0:
		return s.InTx(ctx, fn)
	case 1:
		tx, err := s.Begin(ctx, app)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := tx.Do(func(_ context.Context, tx store.Store) error { return fn(tx) }); err != nil {
			return err
		}
		return tx.Commit()
	default:
		return s.Outbox().Atomically(ctx, fn)
	}
}

// anything adds to one or two numbers, or fails to, and tells of the sums that are acknowledged.
func (s *shared) anything(t *testing.T, seed uint64, random *rand.Rand, acknowledged func(app, key string, sum int)) {
	app := []string{s.one, s.two}[random.IntN(2)]
	a, b := fmt.Sprint("a ", seed), fmt.Sprint("b ", seed)
	keys := [][]string{{a}, {b}, {a, b}}[random.IntN(3)]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	end := nothing
	switch random.IntN(8) {
	case 0:
		end = func() error { return fault.Refuse("value", "is not wanted") }
	case 1:
		end = func() error { panic("oh") }
	case 2:
		end = func() error { cancel(); return nil }
	case 3:
		go cancel() // at any time
	}
	sums := make([]int, len(keys))
	err := errors.New("it panicked")
	func() {
		defer func() { _ = recover() }()
		err = s.within(ctx, random.IntN(8), app, func(tx store.Store) (err error) {
			for i, key := range keys {
				if sums[i], err = s.incr(ctx, tx, app, key, nothing); err != nil {
					return err
				}
			}
			return end()
		})
	}()
	if err != nil {
		return
	}
	for i, key := range keys {
		acknowledged(app, key, sums[i])
		entry, err := s.KV().Get(t.Context(), app, "c", key)
		if !assert.NoError(t, err) {
			return
		}
		seen, _ := strconv.Atoi(string(entry.Value))
		assert.GreaterOrEqual(t, seen, sums[i], "what is acknowledged is seen")
	}
}

// The entry of what is done within a share is written with the share, and written again when all of it was undone.
func TestEntriesOfWhatIsUndone(t *testing.T) {
	s := openShared(t)
	deed := func(action string) context.Context {
		return store.WithDeed(t.Context(), store.NewDeed(store.AuditEntry{Action: action, Actor: store.ActorKey, Outcome: store.OutcomeDone}))
	}
	refusal := fault.Refuse("value", "is not wanted")
	commits := 0
	s.together(t, func() { s.do(func() bool { commits++; return commits == 1 }) },
		func() { assert.NoError(t, s.set(t.Context(), s.one, "before")) },
		func() { assert.NoError(t, s.set(deed("whole"), s.one, "whole")) },
		func() {
			of := deed("part")
			assert.NoError(t, s.Outbox().Atomically(t.Context(), func(tx store.Store) error {
				return tx.InTx(of, func(tx store.Store) error {
					_, err := s.incr(of, tx, s.one, "part", nothing)
					return err
				})
			}))
		},
		func() {
			of := deed("refused")
			assert.Equal(t, refusal, s.Outbox().Atomically(of, func(tx store.Store) error {
				if _, err := s.incr(of, tx, s.one, "refused", nothing); err != nil {
					return err
				}
				return refusal
			}))
		},
	)
	page, err := s.Audit().List(t.Context(), store.AuditQuery{})
	require.NoError(t, err)
	entries := map[string]int{}
	for _, entry := range page.Items {
		entries[entry.Action]++
	}
	require.Equal(t, map[string]int{"whole": 1, "part": 1}, entries)
	for key, there := range map[string]bool{"before": true, "whole": true, "part": true, "refused": false} {
		require.Equal(t, there, s.has(t, s.one, key), key)
	}
}

// Whoever writes while the store is closed is told the truth, and nobody waits for ever.
func TestSharesWhileTheStoreIsClosed(t *testing.T) {
	config := sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)}
	s, err := sqlite.Open(t.Context(), config)
	require.NoError(t, err)
	app, err := s.Apps().Create(t.Context(), store.App{Slug: "app"})
	require.NoError(t, err)
	const writers, each = 8, 20
	acknowledged := make([][]string, writers)
	var wait, begun sync.WaitGroup
	for w := range writers {
		begun.Add(1)
		wait.Go(func() {
			enough := sync.OnceFunc(begun.Done)
			defer enough()
			for i := 0; ; i++ {
				if i == each {
					enough()
				}
				key := fmt.Sprint(w, "-", i)
				if _, err := s.KV().Set(t.Context(), app.ID, "c", store.KVEntry{Key: key, Value: json.RawMessage(`1`)}, false); err != nil {
					assert.Equal(t, fault.Storage, fault.Of(err))
					return
				}
				acknowledged[w] = append(acknowledged[w], key)
			}
		})
	}
	begun.Wait()
	require.NoError(t, s.Close())
	wait.Wait()
	s, err = sqlite.Open(t.Context(), config)
	require.NoError(t, err)
	defer s.Close()
	for _, keys := range acknowledged {
		require.GreaterOrEqual(t, len(keys), each)
		for _, key := range keys {
			found, err := s.KV().Has(t.Context(), app.ID, "c", key)
			require.NoError(t, err)
			require.True(t, found, key)
		}
	}
}
