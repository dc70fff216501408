package sdk

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// maxNesting is how deep values may be nested to cross the boundary.
const maxNesting = 64

// Encode appends v as MessagePack to b. Integers keep their 64 bits, a char becomes a
// string, a map's properties are in the order of their names. What has no
// meaning outside of the script is refused with the path to it, as is what is nested
// more than 64 deep.
func Encode(b []byte, v vm.Value) ([]byte, *vm.Error) { return encode(b, v, nil) }

// path is where in a value an encoder stands, innermost part first.
type path struct {
	outer *path
	key   string
	index int
	depth int
}

func (p *path) String() string {
	if p == nil {
		return "the value"
	}
	text := ""
	for ; p != nil; p = p.outer {
		switch {
		case p.key == "":
			text = "[" + strconv.Itoa(p.index) + "]" + text
		case text == "" || text[0] == '[':
			text = p.key + text
		default:
			text = p.key + "." + text
		}
	}
	return text
}

func (p *path) deeper() int {
	if p == nil {
		return 1
	}
	return p.depth + 1
}

func encode(b []byte, v vm.Value, at *path) ([]byte, *vm.Error) {
	switch v.Kind() {
	case vm.KindUnit:
		return msgp.AppendNil(b), nil
	case vm.KindBool:
		return msgp.AppendBool(b, v.AsBool()), nil
	case vm.KindInt, vm.KindU8:
		return msgp.AppendInt64(b, v.AsInt()), nil
	case vm.KindFloat:
		f := v.AsFloat()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, refuse(at, vm.Display(v))
		}
		return msgp.AppendFloat64(b, f), nil
	case vm.KindChar:
		return msgp.AppendString(b, string(v.AsChar())), nil
	case vm.KindString:
		return msgp.AppendString(b, v.AsString()), nil
	case vm.KindBlob:
		return msgp.AppendBytes(b, v.AsBlob().Data), nil
	case vm.KindArray:
		items := v.AsArray().Items
		b = msgp.AppendArrayHeader(b, uint32(len(items)))
		in := &path{outer: at, depth: at.deeper()}
		if in.depth > maxNesting {
			return nil, refuse(at, "a value nested more than "+strconv.Itoa(maxNesting)+" deep")
		}
		for i, item := range items {
			in.index = i
			var err *vm.Error
			if b, err = encode(b, item, in); err != nil {
				return nil, err
			}
		}
		return b, nil
	case vm.KindMap:
		m := v.AsMap()
		b = msgp.AppendMapHeader(b, uint32(m.Len()))
		in := &path{outer: at, depth: at.deeper()}
		if in.depth > maxNesting {
			return nil, refuse(at, "a value nested more than "+strconv.Itoa(maxNesting)+" deep")
		}
		for _, n := range m.Order() {
			key, value := m.Entry(n)
			in.key = key
			b = msgp.AppendString(b, key)
			var err *vm.Error
			if b, err = encode(b, *value, in); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return nil, refuse(at, v.TypeName())
}

func refuse(at *path, what string) *vm.Error {
	return vm.RuntimeError(vm.String(at.String() + " cannot leave the script: " + what))
}

// Decode reads one value of MessagePack and gives what follows it.
func Decode(b []byte) (vm.Value, []byte, error) { return decode(b, 0) }

type nestingError struct{}

func (nestingError) Error() string {
	return "value nested more than " + strconv.Itoa(maxNesting) + " deep"
}

func decode(b []byte, depth int) (vm.Value, []byte, error) {
	if depth > maxNesting {
		return vm.Unit, b, nestingError{}
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
		v, rest, err := msgp.ReadStringZC(b)
		if err == nil && !utf8.Valid(v) {
			return vm.Unit, b, msgp.ErrShortBytes
		}
		return vm.String(string(v)), rest, err
	case msgp.BinType:
		v, rest, err := msgp.ReadBytesBytes(b, nil)
		return vm.NewBlob(v), rest, err
	case msgp.ArrayType:
		n, rest, err := msgp.ReadArrayHeaderBytes(b)
		if err != nil || int64(n) > int64(len(rest)) {
			return vm.Unit, b, orShort(err)
		}
		items := make([]vm.Value, n)
		for i := range items {
			if items[i], rest, err = decode(rest, depth+1); err != nil {
				return vm.Unit, b, err
			}
		}
		return vm.NewArray(items), rest, nil
	case msgp.MapType:
		n, rest, err := msgp.ReadMapHeaderBytes(b)
		if err != nil || int64(n) > int64(len(rest)) {
			return vm.Unit, b, orShort(err)
		}
		m := vm.NewMap(int(n))
		for ; n > 0; n-- {
			var key []byte
			var v vm.Value
			if key, rest, err = msgp.ReadStringZC(rest); err != nil {
				return vm.Unit, b, err
			}
			if !utf8.Valid(key) {
				return vm.Unit, b, msgp.ErrShortBytes
			}
			if v, rest, err = decode(rest, depth+1); err != nil {
				return vm.Unit, b, err
			}
			m.Set(string(key), v)
		}
		return vm.NewMapValue(m), rest, nil
	}
	if len(b) == 0 {
		return vm.Unit, b, msgp.ErrShortBytes
	}
	return vm.Unit, b, msgp.TypeError{Method: msgp.NilType, Encoded: msgp.NextType(b)}
}

func orShort(err error) error {
	if err == nil {
		return msgp.ErrShortBytes
	}
	return err
}
