package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

func TestSeries(t *testing.T) {
	s := newSite(t)
	s.App("counted")
	s.App("quiet")
	fine, fails := s.Script("counted", "fine", `log::info("hello"); 1`), s.Script("counted", "fails", `throw "x"`)
	s.Route(fine, "GET", "/fine")
	for range 3 {
		require.Equal(t, 200, s.Fetch("GET", "/fine", "").StatusCode)
	}
	do[wire.RunResult](s, "POST", "scripts/"+fails.ID+"/run", `{}`, 200)
	do[wire.RunResult](s, "POST", "scripts/"+fails.ID+"/run", `{"event":{"a":1}}`, 200)

	whole := do[wire.Series](s, "GET", "apps/counted/series?by_script=true", nil, 200)
	assert.EqualValues(t, 60, whole.StepSeconds)
	assert.WithinDuration(t, time.Now(), whole.To, time.Minute)
	assert.Equal(t, time.Hour, whole.To.Sub(whole.From))
	total := whole.Total
	assert.Equal(t, []int64{5, 2, 4, 1}, []int64{total.Executions, total.Errors, total.Requests, total.ServerErrors}, "who runs an event is answered, too")
	assert.Equal(t, map[string]int64{"ok": 3, "script_error": 2}, total.Outcomes)
	assert.Equal(t, map[string]int64{"http": 3, "execute": 1, "trigger": 1}, total.Kinds)
	assert.Positive(t, total.P50US)
	assert.LessOrEqual(t, total.P50US, total.P90US)
	assert.LessOrEqual(t, total.P90US, total.P99US)
	assert.Positive(t, total.DurationUS)
	assert.Positive(t, total.LogBytes)
	require.NotEmpty(t, whole.Points)
	var counted int64
	for _, p := range whole.Points {
		assert.Zero(t, p.At.Second())
		counted += p.Executions
	}
	assert.EqualValues(t, 5, counted)
	require.Len(t, whole.Scripts, 2)
	assert.Equal(t, []any{"fine", int64(3), "fails", int64(2)},
		[]any{whole.Scripts[0].ScriptName, whole.Scripts[0].Executions, whole.Scripts[1].ScriptName, whole.Scripts[1].Executions})

	for _, ref := range []string{fails.ID, "fails"} {
		assert.EqualValues(t, 2, do[wire.Series](s, "GET", "apps/counted/series?script="+ref, nil, 200).Total.Executions)
	}
	s.Refused(s.Admin(s.Token, "GET", "apps/counted/series?script=nothing", ""), 422, "query.script", "is no script of the app")
	s.Refused(s.Admin(s.Token, "GET", "apps/quiet/series?script="+fails.ID, ""), 422, "query.script", "is no script of the app")
	ago := func(d time.Duration) string {
		return url.QueryEscape(time.Now().Add(-d).UTC().Format(time.RFC3339Nano))
	}
	long := do[wire.Series](s, "GET", "apps/counted/series?step=60&from="+ago(60*24*time.Hour), nil, 200)
	assert.EqualValues(t, 3600, long.StepSeconds, "minutes are kept for two days")
	assert.EqualValues(t, 5, long.Total.Executions)
	assert.Empty(t, do[wire.Series](s, "GET", "apps/counted/series?to="+ago(2*time.Hour), nil, 200).Points)
}

func TestSeriesOfApps(t *testing.T) {
	s := newSite(t)
	mine, other := s.App("mine"), s.App("other")
	script := s.Script("mine", "main", "1")
	do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
	do[wire.RunResult](s, "POST", "scripts/"+s.Script("other", "main", "1").ID+"/run", `{}`, 200)
	s.deadLetter(mine.ID)
	all := do[wire.AppsSeries](s, "GET", "series", nil, 200)
	require.Len(t, all.Items, 2)
	assert.Equal(t, []string{"mine", "other"}, []string{all.Items[0].Slug, all.Items[1].Slug})
	assert.EqualValues(t, 1, all.Items[0].Total.Executions)
	assert.EqualValues(t, 1, all.Items[0].DeadLetters)
	assert.Zero(t, all.Items[1].DeadLetters)
	assert.EqualValues(t, 1, do[wire.Usage](s, "GET", "apps/mine/usage", nil, 200).DeadLetters)
	long := do[wire.AppsSeries](s, "GET", "series?step=60&from="+url.QueryEscape(time.Now().Add(-39*time.Hour).UTC().Format(time.RFC3339)), nil, 200)
	assert.EqualValues(t, 20*60, long.StepSeconds, "so that each has 120 pieces at most")
	first := do[wire.AppsSeries](s, "GET", "series?limit=1", nil, 200)
	require.Len(t, first.Items, 1)
	assert.Equal(t, other.ID, do[wire.AppsSeries](s, "GET", "series?limit=1&cursor="+first.Cursor, nil, 200).Items[0].AppID)

	viewer := s.Member(mine.ID, store.RoleViewer)
	seen := decoded[wire.AppsSeries](s, s.Admin(viewer, "GET", "series", ""), 200)
	require.Len(t, seen.Items, 1)
	assert.Equal(t, mine.ID, seen.Items[0].AppID)
}

func TestExecutionsOfAnApp(t *testing.T) {
	s := newSite(t)
	s.App("app")
	callee := s.Script("app", "callee", `kv::collection("c").set("k", 1); log::info("from the CALLEE"); 1`)
	caller := s.Script("app", "caller", `invoke("callee", ()); throw "needle"`)
	s.Route(caller, "GET", "/calls/:id")
	got := s.Fetch("GET", "/calls/7?secret=1", "")
	require.Equal(t, 502, got.StatusCode)
	id := got.Header.Get("X-Execution-Id")

	list := func(query string) wire.ExecutionPage {
		return do[wire.ExecutionPage](s, "GET", "apps/app/executions"+query, nil, 200)
	}
	names := func(query string) (names []string) {
		for _, e := range list(query).Items {
			names = append(names, e.ScriptName)
		}
		return names
	}
	assert.Equal(t, []string{"caller", "callee"}, names(""))
	assert.Equal(t, []string{"callee"}, names("?script=callee"))
	assert.Equal(t, []string{"callee"}, names("?script="+callee.ID))
	assert.Equal(t, []string{"caller"}, names("?outcome=failed"))
	assert.Equal(t, []string{"caller"}, names("?outcome=script_error&kind=http&max_ms=60000"))
	assert.Equal(t, []string{"callee"}, names("?outcome=ok&kind=invoke"))
	assert.Equal(t, []string{"callee"}, names("?text=the+callee"))
	assert.Equal(t, []string{"caller"}, names("?level=error"))
	assert.Equal(t, []string{"caller", "callee"}, names("?level=info"))
	assert.Equal(t, []string{"caller"}, names("?text=needle"))
	assert.Equal(t, []string{"callee"}, names("?root="+id))
	assert.Empty(t, names("?min_ms=60000"))
	assert.Empty(t, names("?to=2020-01-01T00:00:00Z"))
	assert.Equal(t, []string{"caller", "callee"}, names("?from=2020-01-01T00:00:00Z"))
	s.Refused(s.Admin(s.Token, "GET", "apps/app/executions?script=nothing", ""), 422, "query.script", "is no script of the app")
	s.Refused(s.Admin(s.Token, "GET", "apps/app/executions?after=x", ""), 422, "query.after", "")
	assert.Len(t, do[wire.ExecutionPage](s, "GET", "scripts/"+callee.ID+"/executions?outcome=ok", nil, 200).Items, 1)

	page := list("?logs=true&limit=1")
	require.Len(t, page.Items, 1)
	require.Len(t, page.Items[0].Logs, 1)
	assert.Equal(t, "Runtime error: needle", page.Items[0].Logs[0].Message[:21])
	require.Len(t, list("?limit=1&cursor="+page.Cursor).Items, 1)
	assert.Empty(t, list("?after="+page.Newest).Items)
	do[wire.RunResult](s, "POST", "scripts/"+callee.ID+"/run", `{}`, 200)
	assert.Len(t, list("?after="+page.Newest).Items, 1)

	// What is known of each.
	of := do[wire.Execution](s, "GET", "executions/"+id, nil, 200)
	assert.Equal(t, []string{"GET", "/calls/7", "/calls/:id", "caller"}, []string{of.Method, of.Path, of.Route, of.ScriptName})
	require.Len(t, of.Callees, 1)
	require.NotNil(t, of.Trace, "it failed")
	require.Len(t, of.Trace.Calls, 1)
	call := of.Trace.Calls[0]
	assert.Equal(t, []string{"invoke", "ok"}, []string{call.Name, call.Outcome})
	assert.Positive(t, call.DurationUS)
	assert.LessOrEqual(t, call.StartUS+call.DurationUS, of.DurationUS)
	assert.Positive(t, call.RequestBytes)
	called := do[wire.Execution](s, "GET", "executions/"+of.Callees[0], nil, 200)
	assert.Equal(t, []string{id, id}, []string{called.ParentID, called.RootID})
	assert.Nil(t, called.Trace, "it was good, and quick")
}

func TestTraces(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "main", `let c = kv::collection("c"); c.set("k", 1); try { c.incr("k", "x") } catch {} invoke("other", ()); "four"`)
	other := s.Script("app", "other", fmt.Sprintf(`for i in 0..%d { kv::collection("c").get("k") }`, 250))
	plain := do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
	assert.Nil(t, plain.Trace)
	traced := do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{"trace":true}`, 200)
	require.NotNil(t, traced.Trace, "%s", traced.Body)
	kept := do[wire.Execution](s, "GET", "executions/"+traced.ExecutionID, nil, 200)
	assert.Equal(t, traced.Trace, kept.Trace)
	assert.EqualValues(t, len("four"), kept.ResponseBytes)
	var names []string
	for _, call := range kept.Trace.Calls {
		names = append(names, call.Name)
	}
	assert.Contains(t, names, "kv.set")
	assert.Equal(t, "invoke", names[len(names)-1])
	called := do[wire.Execution](s, "GET", "executions/"+kept.Callees[0], nil, 200)
	require.NotNil(t, called.Trace, "what a traced one invokes is traced")
	assert.Len(t, called.Trace.Calls, 200)
	assert.Equal(t, 50, called.Trace.More)

	got := s.Fetch("POST", "/api/v1/execute/"+other.ID, "", "Authorization: Bearer "+s.Token, "X-PiCloud-Trace: 1")
	require.Equal(t, 204, got.StatusCode)
	assert.NotNil(t, do[wire.Execution](s, "GET", "executions/"+got.Header.Get("X-Execution-Id"), nil, 200).Trace)
}

// A failure that asked for nothing is told from one of which that is not kept.
func TestTraceOfNothing(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "fails", `throw 1`)
	failed := do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
	assert.Equal(t, &wire.Trace{Calls: []wire.Call{}}, failed.Trace)
	assert.Equal(t, failed.Trace, do[wire.Execution](s, "GET", "executions/"+failed.ExecutionID, nil, 200).Trace)
}

// ailing is a database that fails on command.
type ailing struct {
	store.Store
	fails *atomic.Bool
}

func (a ailing) Ping(ctx context.Context) error {
	if a.fails.Load() {
		return store.Failed("ping", errors.New("the disk of 10.0.0.1 is full"))
	}
	return a.Store.Ping(ctx)
}

// How a node is can be asked when its database fails, too.
func TestHealthOfAFailingDatabase(t *testing.T) {
	var fails atomic.Bool
	database := eachtest.New(t)
	s := &site{apitest.NewOn(t, slog.New(slog.DiscardHandler), func(listeners store.Listeners) (store.Store, error) {
		db, err := database.Open(listeners)
		return ailing{db, &fails}, err
	})}
	assert.Empty(t, do[wire.Health](s, "GET", "health", nil, 200).Database.Error)
	fails.Store(true)
	h := do[wire.Health](s, "GET", "health", nil, 200)
	assert.Equal(t, wire.HealthDatabase{Kind: s.DB.Kind(), Error: "it cannot be written or read: the log of the server says why"}, h.Database)
	assert.Positive(t, h.Memory.Goroutines)
}

func TestHealth(t *testing.T) {
	s := newSite(t)
	app := s.App("app")
	do[wire.EventMade](s, "POST", "apps/app/queues/t/messages", `{"message":1}`, 202)
	do[wire.RunResult](s, "POST", "scripts/"+s.Script("app", "main", "1").ID+"/run", `{}`, 200)
	h := do[wire.Health](s, "GET", "health", nil, 200)
	assert.Equal(t, "test", h.Version)
	assert.WithinDuration(t, time.Now(), h.StartedAt, time.Hour)
	assert.Equal(t, s.DB.Kind(), h.Database.Kind)
	assert.Greater(t, h.Database.SizeBytes, int64(100_000))
	assert.Positive(t, h.Database.WriteUS)
	assert.Positive(t, h.Memory.Goroutines)
	assert.Positive(t, h.Clients.Connections)
	assert.EqualValues(t, 1, h.Backlog.Events)
	assert.Equal(t, 403, s.Admin(s.Member(app.ID, store.RoleAppAdmin), "GET", "health", "").StatusCode)
	assert.Equal(t, 200, s.Admin(s.User("second", store.RoleAdmin), "GET", "health", "").StatusCode)
}
