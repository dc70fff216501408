package sqlstore

import (
	"context"
	"encoding/json"

	"github.com/picloud/picloud/host/store"
)

// mutation is a change of an app's data under way, in a transaction or as one statement.
type mutation struct {
	*sqlStore
	about store.Change // what changes; how is for tell to say
	heard bool         // somebody listens
}

// tell tells those who listen what became of what is changed; nil stands for nothing.
func (m mutation) tell(ctx context.Context, operation store.ChangeOperation, now, before json.RawMessage) error {
	if !m.heard {
		return nil
	}
	change := m.about
	change.Operation, change.New, change.Previous = operation, now, before
	if err := m.tx.audience.Tell(ctx, m.sqlStore, change); err != nil {
		m.tx.refused = err
		return err
	}
	return nil
}

// at is the change that brings a document to a version, or removes it at that one.
func (m mutation) at(version int64) mutation {
	m.about.Version = version
	return m
}

// mutation begins a change in the transaction of s.
func (s *sqlStore) mutation(about store.Change) mutation {
	if s.tx.audience == nil {
		s.tx.audience = s.db.Listeners.Enter()
	}
	return mutation{s, about, s.tx.audience.Listens(about.AppID, about.Source, about.Collection)}
}

// mutate runs fn, which changes an app's data, in the transaction of InTx or in one of its own. It
// takes no lock: fn must hold its own against others at work on the same rows, and may be run
// again.
func (s *sqlStore) mutate(ctx context.Context, op string, about store.Change, fn func(m mutation) error) error {
	return s.join(ctx, op, func(tx *sqlStore) error { return fn(tx.mutation(about)) })
}

// mutateAlone is mutate for an fn that, if nobody is to be told, is one statement by writer(): that
// runs without a transaction.
func (s *sqlStore) mutateAlone(ctx context.Context, op string, about store.Change, fn func(m mutation) error) error {
	if s.tx == nil {
		if alone, err := s.unheard(ctx, op, about, fn); alone {
			return err
		}
	}
	return s.mutate(ctx, op, about, fn)
}

// unheard runs fn without a transaction if nobody is to be told, and reports whether it did.
func (s *sqlStore) unheard(ctx context.Context, op string, about store.Change, fn func(m mutation) error) (alone bool, err error) {
	audience := s.db.Listeners.Enter()
	defer audience.Leave()
	if audience.Listens(about.AppID, about.Source, about.Collection) {
		return false, nil
	}
	return true, failed(ctx, op, s.retry(func() error { return fn(mutation{sqlStore: s, about: about}) }))
}

// foretold makes a change that is known before it is made, with its events, in one round trip: statement is
// about one id, and inserts a row or not. It reports that it did not try, and did nothing, where there are no round trips to be
// spared or the change may have other consequences than events.
func (s *sqlStore) foretold(ctx context.Context, op string, change store.Change, statement string, args ...any) (made, tried bool, err error) {
	if s.tx != nil || s.db.Dialect.Batch == nil || !storable(args) {
		return false, false, nil
	}
	var told []func()
	made, tried, err = s.foretell(ctx, op, change, &told, statement, args)
	if made {
		for _, fn := range told { // after the audience is left
			fn()
		}
	}
	return made, tried, err
}

func (s *sqlStore) foretell(ctx context.Context, op string, change store.Change, told *[]func(), statement string, args []any) (made, tried bool, err error) {
	audience := s.db.Listeners.Enter()
	defer audience.Leave()
	only, ok := audience.(store.EventsOnly)
	if !ok || !only.EventsOnly() || !audience.Listens(change.AppID, change.Source, change.Collection) {
		return false, false, nil
	}
	var events []store.Event
	before := &transaction{queryer: s.db.reader, audience: audience, gather: func(more []store.Event) { events = append(events, more...) }}
	if err := audience.Tell(ctx, &sqlStore{db: s.db, tx: before}, change); err != nil {
		return false, true, failed(ctx, op, err)
	}
	*told = before.afterCommit
	return made, true, failed(ctx, op, s.retry(func() error {
		made = false
		steps := []Step{{statement + s.db.Dialect.Made, args, func(scanner) error { made = true; return nil }}}
		if len(events) > 0 {
			insert, args := s.db.Dialect.InsertEvents(events, change.Key)
			steps = append(steps, Step{s.timed(insert), append([]any{s.db.now()}, args...), func(scanner) error { return nil }})
		}
		return s.db.Dialect.Batch(ctx, s.db.Write, steps)
	}))
}

// nobody listens to anything.
type nobody struct{}

func (nobody) Enter() store.Audience                                 { return nobody{} }
func (nobody) Listens(string, store.ChangeSource, string) bool       { return false }
func (nobody) Tell(context.Context, store.Store, store.Change) error { return nil }
func (nobody) Leave()                                                {}
