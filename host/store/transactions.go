package store

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/fault"
)

// Transaction is one that is no single function, as for a script: whoever has begun it does one
// thing after the other in it and ends it, at the latest when its time is over.
//
// What is done in it sees what was done in it before, and is kept as a whole or not at all, with all
// that [Listeners] write. Once something in it fails with a Storage error, or because of a listener,
// the transaction is lost: it is undone at once, and what is asked of it afterwards returns the error
// that lost it.
type Transaction interface {
	// Do does something in the transaction: fn, which gets the context and the store to do it with
	// and must not keep either. It returns fn's error as it is, or the one that lost the transaction:
	// [ErrCrossed], a [TransactionLate], or that of the database.
	Do(fn func(ctx context.Context, tx Store) error) error

	// Commit keeps all that was done, and ends the transaction. Its errors are those of Do, and
	// nothing is kept then, unless the connection broke at that moment: that is a Storage error, and
	// nobody knows.
	Commit() error

	// Rollback ends the transaction, unless it has ended, and keeps nothing. It returns the error
	// that the transaction was lost by, if it was.
	Rollback() error
}

// ErrCrossed is the error of a transaction that is lost only because another one was at the same
// data at the same time. Done again, it may succeed.
var ErrCrossed error = &fault.Error{Code: fault.Conflict, Text: "another transaction has changed the same data at the same time"}

// TransactionLate makes the error of a transaction that is lost because its time was over.
func TransactionLate(limit time.Duration) error {
	return fault.New(fault.Timeout, "the transaction has not ended within %d ms", limit.Milliseconds())
}
