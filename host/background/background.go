// Package background is the one lifecycle of all that runs beside requests.
//
// A [Service] is started, works in goroutines of its own, and is stopped. There are three kinds of
// work, each built on the one before:
//
//   - a [Task] runs a function, once or every so often; what fails or panics is logged and tried
//     again after a pause that grows
//   - a [Sweep] is a task that removes what nobody wants any more
//   - a [Batch] is a task that writes what others hand in, many items at a time
//
// A [Group] is several services that do not need one another. Where the order of a stop matters,
// it is the order in which the owner stops them.
//
// Tests wait for what a service tells of its work by a [Signal], not for time to pass.
package background

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Service is work that goes on in the background. It runs once: what was stopped stays stopped.
type Service interface {
	// Start begins the work and returns at once. It does nothing when the service was started
	// before, or stopped.
	Start()

	// Stop has the work end and returns once it has. Work under way is given until ctx ends; then
	// it is cut short and the error, which names the service, wraps that of ctx. A Stop without a
	// Start keeps the service from starting. Several may stop a service, and wait for it.
	Stop(ctx context.Context) error
}

// Group is services that are started and stopped together. It is a [Service] itself.
type Group []Service

// Start starts all, in their order.
func (g Group) Start() {
	for _, service := range g {
		service.Start()
	}
}

// Stop stops all at the same time. The error joins theirs.
func (g Group) Stop(ctx context.Context) error {
	failed := make([]error, len(g))
	var stopping sync.WaitGroup
	for i, service := range g {
		stopping.Go(func() { failed[i] = service.Stop(ctx) })
	}
	stopping.Wait()
	return errors.Join(failed...)
}

// A PanicError is the panic of a function that must not end the process.
type PanicError struct {
	Value any    // of the panic
	Stack []byte // as debug.Stack returns it
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Protect calls a function and returns its error, or its panic as a [*PanicError].
func Protect(call func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return call()
}

// wait waits for as long as pause and reports whether ctx lasted.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// notify leaves word in a channel of one place, unless word is there already.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
