package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store"
)

// creator creates documents in a database of its own.
type creator struct {
	name  string
	reach string
	docs  *docs.Service
	app   string
	round samples
	p50   samples
}

// measureCreates measures what a docs create takes by who listens, beside a store that tells nobody of
// changes. Nothing is delivered meanwhile.
func measureCreates(ctx context.Context, s settings, r *report, place eventPlace) (err error) {
	const collection = "bench"
	listens := func(to string) *store.Trigger {
		return &store.Trigger{Kind: store.TriggerDocs, Concurrency: 1, Data: &store.DataTrigger{Collection: to}}
	}
	var sides []*creator
	const nothing = "at most 1.02 times"
	for _, of := range []struct {
		name    string
		silent  bool
		trigger *store.Trigger
		reach   string
	}{
		{"a store without events", true, nil, ""},
		{"no trigger in the app", false, nil, nothing},
		{"a trigger on another collection", false, listens("other"), nothing},
		{"a trigger that matches", false, listens(collection), ""},
	} {
		where, err := place.make()
		if err != nil {
			return err
		}
		open := place.open
		if of.silent {
			open = func(ctx context.Context, where string, _ store.Listeners) (store.Store, error) {
				return place.open(ctx, where, nil)
			}
		}
		node, err := openNode(ctx, where, open)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, node.close(ctx)) }()
		app, err := node.addApp(ctx, "creates", of.trigger)
		if err != nil {
			return err
		}
		sides = append(sides, &creator{name: of.name, reach: of.reach, docs: docs.New(docs.Config{Store: node.store.Docs()}), app: app.ID})
	}
	content := msgp.AppendMapHeader(nil, 2)
	content = msgp.AppendInt(msgp.AppendString(content, "number"), 1)
	content = msgp.AppendString(msgp.AppendString(content, "name"), "document")
	const few = 10 // creates at a time

	for round := range s.rounds + 1 { // the first warms up
		for i := range s.executions / 20 / few {
			for k := range sides {
				side := sides[(i+k)%len(sides)]
				for range few {
					began := time.Now()
					if _, err := side.docs.Create(ctx, side.app, collection, content); err != nil {
						return err
					}
					side.round = append(side.round, 1e3*milliseconds(time.Since(began)))
				}
			}
		}
		for _, side := range sides {
			slices.Sort(side.round)
			if round > 0 {
				side.p50 = append(side.p50, percentile(side.round, 50))
			}
			side.round = nil
		}
	}
	for _, side := range sides[1:] {
		r.compare(groupCreate, place.name+", "+side.name, "µs", side.reach, side.p50, measured{sides[0].name, sides[0].p50})
	}
	return nil
}

// claimer claims from a lane whose number of waiting events stays the same.
type claimer struct {
	*node
	lane  string
	since time.Time // as the dispatcher knows it

	claims, looks samples
	p50, p99      samples
	lanes         samples
}

// fill adds events to the lane.
func (c *claimer) fill(ctx context.Context, n int) error {
	const batch = 1000
	for left := n; left > 0; left -= batch {
		list := make([]store.Event, min(left, batch))
		for i := range list {
			list[i] = store.Event{
				AppID: c.app.ID, Lane: c.lane, Source: store.EventQueue, Operation: "push",
				Payload: []byte(`{"message":` + string(eventBody) + `}`),
			}
		}
		if err := c.store.Outbox().Add(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// turn measures a claim and a look at all lanes; then it settles what it has claimed, and adds as many.
func (c *claimer) turn(ctx context.Context) error {
	claim := store.Claim{Lane: c.lane, Token: uuid.NewString(), Limit: eventWorkers, MaxRunning: eventWorkers, Since: c.since}
	began := time.Now()
	turned, err := c.store.Outbox().Turn(ctx, store.Turn{Claims: []store.Claim{claim}, Lease: time.Minute})
	if err != nil {
		return err
	}
	c.claims = append(c.claims, milliseconds(time.Since(began)))
	claimed := turned.Claimed[claim.Token]
	if len(claimed) != eventWorkers {
		return fmt.Errorf("%d events were claimed, want %d", len(claimed), eventWorkers)
	}
	c.since = claimed[len(claimed)-1].DueAt.Add(-2 * time.Second) // see dispatch's floorMargin
	began = time.Now()
	if _, err := c.store.Outbox().Lanes(ctx); err != nil {
		return err
	}
	c.looks = append(c.looks, milliseconds(time.Since(began)))
	var ended []store.Settlement
	for _, e := range claimed {
		ended = append(ended, store.Settlement{EventID: e.ID, AppID: e.AppID, Token: claim.Token})
	}
	if _, err := c.store.Outbox().Turn(ctx, store.Turn{Settlements: ended, Lease: time.Minute}); err != nil {
		return err
	}
	return c.fill(ctx, eventWorkers)
}

// endRound makes figures of the turns of a round.
func (c *claimer) endRound(counts bool) {
	slices.Sort(c.claims)
	slices.Sort(c.looks)
	if counts {
		c.p50, c.p99 = append(c.p50, percentile(c.claims, 50)), append(c.p99, percentile(c.claims, 99))
		c.lanes = append(c.lanes, percentile(c.looks, 50))
	}
	c.claims, c.looks = nil, nil
}

// measureClaims measures a claim in a database where many events wait, in turn with one where none waits
// but what is claimed.
func measureClaims(ctx context.Context, s settings, r *report, place eventPlace) (err error) {
	var sides []*claimer
	for _, waiting := range []int{s.waiting, eventWorkers} {
		where, err := place.make()
		if err != nil {
			return err
		}
		node, err := openNode(ctx, where, place.open)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, node.close(ctx)) }()
		side := &claimer{node: node, lane: events.QueueLane(node.app.ID, eventTopic)}
		if err := side.fill(ctx, waiting); err != nil {
			return err
		}
		sides = append(sides, side)
	}
	for round := range s.rounds + 1 { // the first warms up
		for i := range max(s.executions/200, 20) {
			for k := range sides {
				if err := sides[(i+k)%len(sides)].turn(ctx); err != nil {
					return err
				}
			}
		}
		for _, side := range sides {
			side.endRound(round > 0)
		}
	}
	many, few := sides[0], sides[1]
	peer := fmt.Sprintf("%d waiting", eventWorkers)
	title := func(what string) string { return fmt.Sprintf("%s, %s, %d waiting", place.name, what, s.waiting) }
	r.compare(groupClaim, title("claim of 64, p50"), "ms", "at most 1.2 times", many.p50, measured{peer, few.p50})
	r.compare(groupClaim, title("claim of 64, p99"), "ms", "", many.p99, measured{peer, few.p99})
	r.compare(groupClaim, title("all lanes, p50"), "ms", "", many.lanes, measured{peer, few.lanes})
	return nil
}
