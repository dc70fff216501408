package front_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// An asynchronous route answers once the request is kept; what becomes of it can be asked.
func TestAsynchronousRoutes(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `
		let r = ctx.request;
		kv::collection("seen").set("" + r.body.n, #{ method: r.method, id: r.params.id, query: r.query.q, header: r.headers["x-mine"], type: ctx.invocation_type });
		#{ statusCode: 201, body: "nobody reads this" }`)
	do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Path: "/jobs/:id", Dispatch: "async"}, 201)
	post := func(body string, headers ...string) (answer, events.Accepted) {
		got := s.Fetch("POST", "/jobs/7?q=x", body, append(headers, "Content-Type: application/json", "X-Mine: yes")...)
		var accepted events.Accepted
		if got.StatusCode == 202 {
			require.NoError(t, json.Unmarshal(got.Content, &accepted))
			assert.Equal(t, accepted.ExecutionID, got.Header.Get("X-Execution-Id"))
		}
		return got, accepted
	}
	ended := func(id string) (e wire.Execution) {
		require.Eventually(t, func() bool {
			e = do[wire.Execution](s, "GET", "executions/"+id, nil, 200)
			return e.State == wire.ExecutionEnded
		}, 5*time.Second, 5*time.Millisecond)
		return e
	}

	got, accepted := post(`{"n":1}`)
	require.Equal(t, 202, got.StatusCode, "%s", got.Content)
	execution := ended(accepted.ExecutionID)
	assert.Equal(t, []any{"ok", 201, script.ID}, []any{execution.Outcome, execution.Status, execution.ScriptID})
	assert.Equal(t, []string{"POST", "/jobs/7", "/jobs/:id"}, []string{execution.Method, execution.Path, execution.Route})
	entry := do[wire.KVEntry](s, "GET", "apps/app/kv/seen/1", nil, 200)
	assert.JSONEq(t, `{"method":"POST","id":"7","query":"x","header":"yes","type":"http"}`, string(entry.Value))

	// With a key it is accepted once.
	do[wire.App](s, "POST", "apps/app/events:pause", nil, 200)
	first, accepted := post(`{"n":2}`, "Idempotency-Key: k")
	again, twice := post(`{"n":2}`, "Idempotency-Key: k")
	assert.Equal(t, accepted, twice)
	assert.Equal(t, string(first.Content), string(again.Content))
	assert.Equal(t, []string{"", "true"}, []string{first.Header.Get("Idempotency-Replayed"), again.Header.Get("Idempotency-Replayed")})
	assert.Equal(t, "waiting", do[wire.Execution](s, "GET", "executions/"+accepted.ExecutionID, nil, 200).State)
	other, _ := post(`{"n":3}`, "Idempotency-Key: k")
	assert.Equal(t, 409, other.StatusCode)
	waiting := do[wire.Page[wire.Event]](s, "GET", "apps/app/events", nil, 200)
	assert.Len(t, waiting.Items, 1)
	do[wire.App](s, "POST", "apps/app/events:resume", nil, 200)
	ended(accepted.ExecutionID)

	// A route may be made one, and no longer be one; a site may not.
	route := s.Route(script, "POST", "/changing")
	for dispatch, want := range map[string]int{"async": 202, "sync": 201} {
		do[wire.Route](s, "PUT", "routes/"+route.ID, wire.RouteUpdate{Dispatch: dispatch}, 200)
		assert.Equal(t, want, s.Fetch("POST", "/changing", `{"n":5}`, "Content-Type: application/json").StatusCode, dispatch)
	}

	got, _ = post(`{"n":4}`, "Idempotency-Key: "+strings.Repeat("k", 256))
	assert.Equal(t, 422, got.StatusCode)
	got, _ = post(`"` + strings.Repeat("x", 2<<20) + `"`)
	assert.Equal(t, 413, got.StatusCode, "%.200s", got.Content)
}

// overtaken is a store in which something happens once, after the first that is read of executions or the outbox.
type overtaken struct {
	store.Store
	by *atomic.Pointer[func()]
}

type overtakenExecutions struct {
	store.Executions
	in overtaken
}

type overtakenOutbox struct {
	store.Outbox
	in overtaken
}

func (o overtaken) happen() {
	if by := o.by.Swap(nil); by != nil {
		(*by)()
	}
}

func (o overtaken) Executions() store.Executions { return overtakenExecutions{o.Store.Executions(), o} }
func (o overtaken) Outbox() store.Outbox         { return overtakenOutbox{o.Store.Outbox(), o} }

func (o overtakenExecutions) Get(ctx context.Context, id string) (store.Execution, error) {
	defer o.in.happen()
	return o.Executions.Get(ctx, id)
}

func (o overtakenOutbox) Get(ctx context.Context, id string) (store.Event, error) {
	defer o.in.happen()
	return o.Outbox.Get(ctx, id)
}

// What was accepted can be asked for at any time, also while it ends.
func TestAcceptedIsAlwaysFound(t *testing.T) {
	var by atomic.Pointer[func()]
	database := eachtest.New(t)
	s := &site{Site: apitest.NewOn(t, slog.New(slog.DiscardHandler), func(listeners store.Listeners) (store.Store, error) {
		db, err := database.Open(listeners)
		return overtaken{db, &by}, err
	})}
	s.App("app")
	script := s.Script("app", "s", `1`)
	do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Path: "/job", Dispatch: "async"}, 201)
	do[wire.App](s, "POST", "apps/app/events:pause", nil, 200)
	var accepted events.Accepted
	require.NoError(t, json.Unmarshal(s.Fetch("POST", "/job", "").Content, &accepted))
	ends := func() {
		do[wire.App](s, "POST", "apps/app/events:resume", nil, 200)
		require.Eventually(t, func() bool {
			_, err := s.DB.Outbox().Get(t.Context(), accepted.ExecutionID)
			return fault.Unknown(err)
		}, 10*time.Second, time.Millisecond)
	}
	by.Store(&ends)
	assert.Equal(t, accepted.ExecutionID, do[wire.Execution](s, "GET", "executions/"+accepted.ExecutionID, nil, 200).ID)
	require.Nil(t, by.Load(), "nothing happened meanwhile")
	assert.Equal(t, wire.ExecutionEnded, do[wire.Execution](s, "GET", "executions/"+accepted.ExecutionID, nil, 200).State)
}

// Whoever looks at an event, or at a dead letter, does not see the credentials of the client; its handler does.
func TestCredentialsOfCalls(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `
		let h = ctx.request.headers;
		kv::collection("seen").set("h", [h.authorization, h.cookie, ctx.request.cookies.sid, h["x-mine"]]);
		throw #{ dead_letter: true };`)
	do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Path: "/jobs", Dispatch: "async"}, 201)
	do[wire.App](s, "POST", "apps/app/events:pause", nil, 200)
	require.Equal(t, 202, s.Fetch("POST", "/jobs", "body", "Authorization: Basic c2VjcmV0", "Cookie: sid=c2VjcmV0", "Proxy-Authorization: c2VjcmV0", "X-Mine: yes").StatusCode)

	listed := s.Admin(s.Token, "GET", "apps/app/events", "")
	assert.NotContains(t, string(listed.Content), "c2VjcmV0")
	var page wire.Page[wire.Event]
	require.NoError(t, json.Unmarshal(listed.Content, &page))
	require.Len(t, page.Items, 1)
	assert.Equal(t, []any{json.RawMessage(nil), "", true}, []any{page.Items[0].Payload, page.Items[0].PayloadStart, page.Items[0].PayloadBytes > 100})
	look := func(path string) {
		t.Helper()
		got := s.Admin(s.Token, "GET", path, "")
		require.Equal(t, 200, got.StatusCode)
		assert.NotContains(t, string(got.Content), "c2VjcmV0")
		var shown struct{ Payload events.Payload }
		require.NoError(t, json.Unmarshal(got.Content, &shown))
		request := shown.Payload.Call.Request
		assert.Equal(t, "body", string(request.Body))
		assert.Equal(t, []string{"***", "***", "***", "yes"},
			[]string{request.Header("authorization"), request.Header("cookie"), request.Header("proxy-authorization"), request.Header("x-mine")})
	}
	look("events/" + page.Items[0].ID)

	do[wire.App](s, "POST", "apps/app/events:resume", nil, 200)
	var letters wire.DeadLetters
	require.Eventually(t, func() bool {
		letters = do[wire.DeadLetters](s, "GET", "apps/app/dead-letters", nil, 200)
		return len(letters.Items) == 1
	}, 5*time.Second, 5*time.Millisecond)
	look("dead-letters/" + letters.Items[0].ID)
	assert.NotContains(t, string(s.Admin(s.Token, "GET", "apps/app/dead-letters", "").Content), "c2VjcmV0")
	entry := do[wire.KVEntry](s, "GET", "apps/app/kv/seen/h", nil, 200)
	assert.JSONEq(t, `["Basic c2VjcmV0","sid=c2VjcmV0","c2VjcmV0","yes"]`, string(entry.Value))
}
