package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// relayOf is a relay with an app whose scripts are asked for.
type relayOf struct {
	subject
	appID string
}

// ask keeps a request of a node, and returns its id.
func (r relayOf) ask(t *testing.T, node string, wait time.Duration) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	require.NoError(t, r.Relay().Ask(r.ctx, store.RelayedRequest{
		ID: id, AppID: r.appID, ScriptID: "script", RequestID: "request", ReplyTo: node, Wait: wait, Payload: json.RawMessage(`{"a":1}`),
	}))
	return id
}

func (r relayOf) take(t *testing.T, token string, limit int, lease time.Duration) (ids []string) {
	t.Helper()
	taken, err := r.Relay().Take(r.ctx, token, limit, lease)
	require.NoError(t, err)
	for _, request := range taken {
		ids = append(ids, request.ID)
	}
	return ids
}

func (r relayOf) answer(t *testing.T, id, token string) (void, abandoned bool) {
	t.Helper()
	void, abandoned, err := r.Relay().Answer(r.ctx, store.RelayedAnswer{ID: id, Token: token, Outcome: "ok", Status: 200, Payload: json.RawMessage(`{"b":2}`)})
	require.NoError(t, err)
	return void, abandoned
}

// abandoned are the reasons of the abandoned executions, by id.
func (r relayOf) abandoned(t *testing.T) map[string]store.AbandonReason {
	t.Helper()
	page, err := r.Relay().Abandoned(r.ctx, r.appID, store.PageRequest{})
	require.NoError(t, err)
	reasons := map[string]store.AbandonReason{}
	for _, e := range page.Items {
		reasons[e.ID] = e.Reason
	}
	return reasons
}

func testRelay(t *testing.T, s subject) {
	r := relayOf{s, s.app(t, "a").ID}
	for _, wrong := range []store.RelayedRequest{
		{ReplyTo: "n", Payload: json.RawMessage(`1`)}, {ID: "x", Payload: json.RawMessage(`1`)}, {ID: "x", ReplyTo: "n"},
	} {
		require.Error(t, r.Relay().Ask(r.ctx, wrong), "%+v", wrong)
	}

	// A request is taken once, the first first, and answered under its token alone.
	first, second, third := r.ask(t, "node", time.Minute), r.ask(t, "node", time.Minute), r.ask(t, "other", time.Minute)
	taken, err := r.Relay().Take(r.ctx, "t1", 2, time.Minute)
	require.NoError(t, err)
	require.ElementsMatch(t, []store.RelayedRequest{
		{ID: first, AppID: r.appID, ScriptID: "script", RequestID: "request", ReplyTo: "node", Tries: 1, Payload: json.RawMessage(`{"a":1}`)},
		{ID: second, AppID: r.appID, ScriptID: "script", RequestID: "request", ReplyTo: "node", Tries: 1, Payload: json.RawMessage(`{"a":1}`)},
	}, taken)
	require.Equal(t, []string{third}, r.take(t, "t2", 2, time.Minute))
	require.Empty(t, r.take(t, "t3", 2, time.Minute))
	void, _ := r.answer(t, first, "t2")
	require.True(t, void, "another token")
	for id, token := range map[string]string{first: "t1", second: "t1", third: "t2"} {
		void, abandoned := r.answer(t, id, token)
		require.False(t, void)
		require.False(t, abandoned)
	}
	void, _ = r.answer(t, first, "t1")
	require.True(t, void, "again")

	// An answer is taken out once, by the node that waits.
	answers, err := r.Relay().Answers(r.ctx, "other")
	require.NoError(t, err)
	require.Len(t, answers, 1)
	require.WithinDuration(t, time.Now(), answers[0].AskedAt, 100*365*24*time.Hour)
	answers[0].AskedAt = time.Time{}
	require.Equal(t, store.RelayedAnswer{
		ID: third, Outcome: "ok", Status: 200, Payload: json.RawMessage(`{"b":2}`), AppID: r.appID, ScriptID: "script", RequestID: "request",
	}, answers[0])
	answers, err = r.Relay().Answers(r.ctx, "node")
	require.NoError(t, err)
	require.Len(t, answers, 2)
	for _, node := range []string{"node", "other", "nobody"} {
		answers, err = r.Relay().Answers(r.ctx, node)
		require.NoError(t, err)
		require.Empty(t, answers)
	}

	// What is returned was not begun, and is taken again, when it is due.
	id := r.ask(t, "node", time.Minute)
	require.Equal(t, []string{id}, r.take(t, "t4", 9, time.Minute))
	require.NoError(t, r.Relay().Return(r.ctx, id, "t3", 0))
	require.Empty(t, r.take(t, "t5", 9, time.Minute), "another token returns nothing")
	require.NoError(t, r.Relay().Return(r.ctx, id, "t4", 0))
	taken, err = r.Relay().Take(r.ctx, "t6", 9, time.Minute)
	require.NoError(t, err)
	require.Equal(t, []int{2}, []int{taken[0].Tries})
	require.NoError(t, r.Relay().Return(r.ctx, id, "t6", time.Hour))
	require.Empty(t, r.take(t, "t7", 9, time.Minute), "not due")

	// Nor is one that nobody waits for any more.
	r.ask(t, "node", -time.Second)
	require.Empty(t, r.take(t, "t8", 9, time.Minute), "expired")

	// Of an app that has less running comes first.
	flood := []string{r.ask(t, "node", time.Minute), r.ask(t, "node", time.Minute), r.ask(t, "node", time.Minute)}
	require.Equal(t, flood[:1], r.take(t, "f1", 1, time.Minute))
	few := relayOf{s, s.app(t, "b").ID}
	of := few.ask(t, "node", time.Minute)
	require.Equal(t, []string{of}, r.take(t, "f2", 1, time.Minute))
	require.ElementsMatch(t, flood[1:], r.take(t, "f3", 9, time.Minute))

	// A take ends with the request that makes it large.
	var long []string
	for range 3 {
		id := uuid.Must(uuid.NewV7()).String()
		long = append(long, id)
		require.NoError(t, r.Relay().Ask(r.ctx, store.RelayedRequest{
			ID: id, ReplyTo: "n", Wait: time.Minute, Payload: json.RawMessage(`"` + strings.Repeat("x", store.MaxClaimBytes/2) + `"`),
		}))
	}
	require.ElementsMatch(t, long[:2], r.take(t, "t9", 9, time.Minute))
	require.Equal(t, long[2:], r.take(t, "t10", 9, time.Minute))
	_, err = r.Relay().Take(r.ctx, "t11", 0, time.Minute)
	require.Error(t, err)
}

func testRelayAbandoned(t *testing.T, s subject) {
	r := relayOf{s, s.app(t, "a").ID}
	giveUp := func(id string, why store.AbandonReason) bool {
		t.Helper()
		abandoned, err := r.Relay().GiveUp(r.ctx, id, why)
		require.NoError(t, err)
		return abandoned
	}

	// What no node has taken is withdrawn, and nothing is left of it.
	id := r.ask(t, "node", time.Minute)
	require.False(t, giveUp(id, store.AbandonedByClient))
	require.Empty(t, r.take(t, "t", 9, time.Minute))
	require.False(t, giveUp("nothing", store.AbandonedByClient))
	require.Empty(t, r.abandoned(t))

	// One that runs is not wanted any more, which whoever runs it hears of; its answer is abandoned.
	running, wanted := r.ask(t, "node", time.Minute), r.ask(t, "node", time.Minute)
	require.ElementsMatch(t, []string{running, wanted}, r.take(t, "t", 9, time.Minute))
	require.False(t, giveUp(running, store.AbandonedInTime))
	still, err := r.Relay().Renew(r.ctx, "t", time.Minute)
	require.NoError(t, err)
	require.Equal(t, []string{wanted}, still)
	_, abandoned := r.answer(t, running, "t")
	require.True(t, abandoned)
	page, err := r.Relay().Abandoned(r.ctx, r.appID, store.PageRequest{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.False(t, page.Items[0].AskedAt.IsZero())
	require.False(t, page.Items[0].AbandonedAt.Before(page.Items[0].AskedAt))
	page.Items[0].AskedAt, page.Items[0].AbandonedAt = time.Time{}, time.Time{}
	require.Equal(t, store.AbandonedExecution{
		ID: running, AppID: r.appID, ScriptID: "script", RequestID: "request", Reason: store.AbandonedInTime, Outcome: "ok", Status: 200,
	}, page.Items[0])

	// Nor is one returned that nobody waits for.
	returned := r.ask(t, "node", time.Minute)
	require.Equal(t, []string{returned}, r.take(t, "t2", 9, time.Minute))
	giveUp(returned, store.AbandonedByClient)
	require.NoError(t, r.Relay().Return(r.ctx, returned, "t2", 0))
	require.Empty(t, r.take(t, "t2", 9, time.Minute))
	void, _ := r.answer(t, returned, "t2")
	require.True(t, void)

	// One that has ended is abandoned at once.
	_, abandoned = r.answer(t, wanted, "t")
	require.False(t, abandoned)
	require.True(t, giveUp(wanted, store.AbandonedAtStop))
	answers, err := r.Relay().Answers(r.ctx, "node")
	require.NoError(t, err)
	require.Empty(t, answers)

	// So is an answer that was taken out for nobody.
	late := r.ask(t, "node", time.Minute)
	r.take(t, "t", 9, time.Minute)
	r.answer(t, late, "t")
	answers, err = r.Relay().Answers(r.ctx, "node")
	require.NoError(t, err)
	require.Len(t, answers, 1)
	require.NoError(t, r.Relay().Abandon(r.ctx, answers[0], store.AbandonedByClient))

	// Whoever waits is told of a node that is gone; nobody runs the request again.
	lost, others := r.ask(t, "node", time.Minute), r.ask(t, "other", time.Minute)
	r.take(t, "gone", 9, -time.Second)
	ids, err := r.Relay().Lost(r.ctx, "node")
	require.NoError(t, err)
	require.Equal(t, []string{lost}, ids)
	require.Empty(t, r.take(t, "t", 9, time.Minute))
	void, _ = r.answer(t, lost, "gone")
	require.True(t, void, "it comes too late")

	// Of nodes that are gone: what they have run, what they were to have been answered, and what they had asked for.
	unrun := r.ask(t, "other", -time.Second)
	answered := r.ask(t, "other", time.Minute)
	r.take(t, "t", 9, time.Minute)
	r.answer(t, answered, "t")
	n, err := r.Relay().Sweep(r.ctx, time.Hour, 9)
	require.NoError(t, err)
	require.Zero(t, n, "they may come back")
	n, err = r.Relay().Sweep(r.ctx, -time.Millisecond, 9)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, map[string]store.AbandonReason{
		running: store.AbandonedInTime, wanted: store.AbandonedAtStop, late: store.AbandonedByClient, lost: store.AbandonedLost,
		others: store.AbandonedLost, unrun: store.AbandonedUnrun, answered: store.AbandonedByNode,
	}, r.abandoned(t))

	// They are listed, the newest first, of the app alone.
	var paged []string
	for cursor := ""; ; {
		page, err := r.Relay().Abandoned(r.ctx, r.appID, store.PageRequest{Limit: 3, Cursor: cursor})
		require.NoError(t, err)
		for _, e := range page.Items {
			paged = append(paged, e.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	require.Len(t, paged, 7)
	require.IsDecreasing(t, paged)
	page, err = r.Relay().Abandoned(r.ctx, s.app(t, "b").ID, store.PageRequest{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	_, err = r.Relay().Abandoned(r.ctx, r.appID, store.PageRequest{Cursor: "x"})
	require.ErrorIs(t, err, store.ErrInvalidCursor)

	// They go with their age, and with the app; of one that is gone none is kept.
	n, err = r.Relay().DeleteAbandonedBefore(r.ctx, time.Unix(0, 0), 9)
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = r.Relay().DeleteAbandonedBefore(r.ctx, time.Now().Add(365*24*time.Hour), 2)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	running = r.ask(t, "node", time.Minute)
	r.take(t, "t", 9, time.Minute)
	giveUp(running, store.AbandonedByClient)
	require.NoError(t, r.Apps().Delete(r.ctx, r.appID))
	_, abandoned = r.answer(t, running, "t")
	require.True(t, abandoned)
	r.remove(t, store.MaxBatch, nil)
	require.Empty(t, r.abandoned(t))
}

func testRelayListening(t *testing.T, fresh func(testing.TB) Opener) {
	open := fresh(t)
	var nodes [2]store.Store
	for i := range nodes {
		nodes[i] = open.mustOpen(t, time.Now)
		t.Cleanup(func() { require.NoError(t, nodes[i].Close()) })
	}
	for name, of := range map[string]struct {
		announce func(context.Context) error
		listen   func(context.Context, func()) error
	}{
		"requests": {nodes[1].Relay().AnnounceRequests, nodes[0].Relay().ListenRequests},
		"answers":  {nodes[1].Relay().AnnounceAnswers, nodes[0].Relay().ListenAnswers},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, of.announce(t.Context()))
			if !nodes[0].Relay().Shared() {
				require.ErrorIs(t, of.listen(t.Context(), func() {}), errors.ErrUnsupported)
				return
			}
			listening, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			woken, ended := make(chan struct{}, 100), make(chan error, 1)
			go func() { ended <- of.listen(listening, func() { woken <- struct{}{} }) }()
			<-woken // it listens
			require.NoError(t, of.announce(t.Context()))
			<-woken
			stop()
			require.ErrorIs(t, <-ended, context.Canceled)
		})
	}
}
