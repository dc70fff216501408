package bridge

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// bytesPerOperation is how much text is read or written for one operation counted, and
// meterStep how much between two looks at the interrupt word.
const (
	bytesPerOperation = 64
	meterStep         = 8 << 10
)

// work counts what is read or written, in operations of a thread.
type work struct {
	t     *vm.Thread // nil: nobody counts
	bytes int        // not counted yet
}

func (w *work) add(n int) *vm.Error {
	if w.bytes += n; w.bytes < meterStep || w.t == nil {
		return nil
	}
	operations := w.bytes / bytesPerOperation
	w.bytes %= bytesPerOperation
	if err := w.t.Charge(int64(operations)); err != nil {
		return err
	}
	return w.t.Poll()
}

// Encode appends v as MessagePack to b. Integers keep their 64 bits, a char becomes a
// string, a map's properties are in the order of their names. What has no
// meaning outside of the script is refused with the path to it, as is what is nested
// more than 64 deep.
func Encode(b []byte, v vm.Value) ([]byte, *vm.Error) {
	e := encoder{b: b}
	if e.value(v, 0) {
		return e.b, nil
	}
	return nil, vm.RuntimeError(vm.String(e.refusal("")))
}

// An encoder writes values as MessagePack.
type encoder struct {
	b       []byte
	work    work
	err     *vm.Error // the work was interrupted
	refused string    // what cannot be written
	path    string    // to what cannot be written
}

// refusal says what cannot be written of the value with a name, "" if it has none.
func (e *encoder) refusal(name string) string {
	path := name + e.path
	if name == "" {
		path = strings.TrimPrefix(e.path, ".")
	}
	if path == "" {
		path = "the value"
	}
	return path + " cannot leave the script: " + e.refused
}

func (e *encoder) refuse(what string) bool {
	e.refused = what
	return false
}

// nest reports whether a container at depth is not too deep.
func (e *encoder) nest(depth int) bool {
	if depth < abi.MaxNesting {
		return true
	}
	return e.refuse("a value nested more than " + strconv.Itoa(abi.MaxNesting) + " deep")
}

// order returns the order of a map's properties; err says why there is none.
func (e *encoder) order(m *vm.Map) []uint32 {
	if e.work.t == nil {
		return m.Order()
	}
	order, err := e.work.t.Order(m)
	e.err = err
	return order
}

// value reports whether v was written. If not, err or refused says why.
func (e *encoder) value(v vm.Value, depth int) bool {
	size := 8
	switch v.Kind() {
	case vm.KindUnit:
		e.b = msgp.AppendNil(e.b)
	case vm.KindBool:
		e.b = msgp.AppendBool(e.b, v.AsBool())
	case vm.KindInt, vm.KindU8:
		e.b = msgp.AppendInt64(e.b, v.AsInt())
	case vm.KindFloat:
		f := v.AsFloat()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return e.refuse(vm.Display(v))
		}
		e.b = msgp.AppendFloat64(e.b, f)
	case vm.KindChar:
		e.b = msgp.AppendString(e.b, string(v.AsChar()))
	case vm.KindString:
		size += len(v.AsString())
		e.b = msgp.AppendString(e.b, v.AsString())
	case vm.KindBlob:
		size += len(v.AsBlob().Data)
		e.b = msgp.AppendBytes(e.b, v.AsBlob().Data)
	case vm.KindArray:
		items := v.AsArray().Items
		if !e.nest(depth) {
			return false
		}
		e.b = msgp.AppendArrayHeader(e.b, uint32(len(items)))
		for i, item := range items {
			if !e.value(item, depth+1) {
				e.path = "[" + strconv.Itoa(i) + "]" + e.path
				return false
			}
		}
	case vm.KindMap:
		m := v.AsMap()
		if !e.nest(depth) {
			return false
		}
		order := e.order(m)
		if e.err != nil {
			return false
		}
		e.b = msgp.AppendMapHeader(e.b, uint32(m.Len()))
		for _, n := range order {
			key, item := m.Entry(n)
			e.b = msgp.AppendString(e.b, key)
			size += len(key)
			if !e.value(*item, depth+1) {
				e.path = "." + key + e.path
				return false
			}
		}
	default:
		return e.refuse(v.TypeName())
	}
	e.err = e.work.add(size)
	return e.err == nil
}

// Decode reads one value of MessagePack and returns it and what follows it.
func Decode(b []byte) (vm.Value, []byte, error) {
	d := decoder{size: len(b)}
	return d.value(b, 0)
}

// A decoder reads values from one message. With a thread, they keep to its limits.
type decoder struct {
	work work
	size int        // of the message
	keys [16]string // recent property names, to keep each once
}

type nestingError struct{}

func (nestingError) Error() string {
	return "value nested more than " + strconv.Itoa(abi.MaxNesting) + " deep"
}

// fits applies a limit of the thread.
func (d *decoder) fits(check func(*vm.Thread, int64) *vm.Error, size int) error {
	if d.work.t == nil {
		return nil
	}
	if err := check(d.work.t, int64(size)); err != nil {
		return err
	}
	return nil
}

func (d *decoder) value(b []byte, depth int) (vm.Value, []byte, error) {
	if depth > abi.MaxNesting {
		return vm.Unit, b, nestingError{}
	}
	if err := d.work.add(8); err != nil {
		return vm.Unit, b, err
	}
	switch msgp.NextType(b) {
	case msgp.NilType:
		rest, err := msgp.ReadNilBytes(b)
		return vm.Unit, rest, err
	case msgp.BoolType:
		v, rest, err := msgp.ReadBoolBytes(b)
		return vm.Bool(v), rest, err
	case msgp.IntType:
		v, rest, err := msgp.ReadInt64Bytes(b)
		return vm.Int(v), rest, err
	case msgp.UintType:
		v, rest, err := msgp.ReadUint64Bytes(b)
		if v > math.MaxInt64 {
			return vm.Float(float64(v)), rest, err
		}
		return vm.Int(int64(v)), rest, err
	case msgp.Float64Type, msgp.Float32Type:
		v, rest, err := msgp.ReadFloat64Bytes(b)
		return vm.Float(v), rest, err
	case msgp.StrType:
		v, ascii, rest, err := d.text(b)
		if err == nil {
			err = d.fits((*vm.Thread).CheckString, len(v))
		}
		if err != nil {
			return vm.Unit, b, err
		}
		if ascii {
			return vm.ASCII(v), rest, nil
		}
		return vm.String(v), rest, nil
	case msgp.BinType:
		v, rest, err := msgp.ReadBytesZC(b)
		if err == nil {
			err = d.fits((*vm.Thread).CheckBlob, len(v))
		}
		if err != nil {
			return vm.Unit, b, err
		}
		if 2*len(v) < d.size { // else it may keep the message
			v = append([]byte(nil), v...)
		}
		return vm.NewBlob(v[:len(v):len(v)]), rest, nil
	case msgp.ArrayType:
		n, rest, err := msgp.ReadArrayHeaderBytes(b)
		if err == nil && int64(n) > int64(len(rest)) {
			err = msgp.ErrShortBytes
		}
		if err == nil {
			err = d.fits((*vm.Thread).CheckArray, int(n))
		}
		if err != nil {
			return vm.Unit, b, err
		}
		items := make([]vm.Value, n)
		for i := range items {
			if items[i], rest, err = d.value(rest, depth+1); err != nil {
				return vm.Unit, b, err
			}
		}
		return vm.NewArray(items), rest, nil
	case msgp.MapType:
		n, rest, err := msgp.ReadMapHeaderBytes(b)
		if err == nil && int64(n) > int64(len(rest)) {
			err = msgp.ErrShortBytes
		}
		if err == nil {
			err = d.fits((*vm.Thread).CheckMap, int(n))
		}
		if err != nil {
			return vm.Unit, b, err
		}
		m := vm.NewMap(int(n))
		for ; n > 0; n-- {
			var key string
			var v vm.Value
			if key, _, rest, err = d.text(rest); err != nil {
				return vm.Unit, b, err
			}
			key = d.kept(key)
			if v, rest, err = d.value(rest, depth+1); err != nil {
				return vm.Unit, b, err
			}
			m.Set(key, v)
		}
		return vm.NewMapValue(m), rest, nil
	}
	if len(b) == 0 {
		return vm.Unit, b, msgp.ErrShortBytes
	}
	return vm.Unit, b, msgp.TypeError{Method: msgp.NilType, Encoded: msgp.NextType(b)}
}

// text reads a string, which is valid as long as the message.
func (d *decoder) text(b []byte) (text string, ascii bool, rest []byte, err error) {
	v, rest, err := msgp.ReadStringZC(b)
	text = msgp.UnsafeString(v)
	plain := vm.ASCIIPrefix(text)
	if err == nil && !utf8.ValidString(text[plain:]) {
		err = msgp.ErrShortBytes
	}
	if err == nil {
		if interrupted := d.work.add(len(v)); interrupted != nil {
			err = interrupted
		}
	}
	if err != nil {
		return "", false, b, err
	}
	return text, plain == len(text), rest, nil
}

// kept returns a copy of a property's name that does not keep the message alive.
func (d *decoder) kept(key string) string {
	if key == "" {
		return ""
	}
	slot := &d.keys[(len(key)+7*int(key[0])+3*int(key[len(key)-1]))%len(d.keys)]
	if *slot != key {
		*slot = strings.Clone(key)
	}
	return *slot
}
