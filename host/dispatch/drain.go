package dispatch

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Delivered is what became of events that one execution handled.
type Delivered struct {
	Source   store.EventSource
	Trigger  string // its name; "" of a call
	ScriptID string // "" if none was found
	Events   int
	Result   Result
	Error    string // why it failed
}

// Result is how a delivery ended.
type Result string

// The results.
const (
	ResultDone    Result = "done"
	ResultRetried Result = "retried" // some of the events are tried again when they are due
	ResultDead    Result = "dead"    // some of them are dead letters now
)

// maxDrained is how many deliveries one call of Drain makes: scripts may cause one another for ever.
const maxDrained = 10_000

// Drain delivers what is due by the dispatcher's clock, one delivery after the other, and what follows from that
// if it is due, too, until nothing is. It is for whoever has the store alone and has not started the
// dispatcher, such as a test. A delivery is as any other, but a batch does not wait to be full. More than
// 10,000 are [fault.LimitExceeded].
func (d *Dispatcher) Drain(ctx context.Context) (delivered []Delivered, err error) {
	for {
		if _, err := d.fireNow(ctx); err != nil {
			return delivered, err
		}
		lanes, err := d.store.Outbox().Lanes(ctx)
		if err != nil {
			return delivered, err
		}
		slices.SortStableFunc(lanes, func(a, b store.LaneDue) int { return a.Due.Compare(b.Due) })
		some := false
		for _, due := range lanes {
			if due.Due.After(due.Now) {
				continue
			}
			one, found, err := d.drain(ctx, due.Lane)
			if err != nil {
				return delivered, err
			}
			if found {
				some, delivered = true, append(delivered, one)
			}
			if len(delivered) > maxDrained {
				return delivered, fault.New(fault.LimitExceeded, "more than %d deliveries follow from one another", maxDrained)
			}
		}
		if !some {
			return delivered, nil
		}
	}
}

// drain makes one delivery of a lane; false: there is nothing that may be delivered now.
func (d *Dispatcher) drain(ctx context.Context, name string) (one Delivered, found bool, err error) {
	p, ok := d.policyOf(&lane{of: events.ReadLane(name)})
	if !ok {
		return one, false, nil
	}
	token := uuid.Must(uuid.NewV7()).String()
	claim := store.Claim{Lane: name, Token: token, Limit: 1, MaxRunning: max(p.concurrency, 1)}
	if p.queue != nil {
		claim.Limit, claim.Together, claim.Ordered = p.queue.MaxBatch, p.queue.MaxBatch > 1, p.queue.Ordered
	}
	turned, err := d.store.Outbox().Turn(ctx, store.Turn{Claims: []store.Claim{claim}, Lease: lease})
	claimed := turned.Claimed[token]
	if err != nil || len(claimed) == 0 {
		return one, false, err
	}
	j, v, settled := d.deliverHere(ctx, claimed)
	if _, err := d.store.Outbox().Turn(ctx, store.Turn{Settlements: settled, Lease: lease}); err != nil {
		return one, false, err
	}
	one = Delivered{Source: claimed[0].Source, ScriptID: j.scriptID, Events: len(claimed), Result: ResultDone, Error: v.reason}
	if j.trigger != nil {
		one.Trigger = j.trigger.Name
	}
	for _, s := range settled {
		switch {
		case s.Dead != nil || s.As == store.ResolvedFailed:
			one.Result = ResultDead
		case s.Retry != nil && one.Result == ResultDone:
			one.Result = ResultRetried
		}
	}
	return one, true, nil
}
