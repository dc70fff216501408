package compile

import (
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// constKey tells values of a kind without items apart.
type constKey struct {
	kind vm.Kind
	bits uint64
	text string
}

// scalarKey returns the key of a value; ok is false for one with items.
func scalarKey(v vm.Value) (key constKey, ok bool) {
	key.kind = v.Kind()
	switch v.Kind() {
	case vm.KindString:
		key.text = v.AsString()
	case vm.KindInt, vm.KindFloat, vm.KindChar, vm.KindBool:
		key.bits = uint64(v.AsInt())
	case vm.KindUnit:
	default:
		return key, false
	}
	return key, true
}

// constant returns the number of a constant of the function.
func (f *function) constant(v vm.Value) int {
	key, scalar := scalarKey(v)
	switch {
	case !scalar:
	case f.consts != nil:
		if i, ok := f.consts[key]; ok {
			return i
		}
		f.consts[key] = len(f.out.Consts)
	default:
		for i, c := range f.out.Consts {
			if vm.Same(c, v) {
				return i
			}
		}
		if len(f.out.Consts) < fewConsts {
			break
		}
		f.consts = map[constKey]int{key: len(f.out.Consts)}
		for i, c := range f.out.Consts {
			if key, scalar := scalarKey(c); scalar {
				f.consts[key] = i
			}
		}
	}
	f.out.Consts = append(f.out.Consts, v)
	return len(f.out.Consts) - 1
}

// fewConsts is how many constants are found as fast one by one.
const fewConsts = 16

// inline returns the number of a constant as an operand of 16 bits.
func (f *function) inline(v vm.Value, at syntax.Position) int {
	i := f.constant(v)
	if i > 0xffff {
		f.fail(at, "Function too complex: more than 65536 constants")
	}
	return i
}

// name returns the number of a name as an operand of 16 bits.
func (f *function) name(s string, at syntax.Position) int { return f.inline(vm.String(s), at) }

// literal returns the value of a constant expression.
func (c *compiler) literal(e syntax.Expr) (v vm.Value, ok bool) {
	switch e := e.(type) {
	case *syntax.UnitLit:
		return vm.Unit, true
	case *syntax.BoolLit:
		return vm.Bool(e.Value), true
	case *syntax.IntLit:
		return vm.Int(e.Value), true
	case *syntax.FloatLit:
		return vm.Float(e.Value), true
	case *syntax.CharLit:
		return vm.Char(e.Value), true
	case *syntax.StringLit:
		return vm.String(e.Value), true
	case *syntax.ArrayLit:
		items, ok := c.literals(e, e.Elems)
		if !ok {
			return vm.Unit, false
		}
		return vm.NewArray(items).Share(), true
	case *syntax.MapLit:
		values, ok := c.literals(e, e.Values)
		if !ok {
			return vm.Unit, false
		}
		m := vm.NewMap(len(e.Keys))
		for i, v := range values {
			m.Set(e.Keys[i].Name, v)
		}
		return vm.NewMapValue(m).Share(), true
	case *syntax.Binary:
		if e.Op != syntax.OpRange && e.Op != syntax.OpRangeInclusive {
			return vm.Unit, false
		}
		from, to, ok := int64(0), int64(1<<63-1), true
		if e.Left != nil {
			from, ok = intLiteral(e.Left)
		}
		if ok && e.Right != nil {
			to, ok = intLiteral(e.Right)
		}
		if !ok {
			return vm.Unit, false
		}
		return vm.NewRange(from, to, e.Op == syntax.OpRangeInclusive), true
	}
	return vm.Unit, false
}

// fewItems is how many items are looked at again, each time that the expressions around them are.
const fewItems = 8

// literals returns the values of the items of an array or map, unless one is computed.
func (c *compiler) literals(of syntax.Expr, items []syntax.Expr) (values []vm.Value, ok bool) {
	if c.computed[of] {
		return nil, false
	}
	values = make([]vm.Value, len(items))
	for i, item := range items {
		if values[i], ok = c.literal(item); !ok {
			c.count(i)
			if i > fewItems {
				if c.computed == nil {
					c.computed = map[syntax.Expr]bool{}
				}
				c.computed[of] = true
			}
			return nil, false
		}
	}
	c.count(len(items))
	return values, true
}

func intLiteral(e syntax.Expr) (int64, bool) {
	if n, ok := e.(*syntax.IntLit); ok {
		return n.Value, true
	}
	return 0, false
}

// smallInt returns the value of an integer literal that fits an operand.
func smallInt(e syntax.Expr) (int, bool) {
	n, ok := intLiteral(e)
	return int(n), ok && n == int64(int16(n))
}
