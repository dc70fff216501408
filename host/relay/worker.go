package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
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

// Runner runs scripts: an [executions.Service].
type Runner interface {
	Run(ctx context.Context, in executions.Invocation) (*executions.Outcome, error)
}

// WorkerConfig is what a [Worker] is made of.
type WorkerConfig struct {
	Store      store.Relay
	Runner     Runner
	Places     int           // requests at once
	Hold       Hold          // of requests while they run, and of answers until they are handed in
	Retention  time.Duration // of abandoned executions; 0: they are kept for ever
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Worker runs the requests of other nodes. It is a [background.Service]: Stop waits for what runs.
type Worker struct {
	background.Group
	store    store.Relay
	runner   Runner
	hold     Hold
	log      *slog.Logger
	metrics  workerMetrics
	taker    *background.Task
	renewer  *background.Task
	announce *background.Task

	mu     sync.Mutex
	free   int                                      // places
	tokens map[string]map[string]context.CancelFunc // what runs, by token and request
	work   sync.WaitGroup
}

// NewWorker makes a worker.
func NewWorker(c WorkerConfig) *Worker {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	w := &Worker{
		store: c.Store, runner: c.Runner, hold: c.Hold, log: c.Log, metrics: newWorkerMetrics(c.Registerer), free: c.Places,
		tokens: map[string]map[string]context.CancelFunc{},
	}
	w.taker = task("run requests of other nodes", pollEvery, c.Log, w.take)
	w.renewer = task("renew leases of requests", renewEvery, c.Log, w.renew)
	w.announce = task("tell other nodes of answers", time.Hour, c.Log, c.Store.AnnounceAnswers)
	w.Group = background.Group{
		w.taker,
		background.NewSweep("unanswered", "requests of other nodes", sweepEvery, c.Log, w.sweep),
	}
	if c.Store.Shared() {
		w.Group = append(w.Group, task("listen for requests of other nodes", pollEvery, c.Log, func(ctx context.Context) error {
			return c.Store.ListenRequests(ctx, w.taker.Wake)
		}))
	}
	if c.Retention > 0 {
		w.Group = append(w.Group, background.NewSweep("old", "abandoned executions", retainEvery, c.Log, func(ctx context.Context) (int, error) {
			before := time.Now().Add(-c.Retention)
			return store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
				return c.Store.DeleteAbandonedBefore(ctx, before, limit)
			})
		}))
	}
	return w
}

// Start begins to run requests.
func (w *Worker) Start() {
	w.renewer.Start()
	w.announce.Start()
	w.Group.Start()
}

// Stop takes no more requests, and waits until ctx ends for those that run to be answered.
func (w *Worker) Stop(ctx context.Context) error {
	failed := w.Group.Stop(ctx)
	idle := make(chan struct{})
	go func() { w.work.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-ctx.Done():
		failed = errors.Join(failed, fmt.Errorf("requests of other nodes did not end in time: %w", ctx.Err()))
	}
	// A last announcement may be lost: then those who wait look each second.
	return errors.Join(failed, w.renewer.Stop(ctx), w.announce.Stop(ctx))
}

func (w *Worker) sweep(ctx context.Context) (int, error) {
	n, err := store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
		return w.store.Sweep(ctx, goneAfter, limit)
	})
	w.metrics.abandoned.Add(float64(n))
	return n, err
}

// take takes as many requests as there are places for.
func (w *Worker) take(ctx context.Context) error {
	for ctx.Err() == nil {
		w.mu.Lock()
		free := w.free
		w.mu.Unlock()
		if free == 0 {
			return nil // whoever ends wakes us
		}
		token := uuid.Must(uuid.NewV7()).String()
		taken, err := w.store.Take(background.Grace(ctx), token, min(free, store.MaxBatch), lease)
		if err != nil {
			return err
		}
		if len(taken) == 0 {
			return nil
		}
		w.begin(token, taken)
	}
	return nil
}

// begin runs requests, each in a goroutine of its own.
func (w *Worker) begin(token string, taken []store.RelayedRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens[token] = map[string]context.CancelFunc{}
	for _, request := range taken {
		ctx, cancel := context.WithCancel(context.Background()) // it ends by its own time limit, or with the sandbox
		w.tokens[token][request.ID] = cancel
		w.free--
		w.metrics.running.Inc()
		w.work.Go(func() {
			defer w.end(token, request.ID)
			w.serve(ctx, token, &request)
		})
	}
}

// end makes the place of a request free.
func (w *Worker) end(token, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens[token][id]()
	delete(w.tokens[token], id)
	if len(w.tokens[token]) == 0 {
		delete(w.tokens, token)
	}
	w.metrics.running.Dec()
	if w.free++; w.free == 1 {
		w.taker.Wake()
	}
}

// serve runs a request and hands in the answer, under the lease of the token.
func (w *Worker) serve(ctx context.Context, token string, request *store.RelayedRequest) {
	var kind abi.InvocationType
	var out *executions.Outcome
	err := background.Protect(func() (err error) {
		out, kind, err = w.run(ctx, request)
		return err
	})
	var defect *background.PanicError
	switch {
	case errors.As(err, &defect):
		w.log.Error("a request of another node panicked", "execution_id", request.ID, "error", err, "stack", string(defect.Stack))
	case err != nil && fault.Of(err) != fault.NotFound && fault.Of(err) != fault.Overloaded:
		w.log.Error("a request of another node could not be run", "execution_id", request.ID, "error", err)
	}
	// Of an execution that has not begun nothing is lost: a node with room may begin it.
	full := fault.Of(err) == fault.Overloaded || err == nil && out.Error != nil && out.Error.Code == abi.CodeOverloaded
	ctx = context.WithoutCancel(ctx)
	if full && request.Tries < maxTries {
		if err := w.store.Return(ctx, request.ID, token, returnPause+rand.N(returnPause)); err != nil {
			w.log.Warn("a request of another node could not be given back", "execution_id", request.ID, "error", err)
		}
		time.AfterFunc(2*returnPause, w.taker.Wake)
		return
	}
	answer := answerOf(request.ID, kind, out, err)
	out = nil // it may be large, and is in the answer
	release, err := w.hold.of(ctx, answer.Payload)
	if err != nil { // what the script has done is done, as where the answer of a node's own script is not sent
		answer = answerOf(request.ID, kind, nil, err)
		release = func() {}
	}
	defer release()
	answer.Token = token
	w.hand(ctx, answer)
}

// run runs the script of a request, and returns for what it was.
func (w *Worker) run(ctx context.Context, request *store.RelayedRequest) (*executions.Outcome, abi.InvocationType, error) {
	release, err := w.hold.of(ctx, request.Payload)
	if err != nil {
		return nil, "", err
	}
	defer release()
	in, err := invocation(*request)
	request.Payload = nil // it may be large, and is not needed any more
	if err != nil {
		return nil, "", err
	}
	out, err := w.runner.Run(ctx, in)
	return out, in.Type, err
}

// hand hands an answer in. A database that is away may be back while the lease lasts; after that whoever
// waits is told that we are gone.
func (w *Worker) hand(ctx context.Context, answer store.RelayedAnswer) {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	for pause := returnPause; ; pause *= 2 {
		void, abandoned, err := w.store.Answer(ctx, answer)
		switch {
		case err == nil && void:
			w.metrics.late.Inc()
			w.log.Warn("an answer to another node comes too late", "execution_id", answer.ID)
		case err == nil && abandoned:
			w.metrics.abandoned.Inc()
		case err == nil:
			w.announce.Wake()
		default:
			select {
			case <-time.After(pause):
				continue
			case <-ctx.Done():
				w.log.Error("an answer to another node could not be handed in", "execution_id", answer.ID, "error", err)
			}
		}
		return
	}
}

// renew makes the leases of what runs last, and ends what nobody waits for any more: it was given up, or its
// lease has ended.
func (w *Worker) renew(ctx context.Context) error {
	w.mu.Lock()
	tokens := slices.Collect(maps.Keys(w.tokens))
	w.mu.Unlock()
	var failed []error
	for _, token := range tokens {
		wanted, err := w.store.Renew(ctx, token, lease)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		w.mu.Lock()
		for id, cancel := range w.tokens[token] {
			if !slices.Contains(wanted, id) {
				cancel()
			}
		}
		w.mu.Unlock()
	}
	return errors.Join(failed...)
}
