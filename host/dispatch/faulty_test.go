package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/picloud/picloud/host/store"
)

var errAway = store.Failed("dispatch events", errors.New("away"))

// faulty is a store whose outbox fails, as a database does that is away or as all of it does for a process
// that is no more.
type faulty struct {
	store.Store
	lease   time.Duration       // of all claims; 0: as they ask
	settled func(of store.Turn) // is told of each turn that was committed, if that is not nil

	mu    sync.Mutex // held during a turn: a process ends before a turn or after it
	dead  bool       // nothing is done any more
	next  failing    // of the next turn
	fatal bool       // that is also the last
}

// failing is how a turn fails.
type failing int

const (
	well   failing = iota
	before         // nothing is done
	after          // it is done, but the answer is lost
)

// fail has the next turn fail; fatal: and all that comes then.
func (f *faulty) fail(how failing, fatal bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.fatal = how, fatal
}

// die ends what the process does to the database, at once.
func (f *faulty) die() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

func (f *faulty) gone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

func (f *faulty) Outbox() store.Outbox { return faultyOutbox{f.Store.Outbox(), f} }

type faultyOutbox struct {
	store.Outbox
	f *faulty
}

func (o faultyOutbox) Turn(ctx context.Context, turn store.Turn) (store.Turned, error) {
	f := o.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return store.Turned{}, errAway
	}
	how := f.next
	f.next, f.dead = well, f.fatal
	if how == before {
		return store.Turned{}, errAway
	}
	if f.lease > 0 {
		turn.Lease = f.lease
	}
	turned, err := o.Outbox.Turn(ctx, turn)
	if err == nil && f.settled != nil {
		f.settled(turn)
	}
	if how == after {
		return store.Turned{}, errAway
	}
	return turned, err
}

func (o faultyOutbox) Renew(ctx context.Context, tokens []string, lease time.Duration) error {
	if o.f.gone() {
		return errAway
	}
	return o.Outbox.Renew(ctx, tokens, lease)
}

func (o faultyOutbox) Rescue(ctx context.Context, limit int, all bool) (int, error) {
	if o.f.gone() {
		return 0, errAway
	}
	return o.Outbox.Rescue(ctx, limit, all)
}
