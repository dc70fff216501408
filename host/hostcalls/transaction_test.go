//go:build unix

package hostcalls

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/store"
)

// ask performs an operation without a request.
func (g guest) ask(op abi.Op) string { return g.call(op, msgp.Raw{0x80}) }

// does ends a transaction of some operations, if it can be begun.
func (g guest) does(end abi.Op, operations func()) string {
	g.t.Helper()
	if refused := g.ask(abi.OpTransactionBegin); refused != "" {
		return refused
	}
	operations()
	return g.ask(end)
}

func TestTransactions(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store, d *Dispatcher) {
		g := newGuest(t, db, d, "app")
		watcher := g
		watcher.scope = newScope()
		watcher.scope.AppID, watcher.scope.Capabilities = g.scope.AppID, g.scope.Capabilities
		const ended, none = `{"again":false}`, `{"found":false,"value":null}`
		get := &abi.KVGetRequest{Collection: "c", Key: "k"}
		set := &abi.KVSetRequest{Collection: "c", Key: "k", Value: value(t, `1`)}
		doc := &abi.DocsCreateRequest{Collection: "d", Data: value(t, `{"a":1}`)}
		count := &abi.DocsFindRequest{Collection: "d", Filter: value(t, `{"a":1}`)}

		assert.Equal(t, ended, g.does(abi.OpTransactionRollback, func() {
			g.call(abi.OpKVSet, set)
			g.call(abi.OpDocsCreate, doc)
			assert.Equal(t, `{"found":true,"value":1}`, g.call(abi.OpKVGet, get), "it sees what it has done")
			assert.Equal(t, `{"count":1}`, g.call(abi.OpDocsCount, count))
			assert.Equal(t, none, watcher.call(abi.OpKVGet, get), "and nobody else does")
		}))
		assert.Equal(t, none, g.call(abi.OpKVGet, get))
		assert.Equal(t, `{"count":0}`, g.call(abi.OpDocsCount, count))

		assert.Equal(t, ended, g.does(abi.OpTransactionCommit, func() {
			g.call(abi.OpKVSet, set)
			g.call(abi.OpDocsCreate, doc)
			assert.Contains(t, g.call(abi.OpKVIncr, &abi.KVIncrRequest{Collection: "c", Key: "", By: 1}), "invalid: kv.incr: key: ", "a refusal ends nothing")
			g.call(abi.OpKVIncr, &abi.KVIncrRequest{Collection: "c", Key: "k", By: 1})
		}))
		assert.Equal(t, `{"found":true,"value":2}`, watcher.call(abi.OpKVGet, get))
		assert.Equal(t, `{"count":1}`, watcher.call(abi.OpDocsCount, count))

		assert.Equal(t, "invalid: transaction.commit: there is no transaction", g.ask(abi.OpTransactionCommit))
		assert.Equal(t, "invalid: transaction.rollback: there is no transaction", g.ask(abi.OpTransactionRollback))
		assert.Equal(t, ended, g.does(abi.OpTransactionCommit, func() {
			assert.Equal(t, "invalid: transaction.begin: there is a transaction already: they do not nest", g.ask(abi.OpTransactionBegin))
			g.call(abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: "after", Value: value(t, `1`)})
		}))
		assert.Equal(t, `{"found":true}`, watcher.call(abi.OpKVHas, &abi.KVGetRequest{Collection: "c", Key: "after"}))
	})
}

// What could not be undone, or would keep others waiting, is refused, and the transaction goes on.
func TestOperationsWithinTransactions(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store, d *Dispatcher) {
		g := newGuest(t, db, d, "app")
		var refused []string
		require.Equal(t, `{"again":false}`, g.does(abi.OpTransactionCommit, func() {
			g.call(abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: "k", Value: value(t, `1`)})
			for _, row := range abi.Operations {
				if strings.HasPrefix(row.Name, "transaction.") || row.Op == abi.OpYield {
					continue
				}
				if answer := g.ask(row.Op); strings.HasSuffix(answer, "not within a transaction: it could not be undone, or others would wait meanwhile") {
					refused = append(refused, row.Name)
				}
			}
		}))
		assert.Equal(t, []string{
			"clock.sleep", "docs.index", "files.create", "files.update", "files.delete", "http.request", "invoke", "request.save_file",
			"stream.start", "stream.write", "stream.event", "crypto.hash_password", "crypto.verify_password",
		}, refused)
		assert.Equal(t, `{"found":true}`, g.call(abi.OpKVHas, &abi.KVGetRequest{Collection: "c", Key: "k"}))
	})
}

// Executions that read, add and write lose nothing, if they do again what they are told to.
func TestTransactionsOfManyExecutions(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store, d *Dispatcher) {
		const executions, times = 4, 10
		first := newGuest(t, db, d, "app")
		var wait sync.WaitGroup
		for range executions {
			wait.Go(func() {
				g := first
				g.scope = newScope()
				g.scope.AppID, g.scope.Capabilities = first.scope.AppID, first.scope.Capabilities
				for done := 0; done < times; {
					failed := false
					end := g.does(abi.OpTransactionCommit, func() {
						var n int64
						if got := g.call(abi.OpKVGet, &abi.KVGetRequest{Collection: "c", Key: "n"}); got != `{"found":false,"value":null}` {
							_, err := fmt.Sscanf(got, `{"found":true,"value":%d}`, &n)
							failed = err != nil
						}
						put := g.call(abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: "n", Value: msgp.AppendInt64(nil, n+1)})
						failed = failed || strings.HasPrefix(put, "conflict: ")
					})
					switch end {
					case `{"again":false}`:
						assert.False(t, failed)
						done++
					case `{"again":true}`, "conflict: transaction.commit: " + store.ErrCrossed.Error(): // 10 times
					default:
						t.Error(end)
						return
					}
				}
			})
		}
		wait.Wait()
		assert.Equal(t, fmt.Sprintf(`{"found":true,"value":%d}`, executions*times), first.call(abi.OpKVGet, &abi.KVGetRequest{Collection: "c", Key: "n"}))
	})
}

// A transaction does not outlive its execution, whatever ends that.
func TestTransactionEndsWithItsExecution(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store, d *Dispatcher) {
		other := newGuest(t, db, d, "other")
		for name, end := range map[string]func(g *gate.Gate, cancel func()){
			"canceled": func(_ *gate.Gate, cancel func()) { cancel() },
			"late":     func(*gate.Gate, func()) {}, // when its time goes on
			"shutdown": func(g *gate.Gate, _ func()) { _ = g.Close(canceled(t)) },
		} {
			t.Run(name, func(t *testing.T) {
				g := newGuest(t, db, d, name)
				executions := gate.New(1, slog.New(slog.DiscardHandler))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				e, err := executions.Enter(ctx, gate.Request{App: name, Limits: abi.Limits{TimeoutMS: 500}})
				require.NoError(t, err)
				defer executions.Leave(e)
				resume := e.Pause()
				_, err = d.Perform(e.Context(), g.scope, abi.OpTransactionBegin, nil)
				require.NoError(t, err)
				set := &abi.KVSetRequest{Collection: "c", Key: "k", Value: value(t, `1`)}
				require.Equal(t, `{"set":true}`, g.call(abi.OpKVSet, set))
				end(executions, cancel)
				resume()
				<-e.Context().Done()
				require.Equal(t, `{"set":true}`, other.call(abi.OpKVSet, set))
				refused := g.call(abi.OpKVSet, set)
				for refused == `{"set":true}` { // the transaction's context ends a moment after the execution's
					refused = g.call(abi.OpKVSet, set)
				}
				require.Equal(t, "cancelled: kv.set: the execution has ended", refused)
				require.Equal(t, "cancelled: transaction.commit: the execution has ended", g.ask(abi.OpTransactionCommit))
				require.Equal(t, `{"found":false,"value":null}`, g.call(abi.OpKVGet, &abi.KVGetRequest{Collection: "c", Key: "k"}))
			})
		}
	})
}

// canceled returns a context that has ended.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// crossed are transactions that others are always in the way of.
type crossed struct {
	begun, ended int
	waits        bool // until its context ends, instead of beginning
	lost         error
}

func (c *crossed) Begin(ctx context.Context, _ string) (store.Transaction, error) {
	if c.waits {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	c.begun++
	return c, nil
}

func (c *crossed) Do(func(context.Context, store.Store) error) error { return c.lost }

func (c *crossed) end() error {
	c.ended++
	return c.lost
}

func (c *crossed) Commit() error   { return c.end() }
func (c *crossed) Rollback() error { return c.end() }

func TestTransactionsAreRunAgain(t *testing.T) {
	for name, end := range map[string]abi.Op{"transaction.commit": abi.OpTransactionCommit, "transaction.rollback": abi.OpTransactionRollback} {
		synctest.Test(t, func(t *testing.T) {
			c := &crossed{lost: store.ErrCrossed}
			g := guest{t, New(Config{Services: Services{Transactions: c, KV: kv.New(kv.Config{})}}), newScope()}
			g.scope.Capabilities = allCapabilities()
			for run := 1; run < MaxTransactionRuns; run++ {
				require.Equal(t, `{"again":true}`, g.does(end, func() {
					require.Equal(t, "conflict: kv.has: "+store.ErrCrossed.Error(), g.call(abi.OpKVHas, &abi.KVGetRequest{Collection: "c", Key: "k"}))
				}), "run %d", run)
			}
			require.Equal(t, "conflict: "+name+": another transaction has changed the same data at the same time", g.does(end, func() {}))
			require.Equal(t, `{"again":true}`, g.does(end, func() {}), "of the next")
			require.Equal(t, MaxTransactionRuns+1, c.begun)
			require.Equal(t, c.begun, c.ended)
			c.lost = errors.Join(fault.New(fault.Quota, "full"))
			want := "quota: transaction.commit: full"
			if end == abi.OpTransactionRollback {
				want = `{"again":false}`
			}
			require.Equal(t, want, g.does(end, func() {}))
			c.lost = store.ErrCrossed
			time.Sleep(time.Hour)
			require.Equal(t, `{"again":true}`, g.does(end, func() {}), "its time begins with it")
			time.Sleep(MaxTransactionTime)
			c.waits = true
			require.Equal(t, "timeout: transaction.begin: the transaction has not ended within 5000 ms", g.ask(abi.OpTransactionBegin))
			c.waits, c.lost = false, nil
			require.Equal(t, `{"again":false}`, g.does(end, func() {}))
		})
	}
}

func TestNoTransactions(t *testing.T) {
	g := guest{t, New(Config{}), newScope()}
	assert.Equal(t, "unavailable: transaction.begin: there are no transactions here", g.ask(abi.OpTransactionBegin))
	assert.Equal(t, "invalid: transaction.commit: there is no transaction", g.ask(abi.OpTransactionCommit))
}
