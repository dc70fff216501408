package vm

import (
	"math"
	"unsafe"
)

// Kind is the type of a [Value].
type Kind uint8

// The kinds of value. Those before KindString live wholly in the Value; the
// others have a heap object.
const (
	KindUnit   Kind = iota
	KindBool        // bits: 0 or 1
	KindInt         // bits: the int64
	KindFloat       // bits: IEEE 754
	KindChar        // bits: the code point
	KindU8          // bits: 0..255; what iterating a blob yields
	KindString      // object: text; bits: bytes | characters<<32
	KindArray       // object: *Array
	KindMap         // object: *Map
	KindBlob        // object: *Blob
	KindRange       // object: *Range, exclusive: type "range"
	KindRangeInclusive
	KindFn        // object: *FnPtr
	KindTimestamp // bits: monotonic nanoseconds
	KindIterator  // object: *Iterator; scripts see type "range"
	KindHandle    // object: *Handle; so are those of the kinds up to HandleKinds-1 after it

	// The kinds below never reach a script.
	kindCell  Kind = iota + HandleKinds - 1 // object: *Cell, a variable shared with a closure
	kindRef                                 // object: *Value, the place to work on
	kindProxy                               // object: *proxy, a part of a value, written back
	kindError                               // object: *Error, what a catch block may rethrow
	numKinds
)

// KindAny in the signature of a [Native] accepts every kind.
const KindAny Kind = 255

const kindMask = 0xff

// Value is any value of a script: 16 bytes in the guest, copied by assignment.
//
// meta holds the kind in its low byte and, above it, the number of the value's
// tag in the thread's tag table (0: none), so that comparing meta with a kind
// tests for that kind untagged, which is what fast paths want. ref is stale for
// the kinds without an object.
//
// Arrays, maps and blobs have value semantics by copy-on-write. Whoever stores a value that stays
// reachable elsewhere calls [Value.Share] on it, which marks its object. Whoever changes an object
// calls [Thread.Own] before, which copies a marked one. The mark is never removed: a copy is a new
// object. Strings are immutable but for appending, see text.go.
//
// meta comes last: a sandbox checks once for each address how far behind it is read, and
// what has a look at the kind first has then been allowed the rest.
type Value struct {
	bits uint64
	ref  unsafe.Pointer
	meta uint32
}

// Unit is the value ().
var Unit = Value{}

// Constructors.

// Bool makes a bool.
func Bool(b bool) Value {
	if b {
		return Value{meta: uint32(KindBool), bits: 1}
	}
	return Value{meta: uint32(KindBool)}
}

// Int makes an integer.
func Int(i int64) Value { return Value{meta: uint32(KindInt), bits: uint64(i)} }

// Float makes a floating-point number.
func Float(f float64) Value {
	return Value{meta: uint32(KindFloat), bits: math.Float64bits(f)}
}

// Char makes a character.
func Char(r rune) Value { return Value{meta: uint32(KindChar), bits: uint64(uint32(r))} }

// U8 makes the byte that iterating a blob yields.
func U8(b byte) Value { return Value{meta: uint32(KindU8), bits: uint64(b)} }

// Timestamp makes a point in monotonic time, in nanoseconds.
func Timestamp(ns int64) Value { return Value{meta: uint32(KindTimestamp), bits: uint64(ns)} }

// NewArray makes an array that owns items.
func NewArray(items []Value) Value {
	return Value{meta: uint32(KindArray), ref: unsafe.Pointer(&Array{Items: items})}
}

// NewBlob makes a blob that owns data.
func NewBlob(data []byte) Value {
	return Value{meta: uint32(KindBlob), ref: unsafe.Pointer(&Blob{Data: data})}
}

// NewMapValue makes a map value that owns m.
func NewMapValue(m *Map) Value { return Value{meta: uint32(KindMap), ref: unsafe.Pointer(m)} }

// NewRange makes from..to, or from..=to when inclusive.
func NewRange(from, to int64, inclusive bool) Value {
	k := KindRange
	if inclusive {
		k = KindRangeInclusive
	}
	return Value{meta: uint32(k), ref: unsafe.Pointer(&Range{from, to})}
}

// NewFn makes a function pointer value.
func NewFn(f *FnPtr) Value { return Value{meta: uint32(KindFn), ref: unsafe.Pointer(f)} }

// NewIterator makes an iterator value.
func NewIterator(it *Iterator) Value {
	return Value{meta: uint32(KindIterator), ref: unsafe.Pointer(it)}
}

// Kind returns the value's kind.
func (v Value) Kind() Kind { return Kind(v.meta & kindMask) }

// IsPlain reports whether v is of kind k and has no tag.
func (v Value) IsPlain(k Kind) bool { return v.meta == uint32(k) }

// The accessors below must be called on a value of their kind only.

// AsBool returns the value of a bool.
func (v Value) AsBool() bool { return v.bits != 0 }

// AsInt returns the value of an integer, and of a U8.
func (v Value) AsInt() int64 { return int64(v.bits) }

// AsFloat returns the value of a float.
func (v Value) AsFloat() float64 { return math.Float64frombits(v.bits) }

// AsChar returns the code point of a char.
func (v Value) AsChar() rune { return rune(v.bits) }

// AsArray returns the object of an array, to read, or to change after [Thread.Own].
func (v Value) AsArray() *Array { return (*Array)(v.ref) }

// AsMap returns the object of a map, to read, or to change after [Thread.Own].
func (v Value) AsMap() *Map { return (*Map)(v.ref) }

// AsBlob returns the object of a blob, to read, or to change after [Thread.Own].
func (v Value) AsBlob() *Blob { return (*Blob)(v.ref) }

// AsRange returns the object of a range.
func (v Value) AsRange() *Range { return (*Range)(v.ref) }

// AsFn returns the object of a function pointer.
func (v Value) AsFn() *FnPtr { return (*FnPtr)(v.ref) }

// AsIterator returns the object of an iterator.
func (v Value) AsIterator() *Iterator { return (*Iterator)(v.ref) }

// AsTimestamp returns a timestamp's nanoseconds.
func (v Value) AsTimestamp() int64 { return int64(v.bits) }

func (v Value) asCell() *Cell   { return (*Cell)(v.ref) }
func (v Value) asRef() *Value   { return (*Value)(v.ref) }
func (v Value) asProxy() *proxy { return (*proxy)(v.ref) }

// IsUnit reports whether v is ().
func (v Value) IsUnit() bool { return v.Kind() == KindUnit }

// Range is the bounds of a range value. An open end is the largest integer.
type Range struct{ From, To int64 }

// Array is the object of an array value.
type Array struct {
	Items  []Value
	shared bool
}

// Blob is the object of a blob value.
type Blob struct {
	Data   []byte
	shared bool
}

// text returns the bytes of b, valid until they change.
func (b *Blob) text() string { return unsafe.String(unsafe.SliceData(b.Data), len(b.Data)) }

// Cell is a variable that a closure shares.
type Cell struct {
	value  Value
	locked bool // a method is at work on it: any other access is a data race
}

// FnPtr is the object of a function pointer value.
type FnPtr struct {
	Name  string
	Func  *Function // of a closure or a resolved script function; nil: found by name at each call
	Curry []Value   // leading arguments; for a closure the cells of what it captured, too

	env *environment // what Func carries
}

// IsClosure reports whether f was made by a closure expression.
func (f *FnPtr) IsClosure() bool { return f.Func != nil && f.Func.Closure }

// Share marks the object of v as reachable from more than one place. Call it on
// each value that is stored in a second place.
func (v Value) Share() Value {
	switch Kind(v.meta & kindMask) {
	case KindArray:
		(*Array)(v.ref).shared = true
	case KindMap:
		(*Map)(v.ref).shared = true
	case KindBlob:
		(*Blob)(v.ref).shared = true
	}
	return v
}

var kindNames = [numKinds]string{
	KindUnit: "()", KindBool: "bool", KindInt: "i64", KindFloat: "f64", KindChar: "char", KindU8: "u8",
	KindString: "string", KindArray: "array", KindMap: "map", KindBlob: "blob", KindRange: "range",
	KindRangeInclusive: "range=", KindFn: "Fn", KindTimestamp: "timestamp", KindIterator: "range",
}

// TypeName returns what type_of does: "i64", "string", "map".
func (v Value) TypeName() string {
	if v.IsHandle() {
		return v.AsHandle().Type
	}
	return kindNames[v.Kind()]
}
