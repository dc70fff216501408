package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// patience is how long a test waits for what should have long happened.
const patience = time.Minute

// runner is a script, as far as a worker sees it.
type runner func(ctx context.Context, in executions.Invocation) (*executions.Outcome, error)

func (r runner) Run(ctx context.Context, in executions.Invocation) (*executions.Outcome, error) {
	return r(ctx, in)
}

// nodes is a node that asks, and a database that it shares with others.
type nodes struct {
	t     testing.TB
	store store.Store
	relay store.Relay
	app   store.App
	asker *Asker
}

func onEach(t *testing.T, test func(t *testing.T, n *nodes)) {
	for name, open := range map[string]func(t testing.TB) (store.Store, error){"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) { test(t, newNodes(t, open)) })
	}
}

func openSQLite(t testing.TB) (store.Store, error) {
	return sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
}

func openPostgres(t testing.TB) (store.Store, error) {
	return postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t)})
}

func newNodes(t testing.TB, open func(t testing.TB) (store.Store, error)) *nodes {
	s, err := open(t)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	n := &nodes{t: t, store: s, relay: s.Relay()}
	if !n.relay.Shared() {
		n.relay = newLoud(n.relay)
	}
	n.asker = NewAsker(AskerConfig{Store: n.relay, Log: slog.New(slog.DiscardHandler)})
	n.app, err = s.Apps().Create(t.Context(), store.App{Slug: "app"})
	require.NoError(t, err)
	n.asker.Start()
	t.Cleanup(func() { require.NoError(t, n.asker.Stop(context.Background())) })
	return n
}

// loud is a relay whose database tells nobody of anything, with announcements within the process.
type loud struct {
	store.Relay
	requests, answers chan struct{}
}

func newLoud(quiet store.Relay) *loud {
	return &loud{quiet, make(chan struct{}, 1), make(chan struct{}, 1)}
}

func (l *loud) Shared() bool                           { return true }
func (l *loud) AnnounceRequests(context.Context) error { return announce(l.requests) }
func (l *loud) AnnounceAnswers(context.Context) error  { return announce(l.answers) }
func (l *loud) ListenRequests(ctx context.Context, wake func()) error {
	return hear(ctx, l.requests, wake)
}
func (l *loud) ListenAnswers(ctx context.Context, wake func()) error {
	return hear(ctx, l.answers, wake)
}

func announce(to chan<- struct{}) error {
	select {
	case to <- struct{}{}:
	default:
	}
	return nil
}

func hear(ctx context.Context, from <-chan struct{}, wake func()) error {
	for {
		select {
		case <-from:
			wake()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// worker starts a node that runs scripts.
func (n *nodes) worker(places int, run runner) *Worker {
	w := NewWorker(WorkerConfig{Store: n.relay, Runner: run, Places: places, Log: slog.New(slog.DiscardHandler)})
	w.Start()
	n.t.Cleanup(func() { require.NoError(n.t, w.Stop(context.Background())) })
	return w
}

// ask has a request run.
func (n *nodes) ask(ctx context.Context, in executions.Invocation) (*executions.Outcome, error) {
	return n.asker.Run(ctx, in, store.Script{ID: "script", AppID: n.app.ID, Version: 7}, abi.Limits{TimeoutMS: patience.Milliseconds()})
}

// asked has a request run beside the test.
func (n *nodes) asked(ctx context.Context, in executions.Invocation) <-chan ended {
	done := make(chan ended, 1)
	go func() {
		out, err := n.ask(ctx, in)
		done <- ended{out, err}
	}()
	return done
}

type ended struct {
	out *executions.Outcome
	err error
}

// abandoned waits for so many abandoned executions, and returns their reasons.
func (n *nodes) abandoned(count int) (reasons []store.AbandonReason) {
	n.t.Helper()
	require.Eventually(n.t, func() bool {
		page, err := n.relay.Abandoned(context.Background(), n.app.ID, store.PageRequest{})
		reasons = nil
		for _, e := range page.Items {
			reasons = append(reasons, e.Reason)
		}
		return err == nil && len(reasons) == count
	}, patience, 5*time.Millisecond)
	return reasons
}

// A script sees the request that it would have seen on the node that asks.
func TestRequests(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		seen := make(chan executions.Invocation, 1)
		n.worker(4, func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
			seen <- in
			return &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID}, nil
		})
		for _, in := range []executions.Invocation{
			{Type: abi.InvocationHTTP, RequestID: "r", Request: &abi.Request{}},
			{Type: abi.InvocationHTTP, ExecutionID: uuid.NewString(), Capabilities: []abi.Capability{abi.AppFilesRead}, Request: &abi.Request{
				Method: "POST", Path: "/a/ü", Headers: abi.Lists{"content-type": {"application/x-www-form-urlencoded"}, "x": {"1", "2"}},
				Body: []byte("a=1&b=%ff"), Sent: []byte{0, 1, 0xff}, Params: map[string]string{"id": "7"}, Query: abi.Lists{"q": {"", "\x00"}}, RawQuery: "q=&q=%00",
				Rest: "rest", RemoteAddr: "::1", Scheme: "https", Host: "h:1", URL: "https://h:1/a/%C3%BC?q=",
				Form: []abi.FormField{{Name: "a", Value: "1"}, {Name: "b", Value: "\ufffd"}},
			}},
			{Type: abi.InvocationHTTP, Request: &abi.Request{
				Headers: abi.Lists{"content-type": {"multipart/form-data"}}, Body: []byte("x"), FormError: "the content type names no boundary",
			}},
			{Type: abi.InvocationTrigger, Event: []byte{0x81, 0xa1, 'x', 0x01}},
		} {
			out, err := n.ask(t.Context(), in)
			require.NoError(t, err)
			got := <-seen
			if in.ExecutionID == "" {
				in.ExecutionID = got.ExecutionID
			}
			in.ScriptID, in.Version = "script", 7
			require.Equal(t, in, got)
			require.Equal(t, in.ExecutionID, out.ExecutionID)
		}
	})
}

// An answer is what it would have been on the node that asks.
func TestAnswers(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	lines := []store.LogLine{{At: at, Level: abi.LogInfo, Message: "m", Data: json.RawMessage(`{"a":1e400}`)}}
	gone, broken := fault.Missing("script"), store.Failed("run", errors.New("secret"))
	onEach(t, func(t *testing.T, n *nodes) {
		result := make(chan ended, 1)
		n.worker(4, func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
			e := <-result
			if e.out == nil && e.err == nil {
				panic("a defect")
			}
			if e.out == nil {
				return nil, e.err
			}
			out := *e.out
			out.ExecutionID, out.AppID = in.ExecutionID, n.app.ID
			return &out, nil
		})
		for _, c := range []struct {
			name     string
			of       abi.InvocationType
			out      *executions.Outcome
			err      error
			want     *executions.Outcome // nil: out
			wantCode fault.Code
		}{
			{name: "response", of: abi.InvocationHTTP, out: &executions.Outcome{
				Response: abi.Response{Status: 201, Headers: []abi.Header{{Name: "x", Value: "1"}, {Name: "x", Value: "<ü>"}}, Body: []byte{0, 0xff}, ETag: true},
				Duration: 1234567, Operations: 5_000_000_000, Version: 7,
			}},
			{name: "file", of: abi.InvocationHTTP, out: &executions.Outcome{
				Response: abi.Response{Status: 200, File: &abi.FileRef{Collection: "c", ID: "i", Download: "n"}},
			}},
			{name: "empty", of: abi.InvocationHTTP, out: &executions.Outcome{Response: abi.Response{Status: 204}}},
			{name: "log", of: abi.InvocationExecute, out: &executions.Outcome{Lines: lines}},
			{name: "nobody sees the log", of: abi.InvocationHTTP, out: &executions.Outcome{Lines: lines}, want: &executions.Outcome{}},
			{name: "error", of: abi.InvocationHTTP, out: &executions.Outcome{Error: &abi.ScriptError{
				Code: abi.CodeLimitExceeded, Message: "m", Line: 3, Column: 4, Inside: &abi.Place{Module: "m", Line: 1, Column: 2}, Limit: "max_operations",
			}}},
			{name: "gone", err: gone, wantCode: fault.NotFound},
			{name: "storage", err: broken, wantCode: fault.Storage},
			{name: "ours", err: errors.New("secret"), wantCode: fault.Internal},
			{name: "panic", wantCode: fault.Internal},
		} {
			t.Run(c.name, func(t *testing.T) {
				result <- ended{c.out, c.err}
				got, err := n.ask(t.Context(), executions.Invocation{Type: c.of})
				if c.out == nil {
					require.Equal(t, c.wantCode, fault.Of(err))
					require.NotContains(t, err.Error(), "secret")
					return
				}
				require.NoError(t, err)
				want := *c.out
				if c.want != nil {
					want = *c.want
				}
				want.ExecutionID, want.AppID = got.ExecutionID, n.app.ID
				require.Equal(t, &want, got)
			})
		}
	})
}

// What is too large to be passed on is refused, and says so.
func TestTooLarge(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		n.worker(1, func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
			return &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID, Response: abi.Response{Status: 200, Body: make([]byte, maxAnswer*3/4)}}, nil
		})
		out, err := n.ask(t.Context(), executions.Invocation{})
		require.NoError(t, err)
		require.Equal(t, []any{507, abi.CodeLimitExceeded}, []any{out.Status(), out.Error.Code})
		require.Contains(t, out.Error.Message, fmt.Sprintf("%d bytes may be passed on, and it has ", maxAnswer))

		_, err = n.ask(t.Context(), executions.Invocation{Request: &abi.Request{Body: make([]byte, maxRequest*3/4)}})
		require.Equal(t, fault.TooLarge, fault.Of(err))
		require.Contains(t, err.Error(), fmt.Sprintf("may have %d bytes", maxRequest))
	})
}

// However many ask, no more run than there are places, and all are answered.
func TestPlaces(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		var running, most atomic.Int64
		for range 2 {
			n.worker(3, func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
				now := running.Add(1)
				defer running.Add(-1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				time.Sleep(time.Millisecond)
				return &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID, Response: abi.Response{Body: []byte(in.RequestID)}}, nil
			})
		}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				out, err := n.ask(context.Background(), executions.Invocation{RequestID: fmt.Sprint(i)})
				if assert.NoError(t, err) {
					assert.Equal(t, fmt.Sprint(i), string(out.Response.Body))
				}
			})
		}
		all.Wait()
		require.LessOrEqual(t, most.Load(), int64(6))
	})
}

// A node whose gate is full gives a request back, for a while.
func TestFullGate(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		var tries, refusals atomic.Int64
		n.worker(1, func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
			out := &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID}
			if tries.Add(1) <= refusals.Load() {
				out.Error = &abi.ScriptError{Code: abi.CodeOverloaded}
			}
			return out, nil
		})
		for _, c := range []struct {
			refusals, tries int64
			outcome         string
		}{{0, 1, "ok"}, {2, 3, "ok"}, {100, maxTries, "overloaded"}} {
			tries.Store(0)
			refusals.Store(c.refusals)
			out, err := n.ask(t.Context(), executions.Invocation{})
			require.NoError(t, err)
			require.Equal(t, []any{c.outcome, c.tries}, []any{out.Name(), tries.Load()})
		}
	})
}

// endless runs until its context ends, and says when it has begun and ended.
func endless(n *nodes) (run runner, began, over chan struct{}) {
	began, over = make(chan struct{}, 9), make(chan struct{}, 9)
	return func(ctx context.Context, in executions.Invocation) (*executions.Outcome, error) {
		began <- struct{}{}
		<-ctx.Done()
		over <- struct{}{}
		return &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID, Error: &abi.ScriptError{Code: abi.CodeCancelled}}, nil
	}, began, over
}

// A client that goes away before its script runs has nothing run; one that goes away later ends it.
func TestClientGoesAway(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		ctx, leave := context.WithCancel(t.Context())
		done := n.asked(ctx, executions.Invocation{})
		require.Eventually(t, func() bool { n.asker.mu.Lock(); defer n.asker.mu.Unlock(); return len(n.asker.waiting) == 1 }, patience, time.Millisecond)
		leave()
		e := <-done
		require.True(t, e.err != nil || e.out.Error.Code == abi.CodeCancelled, "%+v", e)
		n.asker.givingUp.Wait()
		run, began, over := endless(n)
		w := n.worker(4, run)
		require.NoError(t, w.take(t.Context()))
		require.Empty(t, began)

		ctx, leave = context.WithCancel(t.Context())
		done = n.asked(ctx, executions.Invocation{})
		<-began
		leave()
		e = <-done
		require.NoError(t, e.err)
		require.Equal(t, abi.CodeCancelled, e.out.Error.Code)
		<-over
		require.Equal(t, []store.AbandonReason{store.AbandonedByClient}, n.abandoned(1))
	})
}

// Who waits when its node is interrupted is told so.
func TestAskerIsInterrupted(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		run, began, over := endless(n)
		n.worker(4, run)
		done := n.asked(t.Context(), executions.Invocation{})
		<-began
		n.asker.Interrupt()
		e := <-done
		require.NoError(t, e.err)
		require.Equal(t, abi.ScriptError{Code: abi.CodeCancelled, Message: "the server is stopping"}, *e.out.Error)
		<-over
		require.Equal(t, []store.AbandonReason{store.AbandonedAtStop}, n.abandoned(1))
	})
}

// A worker that stops answers what it has begun, and begins nothing more.
func TestWorkerStops(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		began, release := make(chan struct{}, 9), make(chan struct{})
		w := n.worker(1, func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
			began <- struct{}{}
			<-release
			return &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID}, nil
		})
		first := n.asked(t.Context(), executions.Invocation{})
		<-began
		ctx, leave := context.WithCancel(t.Context())
		second := n.asked(ctx, executions.Invocation{})
		stopped := make(chan error, 1)
		go func() { stopped <- w.Stop(context.Background()) }()
		<-w.taker.Done()
		close(release)
		require.NoError(t, <-stopped)
		e := <-first
		require.NoError(t, e.err)
		require.Nil(t, e.out.Error)
		require.Empty(t, began)
		leave()
		<-second
	})
}

// Who waits for a node that is gone is told so, and what that node says later goes nowhere.
func TestWorkerIsGone(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		done := n.asked(t.Context(), executions.Invocation{Type: abi.InvocationHTTP})
		var taken []store.RelayedRequest
		require.Eventually(t, func() bool {
			var err error
			taken, err = n.relay.Take(t.Context(), "gone", 1, -time.Second)
			return err == nil && len(taken) == 1
		}, patience, time.Millisecond)
		e := <-done
		require.Equal(t, fault.Unreachable, fault.Of(e.err))
		require.Contains(t, e.err.Error(), taken[0].ID)
		void, _, err := n.relay.Answer(t.Context(), store.RelayedAnswer{ID: taken[0].ID, Token: "gone", Payload: json.RawMessage(`{}`)})
		require.NoError(t, err)
		require.True(t, void)
		require.Equal(t, []store.AbandonReason{store.AbandonedLost}, n.abandoned(1))
	})
}

// Abandoned executions are kept for a while.
func TestRetention(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		ctx := t.Context()
		require.NoError(t, n.relay.Abandon(ctx, store.RelayedAnswer{ID: "x", AppID: n.app.ID, AskedAt: time.Now()}, store.AbandonedByClient))
		n.abandoned(1)
		for _, c := range []struct {
			retention time.Duration
			left      int
		}{{0, 1}, {time.Hour, 1}, {time.Nanosecond, 0}} {
			w := NewWorker(WorkerConfig{Store: n.relay, Places: 1, Retention: c.retention})
			var swept []*background.Subscription[int64]
			for _, service := range w.Group {
				if sweep, ok := service.(*background.Sweep); ok {
					swept = append(swept, sweep.Swept())
				}
			}
			w.Start()
			for _, s := range swept {
				_, err := s.Next(ctx)
				require.NoError(t, err)
			}
			require.NoError(t, w.Stop(ctx))
			n.abandoned(c.left)
		}
	})
}

// What a worker runs whose lease has ended is ended, too.
func TestLeaseEnds(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		run, began, over := endless(n)
		w := n.worker(1, run)
		done := n.asked(t.Context(), executions.Invocation{})
		<-began
		w.mu.Lock()
		token := slices.Collect(maps.Keys(w.tokens))[0]
		w.mu.Unlock()
		require.Eventually(t, func() bool { // until the worker's own renewal has not come between
			_, err := n.relay.Renew(t.Context(), token, -time.Second) // as if it had been away
			require.NoError(t, err)
			return len(done) == 1
		}, patience, 10*time.Millisecond)
		require.Equal(t, fault.Unreachable, fault.Of((<-done).err))
		<-over
	})
}

// Answers that nobody waits for are not lost, and bad ones tell nothing of themselves.
func TestStrayAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		ctx := t.Context()
		answer := func(id string, payload string) {
			taken, err := n.relay.Take(ctx, "t", 1, time.Minute)
			require.NoError(t, err)
			require.Len(t, taken, 1)
			void, _, err := n.relay.Answer(ctx, store.RelayedAnswer{ID: taken[0].ID, Token: "t", Outcome: "ok", Status: 200, Payload: json.RawMessage(payload)})
			require.NoError(t, err)
			require.False(t, void)
		}
		id := uuid.NewString()
		require.NoError(t, n.relay.Ask(ctx, store.RelayedRequest{
			ID: id, AppID: n.app.ID, ScriptID: "s", ReplyTo: n.asker.node, Wait: time.Minute, Payload: json.RawMessage(`{}`),
		}))
		answer(id, `{}`)
		done := n.asked(ctx, executions.Invocation{}) // while nobody waits, nobody looks
		require.Equal(t, []store.AbandonReason{store.AbandonedByClient}, n.abandoned(1))
		require.Eventually(t, func() bool {
			taken, err := n.relay.Take(ctx, "t", 1, time.Minute)
			require.NoError(t, err)
			if len(taken) == 0 {
				return false
			}
			_, _, err = n.relay.Answer(ctx, store.RelayedAnswer{ID: taken[0].ID, Token: "t", Payload: json.RawMessage(`{"Response":7}`)})
			require.NoError(t, err)
			return true
		}, patience, time.Millisecond)
		e := <-done
		require.Equal(t, fault.Internal, fault.Of(e.err))
		require.True(t, strings.HasPrefix(e.err.Error(), "an answer of another node cannot be read"), "%v", e.err)
	})
}

// BenchmarkRelay is what it takes to have a script run by another node, beside the script's own time.
func BenchmarkRelay(b *testing.B) {
	n := newNodes(b, openPostgres)
	n.worker(64, func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
		return &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID, Response: abi.Response{Status: 200, Body: []byte("hello")}}, nil
	})
	in := executions.Invocation{Type: abi.InvocationHTTP, Request: &abi.Request{Method: "GET", Path: "/hello"}}
	ask := func(b *testing.B) {
		if out, err := n.ask(context.Background(), in); err != nil || out.Error != nil {
			b.Error(out, err)
		}
	}
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			ask(b)
		}
	})
	b.Run("32 at once", func(b *testing.B) {
		b.SetParallelism(16) // of each of two processors
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				ask(b)
			}
		})
	})
}

// BenchmarkTake is what a worker's look costs, with so many requests of one app that wait.
func BenchmarkTake(b *testing.B) {
	for _, waiting := range []int{0, 250, 10_000} {
		b.Run(fmt.Sprint(waiting, " wait"), func(b *testing.B) {
			n := newNodes(b, openPostgres)
			ask := func(app, node string) {
				require.NoError(b, n.relay.Ask(b.Context(), store.RelayedRequest{
					ID: uuid.Must(uuid.NewV7()).String(), AppID: app, ReplyTo: node, Wait: time.Hour, Payload: json.RawMessage(`{}`),
				}))
			}
			for range waiting {
				ask("flood", "other")
			}
			if waiting > 0 { // as much of the flood runs as may
				_, err := n.relay.Take(b.Context(), "flood", 16, time.Hour)
				require.NoError(b, err)
			}
			for b.Loop() {
				ask("few", "other")
				taken, err := n.relay.Take(b.Context(), "few", 1, time.Hour)
				require.NoError(b, err)
				require.Len(b, taken, 1)
				_, _, err = n.relay.Answer(b.Context(), store.RelayedAnswer{ID: taken[0].ID, Token: "few", Payload: json.RawMessage(`{}`)})
				require.NoError(b, err)
			}
		})
	}
}

// What another node refuses for its rate is refused here in the same words; of other failures nothing is told.
func TestRefusedElsewhere(t *testing.T) {
	refused := &fault.Error{Code: fault.RateLimited, Text: "the app has had its time", RetryAfter: time.Minute}
	_, err := outcome(answerOf("e", abi.InvocationHTTP, nil, fmt.Errorf("run: %w", refused)))
	assert.Equal(t, []any{fault.RateLimited, refused.Text, refused.RetryAfter}, []any{fault.Of(err), fault.From(err).Text, fault.From(err).RetryAfter})
	_, err = outcome(answerOf("e", abi.InvocationHTTP, nil, errors.New("dial 10.0.0.1")))
	assert.Equal(t, fault.Internal, fault.Of(err))
	assert.NotContains(t, err.Error(), "10.0.0.1")
}

// room is how much may be held at once; it counts as a [Hold].
type room struct {
	mu         sync.Mutex
	most, held int
	largest    int // that was asked for
	refusals   int
}

func (r *room) hold(_ context.Context, bytes int) (release func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.largest = max(r.largest, bytes)
	if r.held+bytes > r.most {
		r.refusals++
		return nil, &fault.Error{Code: fault.Overloaded, Text: "no room", RetryAfter: 3 * time.Second}
	}
	r.held += bytes
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.held -= bytes
	}, nil
}

func (r *room) set(most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most, r.largest, r.refusals = most, 0, 0
}

func (r *room) now() (held, largest, refusals int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held, r.largest, r.refusals
}

// What is passed on is counted on both sides while it is in memory. A node without room for a request gives it back to
// those that have some; where there is none for the answer, the client is told to try again.
func TestMemoryIsCounted(t *testing.T) {
	onEach(t, func(t *testing.T, n *nodes) {
		const enough, request, response = 1 << 20, 10_000, 40_000
		asking, running := &room{most: enough}, &room{most: enough}
		n.asker = NewAsker(AskerConfig{Store: n.relay, Hold: asking.hold, Log: slog.New(slog.DiscardHandler)})
		n.asker.Start()
		t.Cleanup(func() { require.NoError(t, n.asker.Stop(context.Background())) })
		var runs atomic.Int64
		w := NewWorker(WorkerConfig{Store: n.relay, Places: 4, Hold: running.hold, Log: slog.New(slog.DiscardHandler),
			Runner: runner(func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
				runs.Add(1)
				held, _, _ := running.now()
				assert.Greater(t, held, request, "while it runs")
				return &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID, Response: abi.Response{Status: 200, Body: make([]byte, response)}}, nil
			})})
		w.Start()
		t.Cleanup(func() { require.NoError(t, w.Stop(context.Background())) })
		ask := func() (*executions.Outcome, error) {
			return n.ask(t.Context(), executions.Invocation{Type: abi.InvocationHTTP, Request: &abi.Request{Body: make([]byte, request)}})
		}
		for _, c := range []struct {
			name            string
			asking, running int
			back            bool // room comes while the request is given back
			ok              bool
			runs            int64
		}{
			{"room for all", enough, enough, false, true, 1},
			{"none to ask", request, enough, false, false, 0},
			{"none to take the answer", response, enough, false, false, 1},
			{"none to run", enough, request, false, false, 0},
			{"none to hand in the answer", enough, response, false, false, 1},
			{"some after a while", enough, request, true, true, 1},
		} {
			t.Run(c.name, func(t *testing.T) {
				runs.Store(0)
				asking.set(c.asking)
				running.set(c.running)
				if c.back {
					go func() {
						for refused := 0; refused == 0; _, _, refused = running.now() {
							time.Sleep(time.Millisecond)
						}
						running.set(enough)
					}()
				}
				out, err := ask()
				if c.ok {
					require.NoError(t, err)
					require.Len(t, out.Response.Body, response)
				} else {
					require.Equal(t, fault.Overloaded, fault.Of(err), "%v", err)
					require.Equal(t, 3*time.Second, fault.From(err).RetryAfter)
				}
				require.Equal(t, c.runs, runs.Load())
				for _, side := range []*room{asking, running} {
					require.Eventually(t, func() bool { held, _, _ := side.now(); return held == 0 }, patience, time.Millisecond)
				}
				if c.ok {
					_, largest, _ := asking.now()
					require.Greater(t, largest, response)
				}
			})
		}
	})
}
