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
	return s.join(ctx, op, func(tx *sqlStore) error { return fn(tx.mutation(about)) })
}

// mutateAlone is mutate for an fn that, if nobody is to be told, is one statement by writer(): that
// runs without a transaction, unless there is an entry to be written.
func (s *sqlStore) mutateAlone(ctx context.Context, op string, about store.Change, fn func(m mutation) error) error {
	if s.tx == nil && !store.DeedOf(ctx).Open() {
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

// nobody listens to anything.
type nobody struct{}

func (nobody) Enter(string) store.Audience                           { return nobody{} }
func (nobody) Listens(string, store.ChangeSource, string) bool       { return false }
func (nobody) Tell(context.Context, store.Store, store.Change) error { return nil }
func (nobody) Leave()                                                {}
