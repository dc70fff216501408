package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// unheard is a collection that nobody listens to.
const unheard = "unheard"

// changes listens to all collections but one, or to nothing. It writes what it is told through the
// transaction of the change, as an outbox does, so that a change that is undone leaves nothing. For
// want of an outbox it writes into a table that is at hand: each change is the password hash of a
// user.
type changes struct {
	deaf bool

	mu      sync.Mutex
	refusal error
	inside  int    // who have entered and not left
	leaving func() // called at each leave; nil: nothing is
	wake    func() // called after the commit of each change; nil: nothing is
}

func (c *changes) Enter(string) store.Audience {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside++
	return audience{c}
}

// audience is one that has entered.
type audience struct{ *changes }

func (a audience) Listens(_ string, _ store.ChangeSource, collection string) bool {
	return !a.deaf && collection != unheard
}

func (a audience) Leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside--
	if a.leaving != nil {
		a.leaving()
	}
}

func (a audience) Tell(ctx context.Context, tx store.Store, change store.Change) error {
	text, err := json.Marshal(emitted{change, change.New, change.Previous})
	if err != nil {
		return fmt.Errorf("a change that is no JSON: %w", err)
	}
	name := "change-" + uuid.Must(uuid.NewV7()).String()
	if _, err := tx.Users().Create(ctx, store.User{Username: name, PasswordHash: string(text), Role: store.RoleMember}); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wake != nil {
		tx.AfterCommit(a.wake)
	}
	return a.refusal
}

// emitted is a change with the exact bytes of its data.
type emitted struct {
	store.Change
	New, Previous []byte
}

// refuse makes Tell fail with err after it has written; nil: no more.
func (c *changes) refuse(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusal = err
}

// takeChanges returns the changes kept since the last call, in their order.
func (s subject) takeChanges(t testing.TB) []store.Change {
	t.Helper()
	taken := []store.Change{}
	users := collect(t, 1000, func(page store.PageRequest) (store.Page[store.User], error) { return s.Users().List(s.ctx, page) })
	for _, user := range users {
		var e emitted
		if json.Unmarshal([]byte(user.PasswordHash), &e) != nil {
			continue // somebody else
		}
		e.Change.New, e.Change.Previous = e.New, e.Previous
		taken = append(taken, e.Change)
		require.NoError(t, s.Users().Delete(s.ctx, user.ID))
	}
	return taken
}

// tookChanges fails the test unless so many changes were kept since the last call, or none if
// nobody listens.
func (s subject) tookChanges(t testing.TB, want int) {
	t.Helper()
	if s.changes.deaf {
		want = 0
	}
	require.Len(t, s.takeChanges(t), want)
}

// sameChanges fails the test unless these and no other changes were kept since the last call, or
// none at all if nobody listens. JSON is compared by content.
func (s subject) sameChanges(t testing.TB, want ...store.Change) {
	t.Helper()
	if s.changes.deaf {
		want = nil
	}
	got := s.takeChanges(t)
	require.Len(t, got, len(want), "changes kept: %+v", got)
	sameJSON := func(want, got json.RawMessage, change store.Change) {
		t.Helper()
		if want == nil || got == nil {
			require.Equal(t, want, got, "%s of %s", change.Operation, change.Key)
			return
		}
		require.JSONEq(t, string(want), string(got), "%s of %s", change.Operation, change.Key)
	}
	for i, w := range want {
		g := got[i]
		sameJSON(w.New, g.New, g)
		sameJSON(w.Previous, g.Previous, g)
		g.New, g.Previous, w.New, w.Previous = nil, nil, nil, nil
		require.Equal(t, w, g, "change %d", i)
	}
}
