package vm

import "unsafe"

// HandleKinds is how many kinds of handle there can be: KindHandle and those after it.
const HandleKinds = 5

// A Handle is the object of a value that stands for something outside of the script, such as
// a collection of a service. A script can pass it on and call the functions that its library
// has for its kind. It never changes.
type Handle struct {
	Type string // as type_of returns it: "KvCollection"
	Name string
}

// NewHandle makes a handle of a kind, which is one of KindHandle to KindHandle+HandleKinds-1.
// All handles of a kind have the same type.
func NewHandle(kind Kind, h *Handle) Value {
	return Value{meta: uint32(kind), ref: unsafe.Pointer(h)}
}

// AsHandle returns the object of a handle.
func (v Value) AsHandle() *Handle { return (*Handle)(v.ref) }

// IsHandle reports whether v is a handle of any kind.
func (v Value) IsHandle() bool { return v.Kind() >= KindHandle && v.Kind() < KindHandle+HandleKinds }
