package vm

import (
	"slices"
	"strings"
)

// NativeFunc is a function of the standard library.
//
// args are the call's arguments, the receiver first in method style. They are the function's to
// change: what it leaves in args[0] becomes the receiver's new value when the overload is
// registered with Mutates; its object is then not shared with any other value, but for those
// registered with Pure or Reads: see [Thread.Own]. Values it stores elsewhere (into a container,
// into its result) must be marked with [Value.Share] unless it made them; values it reads out of a
// container it leaves in place, likewise. An error without a position gets the call's.
type NativeFunc func(t *Thread, args []Value) (Value, *Error)

// Native is one overload of a library function.
type Native struct {
	Name    string
	Params  []Kind // KindAny accepts all; at most 8
	Mutates bool   // takes its first argument by mutable reference: refused on constants
	Pure    bool   // with Mutates: allowed on constants, what it calls back sees a constant
	Reads   bool   // with Mutates: leaves the object of its first argument as it is
	Calls   bool   // may call back into the script
	Func    NativeFunc
}

// Library is a set of native functions and property getters and setters.
type Library struct {
	functions overloads
	getters   overloads // by property: one parameter
	setters   overloads // by property: two parameters, Mutates
	calling   bool      // within Calling
}

// overloads are functions by their names, in the order of these. It is no Go map: that
// would be in memory for as long as the library, and a collector that does not
// know which of its words are pointers takes the hashes in it for some.
type overloads []named

type named struct {
	name    string
	natives []*Native
}

func (o overloads) find(name string) (at int, found bool) {
	return slices.BinarySearchFunc(o, name, func(n named, name string) int { return strings.Compare(n.name, name) })
}

func (o overloads) get(name string) []*Native {
	if at, ok := o.find(name); ok {
		return o[at].natives
	}
	return nil
}

func (o *overloads) add(n *Native) {
	at, ok := o.find(n.Name)
	if !ok {
		*o = slices.Insert(*o, at, named{name: n.Name})
	}
	(*o)[at].natives = append((*o)[at].natives, n)
}

func (o overloads) clone() overloads {
	c := slices.Clone(o)
	for i := range c {
		c[i].natives = slices.Clip(c[i].natives)
	}
	return c
}

// NewLibrary makes an empty library.
func NewLibrary() *Library { return &Library{} }

func (l *Library) add(n *Native) {
	n.Calls = l.calling
	l.functions.add(n)
}

// Calling registers functions that may call back into the script, see [Keep].
func (l *Library) Calling(register func(*Library)) {
	l.calling = true
	register(l)
	l.calling = false
}

// Func adds a function that leaves its arguments as they are.
func (l *Library) Func(name string, f NativeFunc, params ...Kind) {
	l.add(&Native{Name: name, Params: params, Func: f})
}

// Method adds a function that may change its first argument.
func (l *Library) Method(name string, f NativeFunc, params ...Kind) {
	l.add(&Native{Name: name, Params: params, Func: f, Mutates: true})
}

// Reader adds a function that is refused on constants, as those of Method are, but does not
// change what is in its first argument. It may put another value in its place.
func (l *Library) Reader(name string, f NativeFunc, params ...Kind) {
	l.add(&Native{Name: name, Params: params, Func: f, Mutates: true, Reads: true})
}

// PureMethod adds a function that may change its first argument only by what it calls back with a
// part of it as this: it has to call [Thread.Own] before. It may be called on constants.
func (l *Library) PureMethod(name string, f NativeFunc, params ...Kind) {
	l.add(&Native{Name: name, Params: params, Func: f, Mutates: true, Pure: true})
}

// Getter adds a readable property of a kind.
func (l *Library) Getter(name string, f NativeFunc, of Kind) {
	l.getters.add(&Native{Name: name, Params: []Kind{of}, Func: f})
}

// Setter adds a writable property of a kind; args are the receiver and the new value.
func (l *Library) Setter(name string, f NativeFunc, of, value Kind) {
	l.setters.add(&Native{Name: name, Params: []Kind{of, value}, Func: f, Mutates: true})
}

// Functions calls visit for each overload, in the order of names.
func (l *Library) Functions(visit func(*Native)) {
	for _, f := range l.functions {
		for _, n := range f.natives {
			visit(n)
		}
	}
}

// accepts reports whether the arguments fit the overload.
func (n *Native) accepts(args []Value) bool {
	if len(args) != len(n.Params) {
		return false
	}
	for i, want := range n.Params {
		if want != KindAny && args[i].Kind() != want {
			return false
		}
	}
	return true
}

func pick(overloads []*Native, args []Value) *Native {
	for _, n := range overloads {
		if n.accepts(args) {
			return n
		}
	}
	return nil
}

// Signature returns a call as errors show it: "name (i64, array)". A string is
// shown as Rhai's three names for it.
func Signature(name string, args []Value) string {
	var b strings.Builder
	b.WriteString(name)
	b.WriteString(" (")
	for i, a := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		if a.Kind() == KindString {
			b.WriteString("&str | ImmutableString | String")
		} else {
			b.WriteString(a.TypeName())
		}
	}
	b.WriteByte(')')
	return b.String()
}

// Named returns the overloads of a function.
func (l *Library) Named(name string) []*Native { return l.functions.get(name) }

// Mutating reports whether a method of that name and number of further arguments
// may change its receiver.
func (l *Library) Mutating(name string, args int) bool {
	for _, n := range l.functions.get(name) {
		if n.Mutates && len(n.Params) == args+1 {
			return true
		}
	}
	return false
}

// HasModule reports whether there are functions named name::something.
func (l *Library) HasModule(name string) bool {
	at, _ := l.functions.find(name + "::")
	return at < len(l.functions) && strings.HasPrefix(l.functions[at].name, name+"::")
}

// Extend makes a library that has the functions of l, too.
func (l *Library) Extend() *Library {
	return &Library{functions: l.functions.clone(), getters: l.getters.clone(), setters: l.setters.clone()}
}
