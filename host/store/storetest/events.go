package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// triggerOf is a trigger of a kind, with details.
func triggerOf(kind store.TriggerKind, script store.Script) store.Trigger {
	t := store.Trigger{
		AppID: script.AppID, ScriptID: script.ID, Kind: kind, Name: "of " + string(kind), Enabled: true, Concurrency: 3,
		Retry: store.Retry{MaxAttempts: 5, Backoff: store.BackoffLinear, Base: time.Second, Max: time.Hour, Jitter: 0.25},
	}
	switch kind {
	case store.TriggerCron:
		t.Cron = &store.CronTrigger{Schedule: "@daily", Timezone: "UTC", CatchUp: store.CatchUpSkip, NextAt: kept(start)}
	case store.TriggerQueue:
		t.Queue = &store.QueueTrigger{Topic: "topic", MaxBatch: 7, MaxWait: 250 * time.Millisecond, Ordered: true}
	case store.TriggerPubSub:
		t.PubSub = &store.PubSubTrigger{Topic: "news.*"}
	case store.TriggerDeadLetter:
		t.DeadLetter = &store.DeadLetterTrigger{Source: store.EventQueue}
	default:
		t.Data = &store.DataTrigger{Collection: "c*", Operations: []store.ChangeOperation{store.ChangeDelete}, Filter: json.RawMessage(`{"a": 1}`)}
	}
	return t
}

func testTriggers(t *testing.T, s subject) {
	app := s.app(t, "a")
	script, other := s.script(t, app, "one"), s.script(t, app, "two")
	foreign := s.script(t, s.app(t, "b"), "three")
	user, err := s.Users().Create(s.ctx, store.User{Username: "u", Role: store.RoleOwner})
	require.NoError(t, err)
	var made []store.Trigger
	for _, kind := range store.TriggerKinds {
		wanted := triggerOf(kind, script)
		wanted.RegisteredBy = user.ID
		created, err := s.Triggers().Create(s.ctx, wanted)
		require.NoError(t, err, kind)
		wanted.ID, wanted.CreatedAt, wanted.UpdatedAt = created.ID, kept(s.clock.Now()), kept(s.clock.Now())
		require.Equal(t, wanted, created)
		got, err := s.Triggers().Get(s.ctx, created.ID)
		require.NoError(t, err)
		require.Equal(t, wanted, got)
		made = append(made, created)
	}
	all, err := s.Triggers().All(s.ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, made, all)
	ofApp, err := s.Triggers().ByApp(s.ctx, app.ID)
	require.NoError(t, err)
	require.Len(t, ofApp, len(made))
	require.True(t, slices.IsSortedFunc(ofApp, func(a, b store.Trigger) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	}))

	_, err = s.Triggers().Create(s.ctx, triggerOf(store.TriggerKV, script))
	conflict(t, err, store.Conflict("trigger", "name", "of kv", made[0].ID))
	queue := triggerOf(store.TriggerQueue, other)
	queue.Name = "another"
	_, err = s.Triggers().Create(s.ctx, queue)
	require.Equal(t, fault.Conflict, fault.Of(err))
	require.Equal(t, "topic", fault.From(err).Field)
	foreignTarget := triggerOf(store.TriggerPubSub, foreign)
	foreignTarget.AppID, foreignTarget.Name = app.ID, "foreign"
	_, err = s.Triggers().Create(s.ctx, foreignTarget)
	notFound(t, err, "script")
	kindless := triggerOf(store.TriggerCron, script)
	kindless.Kind = store.TriggerKV
	_, err = s.Triggers().Create(s.ctx, kindless)
	require.Equal(t, fault.Invalid, fault.Of(err))

	changed, err := s.Triggers().Modify(s.ctx, made[0].ID, func(t *store.Trigger) error {
		t.ScriptID, t.Paused, t.Enabled, t.Data = other.ID, true, false, &store.DataTrigger{Collection: "*"}
		return nil
	})
	require.NoError(t, err)
	got, err := s.Triggers().Get(s.ctx, made[0].ID)
	require.NoError(t, err)
	require.Equal(t, changed.ScriptID, got.ScriptID)
	require.Equal(t, "*", got.Data.Collection)
	require.Empty(t, got.Data.Operations)
	require.Nil(t, got.Data.Filter)
	require.True(t, got.Paused)
	require.False(t, got.Enabled)
	refusal := fault.Refuse("name", "no")
	_, err = s.Triggers().Modify(s.ctx, made[0].ID, func(*store.Trigger) error { return refusal })
	require.Equal(t, refusal, err)

	cron := made[3]
	due, err := s.Triggers().Due(s.ctx, cron.Cron.NextAt.Add(-time.Second), 10)
	require.NoError(t, err)
	require.Empty(t, due)
	next, err := s.Triggers().NextDue(s.ctx)
	require.NoError(t, err)
	require.Equal(t, cron.Cron.NextAt, next)
	due, err = s.Triggers().Due(s.ctx, cron.Cron.NextAt, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	later := cron.Cron.NextAt.Add(24 * time.Hour)
	for try, want := range []bool{true, false} { // of two nodes one fires
		fired, err := s.Triggers().Fired(s.ctx, cron.ID, cron.Cron.NextAt, later, later)
		require.NoError(t, err)
		require.Equal(t, want, fired, try)
	}

	require.NoError(t, s.Users().Delete(s.ctx, user.ID))
	got, err = s.Triggers().Get(s.ctx, cron.ID)
	require.NoError(t, err)
	require.Empty(t, got.RegisteredBy)
	require.NoError(t, s.Triggers().Delete(s.ctx, cron.ID))
	notFound(t, s.Triggers().Delete(s.ctx, cron.ID), "trigger")
	require.NoError(t, s.Scripts().Delete(s.ctx, script.ID))
	all, err = s.Triggers().All(s.ctx)
	require.NoError(t, err)
	require.Len(t, all, 1, "they go with their scripts")
}

// outboxOf is an outbox with an app.
type outboxOf struct {
	subject
	appID string
}

func (o outboxOf) lane(name string) string { return o.appID + "/" + name }

// add makes events of a lane due at once, and returns their ids.
func (o outboxOf) add(t testing.TB, lane, group string, n int) (ids []string) {
	t.Helper()
	for range n {
		id := uuid.Must(uuid.NewV7()).String()
		ids = append(ids, id)
		require.NoError(t, o.Outbox().Add(o.ctx, []store.Event{{
			ID: id, AppID: o.appID, Lane: o.lane(lane), Source: store.EventQueue, Operation: "push", GroupKey: group, Payload: json.RawMessage(`{"n": 1}`),
		}}))
	}
	return ids
}

// turn takes one turn, with leases of a minute.
func (o outboxOf) turn(t testing.TB, turn store.Turn) store.Turned {
	t.Helper()
	if turn.Lease == 0 {
		turn.Lease = time.Minute
	}
	turned, err := o.Outbox().Turn(o.ctx, turn)
	require.NoError(t, err)
	return turned
}

// claim claims of one lane and returns the ids.
func (o outboxOf) claim(t testing.TB, c store.Claim) []string {
	t.Helper()
	c.Lane = o.lane(c.Lane)
	return idsOf(o.turn(t, store.Turn{Claims: []store.Claim{c}}).Claimed[c.Token])
}

func idsOf(events []store.Event) (ids []string) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

func onOutbox(test func(t *testing.T, o outboxOf)) func(*testing.T, func(testing.TB) Opener) {
	return onOne(func(t *testing.T, s subject) { test(t, outboxOf{s, s.app(t, "a").ID}) })
}

func testClaims(t *testing.T, o outboxOf) {
	ids := o.add(t, "x", "", 5)
	o.add(t, "y", "", 1)
	require.NoError(t, o.Outbox().Add(o.ctx, []store.Event{{AppID: o.appID, Lane: o.lane("x"), Source: store.EventKV, Delay: time.Hour, Payload: json.RawMessage(`{}`)}}))
	lanes, err := o.Outbox().Lanes(o.ctx)
	require.NoError(t, err)
	require.Len(t, lanes, 2)
	require.Equal(t, []string{o.lane("x"), o.lane("y")}, []string{lanes[0].Lane, lanes[1].Lane})
	require.False(t, lanes[0].Due.After(lanes[0].Now))

	require.Equal(t, ids[:2], o.claim(t, store.Claim{Lane: "x", Token: "a", Limit: 2, MaxRunning: 3}))
	require.Equal(t, ids[2:3], o.claim(t, store.Claim{Lane: "x", Token: "b", Limit: 2, MaxRunning: 3}), "no more than may run")
	require.Empty(t, o.claim(t, store.Claim{Lane: "x", Token: "c", Limit: 2, MaxRunning: 3}))
	got, err := o.Outbox().Get(o.ctx, ids[0])
	require.NoError(t, err)
	require.Equal(t, store.EventRunning, got.State())
	require.Equal(t, "a", got.Token)
	require.False(t, got.FirstAt.IsZero())

	// What is settled under a token that the event is not under any more is void.
	turned := o.turn(t, store.Turn{Settlements: []store.Settlement{
		{EventID: ids[0], AppID: o.appID, Token: "b"}, {EventID: ids[0], AppID: o.appID, Token: "a"},
		{EventID: ids[1], AppID: o.appID, Token: "z", Retry: &store.RetryAt{}},
		{EventID: ids[1], AppID: o.appID, Token: "a", Retry: &store.RetryAt{Delay: time.Hour, Counted: true, Error: "no \x00"}},
		{EventID: ids[2], AppID: o.appID, Token: "b", Retry: &store.RetryAt{}},
	}, Claims: []store.Claim{{Lane: o.lane("x"), Token: "d", Limit: 10, MaxRunning: 10}}})
	require.Equal(t, 2, turned.Void)
	require.ElementsMatch(t, ids[2:], idsOf(turned.Claimed["d"]), "what is settled is free in the same turn")
	require.InDelta(t, time.Hour, turned.Next[o.lane("x")], float64(time.Minute))
	require.Empty(t, o.turn(t, store.Turn{Claims: []store.Claim{{Lane: o.lane("y"), Token: "e", Limit: 10, MaxRunning: 10}}}).Next)
	_, err = o.Outbox().Get(o.ctx, ids[0])
	notFound(t, err, "event")
	got, err = o.Outbox().Get(o.ctx, ids[1])
	require.NoError(t, err)
	require.Equal(t, []any{store.EventRetrying, 1, "no \uFFFD"}, []any{got.State(), got.Attempt, got.LastError})
	got, err = o.Outbox().Get(o.ctx, ids[2])
	require.NoError(t, err)
	require.Zero(t, got.Attempt, "not counted")

	require.Equal(t, fault.Conflict, fault.Of(o.Outbox().Delete(o.ctx, ids[2])), "it runs")
	retried, err := o.Outbox().Retry(o.ctx, ids[1])
	require.NoError(t, err)
	require.True(t, retried.DueAt.Before(got.DueAt.Add(time.Minute)))
	require.NoError(t, o.Outbox().Delete(o.ctx, ids[1]))
	notFound(t, o.Outbox().Delete(o.ctx, ids[1]), "event")
}

// A node hears which lanes another one has announced, and not what it has announced itself.
func testEventsListening(t *testing.T, fresh func(testing.TB) Opener) {
	open := fresh(t)
	var nodes [2]store.Store
	for i := range nodes {
		nodes[i] = open.mustOpen(t, time.Now)
		t.Cleanup(func() { require.NoError(t, nodes[i].Close()) })
	}
	announce := func(node int, lanes ...string) { require.NoError(t, nodes[node].Outbox().Announce(t.Context(), lanes)) }
	announce(0, "a/q/t")
	if !nodes[0].Outbox().Shared() {
		require.ErrorIs(t, nodes[0].Outbox().Listen(t.Context(), func([]string) {}), errors.ErrUnsupported)
		return
	}
	listening, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	heard, ended := make(chan []string, 100), make(chan error, 1)
	go func() { ended <- nodes[0].Outbox().Listen(listening, func(lanes []string) { heard <- lanes }) }()
	require.Empty(t, <-heard, "it listens, and anything may have been before")
	for _, c := range []struct{ told, want []string }{
		{[]string{"a/q/t", "b/q/a topic\n\"with\" signs"}, []string{"a/q/t", "b/q/a topic\n\"with\" signs"}},
		{slices.Repeat([]string{"a/q/" + strings.Repeat("x", 100)}, 100), nil}, // more than can be told
	} {
		announce(0, "of its own")
		announce(1, c.told...)
		require.Equal(t, c.want, <-heard)
	}
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// A claim gets what there is room for in the lane, and it is told when that is less than it asked for and others
// have the room. It is the same in a turn in which something is to be tried again, which is done in another way.
func testRooms(t *testing.T, o outboxOf) {
	added := make([]store.Event, 12) // by one statement
	for i := range added {
		added[i] = store.Event{AppID: o.appID, Lane: o.lane("x"), Source: store.EventQueue, Operation: "push", Payload: json.RawMessage(`{}`)}
	}
	require.NoError(t, o.Outbox().Add(o.ctx, added))
	gone := append(added[:1:1], store.Event{AppID: "nobody", Lane: "nobody/x", Source: store.EventQueue, Payload: json.RawMessage(`{}`)})
	gone[0].ID = ""
	notFound(t, o.Outbox().Add(o.ctx, gone), "app")
	n, err := o.Outbox().Count(o.ctx, o.appID, 100)
	require.NoError(t, err)
	require.Equal(t, 12, n, "all or none")

	x, y := o.lane("x"), o.lane("y")
	own := []string{}
	var leased time.Time
	for i, c := range []struct {
		limit, most int
		together    bool
		want        int
		full        bool
		retry       bool // one of those claimed before
	}{
		{limit: 2, most: 5, want: 2},
		{limit: 3, most: 5, want: 3},
		{limit: 1, most: 5, want: 0, full: true},
		{limit: 4, most: 8, want: 3, full: true},
		{limit: 4, most: 8, want: 1, full: true, retry: true},
		{limit: 10, most: 4, together: true, want: 0, full: true}, // 4 tokens have some
		{limit: 10, most: 6, together: true, want: 4},             // those that are left, and one that was tried again
		{limit: 2, most: 100, want: 1},
		{limit: 2, most: 100, want: 0},
	} {
		token := fmt.Sprint(i)
		turn := store.Turn{Claims: []store.Claim{
			{Lane: x, Token: token, Limit: c.limit, MaxRunning: c.most, Together: c.together, Leased: leased},
			{Lane: y, Token: "y" + token, Limit: 1, MaxRunning: 1},
		}}
		if c.retry {
			turn.Settlements = []store.Settlement{{EventID: own[0], AppID: o.appID, Token: "0", Retry: &store.RetryAt{}}}
		}
		if i == 7 { // and again, so that one is left
			turn.Settlements = []store.Settlement{{EventID: own[1], AppID: o.appID, Token: "0", Retry: &store.RetryAt{}}}
		}
		turned := o.turn(t, turn)
		got := idsOf(turned.Claimed[token])
		require.Len(t, got, c.want, "claim %d", i)
		require.Equal(t, c.full, slices.Contains(turned.Full, x), "claim %d", i)
		require.NotContains(t, turned.Full, y)
		require.Empty(t, turned.Busy)
		require.Zero(t, turned.Void)
		leased = turned.Leased[x]
		require.False(t, leased.IsZero())
		if i == 0 {
			own = got
		}
	}
	done := o.turn(t, store.Turn{Settlements: []store.Settlement{{EventID: own[0], AppID: o.appID, Token: "0"}, {EventID: own[1], AppID: o.appID, Token: "7"}, {EventID: "nobody", AppID: o.appID, Token: "7"}}})
	require.Equal(t, 2, done.Void, "one is under another token, and one is not there")
}

// A lease that has ended is another's to take; one that is renewed has not.
func testLeases(t *testing.T, o outboxOf) {
	ids := o.add(t, "x", "", 3)
	all := func() (running []string) {
		page, err := o.Outbox().List(o.ctx, store.EventQuery{AppID: o.appID, State: store.EventRunning})
		require.NoError(t, err)
		return idsOf(page.Items)
	}
	for i, id := range ids {
		turned := o.turn(t, store.Turn{Lease: -time.Second, Claims: []store.Claim{{Lane: o.lane("x"), Token: fmt.Sprint(i), Limit: 1, MaxRunning: 10}}})
		require.Equal(t, []string{id}, idsOf(turned.Claimed[fmt.Sprint(i)]))
	}
	require.NoError(t, o.Outbox().Renew(o.ctx, []string{"1", "of nobody"}, time.Hour))
	n, err := o.Outbox().Rescue(o.ctx, 10, false)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, ids[1:2], all())
	n, err = o.Outbox().Rescue(o.ctx, 10, true)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Empty(t, all())
}

func testBatches(t *testing.T, o outboxOf) {
	a1 := o.add(t, "x", "a", 2)
	b1 := o.add(t, "x", "b", 1)
	free := o.add(t, "x", "", 1)
	batch := store.Claim{Lane: "x", Token: "1", Limit: 10, MaxRunning: 1, Together: true, Ordered: true}
	require.Equal(t, []string{a1[0], b1[0], free[0]}, o.claim(t, batch), "the first of each key")
	batch.Token = "2"
	require.Empty(t, o.claim(t, batch), "one batch at a time")
	o.turn(t, store.Turn{Settlements: []store.Settlement{
		{EventID: a1[0], AppID: o.appID, Token: "1", Retry: &store.RetryAt{Delay: time.Hour, Counted: true, HoldKey: true, Lane: o.lane("x"), GroupKey: "a"}},
		{EventID: b1[0], AppID: o.appID, Token: "1"}, {EventID: free[0], AppID: o.appID, Token: "1"},
	}})
	b2 := o.add(t, "x", "b", 1)
	require.Equal(t, b2, o.claim(t, batch), "a failed message holds back those of its key")
	held, err := o.Outbox().Get(o.ctx, a1[1])
	require.NoError(t, err)
	require.True(t, held.DueAt.After(held.CreatedAt.Add(30*time.Minute)))

	o.add(t, "w", "", 2)
	wait := store.Claim{Lane: "w", Token: "w", Limit: 3, MaxRunning: 1, Together: true, MaxWait: time.Hour}
	require.Empty(t, o.claim(t, wait), "it waits to be full")
	o.add(t, "w", "", 1)
	require.Len(t, o.claim(t, wait), 3)
	o.add(t, "w", "", 1)
	wait.MaxRunning, wait.MaxWait, wait.Token = 2, time.Nanosecond, "late"
	require.Len(t, o.claim(t, wait), 1, "it has waited long enough")

	first := o.add(t, "d", "k", 1)[0]
	by := store.Event{Lane: o.lane("d"), GroupKey: "k", Operation: "push", Depth: 3, Payload: json.RawMessage(`{"n": 2}`), Delay: time.Hour}
	id, replaced, err := o.Outbox().Replace(o.ctx, by)
	require.NoError(t, err)
	require.True(t, replaced)
	require.Equal(t, first, id)
	got, err := o.Outbox().Get(o.ctx, first)
	require.NoError(t, err)
	require.JSONEq(t, `{"n":2}`, string(got.Payload))
	require.Equal(t, 3, got.Depth, "or a loop would not be seen")
	for name, other := range map[string]store.Event{
		"lane": {Lane: o.lane("e"), GroupKey: "k", Operation: "push"}, "key": {Lane: o.lane("d"), GroupKey: "other", Operation: "push"},
		"no key": {Lane: o.lane("d"), Operation: "push"}, "operation": {Lane: o.lane("d"), GroupKey: "k", Operation: "debounce"},
	} {
		other.Payload = json.RawMessage(`{}`)
		_, replaced, err = o.Outbox().Replace(o.ctx, other)
		require.NoError(t, err)
		require.False(t, replaced, name)
	}
	require.Empty(t, o.claim(t, store.Claim{Lane: "d", Token: "d", Limit: 1, MaxRunning: 1}), "it waits anew")
}

func testEventLists(t *testing.T, o outboxOf) {
	ids := o.add(t, "q/one", "", 5)
	o.add(t, "q/two", "k", 2)
	var listed []string
	for page := (store.PageRequest{Limit: 3}); ; {
		got, err := o.Outbox().List(o.ctx, store.EventQuery{AppID: o.appID, Lane: o.lane("q/one"), Page: page})
		require.NoError(t, err)
		listed = append(listed, idsOf(got.Items)...)
		if page.Cursor = got.Next; page.Cursor == "" {
			break
		}
	}
	require.Equal(t, ids, listed)
	for state, want := range map[store.EventState]int{"": 7, store.EventWaiting: 7, store.EventRunning: 0, store.EventRetrying: 0} {
		got, err := o.Outbox().List(o.ctx, store.EventQuery{AppID: o.appID, State: state})
		require.NoError(t, err)
		require.Len(t, got.Items, want, state)
	}
	_, err := o.Outbox().List(o.ctx, store.EventQuery{AppID: o.appID, State: "odd"})
	require.Equal(t, fault.Invalid, fault.Of(err))
	n, err := o.Outbox().Count(o.ctx, o.appID, 4)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	for lane, want := range map[string]int{"q/one": 4, "q/two": 2, "none": 0} {
		n, err := o.Outbox().Waiting(o.ctx, o.lane(lane), 4)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	testQueues(t, o)
	depths, err := o.Outbox().Depths(o.ctx)
	require.NoError(t, err)
	require.Len(t, depths, 1)
	require.EqualValues(t, 7, depths[0].Waiting)
	require.Zero(t, depths[0].Running)
	first, err := o.Outbox().Get(o.ctx, ids[0])
	require.NoError(t, err)
	require.Equal(t, first.DueAt, depths[0].Due)
	o.claim(t, store.Claim{Lane: "q/one", Token: "t", Limit: 2, MaxRunning: 2})
	depths, err = o.Outbox().Depths(o.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 5, depths[0].Waiting)
	require.EqualValues(t, 2, depths[0].Running)
	n, err = o.Outbox().Waiting(o.ctx, o.lane("q/one"), 100)
	require.NoError(t, err)
	require.Equal(t, 3, n, "of which two run")
	_, err = o.Outbox().Rescue(o.ctx, 10, true)
	require.NoError(t, err)
	n, err = o.Outbox().Clear(o.ctx, o.lane("q/one"), 100)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	notFound(t, o.Outbox().Add(o.ctx, []store.Event{{AppID: "nobody", Lane: "x", Source: store.EventKV, Payload: json.RawMessage(`{}`)}}), "app")
	require.NoError(t, o.Apps().Delete(o.ctx, o.appID))
	o.remove(t, 1000, nil)
	depths, err = o.Outbox().Depths(o.ctx)
	require.NoError(t, err)
	require.Empty(t, depths, "they go with what is left of their app")
}

// testQueues pages through q/one with five messages and q/two with two, and lanes without any.
func testQueues(t *testing.T, o outboxOf) {
	others := []string{o.lane("q/zero"), o.lane("q/one"), o.lane("q/alone"), o.lane("q/\U0001F980")}
	var listed [][]any
	for page := (store.PageRequest{Limit: 2}); ; {
		got, err := o.Outbox().Queues(o.ctx, o.appID, others, page)
		require.NoError(t, err)
		require.LessOrEqual(t, len(got.Items), 2)
		for _, q := range got.Items {
			listed = append(listed, []any{q.Topic, q.Waiting, q.Running, q.Oldest.IsZero()})
		}
		if page.Cursor = got.Next; page.Cursor == "" {
			break
		}
	}
	require.Equal(t, [][]any{
		{o.lane("q/alone"), 0, 0, true}, {o.lane("q/one"), 5, 0, false}, {o.lane("q/two"), 2, 0, false}, {o.lane("q/zero"), 0, 0, true},
		{o.lane("q/\U0001F980"), 0, 0, true},
	}, listed)
	for _, page := range []store.PageRequest{{Limit: -1}, {Cursor: "x"}} {
		_, err := o.Outbox().Queues(o.ctx, o.appID, nil, page)
		require.Equal(t, fault.Invalid, fault.Of(err), page)
	}
}

// testExcerpts: a listing has the sizes and beginnings of payloads; of a call, the size alone.
func testExcerpts(t *testing.T, o outboxOf) {
	long := `{"message":"` + strings.Repeat("\u00e9", 200) + `"}`
	for _, c := range []struct {
		source  store.EventSource
		payload string
		start   string
	}{
		{store.EventQueue, `{"n":1}`, `{"n":1}`},
		{store.EventKV, long, string([]rune(long)[:store.ExcerptChars])},
		{store.EventCall, `{"call":{"request":{"Headers":{"authorization":["secret"]}}}}`, ""},
	} {
		event := store.Event{ID: uuid.Must(uuid.NewV7()).String(), AppID: o.appID, Lane: o.lane("e/" + string(c.source)), Source: c.source, Payload: json.RawMessage(c.payload)}
		require.NoError(t, o.Outbox().Add(o.ctx, []store.Event{event}))
		want := store.Excerpt{Size: len(c.payload), Start: c.start}
		listed, err := o.Outbox().List(o.ctx, store.EventQuery{AppID: o.appID, Lane: event.Lane})
		require.NoError(t, err)
		require.Len(t, listed.Items, 1)
		require.Equal(t, want, listed.Items[0].Excerpt)
		require.Empty(t, listed.Items[0].Payload)
		got, err := o.Outbox().Get(o.ctx, event.ID)
		require.NoError(t, err)
		require.Equal(t, []any{c.payload, store.Excerpt{Size: len(c.payload)}}, []any{string(got.Payload), got.Excerpt})

		o.claim(t, store.Claim{Lane: "e/" + string(c.source), Token: event.ID, Limit: 1, MaxRunning: 1})
		letter := store.DeadLetter{ID: event.ID, AppID: o.appID, EventID: event.ID, Lane: event.Lane, Source: c.source, CreatedAt: kept(start), Payload: event.Payload}
		o.turn(t, store.Turn{Settlements: []store.Settlement{{EventID: event.ID, AppID: o.appID, Token: event.ID, Dead: &letter}}})
		letters, err := o.DeadLetters().List(o.ctx, store.DeadLetterFilter{AppID: o.appID, Source: c.source}, store.PageRequest{})
		require.NoError(t, err)
		require.Len(t, letters.Items, 1)
		require.Equal(t, want, letters.Items[0].Excerpt)
		require.Empty(t, letters.Items[0].Payload)
		whole, err := o.DeadLetters().Get(o.ctx, event.ID)
		require.NoError(t, err)
		require.Equal(t, []any{c.payload, store.Excerpt{Size: len(c.payload)}}, []any{string(whole.Payload), whole.Excerpt})
	}
}

func testDeadLetters(t *testing.T, o outboxOf) {
	bury := func(source store.EventSource) store.DeadLetter {
		id := o.add(t, "x", "k", 1)[0]
		o.claim(t, store.Claim{Lane: "x", Token: id, Limit: 1, MaxRunning: 10})
		letter := store.DeadLetter{
			ID: uuid.Must(uuid.NewV7()).String(), AppID: o.appID, EventID: id, Lane: o.lane("x"), TriggerID: "t", TriggerName: "name", ScriptID: "s",
			Source: source, Operation: "push", GroupKey: "k", RootExecution: "r", Attempts: 5, CreatedAt: kept(start), FirstAt: kept(start),
			LastError: "no", Payload: json.RawMessage(`{"n": 1}`), Excerpt: store.Excerpt{Size: 8},
		}
		then := store.Event{ID: uuid.Must(uuid.NewV7()).String(), AppID: o.appID, Lane: o.lane("handlers"), Source: store.EventDeadLetter, Payload: json.RawMessage(`{}`)}
		turned := o.turn(t, store.Turn{Settlements: []store.Settlement{
			{EventID: id, AppID: o.appID, Token: "of another", Dead: &letter, Then: []store.Event{then}}, // which does nothing
			{EventID: id, AppID: o.appID, Token: id, Dead: &letter, Then: []store.Event{then}},
		}})
		require.Equal(t, 1, turned.Void)
		_, err := o.Outbox().Get(o.ctx, then.ID)
		require.NoError(t, err)
		got, err := o.DeadLetters().Get(o.ctx, letter.ID)
		require.NoError(t, err)
		letter.LastAt = got.LastAt
		require.Equal(t, letter, got)
		return letter
	}
	one, two := bury(store.EventQueue), bury(store.EventDocs)
	listed := func(letter store.DeadLetter) []store.DeadLetter {
		letter.Payload, letter.Start = nil, string(letter.Payload)
		return []store.DeadLetter{letter}
	}
	page, err := o.DeadLetters().List(o.ctx, store.DeadLetterFilter{AppID: o.appID}, store.PageRequest{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, listed(two), page.Items, "the newest first")
	page, err = o.DeadLetters().List(o.ctx, store.DeadLetterFilter{AppID: o.appID}, store.PageRequest{Cursor: page.Next})
	require.NoError(t, err)
	require.Equal(t, listed(one), page.Items)

	resolved, err := o.DeadLetters().Resolve(o.ctx, one.ID, store.ResolvedReplayed, "me", "event")
	require.NoError(t, err)
	require.Equal(t, []any{store.ResolvedReplayed, "me", "event"}, []any{resolved.Resolution, resolved.ResolvedBy, resolved.ReplayedAs})
	_, err = o.DeadLetters().Resolve(o.ctx, one.ID, store.ResolvedIgnored, "me", "")
	require.Equal(t, fault.Conflict, fault.Of(err))

	// A handler that fails marks the letter, which may still be decided about.
	ids := o.add(t, "h", "", 1)
	o.claim(t, store.Claim{Lane: "h", Token: "h", Limit: 1, MaxRunning: 1})
	o.turn(t, store.Turn{Settlements: []store.Settlement{{EventID: ids[0], AppID: o.appID, Token: "h", Handled: two.ID, As: store.ResolvedFailed}}})
	got, err := o.DeadLetters().Get(o.ctx, two.ID)
	require.NoError(t, err)
	require.Equal(t, store.ResolvedFailed, got.Resolution)
	undecided, err := o.DeadLetters().List(o.ctx, store.DeadLetterFilter{AppID: o.appID, Unresolved: true}, store.PageRequest{})
	require.NoError(t, err)
	require.Len(t, undecided.Items, 1, "nobody has decided yet")
	require.Equal(t, two.ID, undecided.Items[0].ID)
	_, err = o.DeadLetters().Resolve(o.ctx, two.ID, store.ResolvedIgnored, "me", "")
	require.NoError(t, err)
	// A handler replaces no decision; whoever decided may decide otherwise.
	ids = o.add(t, "h", "", 1)
	o.claim(t, store.Claim{Lane: "h", Token: "h2", Limit: 1, MaxRunning: 1})
	o.turn(t, store.Turn{Settlements: []store.Settlement{{EventID: ids[0], AppID: o.appID, Token: "h2", Handled: two.ID, As: store.ResolvedByScript}}})
	got, err = o.DeadLetters().Get(o.ctx, two.ID)
	require.NoError(t, err)
	require.Equal(t, []any{store.ResolvedIgnored, "me"}, []any{got.Resolution, got.ResolvedBy})
	for _, as := range []store.Resolution{store.ResolvedByScript, store.ResolvedIgnored} {
		resolved, err = o.DeadLetters().Resolve(o.ctx, two.ID, as, "you", "")
		require.NoError(t, err)
		require.Equal(t, []any{as, "you"}, []any{resolved.Resolution, resolved.ResolvedBy})
	}

	three := bury(store.EventQueue)
	for filter, want := range map[store.DeadLetterFilter]int64{
		{}: 3, {Source: store.EventQueue}: 2, {Unresolved: true}: 1, {Unreplayed: true}: 2, {TriggerID: "other"}: 0, {ScriptID: "s"}: 3,
		{Newest: two.ID}: 2, {Newest: three.ID}: 3,
	} {
		filter.AppID = o.appID
		n, err := o.DeadLetters().Count(o.ctx, filter)
		require.NoError(t, err)
		require.Equal(t, want, n, "%+v", filter)
	}
	n, err := o.DeadLetters().Purge(o.ctx, store.DeadLetterFilter{AppID: o.appID, Unresolved: true}, 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = o.DeadLetters().Get(o.ctx, three.ID)
	notFound(t, err, "dead letter")
	require.NoError(t, o.DeadLetters().Delete(o.ctx, one.ID))
	notFound(t, o.DeadLetters().Delete(o.ctx, one.ID), "dead letter")
	n, err = o.DeadLetters().DeleteBefore(o.ctx, got.LastAt.Add(time.Second), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func testIdempotency(t *testing.T, s subject) {
	app := s.app(t, "a")
	key := store.IdempotencyKey{AppID: app.ID, Scope: "route", Key: "k", Digest: "d"}
	once := func(key store.IdempotencyKey, result string, ttl time.Duration, want string, wantFirst bool) {
		t.Helper()
		kept, first, err := s.Idempotency().Once(s.ctx, key, result, ttl)
		require.NoError(t, err)
		require.Equal(t, want, kept)
		require.Equal(t, wantFirst, first)
	}
	once(key, "one", time.Hour, "one", true)
	once(key, "two", time.Hour, "one", false)
	other := key
	other.Digest = "e"
	_, _, err := s.Idempotency().Once(s.ctx, other, "three", time.Hour)
	require.Equal(t, fault.Conflict, fault.Of(err))
	other.Scope = "another"
	once(other, "three", -time.Second, "three", true)
	once(other, "four", -time.Second, "four", true) // its time was over
	n, err := s.Idempotency().DeleteExpired(s.ctx, 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	other.AppID = "nobody"
	_, _, err = s.Idempotency().Once(s.ctx, other, "", time.Hour)
	notFound(t, err, "app")
}
