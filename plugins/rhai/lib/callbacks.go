package lib

import (
	"strings"

	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// callback is a function pointer given to a container function, called once for
// each element.
//
// The number of the function's parameters selects what it is given. With n own
// arguments (none for an array's element functions, the accumulator for reduce, the
// property's name for a map), the element, and e extras (the index):
//
//	n          own                  this is the element
//	n+1        own + element        element inserted at place move
//	n+1+e      own + element + e    likewise
//	n+e        own + e              this is the element (when the element is not movable)
//
// A function known by its name only has no number of parameters: the first form
// is tried, and on "function not found" the next.
type callback struct {
	t    *vm.Thread
	f    *vm.FnPtr
	in   string // the container function, as errors name it
	n, e int
	move int // where the element goes among the arguments; -1: it is only ever this
	form form
	args [4]vm.Value
	own  [2]vm.Value // while the form is not known
}

type form uint8

const (
	formUnknown    form = iota // to be found by trying
	formThis                   // own
	formMoved                  // own with element
	formMovedExtra             // own with element, extras
	formThisExtra              // own, extras
)

func newCallback(t *vm.Thread, f *vm.FnPtr, in string, n, e, move int) *callback {
	c := &callback{t: t, f: f, in: in, n: n, e: e, move: move}
	vm.Keep(t, c)
	if f.Func == nil {
		return c
	}
	switch arity := f.Arity(t); {
	case arity == n:
		c.form = formThis
	case arity == n+1 && move >= 0:
		c.form = formMoved
	case arity == n+1+e && move >= 0:
		c.form = formMovedExtra
	case arity == n+e:
		c.form = formThisExtra
	}
	return c
}

// elementCallback makes a callback for the functions that visit an array's elements.
func elementCallback(t *vm.Thread, f vm.Value, in string) *callback {
	return newCallback(t, f.AsFn(), in, 0, 1, 0)
}

// writes reports whether the function may change the element, as this.
func (c *callback) writes() bool { return c.form != formMoved && c.form != formMovedExtra }

// element calls the function for an array's element.
func (c *callback) element(item *vm.Value, index int) (vm.Value, *vm.Error) {
	return c.call(item, vm.Int(int64(index)))
}

// test works as element, for a function that decides: anything but true is false.
func (c *callback) test(item *vm.Value, index int) (bool, *vm.Error) {
	v, err := c.call(item, vm.Int(int64(index)))
	return err == nil && isTrue(v), err
}

func isTrue(v vm.Value) bool { return v.Kind() == vm.KindBool && v.AsBool() }

// call calls the function with its own arguments; extra is used if c has one.
func (c *callback) call(this *vm.Value, extra vm.Value, own ...vm.Value) (vm.Value, *vm.Error) {
	if err := c.t.Charge(1); err != nil {
		return vm.Unit, err
	}
	if c.form != formUnknown {
		return c.callAs(c.form, this, extra, own)
	}
	own = c.own[:copy(c.own[:], own)]
	v, err := c.callAs(formThis, this, extra, own)
	if c.unknown(err) && c.move >= 0 && this != nil {
		v, err = c.callAs(formMoved, this, extra, own)
	}
	if c.unknown(err) {
		last := formThisExtra
		if c.move >= 0 && this != nil {
			last = formMovedExtra
		}
		v, err = c.callAs(last, this, extra, own)
	}
	if err != nil {
		if aborts(err) {
			return vm.Unit, err
		}
		return vm.Unit, c.t.InFunctionCall(c.in, err, syntax.Position{})
	}
	return v, nil
}

func (c *callback) callAs(as form, this *vm.Value, extra vm.Value, own []vm.Value) (vm.Value, *vm.Error) {
	if as == formMoved && c.move == len(own) { // most calls: |x|, and |sum, x|
		copy(c.args[:], own)
		c.args[c.move] = this.Share()
		return c.t.Call(c.f, nil, c.args[:c.move+1]...)
	}
	args := append(c.args[:0], own...)
	if as == formMovedExtra || as == formThisExtra {
		if c.e > 0 {
			args = append(args, extra)
		}
	}
	if as == formMoved || as == formMovedExtra {
		args = append(args, vm.Unit)
		copy(args[c.move+1:], args[c.move:])
		args[c.move] = this.Share()
		this = nil
	}
	return c.t.Call(c.f, this, args...)
}

// unknown reports whether err says that the very function called does not exist for
// the arguments given.
func (c *callback) unknown(err *vm.Error) bool { return err != nil && isUnknown(err, c.f.Name) }

func isUnknown(err *vm.Error, name string) bool {
	return err.Variant == vm.ErrorFunctionNotFound &&
		strings.HasPrefix(strings.TrimPrefix(err.Text, "Function not found: "), name)
}

// aborts reports whether an error ends the run even where Rhai's function drops the
// errors of its callback.
func aborts(err *vm.Error) bool {
	return err.Variant == vm.ErrorTooManyOperations || err.Variant == vm.ErrorTerminated
}

// byName makes a container function that takes a function pointer as its second
// argument out to take a function's name there as well.
func byName(f vm.NativeFunc) vm.NativeFunc {
	return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		fn, err := t.FnByName(args[1].AsString())
		if err != nil {
			return vm.Unit, err
		}
		args[1] = vm.NewFn(fn)
		return f(t, args)
	}
}
