package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// makers listens to all collections but one, and makes so many events of each change, and nothing else.
type makers struct {
	*changes
	events  int
	refusal error
	woken   int // commits
	woke    int // who had left by the last of them, below 0
}

func (m *makers) Enter(app string) store.Audience {
	m.changes.Enter(app)
	return madeBy{audience{m.changes}, m}
}

type madeBy struct {
	audience
	of *makers
}

func (m madeBy) EventsOnly() bool { return true }

func (m madeBy) Tell(ctx context.Context, tx store.Store, change store.Change) error {
	if _, err := tx.Outbox().Count(ctx, change.AppID, 10); err != nil { // as who bounds them does
		return err
	}
	var events []store.Event
	for range m.of.events {
		events = append(events, store.Event{
			AppID: change.AppID, Lane: change.AppID + "/t", Source: store.EventDocs, Operation: string(change.Operation), Payload: change.New,
		})
	}
	if err := tx.Outbox().Add(ctx, events); err != nil {
		return err
	}
	tx.AfterCommit(func() { m.of.woken++; m.of.woke = -m.of.changes.inside })
	return m.of.refusal
}

// testForetold creates documents of which nothing but events is made: they are there with all their events, or
// neither is.
func testForetold(t *testing.T, fresh func(testing.TB) Opener) {
	m := &makers{changes: &changes{}}
	clock := &clock{now: start}
	opened, err := fresh(t)(clock.Now, m)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	s := subject{Store: opened, clock: clock, changes: m.changes, ctx: context.Background()}
	app := s.app(t, "a").ID
	refused := errors.New("no")
	long := strings.Repeat("x", 10_000)
	for _, c := range []struct {
		name       string
		app        string
		collection string
		id         string
		events     int
		refusal    error
		within     bool // a transaction
		fails      func(error) bool
	}{
		{"one event", app, "c", "1", 1, nil, false, nil},
		{"several", app, "c", "2", 3, nil, false, nil},
		{"none", app, "c", "3", 0, nil, false, nil},
		{"in a transaction", app, "c", "4", 2, nil, true, nil},
		{"there is one", app, "c", "1", 2, nil, false, func(err error) bool { return fault.Of(err) == fault.Conflict }},
		{"there is one, and no room for more events", app, "c", "1", 1, fault.New(fault.LimitExceeded, "no room"), false, func(err error) bool { return fault.Of(err) == fault.Conflict }},
		{"no room for more events", app, "c", "5", 1, fault.New(fault.LimitExceeded, "no room"), false, func(err error) bool { return fault.Of(err) == fault.LimitExceeded }},
		{"refused", app, "c", "5", 1, refused, false, func(err error) bool { return errors.Is(errors.Unwrap(err), refused) || errors.Is(err, refused) }},
		{"after that", app, "c", "5", 1, nil, false, nil},
		{"the app is gone", "nobody", "c", "6", 1, nil, false, func(err error) bool { return fault.Of(err) == fault.NotFound }},
		{"nobody listens", app, unheard, "7", 1, nil, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m.events, m.refusal, m.woken = c.events, c.refusal, 0
			before, err := s.Outbox().Count(s.ctx, app, 100)
			require.NoError(t, err)
			key := store.DocumentKey{AppID: c.app, Collection: c.collection, ID: c.id}
			create := func(tx store.Store) error {
				doc, err := tx.Docs().Create(s.ctx, key, content(`"`+long+`"`))
				if err == nil {
					require.Equal(t, store.Document{ID: c.id, Version: 1, CreatedAt: kept(start), UpdatedAt: kept(start), Data: json.RawMessage(`"` + long + `"`)}, doc)
				}
				return err
			}
			if c.within {
				err = s.InTx(s.ctx, create)
			} else {
				err = create(s)
			}
			want, woken := before, 0
			if c.fails != nil {
				require.Error(t, err)
				require.True(t, c.fails(err), "%v", err)
			} else {
				require.NoError(t, err)
				_, err := s.Docs().Get(s.ctx, key)
				require.NoError(t, err)
				if c.collection != unheard {
					want, woken = before+c.events, 1
				}
			}
			after, err := s.Outbox().Count(s.ctx, app, 100)
			require.NoError(t, err)
			require.Equal(t, want, after)
			require.Equal(t, woken, m.woken, "it is told of after the commit")
			require.Zero(t, m.woke, "the audience had not been left by then")
			require.Zero(t, m.changes.inside)
		})
	}
	notFound(t, func() error {
		_, err := s.Docs().Get(s.ctx, store.DocumentKey{AppID: "nobody", Collection: "c", ID: "6"})
		return err
	}(), "document")
}
