package vm

import (
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// run is the dispatch loop. It runs until stop frames are left and leaves the
// value that the last one returned in t.result.
//
// Each case either continues the loop, having done its work, or leaves the
// switch with err set; after the switch, err is handled. An error finds the
// instruction it happened in by the ip of its frame, so the cases whose slow path
// may look at frames save it first.
func (t *Thread) run(stop int) *Error {
	f := &t.frames[len(t.frames)-1]
	ip, base := f.ip, f.base
	consts := unsafe.Pointer(unsafe.SliceData(f.fn.Consts))
	var err *Error
	for {
		in := *(*Instr)(ip)
		ip = unsafe.Add(ip, instrSize)
		a := reg(base, uint64(uint16(in>>16)))
		switch Op(in) {
		case OpMove:
			*a = *reg(base, uint64(uint16(in>>32)))
			continue
		case OpCopy:
			*a = *reg(base, uint64(uint16(in>>32)))
			if a.meta >= uint32(KindArray) {
				a.Share()
			}
			continue
		case OpShare:
			if a.meta >= uint32(KindArray) {
				a.Share()
			}
			continue
		case OpLoadK:
			*a = *reg(consts, uint64(uint32(in>>32)))
			continue
		case OpLoadInt:
			a.meta, a.bits = uint32(KindInt), uint64(int64(int32(in>>32)))
			continue
		case OpLoadUnit:
			a.meta = uint32(KindUnit)
			continue
		case OpLoadBool:
			a.meta, a.bits = uint32(KindBool), uint64(uint16(in>>32))
			continue
		case OpGetCell:
			b := reg(base, uint64(uint16(in>>32)))
			if b.meta == uint32(kindCell) {
				c := b.asCell()
				if c.locked {
					err = dataRace("")
					break
				}
				b = &c.value
			}
			*a = *b
			a.Share()
			continue
		case OpSetCell:
			b := reg(base, uint64(uint16(in>>32)))
			if a.meta == uint32(kindCell) {
				c := a.asCell()
				if c.locked {
					err = dataRace("")
					break
				}
				a = &c.value
			}
			*a = *b
			continue
		case OpGetThis:
			if f.this == nil {
				err = newError(ErrorUnboundThis, "'this' not bound")
				break
			}
			*a = f.this.Share()
			continue
		case OpGetGlobal:
			name := reg(consts, uint64(uint32(in>>32))).AsString()
			v, ok := t.globals[name]
			if !ok {
				err = VariableNotFoundError("global::" + name)
				break
			}
			*a = v
			continue
		case OpSetGlobal:
			if t.globals == nil {
				t.globals = map[string]Value{}
			}
			t.globals[reg(consts, uint64(uint32(in>>32))).AsString()] = a.Share()
			continue

		case OpAdd:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if s := x + y; (x^s)&(y^s) >= 0 {
					a.meta, a.bits = uint32(KindInt), uint64(s)
					continue
				}
			} else if b.meta == uint32(KindFloat) && c.meta == uint32(KindFloat) {
				a.meta, a.bits = uint32(KindFloat), math.Float64bits(b.AsFloat()+c.AsFloat())
				continue
			}
			err = t.binary(a, syntax.OpAdd, *b, *c)
		case OpAddK:
			b, c := reg(base, uint64(uint16(in>>32))), reg(consts, uint64(in>>48))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if s := x + y; (x^s)&(y^s) >= 0 {
					a.meta, a.bits = uint32(KindInt), uint64(s)
					continue
				}
			} else if b.meta == uint32(KindFloat) && c.meta == uint32(KindFloat) {
				a.meta, a.bits = uint32(KindFloat), math.Float64bits(b.AsFloat()+c.AsFloat())
				continue
			}
			err = t.binary(a, syntax.OpAdd, *b, *c)
		case OpSub:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if s := x - y; (x^y)&(x^s) >= 0 {
					a.meta, a.bits = uint32(KindInt), uint64(s)
					continue
				}
			} else if b.meta == uint32(KindFloat) && c.meta == uint32(KindFloat) {
				a.meta, a.bits = uint32(KindFloat), math.Float64bits(b.AsFloat()-c.AsFloat())
				continue
			}
			err = t.binary(a, syntax.OpSub, *b, *c)
		case OpSubK:
			b, c := reg(base, uint64(uint16(in>>32))), reg(consts, uint64(in>>48))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if s := x - y; (x^y)&(x^s) >= 0 {
					a.meta, a.bits = uint32(KindInt), uint64(s)
					continue
				}
			} else if b.meta == uint32(KindFloat) && c.meta == uint32(KindFloat) {
				a.meta, a.bits = uint32(KindFloat), math.Float64bits(b.AsFloat()-c.AsFloat())
				continue
			}
			err = t.binary(a, syntax.OpSub, *b, *c)
		case OpMul, OpMulK:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if Op(in) == OpMulK {
				c = reg(consts, uint64(in>>48))
			}
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if x == int64(int32(x)) && y == int64(int32(y)) {
					a.meta, a.bits = uint32(KindInt), uint64(x*y)
					continue
				}
			} else if b.meta == uint32(KindFloat) && c.meta == uint32(KindFloat) {
				a.meta, a.bits = uint32(KindFloat), math.Float64bits(b.AsFloat()*c.AsFloat())
				continue
			}
			err = t.binary(a, syntax.OpMul, *b, *c)
		case OpDiv, OpDivK:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if Op(in) == OpDivK {
				c = reg(consts, uint64(in>>48))
			}
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				if y := int64(c.bits); y > 0 {
					a.meta, a.bits = uint32(KindInt), uint64(int64(b.bits)/y)
					continue
				}
			} else if b.meta == uint32(KindFloat) && c.meta == uint32(KindFloat) {
				a.meta, a.bits = uint32(KindFloat), math.Float64bits(b.AsFloat()/c.AsFloat())
				continue
			}
			err = t.binary(a, syntax.OpDiv, *b, *c)
		case OpMod:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				if y := int64(c.bits); y > 0 {
					a.meta, a.bits = uint32(KindInt), uint64(int64(b.bits)%y)
					continue
				}
			}
			err = t.binary(a, syntax.OpMod, *b, *c)
		case OpModK:
			b, c := reg(base, uint64(uint16(in>>32))), reg(consts, uint64(in>>48))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				if y := int64(c.bits); y > 0 {
					a.meta, a.bits = uint32(KindInt), uint64(int64(b.bits)%y)
					continue
				}
			}
			err = t.binary(a, syntax.OpMod, *b, *c)
		case OpEq, OpNe, OpLt, OpLe, OpGt, OpGe:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				*a = Bool(compareInts(Op(in), int64(b.bits), int64(c.bits)))
				continue
			}
			f.ip = ip
			err = t.binary(a, syntax.OpEq+syntax.Operator(Op(in)-OpEq), *b, *c)
			f = &t.frames[len(t.frames)-1]
		case OpBinary:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			f.ip = ip
			err = t.binary(a, in.Operator(), *b, *c)
			f = &t.frames[len(t.frames)-1]
		case OpUnary:
			*a, err = t.Unary(syntax.Operator(in>>48), *reg(base, uint64(uint16(in>>32))))
		case OpIn:
			f.ip = ip
			var v Value
			v, err = t.in(*reg(base, uint64(uint16(in>>32))), *reg(base, uint64(in>>48)))
			f = &t.frames[len(t.frames)-1]
			*a = v

		case OpAddTo:
			b := reg(base, uint64(uint16(in>>32)))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				x, y := int64(a.bits), int64(b.bits)
				if s := x + y; (x^s)&(y^s) >= 0 {
					a.bits = uint64(s)
					continue
				}
			} else if a.meta == uint32(KindFloat) && b.meta == uint32(KindFloat) {
				a.bits = math.Float64bits(a.AsFloat() + b.AsFloat())
				continue
			}
			f.ip = ip
			err = t.OpAssign(syntax.OpAdd, a, *b)
			f = &t.frames[len(t.frames)-1]
		case OpSubTo:
			b := reg(base, uint64(uint16(in>>32)))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				x, y := int64(a.bits), int64(b.bits)
				if s := x - y; (x^y)&(x^s) >= 0 {
					a.bits = uint64(s)
					continue
				}
			} else if a.meta == uint32(KindFloat) && b.meta == uint32(KindFloat) {
				a.bits = math.Float64bits(a.AsFloat() - b.AsFloat())
				continue
			}
			f.ip = ip
			err = t.OpAssign(syntax.OpSub, a, *b)
			f = &t.frames[len(t.frames)-1]
		case OpAddToI:
			if a.meta == uint32(KindInt) {
				x, y := int64(a.bits), int64(int16(in>>48))
				if s := x + y; (x^s)&(y^s) >= 0 {
					a.bits = uint64(s)
					continue
				}
			}
			f.ip = ip
			err = t.OpAssign(syntax.OpAdd, a, Int(int64(int16(in>>48))))
			f = &t.frames[len(t.frames)-1]
		case OpSubToI:
			if a.meta == uint32(KindInt) {
				x, y := int64(a.bits), int64(int16(in>>48))
				if s := x - y; (x^y)&(x^s) >= 0 {
					a.bits = uint64(s)
					continue
				}
			}
			f.ip = ip
			err = t.OpAssign(syntax.OpSub, a, Int(int64(int16(in>>48))))
			f = &t.frames[len(t.frames)-1]
		case OpAssign:
			f.ip = ip
			err = t.OpAssign(syntax.Operator(in>>48), a, *reg(base, uint64(uint16(in>>32))))
			f = &t.frames[len(t.frames)-1]
		case OpAssignP:
			f.ip = ip
			err = t.OpAssign(syntax.Operator(in>>48), a.asRef(), *reg(base, uint64(uint16(in>>32))))
			f = &t.frames[len(t.frames)-1]

		case OpJump:
			ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
			continue
		case OpJumpFalse:
			if a.meta&kindMask == uint32(KindBool) {
				if a.bits == 0 {
					ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
				}
				continue
			}
			err = MismatchError("bool", a.TypeName())
		case OpJumpTrue:
			if a.meta&kindMask == uint32(KindBool) {
				if a.bits != 0 {
					ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
				}
				continue
			}
			err = MismatchError("bool", a.TypeName())
		case OpJumpUnit:
			if a.Kind() == KindUnit {
				ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
			} else if (a.Kind() == kindRef || a.Kind() == kindProxy) && a.asRef().Kind() == KindUnit {
				ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
			}
			continue
		case OpJumpValue:
			if a.Kind() != KindUnit {
				ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
			}
			continue
		case OpCheckBool:
			if a.meta&kindMask == uint32(KindBool) {
				continue
			}
			err = MismatchError("bool", a.TypeName())

		case OpUnlessLt:
			b := reg(base, uint64(uint16(in>>32)))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if int64(a.bits) >= int64(b.bits) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpUnlessLe:
			b := reg(base, uint64(uint16(in>>32)))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if int64(a.bits) > int64(b.bits) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpUnlessEq, OpUnlessNe, OpUnlessGt, OpUnlessGe:
			b := reg(base, uint64(uint16(in>>32)))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if !compareInts(OpEq+Op(in)-OpUnlessEq, int64(a.bits), int64(b.bits)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpUnlessLtI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) >= int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpUnlessLeI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) > int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpUnlessGtI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) <= int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpUnlessGeI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) < int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpUnlessEqI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) != int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpUnlessNeI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) == int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			goto unless
		case OpLoop:
			t.budget -= int64(uint8(in >> 8))
			if t.budget < 0 || atomic.LoadUint32(t.interrupt) != 0 {
				if err = t.slice(); err != nil {
					break
				}
			}
			ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
			continue
		case OpForRange:
			if cur := a.bits; cur != reg(unsafe.Pointer(a), 1).bits {
				v := reg(unsafe.Pointer(a), 2)
				v.meta, v.bits = uint32(KindInt), cur
				a.bits = cur + 1
				t.budget -= int64(uint8(in >> 8))
				if t.budget < 0 || atomic.LoadUint32(t.interrupt) != 0 {
					if err = t.slice(); err != nil {
						break
					}
				}
				ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
			}
			continue
		case OpRangePrep:
			err = t.prepareRange(a, in.B() != 0)
		case OpIterInit:
			err = t.iterInit(a, *reg(base, uint64(uint16(in>>32))))
		case OpIterNext:
			var more bool
			f.ip = ip
			more, err = t.iterNext(a)
			f = &t.frames[len(t.frames)-1]
			if err != nil || !more {
				break
			}
			t.budget -= int64(uint8(in >> 8))
			if t.budget < 0 || atomic.LoadUint32(t.interrupt) != 0 {
				if err = t.slice(); err != nil {
					break
				}
			}
			ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
			continue

		case OpArray:
			*a = NewArray(make([]Value, 0, int(int32(in>>32))))
			continue
		case OpAppend:
			arr := a.AsArray()
			arr.Items = append(arr.Items, unsafe.Slice(reg(base, uint64(uint16(in>>32))), int(in>>48))...)
			err = t.CheckArray(int64(len(arr.Items)))
		case OpMap:
			*a = NewMapValue(NewMap(int(int32(in >> 32))))
			continue
		case OpMapSet:
			a.AsMap().Set(reg(consts, uint64(uint16(in>>32))).AsString(), *reg(base, uint64(in>>48)))
			continue
		case OpRange, OpRangeIncl:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if b.Kind() == KindInt && c.Kind() == KindInt {
				*a = NewRange(b.AsInt(), c.AsInt(), Op(in) == OpRangeIncl)
				continue
			}
			err = FunctionNotFoundError(Signature(map[bool]string{false: "..", true: "..="}[Op(in) == OpRangeIncl], []Value{*b, *c}))
		case OpInterpolate:
			*a, err = t.interpolate(unsafe.Slice(reg(base, uint64(uint16(in>>32))), int(in>>48)))

		case OpGetIndex:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if b.meta == uint32(KindArray) && c.meta == uint32(KindInt) {
				if items := b.AsArray().Items; c.bits < uint64(len(items)) {
					*a = items[int(c.bits)]
					continue
				}
			}
			*a, err = t.getIndex(b, *c)
		case OpGetIndexI:
			b := reg(base, uint64(uint16(in>>32)))
			i := int64(int16(in >> 48))
			if b.meta == uint32(KindArray) {
				if items := b.AsArray().Items; uint64(i) < uint64(len(items)) {
					*a = items[int(i)]
					continue
				}
			}
			*a, err = t.getIndex(b, Int(i))
		case OpGetProp:
			b := reg(base, uint64(uint16(in>>32)))
			k := reg(consts, uint64(in>>48))
			if b.meta == uint32(KindMap) {
				if v := b.AsMap().At(k.AsString()); v != nil {
					*a = *v
				} else {
					*a = Unit
				}
				continue
			}
			f.ip = ip
			*a, err = t.getProperty(b, k.AsString())
			f = &t.frames[len(t.frames)-1]
		case OpSetIndex:
			b, c := reg(base, uint64(uint16(in>>32))), reg(base, uint64(in>>48))
			if a.meta == uint32(KindArray) && b.meta == uint32(KindInt) {
				if arr := a.AsArray(); !arr.shared && b.bits < uint64(len(arr.Items)) {
					arr.Items[int(b.bits)] = *c
					continue
				}
			}
			err = t.setIndex(a, *b, *c)
		case OpSetProp:
			f.ip = ip
			err = t.setProperty(a, reg(consts, uint64(uint16(in>>32))).AsString(), *reg(base, uint64(in>>48)))
			f = &t.frames[len(t.frames)-1]

		case OpRefLocal:
			*a = Value{meta: uint32(kindRef), ref: unsafe.Pointer(reg(base, uint64(uint16(in>>32))))}
			continue
		case OpRefCell:
			b := reg(base, uint64(uint16(in>>32)))
			if b.meta == uint32(kindCell) {
				c := b.asCell()
				if c.locked {
					err = dataRace("")
					break
				}
				c.locked = true
				t.locks = append(t.locks, c)
				b = &c.value
			} else {
				t.locks = append(t.locks, &Cell{}) // so that OpUnlock finds one
			}
			*a = Value{meta: uint32(kindRef), ref: unsafe.Pointer(b)}
			continue
		case OpRefThis:
			if f.this == nil {
				err = newError(ErrorUnboundThis, "'this' not bound")
				break
			}
			*a = Value{meta: uint32(kindRef), ref: unsafe.Pointer(f.this)}
			continue
		case OpRefIndex:
			*a, err = t.refIndex(a.asRef(), *reg(base, uint64(uint16(in>>32))), uint16(in>>48))
		case OpRefProp:
			f.ip = ip
			*a, err = t.refProperty(a.asRef(), reg(consts, uint64(uint16(in>>32))).AsString(), uint16(in>>48))
			f = &t.frames[len(t.frames)-1]
		case OpDeref:
			b := reg(base, uint64(uint16(in>>32)))
			if k := b.Kind(); k == kindRef || k == kindProxy {
				b = b.asRef()
			}
			*a = *b
			continue
		case OpStoreP:
			if f.thisConst && a.asRef() == f.this {
				err = constantError("")
				break
			}
			*a.asRef() = *reg(base, uint64(uint16(in>>32)))
			continue
		case OpSetIndexP:
			err = t.setIndex(a.asRef(), *reg(base, uint64(uint16(in>>32))), *reg(base, uint64(in>>48)))
		case OpSetPropP:
			f.ip = ip
			err = t.setProperty(a.asRef(), reg(consts, uint64(uint16(in>>32))).AsString(), *reg(base, uint64(in>>48)))
			f = &t.frames[len(t.frames)-1]
		case OpGuardIndex:
			if has(a.asRef(), *reg(base, uint64(uint16(in>>32)))) {
				err = constantError(reg(consts, uint64(in>>48)).AsString())
			}
		case OpGuardProp:
			if has(a.asRef(), *reg(consts, uint64(uint16(in>>32)))) {
				err = constantError(reg(consts, uint64(in>>48)).AsString())
			}
		case OpWriteBack:
			if a.Kind() != kindProxy {
				continue
			}
			err = a.asProxy().writeBack(t)
		case OpUnlock:
			t.unlock(len(t.locks) - int(in.A()))
			continue

		case OpCall:
			callee := f.fn.Calls[uint16(in>>48)]
			f.ip = ip
			t.budget -= int64(callee.Weight)
			if t.budget < 0 || atomic.LoadUint32(t.interrupt) != 0 {
				if err = t.slice(); err != nil {
					break
				}
			}
			err = t.push(frame{fn: callee, base: unsafe.Pointer(a), end: f.end, block: f.block, dst: uint16(in >> 16)}, int(uint16(in>>32)))
			if err != nil {
				break
			}
			f = &t.frames[len(t.frames)-1]
			ip, base = f.ip, f.base
			consts = unsafe.Pointer(unsafe.SliceData(callee.Consts))
			continue
		case OpReturn:
			v := *a
			n := len(t.frames) - 1
			dst := f.dst
			t.frames = t.frames[:n]
			if n <= stop {
				t.result = v
				return nil
			}
			f = &t.frames[n-1]
			ip, base = f.ip, f.base
			consts = unsafe.Pointer(unsafe.SliceData(f.fn.Consts))
			*reg(base, uint64(dst)) = v
			continue
		case OpReturnUnit:
			n := len(t.frames) - 1
			dst := f.dst
			t.frames = t.frames[:n]
			if n <= stop {
				t.result = Unit
				return nil
			}
			f = &t.frames[n-1]
			ip, base = f.ip, f.base
			consts = unsafe.Pointer(unsafe.SliceData(f.fn.Consts))
			*reg(base, uint64(dst)) = Unit
			continue
		case OpCallNative:
			f.ip = ip
			*a, err = t.callNative(f.fn.Sites[uint16(in>>48)], unsafe.Slice(a, int(uint16(in>>32))))
			f = &t.frames[len(t.frames)-1]
		case OpCallMethod, OpCallPtr:
			f.ip = ip
			n := len(t.frames)
			site, args := f.fn.Sites[uint16(in>>48)], unsafe.Slice(reg(unsafe.Pointer(a), 1), int(uint16(in>>32)))
			if Op(in) == OpCallPtr {
				err = t.callPtr(site, a, args, uint16(in>>16))
			} else {
				err = t.callMethod(site, a, args, uint16(in>>16))
			}
			f = &t.frames[len(t.frames)-1]
			if err == nil && len(t.frames) > n {
				ip, base = f.ip, f.base
				consts = unsafe.Pointer(unsafe.SliceData(f.fn.Consts))
				continue
			}
		case OpFnPtr:
			if a.Kind() != KindString {
				err = MismatchError("string", a.TypeName())
				break
			}
			var p *FnPtr
			if p, err = t.FnByName(a.AsString()); err == nil {
				*a = NewFn(p)
			}
		case OpFnName:
			name := reg(consts, uint64(uint32(in>>32))).AsString()
			*a = NewFn(&FnPtr{Name: name, Func: t.program.byName[name][0]})
			continue
		case OpCurry:
			if a.Kind() != KindFn {
				err = MismatchError("Fn", a.TypeName())
				break
			}
			*a = NewFn(a.AsFn().curry(unsafe.Slice(reg(unsafe.Pointer(a), 1), int(uint16(in>>32)))))
			continue
		case OpClosure:
			*a = t.closure(f, f.fn.Closures[uint32(in>>32)])
			continue
		case OpIsShared:
			*a = Bool(reg(base, uint64(uint16(in>>32))).Kind() == kindCell)
			continue
		case OpIsDefVar:
			err = t.isDefVar(f, a, f.fn.Sites[uint32(in>>32)])
		case OpIsDefFn:
			err = t.isDefFn(a, int(in.B()))
		case OpEval, OpCallScoped:
			f.ip = ip
			n := len(t.frames)
			if Op(in) == OpEval {
				err = t.eval(f, a, f.fn.Sites[uint32(in>>32)], uint16(in>>16))
			} else {
				err = t.callScoped(f, f.fn.Scoped[uint16(in>>48)], unsafe.Slice(a, int(uint16(in>>32))), uint16(in>>16))
			}
			f = &t.frames[len(t.frames)-1]
			if err == nil && len(t.frames) > n {
				ip, base = f.ip, f.base
				consts = unsafe.Pointer(unsafe.SliceData(f.fn.Consts))
				continue
			}
		case OpNameRef:
			var v *Value
			if v, err = t.nameRef(f, f.fn.Sites[uint32(in>>32)]); err == nil {
				*a = makeRef(v)
			}
		case OpNameCell:
			*a, err = t.nameCell(f, f.fn.Sites[uint32(in>>32)])
		case OpNameConst:
			site := f.fn.Sites[uint32(in>>32)]
			if v := f.names.find(site.Name, site.Level); v != nil && v.constant || v == nil && site.Define {
				err = constantError(site.Name)
			}
		case OpDefine:
			f.define(f.fn.Sites[uint32(in>>32)], *a)
			continue
		case OpUntag:
			if a.Kind() == KindString {
				a.meta = uint32(KindString)
			}
			continue
		case OpTrim:
			f.names.trim(int(uint16(in >> 16)))
			continue
		case OpThrow:
			err = RuntimeError(a.Share())
		case OpFail:
			e := *f.fn.Errors[uint32(in>>32)]
			err = &e
		case OpSwitch:
			if target, ok := f.fn.Switches[uint32(in>>32)].find(*a); ok {
				ip = unsafe.Add(ip, int64(target)*int64(instrSize))
			}
			continue
		case OpInRange:
			if !reg(consts, uint64(uint16(in>>32))).rangeContains(*a) {
				ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
			}
			continue
		}
		if err == nil {
			continue
		}
		goto failed
	unless:
		// The operands of a conditional jump are not both integers.
		{
			op := Op(in)
			var c Value
			if op >= OpUnlessEqI {
				op -= OpUnlessEqI - OpUnlessEq
				c = Int(int64(int16(in >> 32)))
			} else {
				c = *reg(base, uint64(uint16(in>>32)))
			}
			var holds Value
			f.ip = ip
			err = t.binary(&holds, syntax.OpEq+syntax.Operator(op-OpUnlessEq), *a, c)
			f = &t.frames[len(t.frames)-1]
			if err == nil {
				if holds.bits == 0 {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		}
	failed:
		f.ip = ip
		if err = t.unwind(err, stop); err != nil {
			return err
		}
		f = &t.frames[len(t.frames)-1]
		ip, base = f.ip, f.base
		consts = unsafe.Pointer(unsafe.SliceData(f.fn.Consts))
	}
}

func compareInts(op Op, x, y int64) bool {
	switch op {
	case OpEq:
		return x == y
	case OpNe:
		return x != y
	case OpLt:
		return x < y
	case OpLe:
		return x <= y
	case OpGt:
		return x > y
	}
	return x >= y
}

// binary is the slow path of the binary operators: *a = l op r. Rhai gives its
// arithmetic errors no position.
func (t *Thread) binary(a *Value, op syntax.Operator, l, r Value) *Error {
	v, err := t.Binary(op, l, r)
	if err != nil {
		err.unplaced = err.Variant != ErrorFunctionNotFound && l.Kind() != KindU8
		return err
	}
	*a = v
	return nil
}
