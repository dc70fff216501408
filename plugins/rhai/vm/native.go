package vm

import "maps"

// NativeFunc is a function of the standard library.
//
// args are the call's arguments, the receiver first in method style. They are
// the function's to change: what it leaves in args[0] becomes the receiver's new
// value when the overload is registered with Mutates. Values it stores elsewhere
// (into a container, into its result) must be marked with [Value.Share] unless it
// made them; values it reads out of a container it leaves in place, likewise. An error without a position gets the call's.
type NativeFunc func(t *Thread, args []Value) (Value, *Error)

// Native is one overload of a library function.
type Native struct {
	Name    string
	Params  []Kind // KindAny accepts all; at most 8
	Mutates bool   // takes its first argument by mutable reference: refused on constants
	Pure    bool   // with Mutates: allowed on constants, what it calls back sees a constant
	Calls   bool   // may call back into the script
	Func    NativeFunc
}

// Library is a set of native functions and property getters and setters.
type Library struct {
	functions map[string][]*Native
	getters   map[string][]*Native // by property: one parameter
	setters   map[string][]*Native // by property: two parameters, Mutates
	calling   bool                 // within Calling
}

// NewLibrary makes an empty library.
func NewLibrary() *Library {
	return &Library{functions: map[string][]*Native{}, getters: map[string][]*Native{}, setters: map[string][]*Native{}}
}

func (l *Library) add(n *Native) {
	n.Calls = l.calling
	l.functions[n.Name] = append(l.functions[n.Name], n)
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

// PureMethod adds a function that may change its first argument only by what it calls
// back with a part of it as this. It may be called on constants.
func (l *Library) PureMethod(name string, f NativeFunc, params ...Kind) {
	l.add(&Native{Name: name, Params: params, Func: f, Mutates: true, Pure: true})
}

// Getter adds a readable property of a kind.
func (l *Library) Getter(name string, f NativeFunc, of Kind) {
	l.getters[name] = append(l.getters[name], &Native{Name: name, Params: []Kind{of}, Func: f})
}

// Setter adds a writable property of a kind; args are the receiver and the new value.
func (l *Library) Setter(name string, f NativeFunc, of, value Kind) {
	l.setters[name] = append(l.setters[name], &Native{Name: name, Params: []Kind{of, value}, Func: f, Mutates: true})
}

// Functions calls visit for each overload, in no order.
func (l *Library) Functions(visit func(*Native)) {
	for _, overloads := range l.functions {
		for _, n := range overloads {
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

// Signature is how errors show a call: "name (i64, array)". A string is
// shown as Rhai's three names for it.
func Signature(name string, args []Value) string {
	text := name + " ("
	for i, a := range args {
		if i > 0 {
			text += ", "
		}
		if a.Kind() == KindString {
			text += "&str | ImmutableString | String"
		} else {
			text += a.TypeName()
		}
	}
	return text + ")"
}

// Named gives the overloads of a function.
func (l *Library) Named(name string) []*Native { return l.functions[name] }

// Mutating reports whether a method of that name and number of further arguments
// may change its receiver.
func (l *Library) Mutating(name string, args int) bool {
	for _, n := range l.functions[name] {
		if n.Mutates && len(n.Params) == args+1 {
			return true
		}
	}
	return false
}

// HasModule reports whether there are functions named name::something.
func (l *Library) HasModule(name string) bool {
	for have := range l.functions {
		if len(have) > len(name)+2 && have[:len(name)] == name && have[len(name):len(name)+2] == "::" {
			return true
		}
	}
	return false
}

// Extend makes a library that has the functions of l, too.
func (l *Library) Extend() *Library {
	return &Library{functions: maps.Clone(l.functions), getters: maps.Clone(l.getters), setters: maps.Clone(l.setters)}
}
