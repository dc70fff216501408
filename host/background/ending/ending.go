// Package ending has contexts that cost little until they end. One of package context makes a channel and a map for each
// that is derived from it, and nearly all of ours end before anybody has waited for them.
package ending

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Context is a [context.Context] that whoever has begun it ends, or its parent. It is cheap to derive another from it, also by
// way of [WithValue], and by any function of package context right: those learn of its end by AfterFunc.
//
// Why it has ended is told by Cause. [context.Cause] of what package context derives from it is its parent's cause, if it ended by
// that, else [context.Canceled]: there is no other way to tell it.
//
// It must be begun before it is used, and ended at last, as by what [context.WithCancel] returns.
type Context struct {
	parent context.Context
	leave  func() bool // has the parent forget it; nil: the parent does not end

	mu    sync.Mutex
	err   error         // nil: it has not ended
	cause error         // of that
	done  chan struct{} // nil: nobody has asked for it
	after []*func()
}

// Under returns a context that has begun under another.
func Under(parent context.Context) *Context {
	c := new(Context)
	c.Begin(parent)
	return c
}

// Begin has the context end with another one, by that one's cause.
func (c *Context) Begin(parent context.Context) {
	c.parent = parent
	c.mu.Lock() // the parent may end it at once
	defer c.mu.Unlock()
	c.leave = afterFunc(parent, func() { c.end(parent.Err(), causeOf(parent)) })
}

// End ends the context for a cause, unless it has ended.
func (c *Context) End(cause error) { c.end(context.Canceled, cause) }

// Cancel ends the context without a cause of its own, unless it has ended.
func (c *Context) Cancel() { c.End(context.Canceled) }

func (c *Context) end(err, cause error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err, c.cause = err, cause
	if c.done != nil {
		close(c.done)
	}
	after, leave := c.after, c.leave
	c.after, c.leave = nil, nil
	c.mu.Unlock()
	for _, f := range after {
		go (*f)()
	}
	if leave != nil {
		leave()
	}
}

// Cause returns why the context has ended; nil: it has not.
func (c *Context) Cause() error {
	c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Err is [context.Canceled] when the context has ended by itself, whatever the cause was, and its parent's when by that.
func (c *Context) Err() error {
	c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// look ends the context if its parent has ended, which tells of that a moment later: who looks sees it at once, as in package context.
func (c *Context) look() {
	if err := c.parent.Err(); err != nil {
		c.end(err, causeOf(c.parent))
	}
}

var ended = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done is closed when the context has ended.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.done != nil:
	case c.err != nil:
		c.done = ended
	default:
		c.done = make(chan struct{})
	}
	return c.done
}

// AfterFunc is [context.AfterFunc] of the context.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	c.after = append(c.after, &f)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.after, &f)
		if i < 0 {
			return false
		}
		c.after = slices.Delete(c.after, i, i+1)
		return true
	}
}

// Deadline is the parent's.
func (c *Context) Deadline() (time.Time, bool) { return c.parent.Deadline() }

// Value is the parent's.
func (c *Context) Value(key any) any { return c.parent.Value(key) }

// WithValue is [context.WithValue] for a parent that may be a [Context].
func WithValue(parent context.Context, key, value any) context.Context {
	return &valued{parent, key, value}
}

type valued struct {
	context.Context
	key, value any
}

func (v *valued) Value(key any) any {
	if key == v.key {
		return v.value
	}
	return v.Context.Value(key)
}

// AfterFunc is [context.AfterFunc] of the context.
func (v *valued) AfterFunc(f func()) (stop func() bool) {
	if stop := afterFunc(v.Context, f); stop != nil {
		return stop
	}
	return func() bool { return true }
}

// Cause returns why the context has ended; nil: it has not.
func (v *valued) Cause() error { return causeOf(v.Context) }

// afterFunc is [context.AfterFunc]; it returns nil if the context never ends.
func afterFunc(ctx context.Context, f func()) (stop func() bool) {
	switch c := ctx.(type) {
	case *Context:
		return c.AfterFunc(f)
	case *valued:
		return afterFunc(c.Context, f)
	}
	if ctx.Done() == nil {
		return nil
	}
	return context.AfterFunc(ctx, f)
}

func causeOf(ctx context.Context) error {
	if c, ok := ctx.(interface{ Cause() error }); ok {
		return c.Cause()
	}
	return context.Cause(ctx)
}
