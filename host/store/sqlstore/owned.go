package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Owned is how a database has transactions that are no single function.
type Owned struct {
	Options     *sql.TxOptions // nil: those of any other
	Places      int            // how many may be open at once: others need connections, too
	PlacesOfApp int            // how many of one app
	Longest     time.Duration  // how long one may last
}

// owned implements [store.Transaction]. It ends itself when its context does.
type owned struct {
	ctx   context.Context // of what is done in it
	until time.Time       // when its time is over
	late  error           // then

	mu    sync.Mutex
	store *sqlStore // nil once it has ended
	lost  error     // why it ended, if it was neither committed nor rolled back
	leave func()    // gives back what it has beside the database's transaction
}

func (s *sqlStore) Begin(ctx context.Context, appID string) (store.Transaction, error) {
	const op = "begin transaction"
	if s.tx != nil { // which on one connection would wait for itself
		return nil, store.Failed(op, errors.New("it is asked for within another"))
	}
	leave, err := s.db.turns.Enter(ctx, appID)
	if err != nil {
		return nil, lostBy(ctx, failed(ctx, op, err))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	tx, err := s.db.begin(ctx, s.db.Dialect.Owned.Options)
	if err != nil {
		err = lostBy(ctx, failed(ctx, op, err))
		cancel(nil)
		leave()
		return nil, err
	}
	longest := s.db.Dialect.Owned.Longest
	t := &owned{ctx: ctx, until: time.Now().Add(longest), late: store.TransactionLate(longest), store: &sqlStore{db: s.db, tx: tx}}
	timer := time.AfterFunc(longest, func() { cancel(t.late) })
	t.mu.Lock() // ctx may end at once
	defer t.mu.Unlock()
	stop := context.AfterFunc(ctx, t.expire)
	t.leave = func() {
		timer.Stop()
		stop()
		cancel(nil)
		tx.leave()
		leave()
	}
	return t, nil
}

// lostBy returns the error of a transaction in which something has failed with err: why its context
// has ended, if it was a refusal to go on.
func lostBy(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); fault.From(cause) != nil {
		return cause
	}
	return err
}

// expire ends the transaction, which has lasted too long, or whose owner is gone.
func (t *owned) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.store != nil {
		t.lose(failed(t.ctx, "transaction", t.ctx.Err()))
	}
}

func (t *owned) Do(fn func(ctx context.Context, tx store.Store) error) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.ended(); err != nil {
		return err
	}
	err = store.Failed("transaction", nil) // of an fn that panics
	defer func() {
		if refused := t.store.tx.refused; refused != nil {
			err = failed(t.ctx, "transaction", refused)
		} else if fault.Of(err) != fault.Storage {
			return
		}
		err = t.lose(err)
	}()
	err = fn(t.ctx, t.store)
	return err
}

func (t *owned) Commit() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.ended(); err != nil {
		return err
	}
	tx := t.store.tx
	if err := t.store.commit(t.ctx, tx); err != nil {
		return t.lose(failed(t.ctx, "commit", err))
	}
	t.end()
	for _, fn := range tx.afterCommit {
		fn()
	}
	return nil
}

func (t *owned) Rollback() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.store != nil {
		t.end()
	}
	return t.lost
}

// ended returns an error if nothing can be done any more.
func (t *owned) ended() error {
	switch {
	case t.lost != nil:
		return t.lost
	case t.store == nil:
		return store.Failed("transaction", sql.ErrTxDone)
	case !time.Now().Before(t.until): // a busy machine may be late itself
		return t.lose(t.late)
	}
	return nil
}

// lose ends the transaction because of an error, and returns it as callers get it.
func (t *owned) lose(err error) error {
	if t.lost = lostBy(t.ctx, err); t.lost == err && t.store.db.Dialect.Retryable(err) {
		t.lost = store.ErrCrossed
	}
	t.end()
	return t.lost
}

// end undoes what is not committed, and gives everything back.
func (t *owned) end() {
	_ = t.store.tx.sql.Rollback() // after a commit it does nothing
	t.store = nil
	t.leave()
}
