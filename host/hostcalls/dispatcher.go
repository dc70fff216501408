// Package hostcalls is where a guest's operations arrive: one dispatcher for
// both kinds of guest, from the operations of package abi to the services that
// perform them.
package hostcalls

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/secrets"
)

// Scope is what an operation may know of the execution that asks for it. The
// app comes from here and never from a request.
type Scope struct {
	ExecutionID  string
	AppID        string
	ScriptID     string
	ScriptName   string
	Capabilities []abi.Capability // beside the empty one, which everybody has
	Log          *Log

	// Started is when the execution began, and Now is the time of each moment in it.
	// Both have a monotonic reading.
	Started time.Time
	Now     func() time.Time

	Depth  int     // of invocations: 0 unless another execution invoked this one
	Invoke Invoker // nil: the execution cannot invoke others

	StorageFailed bool // an operation found the storage failing

	Calls Calls // what the execution has asked for

	Request *abi.Request // nil unless a request caused the execution
	Stream  Stream       // nil: the execution cannot stream its response

	transaction transaction
	masks       []*secrets.Mask // of the app's secrets when it read one
}

// A Handler performs one operation. Request and response are MessagePack of the
// types that the table [abi.Operations] names. An [*abi.OpError] is shown to
// the script as it is, one of package fault with the name of the operation; any
// other error is logged and shown as "internal".
type Handler func(ctx context.Context, scope *Scope, request []byte) (response []byte, err error)

// Services are what the operations are performed by.
type Services struct {
	KV    *kv.Service
	Docs  *docs.Service
	Files *files.Service
	HTTP  HTTP

	// Transactions begins those of kv and docs: the store of both; nil: there are none.
	Transactions Transactions
	Events       Events           // nil: the operations on events are not available
	Secrets      *secrets.Service // nil: nothing is masked
}

// Config is what a [Dispatcher] is made of beside the services.
type Config struct {
	Services
	Log        *slog.Logger          // of failures that are not the script's; nil: slog.Default()
	Registerer prometheus.Registerer // of metrics; nil: none are kept
}

// Dispatcher knows the handler of every operation. It is safe for concurrent
// use.
type Dispatcher struct {
	handlers [abi.OpEnd]Handler // by operation number
	secrets  *secrets.Service
	log      *slog.Logger
	metrics  *metrics
}

// New makes a dispatcher with a handler for every row of [abi.Operations].
func New(c Config) *Dispatcher {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	d := &Dispatcher{secrets: c.Secrets, log: c.Log, metrics: newMetrics(c.Registerer)}
	for _, handlers := range []map[abi.Op]Handler{
		{
			abi.OpYield:          yield,
			abi.OpLogWrite:       handle(abi.OpLogWrite, logWrite),
			abi.OpClockMonotonic: handle(abi.OpClockMonotonic, clockMonotonic),
			abi.OpTimeZone:       timeZone(),
			abi.OpClockSleep:     handle(abi.OpClockSleep, clockSleep),
			abi.OpInvoke:         handle(abi.OpInvoke, invoke),
			abi.OpStreamStart:    handle(abi.OpStreamStart, streamStart),
			abi.OpStreamWrite:    handle(abi.OpStreamWrite, streamWrite),
			abi.OpStreamEvent:    handle(abi.OpStreamEvent, streamEvent),
		},
		kvHandlers(c.KV),
		docsHandlers(c.Docs),
		filesHandlers(c.Files),
		httpHandlers(c.HTTP),
		transactionHandlers(c.Transactions),
		cryptoHandlers(),
		eventsHandlers(c.Events),
		secretsHandlers(c.Secrets),
	} {
		for op, handler := range handlers {
			d.handlers[op] = handler
		}
	}
	return d
}

// Perform performs op for the execution of scope.
func (d *Dispatcher) Perform(ctx context.Context, scope *Scope, op abi.Op, request []byte) ([]byte, error) {
	if !tells(op) {
		return d.perform(ctx, scope, op, request)
	}
	began := time.Since(scope.Started)
	response, err := d.perform(ctx, scope, op, request)
	call := performed{op: op, start: began, took: time.Since(scope.Started) - began, request: len(request), response: len(response), err: err}
	if row, _ := abi.Lookup(op); row.Capability == abi.AppSecretRead {
		call.request, call.response = 0, 0 // how long a secret is would help to guess it
	}
	scope.Calls.add(call)
	return response, err
}

func (d *Dispatcher) perform(ctx context.Context, scope *Scope, op abi.Op, request []byte) ([]byte, error) {
	row, ok := abi.Lookup(op)
	if !ok || d.handlers[op] == nil {
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: fmt.Sprintf("unknown operation %d", op)}
	}
	if row.Capability != "" && !slices.Contains(scope.Capabilities, row.Capability) {
		err := &abi.OpError{Code: abi.OpCodeDenied, Message: fmt.Sprintf("%s needs the capability %s, which this execution does not have", row.Name, row.Capability)}
		d.metrics.failed(row, err)
		return nil, err
	}
	if scope.transaction.open != nil && !row.InTransaction {
		err := &abi.OpError{Code: abi.OpCodeInvalid, Message: row.Name + ": not within a transaction: it could not be undone, or others would wait meanwhile"}
		d.metrics.failed(row, err)
		return nil, err
	}
	response, err := d.handlers[op](ctx, scope, request)
	if err == nil {
		d.metrics.performed(op)
		return response, nil
	}
	shown := told(row.Name, err)
	d.metrics.failed(row, shown)
	if fault.Of(err) == fault.Storage && !ended(err) {
		scope.StorageFailed = true
	}
	if fault.Cause(err) != nil && !ended(err) { // of which the script learns only that it happened
		d.log.Error("hostcalls: the storage failed", "operation", row.Name, "execution_id", scope.ExecutionID, "app_id", scope.AppID, "error", err)
	}
	return nil, shown
}

// For binds the dispatcher to the execution of scope.
func (d *Dispatcher) For(scope *Scope) Performer { return Performer{d, scope} }

// A Performer performs operations for one execution, as the sandbox wants it.
type Performer struct {
	dispatcher *Dispatcher
	scope      *Scope
}

// Perform performs op for the execution.
func (p Performer) Perform(ctx context.Context, op abi.Op, request []byte) ([]byte, error) {
	return p.dispatcher.Perform(ctx, p.scope, op, request)
}

// yield does nothing: that the guest called was its purpose.
func yield(context.Context, *Scope, []byte) ([]byte, error) { return nil, nil }

// clockSleep waits, unless the execution ends before.
func clockSleep(ctx context.Context, _ *Scope, request *abi.ClockSleepRequest) (msgp.Marshaler, error) {
	if request.Nanoseconds < 0 {
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: fmt.Sprintf("clock.sleep: ns must be at least 0, got %d", request.Nanoseconds)}
	}
	timer := time.NewTimer(time.Duration(request.Nanoseconds))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func clockMonotonic(_ context.Context, scope *Scope, _ *nothing) (msgp.Marshaler, error) {
	now := scope.Now()
	return abi.Clock{Nanoseconds: now.Sub(scope.Started).Nanoseconds(), UnixNano: now.UnixNano()}, nil
}
