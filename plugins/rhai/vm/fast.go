package vm

import (
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

//go:generate go run ./internal/fastgen

// warm runs one instruction of those that are seldomer, whose ip the frame has, as fast would.
//
//go:noinline
func (t *Thread) warm(f *frame, in Instr) bool {
	a := f.at(in.A())
	switch Op(in) {
	case OpGetThis:
		if f.this == nil {
			return false
		}
		*a = *f.this
		if a.meta >= uint32(KindArray) {
			a.Share()
		}
		return true

	case OpBinary:
		b := (*Value)(unsafe.Add(f.base, uintptr(uint16(in>>32))*valueSize))
		c := (*Value)(unsafe.Add(f.base, uintptr(in>>48)*valueSize))
		if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
			if v, ok := bitwise(in.Operator(), b.bits, c.bits); ok {
				a.meta, a.bits = uint32(KindInt), v
				return true
			}
		}
	case OpUnary:
		b := (*Value)(unsafe.Add(f.base, uintptr(uint16(in>>32))*valueSize))
		switch op := syntax.Operator(in >> 48); {
		case op == syntax.OpNot && b.meta == uint32(KindBool):
			a.meta, a.bits = uint32(KindBool), b.bits^1
			return true
		case op == syntax.OpNeg && b.meta == uint32(KindInt) && b.bits != 1<<63:
			a.meta, a.bits = uint32(KindInt), -b.bits
			return true
		case op == syntax.OpNeg && b.meta == uint32(KindFloat):
			a.meta, a.bits = uint32(KindFloat), b.bits^1<<63
			return true
		}

	case OpAssign, OpAssignP:
		if Op(in) == OpAssignP {
			a = a.asRef()
		}
		if assignNumber(syntax.Operator(in>>48), a, (*Value)(unsafe.Add(f.base, uintptr(uint16(in>>32))*valueSize))) {
			return true
		}

	case OpJumpUnit:
		b := a
		if k := a.Kind(); k == kindRef || k == kindProxy {
			b = a.asRef()
		}
		if b.Kind() == KindUnit {
			f.jump(int(int32(in >> 32)))
		}
		return true
	case OpJumpValue:
		if a.Kind() != KindUnit {
			f.jump(int(int32(in >> 32)))
		}
		return true
	case OpCheckBool:
		if a.meta == uint32(KindBool) {
			return true
		}
	case OpSwitch:
		if a.meta == uint32(KindInt) || a.meta == uint32(KindChar) {
			if target, ok := f.fn.Switches[int32(in>>32)].scalar(*a); ok {
				f.jump(int(target))
			}
			return true
		}
	case OpInRange:
		if a.meta == uint32(KindInt) {
			v := (*Value)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(f.fn.Consts)), uintptr(uint16(in>>32))*valueSize))
			r, n := v.AsRange(), a.AsInt()
			if n < r.From || n > r.To || n == r.To && v.meta != uint32(KindRangeInclusive) {
				f.jump(int(int16(in >> 48)))
			}
			return true
		}
	case OpGoto:
		f.ip = unsafe.Add(unsafe.Pointer(unsafe.SliceData(f.fn.Code)), uintptr(a.bits)*instrSize)
		return true
	case OpSetIndexP:
		a = a.asRef()
		b := (*Value)(unsafe.Add(f.base, uintptr(uint16(in>>32))*valueSize))
		if a.meta == uint32(KindArray) && b.meta == uint32(KindInt) {
			if arr := a.AsArray(); !arr.shared && b.bits < uint64(len(arr.Items)) {
				arr.Items[int(b.bits)] = *(*Value)(unsafe.Add(f.base, uintptr(in>>48)*valueSize))
				return true
			}
		}
	case OpSetProp, OpSetPropP:
		if Op(in) == OpSetPropP {
			a = a.asRef()
		}
		if a.meta == uint32(KindMap) {
			if m := a.AsMap(); !m.shared {
				if v := m.At((*Value)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(f.fn.Consts)), uintptr(uint16(in>>32))*valueSize)).AsString()); v != nil {
					*v = *(*Value)(unsafe.Add(f.base, uintptr(in>>48)*valueSize))
					return true
				}
			}
		}

	case OpRefThis:
		if f.this == nil {
			return false
		}
		a.meta, a.ref = uint32(kindRef), unsafe.Pointer(f.this)
		return true
	case OpRefIndex:
		b := (*Value)(unsafe.Add(f.base, uintptr(uint16(in>>32))*valueSize))
		if of := a.asRef(); of.meta == uint32(KindArray) && b.meta == uint32(KindInt) {
			arr := of.AsArray()
			if (!arr.shared || in.C()&RefReadOnly != 0) && b.bits < uint64(len(arr.Items)) {
				a.meta, a.ref = uint32(kindRef), unsafe.Pointer(&arr.Items[int(b.bits)])
				return true
			}
		}
	case OpRefProp:
		if of := a.asRef(); of.meta == uint32(KindMap) {
			if m := of.AsMap(); !m.shared || in.C()&RefReadOnly != 0 {
				if v := m.At((*Value)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(f.fn.Consts)), uintptr(uint16(in>>32))*valueSize)).AsString()); v != nil {
					a.meta, a.ref = uint32(kindRef), unsafe.Pointer(v)
					return true
				}
			}
		}
	case OpDeref:
		b := (*Value)(unsafe.Add(f.base, uintptr(uint16(in>>32))*valueSize))
		if k := b.Kind(); k == kindRef || k == kindProxy {
			b = b.asRef()
		}
		*a = *b
		return true
	case OpWriteBack:
		if a.Kind() != kindProxy {
			return true
		}
	case OpUnlock:
		t.unlock(len(t.locks) - 1)
		return true
	}
	return false // run knows the others, and what is left of these
}

var unitValue = &Value{}

// length returns len of a string, array or blob.
func length(v *Value) (n uint64, ok bool) {
	switch v.meta {
	case uint32(KindString):
		return v.bits >> 32, true
	case uint32(KindArray):
		return uint64(len(v.AsArray().Items)), true
	case uint32(KindBlob):
		return uint64(len(v.AsBlob().Data)), true
	}
	return 0, false
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// longText is the length in bytes from which the comparison of texts is charged.
const longText = 4096

// compare compares two floats or strings, or a float and an integer; ok is false for
// anything else and for long texts.
func compare(op syntax.Operator, l, r *Value) (holds, ok bool) {
	switch {
	case l.meta == uint32(KindFloat) && r.meta == uint32(KindFloat):
		return compareFloats(op, l.AsFloat(), r.AsFloat()), true
	case l.meta == uint32(KindString) && r.meta == uint32(KindString):
		if l.bits == r.bits && uint32(l.bits) >= longText {
			return false, false
		}
		switch op {
		case syntax.OpEq:
			return l.AsString() == r.AsString(), true
		case syntax.OpNe:
			return l.AsString() != r.AsString(), true
		}
	case l.meta == uint32(KindFloat) && r.meta == uint32(KindInt):
		return compareFloats(op, l.AsFloat(), float64(r.AsInt())), true
	case l.meta == uint32(KindInt) && r.meta == uint32(KindFloat):
		return compareFloats(op, float64(l.AsInt()), r.AsFloat()), true
	}
	return false, false
}

// bitwise applies one of the bit operators on integers that cannot fail.
func bitwise(op syntax.Operator, x, y uint64) (v uint64, ok bool) {
	switch op {
	case syntax.OpBitAnd:
		return x & y, true
	case syntax.OpBitOr:
		return x | y, true
	case syntax.OpBitXor:
		return x ^ y, true
	case syntax.OpShl:
		return x << (y & 63), y < 64
	case syntax.OpShr:
		return uint64(int64(x) >> (y & 63)), y < 64
	}
	return 0, false
}
