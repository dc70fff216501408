package hostcalls

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// Bounds of a transaction of a script or plugin.
const (
	// MaxTransactionTime is how long one may take in all: waiting for its turn, and each time that it
	// is run. The database may allow less for once, see [store.Store.Begin].
	MaxTransactionTime = 5 * time.Second
	// MaxTransactionRuns is how often one is run that others get in the way of.
	MaxTransactionRuns = 10
)

// Transactions begins transactions, as a [store.Store] does.
type Transactions interface {
	Begin(ctx context.Context, appID string) (store.Transaction, error)
}

// transaction is that of an execution. It ends with the execution's context.
type transaction struct {
	open   store.Transaction // nil: there is none
	runs   int               // so far; 0: the next begin is that of another
	ctx    context.Context   // of all runs
	cancel context.CancelFunc
}

// transactionHandlers are the operations on the execution's transaction.
func transactionHandlers(s Transactions) map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpTransactionBegin: handle(abi.OpTransactionBegin, func(ctx context.Context, scope *Scope, _ *nothing) (msgp.Marshaler, error) {
			t := &scope.transaction
			switch {
			case t.open != nil:
				return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "transaction.begin: there is a transaction already: they do not nest"}
			case s == nil:
				return nil, &abi.OpError{Code: abi.OpCodeUnavailable, Message: "transaction.begin: there are no transactions here"}
			}
			return nil, t.begin(ctx, s, scope.AppID)
		}),
		abi.OpTransactionCommit: handle(abi.OpTransactionCommit, func(_ context.Context, scope *Scope, _ *nothing) (msgp.Marshaler, error) {
			return scope.transaction.end("transaction.commit", store.Transaction.Commit)
		}),
		abi.OpTransactionRollback: handle(abi.OpTransactionRollback, func(_ context.Context, scope *Scope, _ *nothing) (msgp.Marshaler, error) {
			return scope.transaction.end("transaction.rollback", func(t store.Transaction) error {
				if err := t.Rollback(); errors.Is(err, store.ErrCrossed) {
					return err
				}
				return nil // of any other it has been told
			})
		}),
	}
}

func (t *transaction) begin(ctx context.Context, s Transactions, appID string) (err error) {
	if t.runs == 0 {
		t.ctx, t.cancel = context.WithDeadlineCause(ctx, time.Now().Add(MaxTransactionTime), store.TransactionLate(MaxTransactionTime))
	} else {
		t.giveWay()
	}
	t.runs++
	if t.open, err = s.Begin(t.ctx, appID); err != nil {
		t.over()
	}
	return err
}

// giveWay lets those go first who were in the way, the longer the more often they were: 2 ms to
// 128 ms.
func (t *transaction) giveWay() {
	timer := time.NewTimer(rand.N(time.Millisecond << min(t.runs+1, 7)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	}
}

// over ends what the runs had in common.
func (t *transaction) over() {
	t.cancel()
	*t = transaction{}
}

// end ends a run, which may be followed by another.
func (t *transaction) end(operation string, end func(store.Transaction) error) (msgp.Marshaler, error) {
	if t.open == nil {
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: operation + ": there is no transaction"}
	}
	err := end(t.open)
	t.open = nil
	if errors.Is(err, store.ErrCrossed) && t.runs < MaxTransactionRuns {
		return &abi.TransactionResponse{Again: true}, nil
	}
	t.over()
	return &abi.TransactionResponse{}, err
}

// inTransaction makes the handler of an operation that takes part in the execution's transaction,
// with the service that has the transaction's store, if there is one.
func inTransaction[S interface{ In(store.Store) S }, T any, M message[T]](
	op abi.Op, service S, perform func(ctx context.Context, scope *Scope, service S, request *T) (msgp.Marshaler, error),
) Handler {
	return handle[T, M](op, func(ctx context.Context, scope *Scope, request *T) (response msgp.Marshaler, err error) {
		if scope.transaction.open == nil {
			return perform(ctx, scope, service, request)
		}
		err = scope.transaction.open.Do(func(ctx context.Context, tx store.Store) (err error) {
			response, err = perform(ctx, scope, service.In(tx), request)
			return err
		})
		return response, err
	})
}
