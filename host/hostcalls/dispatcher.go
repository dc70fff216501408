// Package hostcalls is where a guest's operations arrive: one dispatcher for
// both kinds of guest, from the operations of package abi to the services that
// perform them.
package hostcalls

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/picloud/picloud/abi"
)

// Scope is what an operation may know of the execution that asks for it. The
// app comes from here and never from a request.
type Scope struct {
	ExecutionID  string
	AppID        string
	ScriptID     string
	Capabilities []abi.Capability // beside the empty one, which everybody has
	Log          *Log
	Started      time.Time // with a monotonic clock reading
}

// A Handler performs one operation. Request and response are MessagePack of the
// types that the table [abi.Operations] names. An [*abi.OpError] is shown to
// the script; any other error is logged and shown as "internal".
type Handler func(ctx context.Context, scope *Scope, request []byte) (response []byte, err error)

// Dispatcher knows the handler of every operation. It is safe for concurrent
// use.
type Dispatcher struct {
	handlers []Handler // by operation number
}

// New makes a dispatcher with a handler for every row of [abi.Operations].
func New() *Dispatcher {
	return newDispatcher(map[abi.Op]Handler{
		abi.OpYield:          yield,
		abi.OpLogWrite:       logWrite,
		abi.OpClockMonotonic: clockMonotonic,
	})
}

func newDispatcher(handlers map[abi.Op]Handler) *Dispatcher {
	d := &Dispatcher{}
	for op, handler := range handlers {
		for len(d.handlers) <= int(op) {
			d.handlers = append(d.handlers, nil)
		}
		d.handlers[op] = handler
	}
	return d
}

// Call performs op for the execution of scope.
func (d *Dispatcher) Call(ctx context.Context, scope *Scope, op abi.Op, request []byte) ([]byte, error) {
	row, ok := abi.Lookup(op)
	if !ok || int(op) >= len(d.handlers) || d.handlers[op] == nil {
		return nil, &abi.OpError{Code: "invalid", Message: fmt.Sprintf("unknown operation %d", op)}
	}
	if row.Capability != "" && !slices.Contains(scope.Capabilities, row.Capability) {
		return nil, &abi.OpError{Code: "denied", Message: fmt.Sprintf("%s needs the capability %s", row.Name, row.Capability)}
	}
	return d.handlers[op](ctx, scope, request)
}

// Caller binds the dispatcher to one execution. It is a sandbox.HostCaller.
type Caller struct {
	Dispatcher *Dispatcher
	Scope      *Scope
}

// Call performs op for the execution.
func (c Caller) Call(ctx context.Context, op abi.Op, request []byte) ([]byte, error) {
	return c.Dispatcher.Call(ctx, c.Scope, op, request)
}

// yield does nothing: that the guest called was its purpose.
func yield(context.Context, *Scope, []byte) ([]byte, error) { return nil, nil }

func clockMonotonic(_ context.Context, scope *Scope, _ []byte) ([]byte, error) {
	clock := abi.Clock{Nanoseconds: time.Since(scope.Started).Nanoseconds()}
	return clock.MarshalMsg(nil)
}
