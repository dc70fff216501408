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
	if m.tx != nil {
		m.tx.wrote = true
	}
	if !m.heard {
		return nil
	}
	change := m.about
	change.Operation, change.New, change.Previous = operation, now, before
	if err := m.tx.audienceOf(m.db.Listeners, change.AppID).Tell(ctx, m.sqlStore, change); err != nil {
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
	note(s.tx, noted{kind: string(about.Source), appID: about.AppID, id: about.Collection + "/" + about.Key})
	return mutation{s, about, s.tx.audienceOf(s.db.Listeners, about.AppID).Listens(about.AppID, about.Source, about.Collection)}
}

// mutate runs fn, which changes an app's data, in the transaction of InTx or in one of its own. It
// takes no lock: fn must hold its own against others at work on the same rows, and may be run
// again.
func (s *sqlStore) mutate(ctx context.Context, op string, about store.Change, fn func(m mutation) error) error {
	return s.joinAt(ctx, anywhere, about.AppID, op, func(tx *sqlStore) error { return fn(tx.mutation(about)) })
}

// mutateAlone is mutate for an fn that, if nobody is to be told, is one statement by writer(): that
// runs without a transaction, unless there is an entry to be written, or a transaction is what shares a commit.
func (s *sqlStore) mutateAlone(ctx context.Context, op string, about store.Change, fn func(m mutation) error) error {
	if s.tx == nil && s.db.commits == nil && !store.DeedOf(ctx).Open() {
		if alone, err := s.unheard(ctx, op, about, fn); alone {
			return err
		}
	}
	return s.mutate(ctx, op, about, fn)
}

// unheard runs fn without a transaction if nobody is to be told, and reports whether it did.
func (s *sqlStore) unheard(ctx context.Context, op string, about store.Change, fn func(m mutation) error) (alone bool, err error) {
	audience := s.db.Listeners.Enter(about.AppID)
	defer audience.Leave()
	if audience.Listens(about.AppID, about.Source, about.Collection) {
		return false, nil
	}
	return true, failed(ctx, op, s.retry(func() error { return fn(mutation{sqlStore: s, about: about}) }))
}

// foretold makes a change that is known before it is made, and its events, by one statement: this one inserts a row or
// not, and has the events with it. It reports that it did not try, and did nothing, where that is not possible, there is
// an entry to be written, or the change may have other consequences than events.
func (s *sqlStore) foretold(ctx context.Context, op string, change store.Change, statement string, args ...any) (made, tried bool, err error) {
	if s.tx != nil || s.db.Dialect.InsertWithEvents == nil || store.DeedOf(ctx).Open() {
		return false, false, nil
	}
	made, told, tried, err := s.foretell(ctx, op, change, statement, args)
	if made {
		for _, fn := range told { // after the audience is left
			fn()
		}
	}
	return made, tried, err
}

func (s *sqlStore) foretell(ctx context.Context, op string, change store.Change, statement string, args []any) (made bool, told []func(), tried bool, err error) {
	audience := s.db.Listeners.Enter(change.AppID)
	defer audience.Leave()
	only, ok := audience.(store.EventsOnly)
	if !ok || !only.EventsOnly() || !audience.Listens(change.AppID, change.Source, change.Collection) {
		return false, nil, false, nil
	}
	var events []store.Event
	before := &transaction{queryer: s.db.reader, audience: audience, appID: change.AppID, gather: func(more []store.Event) { events = append(events, more...) }}
	if err := audience.Tell(ctx, &sqlStore{db: s.db, tx: before}, change); err != nil {
		return false, nil, true, failed(ctx, op, err)
	}
	if len(events) == 0 { // no filter matches
		statement += " RETURNING id"
	} else {
		insert, more := s.db.Dialect.InsertEvents(events)
		statement = s.withEvents(statement, len(args), insert)
		args = append(append(args, s.db.now()), more...)
	}
	err = failed(ctx, op, s.retry(func() (err error) {
		_, err = one(ctx, s.db.writer, "row", text, statement, args...)
		if made = err == nil; missing(err) {
			return nil
		}
		return err
	}))
	return made, before.afterCommit, true, err
}

// withEvents is Dialect.InsertWithEvents, made once.
func (s *sqlStore) withEvents(first string, args int, second string) string {
	key := first + " with " + second
	if made, ok := s.db.timed.Load(key); ok {
		return made.(string)
	}
	made := s.db.Dialect.InsertWithEvents(first, args, s.timed(second))
	s.db.timed.Store(key, made)
	return made
}

// nobody listens to anything.
type nobody struct{}

func (nobody) Enter(string) store.Audience                           { return nobody{} }
func (nobody) Listens(string, store.ChangeSource, string) bool       { return false }
func (nobody) Tell(context.Context, store.Store, store.Change) error { return nil }
func (nobody) Leave()                                                {}
