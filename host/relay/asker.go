package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Asker has other nodes run scripts. Its Start and Stop are those of a [background.Service]; who waits when it
// stops waits in vain, so it stops after those who ask. It is safe for concurrent use.
type Asker struct {
	background.Group
	store    store.Relay
	hold     Hold
	node     string // that answers go to; of this process
	log      *slog.Logger
	metrics  askerMetrics
	reader   *background.Task
	announce *background.Task
	looked   time.Time // for lost requests; with read

	mu      sync.Mutex
	waiting map[string]chan<- store.RelayedAnswer // by request; each has a place for its answer

	interrupted chan struct{} // closed when nobody may wait any longer
	interrupt   func()
	givingUp    sync.WaitGroup
}

// AskerConfig is what an [Asker] is made of.
type AskerConfig struct {
	Store      store.Relay
	Hold       Hold // of requests and answers as they are passed on
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// NewAsker makes an asker.
func NewAsker(c AskerConfig) *Asker {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	a := &Asker{
		store: c.Store, hold: c.Hold, node: uuid.NewString(), log: c.Log, metrics: newAskerMetrics(c.Registerer),
		waiting: map[string]chan<- store.RelayedAnswer{}, interrupted: make(chan struct{}),
	}
	a.interrupt = sync.OnceFunc(func() { close(a.interrupted) })
	a.reader = task("take answers of other nodes", pollEvery, c.Log, a.read)
	a.announce = task("tell other nodes of requests", time.Hour, c.Log, c.Store.AnnounceRequests)
	a.Group = background.Group{a.reader, a.announce}
	if c.Store.Shared() {
		a.Group = append(a.Group, task("listen for answers of other nodes", pollEvery, c.Log, func(ctx context.Context) error {
			return c.Store.ListenAnswers(ctx, a.reader.Wake)
		}))
	}
	return a
}

// Interrupt ends all waiting, as an execution ends that is interrupted by the end of its server.
func (a *Asker) Interrupt() { a.interrupt() }

// Stop ends all waiting and the asker's work.
func (a *Asker) Stop(ctx context.Context) error {
	a.interrupt()
	gaveUp := make(chan struct{})
	go func() { a.givingUp.Wait(); close(gaveUp) }()
	var late error
	select {
	case <-gaveUp:
	case <-ctx.Done():
		late = fmt.Errorf("requests were not given up in time: %w", ctx.Err())
	}
	return errors.Join(late, a.Group.Stop(ctx))
}

// Run has another node run a script, see [executions.Service.Run]. It waits for as long as the script may
// take and 2 s, and gives up earlier when ctx ends. The error is [fault.TooLarge] of a request that cannot be
// passed on, [fault.Overloaded] when there is no memory for it or for its answer, [fault.Unreachable] when the node that
// ran the script is gone, or the store's.
func (a *Asker) Run(ctx context.Context, in executions.Invocation, script store.Script, limits abi.Limits) (*executions.Outcome, error) {
	payload, err := encodeQuestion(in, script.Version)
	if err != nil {
		return nil, err
	}
	request := store.RelayedRequest{
		ID: in.ExecutionID, AppID: script.AppID, ScriptID: script.ID, RequestID: in.RequestID, ReplyTo: a.node,
		Wait: time.Duration(limits.TimeoutMS)*time.Millisecond + waitMargin, Payload: payload,
	}
	if request.ID == "" {
		request.ID = uuid.Must(uuid.NewV7()).String()
	}
	began := time.Now()
	release, err := a.hold.of(ctx, payload)
	if err != nil {
		return nil, err
	}
	answers := make(chan store.RelayedAnswer, 1)
	a.wait(request.ID, answers)
	err = a.store.Ask(ctx, request)
	request.Payload = nil // it may be large, and is not needed any more
	release()
	if err != nil {
		a.forget(request.ID)
		a.giveUp(ctx, request.ID, store.AbandonedByClient) // it may have been kept all the same
		return nil, err
	}
	a.announce.Wake()
	timer := time.NewTimer(request.Wait)
	defer timer.Stop()
	failure, why := abi.ScriptError{Code: abi.CodeCancelled, Message: "cancelled"}, store.AbandonedByClient
	select {
	case answer := <-answers:
		return a.ended(ctx, answer, began)
	case <-timer.C:
		why = store.AbandonedInTime
		failure = abi.ScriptError{Code: abi.CodeTimeout, Message: fmt.Sprintf("no node has answered within the timeout_ms of %d and %v", limits.TimeoutMS, waitMargin)}
	case <-ctx.Done():
	case <-a.interrupted:
		why = store.AbandonedAtStop
		failure.Message = "the server is stopping"
	}
	a.forget(request.ID)
	select {
	case answer := <-answers: // it has come meanwhile
		return a.ended(ctx, answer, began)
	default:
	}
	a.metrics.requests.WithLabelValues(string(why)).Inc()
	a.giveUp(ctx, request.ID, why)
	return &executions.Outcome{ExecutionID: request.ID, AppID: script.AppID, Error: &failure, Duration: time.Since(began)}, nil
}

// ended is what becomes of an answer that somebody has waited for.
func (a *Asker) ended(ctx context.Context, answer store.RelayedAnswer, began time.Time) (*executions.Outcome, error) {
	a.metrics.latency.Observe(time.Since(began).Seconds())
	if answer.Payload == nil {
		a.metrics.requests.WithLabelValues(string(store.AbandonedLost)).Inc()
		return nil, fault.New(fault.Unreachable, "the node that ran the script is gone, and what it has done is not known: execution %s is not run again", answer.ID)
	}
	a.metrics.requests.WithLabelValues("answered").Inc()
	release, err := a.hold.of(ctx, answer.Payload)
	if err != nil {
		return nil, err
	}
	defer release() // whoever sends what is in it counts that
	return outcome(answer)
}

func (a *Asker) wait(id string, answers chan<- store.RelayedAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[id] = answers
	a.metrics.waiting.Inc()
}

// forget has nobody wait for an answer, and returns who did.
func (a *Asker) forget(id string) (answers chan<- store.RelayedAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if answers = a.waiting[id]; answers != nil {
		delete(a.waiting, id)
		a.metrics.waiting.Dec()
	}
	return answers
}

// tell hands an answer to who waits, and reports whether somebody does.
func (a *Asker) tell(answer store.RelayedAnswer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	answers := a.waiting[answer.ID]
	if answers == nil {
		return false
	}
	delete(a.waiting, answer.ID)
	a.metrics.waiting.Dec()
	answers <- answer // under the lock, so that who forgets finds it
	return true
}

// giveUp says that nobody waits for a request, beside whoever did. If it cannot be said, the request runs out
// by itself, and its answer is abandoned by a sweep.
func (a *Asker) giveUp(ctx context.Context, id string, why store.AbandonReason) {
	a.givingUp.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpTime)
		defer cancel()
		abandoned, err := a.store.GiveUp(ctx, id, why)
		if err != nil {
			a.log.Warn("a request of another node could not be given up", "execution_id", id, "error", err)
		}
		if abandoned {
			a.metrics.abandoned.Inc()
		}
	})
}

// read takes the answers that there are, and looks for requests whose nodes are gone.
func (a *Asker) read(ctx context.Context) error {
	a.mu.Lock()
	idle := len(a.waiting) == 0
	a.mu.Unlock()
	if idle {
		return nil
	}
	ctx = background.Grace(ctx) // what was taken out is told
	for {
		answers, err := a.store.Answers(ctx, a.node)
		if err != nil {
			return err
		}
		var failed error // which must not keep others from their answers
		for _, answer := range answers {
			if a.tell(answer) {
				continue
			}
			if err := a.store.Abandon(ctx, answer, store.AbandonedByClient); err != nil {
				failed = err
				continue
			}
			a.metrics.abandoned.Inc()
		}
		if failed != nil {
			return failed
		}
		if len(answers) == 0 {
			break
		}
	}
	if time.Since(a.looked) < pollEvery {
		return nil
	}
	a.looked = time.Now()
	lost, err := a.store.Lost(ctx, a.node)
	for _, id := range lost {
		a.log.Warn("a node is gone that ran a script", "execution_id", id)
		a.metrics.abandoned.Inc()
		a.tell(store.RelayedAnswer{ID: id})
	}
	return err
}
