package bridge

import (
	"strconv"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// A request is the message of one operation while it is being written: a map with at most
// 15 fields, written straight from a script's values. Once something cannot be written it has an
// error and takes no more.
type request struct {
	op   abi.Op
	name string // of the operation
	e    encoder
	at   int // of the map that takes the next field: the message, or one in it
	host *host
	err  *vm.Error
}

// callCost is how many operations a call of the host counts as, beside the size of its messages.
const callCost = 16

// keptBuffer is how large a buffer for requests is kept for the next one.
const keptBuffer = 16 << 10

// open begins the request of op.
func open(t *vm.Thread, op abi.Op) *request {
	row, _ := abi.Lookup(op)
	h := hostOf(t)
	b := h.buffer[:0]
	h.buffer = nil
	return &request{op: op, name: row.Name, host: h, e: encoder{b: append(b, 0x80), work: work{t: t}}} // a map without fields, yet
}

// on begins the request of op on a collection.
func on(t *vm.Thread, op abi.Op, collection vm.Value) *request {
	return open(t, op).text("collection", collection.AsHandle().Name)
}

func (r *request) field(name string) {
	r.e.b[r.at]++
	r.e.b = msgp.AppendString(r.e.b, name)
}

func (r *request) text(name, s string) *request {
	if r.err == nil {
		r.field(name)
		r.e.b = msgp.AppendString(r.e.b, s)
		r.err = r.e.work.add(len(s))
	}
	return r
}

func (r *request) string(name string, v vm.Value) *request { return r.text(name, v.AsString()) }

func (r *request) integer(name string, n int64) *request {
	r.field(name)
	r.e.b = msgp.AppendInt64(r.e.b, n)
	return r
}

// value writes any value that may leave the script.
func (r *request) value(name string, v vm.Value) *request { return r.valueOf(name, name, v) }

// valueOf writes a value that has another name in errors.
func (r *request) valueOf(name, shown string, v vm.Value) *request {
	if r.err != nil {
		return r
	}
	r.field(name)
	if !r.e.value(v, 0) {
		if r.err = r.e.err; r.err == nil {
			r.fail(r.e.refusal(shown))
		}
	}
	return r
}

// lists writes a map whose values are shown as strings, or are arrays of such: headers and queries.
func (r *request) lists(name string, m *vm.Map) {
	r.field(name)
	r.e.b = msgp.AppendMapHeader(r.e.b, uint32(m.Len()))
	for _, n := range m.Order() {
		key, v := m.Entry(n)
		r.e.b = msgp.AppendString(r.e.b, key)
		if v.Kind() != vm.KindArray {
			r.shown(name, key, *v)
			continue
		}
		items := v.AsArray().Items
		r.e.b = msgp.AppendArrayHeader(r.e.b, uint32(len(items)))
		for i, item := range items {
			r.shown(name, key+"["+strconv.Itoa(i)+"]", item)
		}
	}
}

// shown writes a value as the string that it is shown as.
func (r *request) shown(name, key string, v vm.Value) {
	if r.err != nil {
		return
	}
	if !isText(v) {
		r.fail(name + "." + key + " must be a string or an array of them, got " + v.TypeName())
		return
	}
	text := vm.Display(v)
	r.e.b = msgp.AppendString(r.e.b, text)
	r.err = r.e.work.add(len(key) + len(text))
}

// isText reports whether a value can stand for a text in a header or a query.
func isText(v vm.Value) bool {
	switch v.Kind() {
	case vm.KindString, vm.KindInt, vm.KindFloat, vm.KindBool, vm.KindChar:
		return true
	}
	return false
}

// bytes writes a blob, or the UTF-8 of a string.
func (r *request) bytes(name string, v vm.Value) *request {
	if r.err == nil {
		r.field(name)
		r.e.b = msgp.AppendBytes(r.e.b, bytesOf(v))
		r.err = r.e.work.add(len(bytesOf(v)))
	}
	return r
}

func (r *request) fail(message string) {
	if r.err == nil {
		r.err = invalid(r.name, message)
	}
}

// A property is one that a map of options or fields may have.
type property struct {
	name     string
	is       propertyType
	required bool
}

// propertyType is what a property may hold, in the words of an error.
type propertyType string

const (
	isInteger  propertyType = "an integer"
	isBool     propertyType = "a bool"
	isString   propertyType = "a string"
	isLists    propertyType = "a map of strings" // lists
	isMap      propertyType = "a map"
	isBytes    propertyType = "a blob or a string" // its UTF-8
	isOrder    propertyType = "a map of one path to 1 or -1, or an array of such pairs"
	isAnything propertyType = "any value"
)

// properties writes those of m, which may be none but the given ones. One that is () counts as
// missing.
func (r *request) properties(m *vm.Map, known []property) *request {
	for _, n := range m.Order() {
		key, v := m.Entry(n)
		if r.err != nil {
			return r
		}
		if v.IsUnit() && has(known, key) {
			continue
		}
		r.property(key, *v, known)
	}
	for _, p := range known {
		if v := m.At(p.name); p.required && (v == nil || v.IsUnit()) {
			r.fail(p.name + " is missing")
		}
	}
	return r
}

func has(known []property, name string) bool {
	for _, p := range known {
		if p.name == name {
			return true
		}
	}
	return false
}

func (r *request) property(key string, v vm.Value, known []property) {
	for _, p := range known {
		if p.name != key {
			continue
		}
		kind := v.Kind()
		switch {
		case p.is == isInteger && kind == vm.KindInt:
			r.integer(key, v.AsInt())
		case p.is == isBool && kind == vm.KindBool:
			r.field(key)
			r.e.b = msgp.AppendBool(r.e.b, v.AsBool())
		case p.is == isString && kind == vm.KindString:
			r.string(key, v)
		case p.is == isLists && kind == vm.KindMap:
			r.lists(key, v.AsMap())
		case p.is == isAnything, p.is == isMap && kind == vm.KindMap:
			r.value(key, v)
		case p.is == isOrder && kind == vm.KindMap && v.AsMap().Len() > 1:
			r.fail(key + ` must be an array of pairs where it has several paths, as a map has no order: ` + key + `: [["a", 1], ["b", -1]]`)
		case p.is == isOrder && (kind == vm.KindMap || kind == vm.KindArray):
			r.value(key, v)
		case p.is == isBytes && (kind == vm.KindBlob || kind == vm.KindString):
			r.bytes(key, v)
		default:
			r.fail(key + " must be " + string(p.is) + ", got " + v.TypeName())
		}
		return
	}
	names := make([]string, len(known))
	for i, p := range known {
		names[i] = p.name
	}
	r.fail("unknown property " + quoted(key) + "; there are " + strings.Join(names, ", "))
}

// send performs the operation and returns its response.
func (r *request) send() ([]byte, *vm.Error) {
	t := r.e.work.t
	if r.err == nil {
		r.err = t.Charge(callCost)
	}
	if r.err != nil {
		return nil, r.err
	}
	if r.host.call == nil {
		return nil, failure(r.name, abi.OpCodeUnavailable, "there is no host")
	}
	response, err := r.host.call(r.op, r.e.b)
	if cap(r.e.b) <= keptBuffer {
		r.host.buffer = r.e.b
	}
	if err == nil && r.host.testing && tests(r.op) {
		return r.answered(response)
	}
	if err == nil {
		return response, nil
	}
	if ended := t.Charge(0); ended != nil { // the operation was cut short: that is not its failure
		return nil, ended
	}
	return nil, operationError(r.name, err)
}

// all performs the operation and returns its whole response, a map.
func (r *request) all() (vm.Value, *vm.Error) {
	response, err := r.send()
	if err != nil {
		return vm.Unit, err
	}
	d := decoder{work: work{t: r.e.work.t}, size: len(response)}
	v, _, failed := d.value(response, 0)
	return v, r.misread(failed)
}

// one performs the operation and returns one field of its response, () when it is not there.
func (r *request) one(name string) (vm.Value, *vm.Error) {
	response, err := r.send()
	if err != nil {
		return vm.Unit, err
	}
	fields, rest, failed := msgp.ReadMapHeaderBytes(response)
	for ; fields > 0 && failed == nil; fields-- {
		var key []byte
		if key, rest, failed = msgp.ReadStringZC(rest); failed != nil {
			break
		}
		if string(key) == name {
			d := decoder{work: work{t: r.e.work.t}, size: len(response)}
			v, _, failed := d.value(rest, 0)
			return v, r.misread(failed)
		}
		rest, failed = msgp.Skip(rest)
	}
	return vm.Unit, r.misread(failed)
}

// oneIf works as one if the field of another name is true, else ().
func (r *request) oneIf(condition, name string) (vm.Value, *vm.Error) {
	v, err := r.all()
	if err != nil || v.Kind() != vm.KindMap {
		return vm.Unit, err
	}
	if yes := v.AsMap().At(condition); yes == nil || yes.Kind() != vm.KindBool || !yes.AsBool() {
		return vm.Unit, nil
	}
	found, _ := v.AsMap().Get(name)
	return found, nil
}

// first works as one, and returns the first item of the field.
func (r *request) first(name string) (vm.Value, *vm.Error) {
	v, err := r.one(name)
	if err != nil || v.Kind() != vm.KindArray || len(v.AsArray().Items) == 0 {
		return vm.Unit, err
	}
	return v.AsArray().Items[0], nil
}

// misread returns the error of reading a response.
func (r *request) misread(err error) *vm.Error {
	switch e := err.(type) {
	case nil:
		return nil
	case *vm.Error:
		return e
	case nestingError:
		return invalid(r.name, e.Error())
	}
	return failure(r.name, abi.OpCodeInternal, "malformed response")
}

var noOptions = vm.NewMap(0)

// options returns the last argument if there are more than n, else no options.
func options(args []vm.Value, n int) *vm.Map {
	if len(args) > n {
		return args[n].AsMap()
	}
	return noOptions
}
