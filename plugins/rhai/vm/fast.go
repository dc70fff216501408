package vm

import (
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// fast runs instructions as long as they take the common path: integers, floats,
// elements that exist, script functions that fit the stack. It leaves the first other instruction to
// run, with the frame's ip at it, and reports whether instead the frame above stop has returned.
//
// Its switch has less than 64 cases, so that it becomes one jump through a table: up to so many
// LLVM puts together the chain of comparisons that a switch is for TinyGo. The other
// instructions are left to warm, and to run. Pointers to registers are converted where
// they are made, not in a function: TinyGo then knows that they are not nil.
//
//go:noinline
func (t *Thread) fast(stop int) (returned bool) {
	f := &t.frames[len(t.frames)-1]
	ip, base := f.ip, f.base
	consts := unsafe.Pointer(unsafe.SliceData(f.fn.Consts))
	for {
		in := *(*Instr)(ip)
		ip = unsafe.Add(ip, instrSize)
		a := (*Value)(unsafe.Add(base, uintptr(uint16(in>>16))*valueSize))
		switch Op(in) {
		case OpMove:
			*a = *(*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			continue
		case OpCopy:
			*a = *(*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
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
			*a = *(*Value)(unsafe.Add(consts, uintptr(uint32(in>>32))*valueSize))
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
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if b.meta == uint32(kindCell) {
				c := b.asCell()
				if c.locked {
					break
				}
				b = &c.value
			}
			*a = *b
			if a.meta >= uint32(KindArray) {
				a.Share()
			}
			continue
		case OpSetCell:
			if a.meta == uint32(kindCell) {
				c := a.asCell()
				if c.locked {
					break
				}
				a = &c.value
			}
			*a = *(*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			continue
		case OpAdd:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
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
		case OpSub:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
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
		case OpMul:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
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
		case OpDiv:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if uint64(x|y)>>32 == 0 && y != 0 {
					a.meta, a.bits = uint32(KindInt), uint64(uint32(x)/uint32(y))
					continue
				}
				if y > 0 {
					a.meta, a.bits = uint32(KindInt), uint64(x/y)
					continue
				}
			} else if b.meta == uint32(KindFloat) && c.meta == uint32(KindFloat) {
				a.meta, a.bits = uint32(KindFloat), math.Float64bits(b.AsFloat()/c.AsFloat())
				continue
			}
		case OpMod:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if uint64(x|y)>>32 == 0 && y != 0 {
					a.meta, a.bits = uint32(KindInt), uint64(uint32(x)%uint32(y))
					continue
				}
				if y > 0 {
					a.meta, a.bits = uint32(KindInt), uint64(x%y)
					continue
				}
			}
		case OpAddK:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(consts, uintptr(in>>48)*valueSize))
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
		case OpSubK:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(consts, uintptr(in>>48)*valueSize))
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
		case OpMulK:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(consts, uintptr(in>>48)*valueSize))
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
		case OpDivK:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(consts, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if uint64(x|y)>>32 == 0 && y != 0 {
					a.meta, a.bits = uint32(KindInt), uint64(uint32(x)/uint32(y))
					continue
				}
				if y > 0 {
					a.meta, a.bits = uint32(KindInt), uint64(x/y)
					continue
				}
			} else if b.meta == uint32(KindFloat) && c.meta == uint32(KindFloat) {
				a.meta, a.bits = uint32(KindFloat), math.Float64bits(b.AsFloat()/c.AsFloat())
				continue
			}
		case OpModK:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(consts, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				x, y := int64(b.bits), int64(c.bits)
				if uint64(x|y)>>32 == 0 && y != 0 {
					a.meta, a.bits = uint32(KindInt), uint64(uint32(x)%uint32(y))
					continue
				}
				if y > 0 {
					a.meta, a.bits = uint32(KindInt), uint64(x%y)
					continue
				}
			}
		case OpEq:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				a.bits = truth(int64(b.bits) == int64(c.bits))
				a.meta = uint32(KindBool)
				continue
			}
			if v, ok := compare(syntax.OpEq, b, c); ok {
				a.meta, a.bits = uint32(KindBool), truth(v)
				continue
			}
		case OpNe:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				a.bits = truth(int64(b.bits) != int64(c.bits))
				a.meta = uint32(KindBool)
				continue
			}
			if v, ok := compare(syntax.OpNe, b, c); ok {
				a.meta, a.bits = uint32(KindBool), truth(v)
				continue
			}
		case OpLt:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				a.bits = truth(int64(b.bits) < int64(c.bits))
				a.meta = uint32(KindBool)
				continue
			}
			if v, ok := compare(syntax.OpLt, b, c); ok {
				a.meta, a.bits = uint32(KindBool), truth(v)
				continue
			}
		case OpLe:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				a.bits = truth(int64(b.bits) <= int64(c.bits))
				a.meta = uint32(KindBool)
				continue
			}
			if v, ok := compare(syntax.OpLe, b, c); ok {
				a.meta, a.bits = uint32(KindBool), truth(v)
				continue
			}
		case OpGt:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				a.bits = truth(int64(b.bits) > int64(c.bits))
				a.meta = uint32(KindBool)
				continue
			}
			if v, ok := compare(syntax.OpGt, b, c); ok {
				a.meta, a.bits = uint32(KindBool), truth(v)
				continue
			}
		case OpGe:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if b.meta == uint32(KindInt) && c.meta == uint32(KindInt) {
				a.bits = truth(int64(b.bits) >= int64(c.bits))
				a.meta = uint32(KindBool)
				continue
			}
			if v, ok := compare(syntax.OpGe, b, c); ok {
				a.meta, a.bits = uint32(KindBool), truth(v)
				continue
			}
		case OpAddTo:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
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
		case OpSubTo:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
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
		case OpAddToI:
			if a.meta == uint32(KindInt) {
				x, y := int64(a.bits), int64(int16(in>>48))
				if s := x + y; (x^s)&(y^s) >= 0 {
					a.bits = uint64(s)
					continue
				}
			}
		case OpSubToI:
			if a.meta == uint32(KindInt) {
				x, y := int64(a.bits), int64(int16(in>>48))
				if s := x - y; (x^y)&(x^s) >= 0 {
					a.bits = uint64(s)
					continue
				}
			}
		case OpJump:
			ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
			continue
		case OpJumpFalse:
			if a.meta == uint32(KindBool) {
				if a.bits == 0 {
					ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
				}
				continue
			}
		case OpJumpTrue:
			if a.meta == uint32(KindBool) {
				if a.bits != 0 {
					ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
				}
				continue
			}
		case OpUnlessEq:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if int64(a.bits) != int64(b.bits) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			if v, ok := compare(syntax.OpEq, a, b); ok {
				if !v {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessEqI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) != int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessNe:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if int64(a.bits) == int64(b.bits) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			if v, ok := compare(syntax.OpNe, a, b); ok {
				if !v {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessNeI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) == int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessLt:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if int64(a.bits) >= int64(b.bits) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			if v, ok := compare(syntax.OpLt, a, b); ok {
				if !v {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessLtI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) >= int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessLe:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if int64(a.bits) > int64(b.bits) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			if v, ok := compare(syntax.OpLe, a, b); ok {
				if !v {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessLeI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) > int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessGt:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if int64(a.bits) <= int64(b.bits) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			if v, ok := compare(syntax.OpGt, a, b); ok {
				if !v {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessGtI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) <= int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessGe:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if int64(a.bits) < int64(b.bits) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
			if v, ok := compare(syntax.OpGe, a, b); ok {
				if !v {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpUnlessGeI:
			if a.meta == uint32(KindInt) {
				if int64(a.bits) < int64(int16(in>>32)) {
					ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
				}
				continue
			}
		case OpLoop:
			if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
				t.budget = budget
				ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
				continue
			}
		case OpWhileLt:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
					t.budget = budget
					if int64(a.bits) < int64(b.bits) {
						ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
					} else {
						ip = unsafe.Add(ip, instrSize)
					}
				}
			}
			continue
		case OpWhileLe:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
					t.budget = budget
					if int64(a.bits) <= int64(b.bits) {
						ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
					} else {
						ip = unsafe.Add(ip, instrSize)
					}
				}
			}
			continue
		case OpWhileGt:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindInt) && b.meta == uint32(KindInt) {
				if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
					t.budget = budget
					if int64(a.bits) > int64(b.bits) {
						ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
					} else {
						ip = unsafe.Add(ip, instrSize)
					}
				}
			}
			continue
		case OpWhileNeI:
			if a.meta == uint32(KindInt) {
				if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
					t.budget = budget
					if int64(a.bits) != int64(int16(in>>32)) {
						ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
					} else {
						ip = unsafe.Add(ip, instrSize)
					}
				}
			}
			continue
		case OpWhileLtI:
			if a.meta == uint32(KindInt) {
				if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
					t.budget = budget
					if int64(a.bits) < int64(int16(in>>32)) {
						ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
					} else {
						ip = unsafe.Add(ip, instrSize)
					}
				}
			}
			continue
		case OpWhileGtI:
			if a.meta == uint32(KindInt) {
				if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
					t.budget = budget
					if int64(a.bits) > int64(int16(in>>32)) {
						ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
					} else {
						ip = unsafe.Add(ip, instrSize)
					}
				}
			}
			continue
		case OpWhileGeI:
			if a.meta == uint32(KindInt) {
				if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
					t.budget = budget
					if int64(a.bits) >= int64(int16(in>>32)) {
						ip = unsafe.Add(ip, int64(int16(in>>48))*int64(instrSize))
					} else {
						ip = unsafe.Add(ip, instrSize)
					}
				}
			}
			continue
		case OpForRange:
			cur := a.bits
			if cur == (*Value)(unsafe.Add(unsafe.Pointer(a), valueSize)).bits {
				continue
			}
			if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
				t.budget = budget
				v := (*Value)(unsafe.Add(unsafe.Pointer(a), 2*valueSize))
				v.meta, v.bits = uint32(KindInt), cur
				a.bits = cur + 1
				ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
				continue
			}
		case OpIterNext:
			if a.meta != uint32(KindArray) {
				break
			}
			next, items := (*Value)(unsafe.Add(unsafe.Pointer(a), valueSize)), a.AsArray().Items
			if next.bits >= uint64(len(items)) {
				continue
			}
			if budget := t.budget - int64(uint8(in>>8)); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
				t.budget = budget
				v := (*Value)(unsafe.Add(unsafe.Pointer(a), 2*valueSize))
				*v = items[int(next.bits)]
				if v.meta >= uint32(KindArray) {
					v.Share()
				}
				next.bits++
				ip = unsafe.Add(ip, int64(int32(in>>32))*int64(instrSize))
				continue
			}

		case OpGetIndex:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			c := (*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
			if c.meta != uint32(KindInt) {
				break
			}
			if b.meta == uint32(KindArray) {
				if items := b.AsArray().Items; c.bits < uint64(len(items)) {
					*a = items[int(c.bits)]
					continue
				}
			} else if b.meta == uint32(KindString) && b.IsASCII() && c.bits < uint64(uint32(b.bits)) {
				a.bits = uint64(*(*byte)(unsafe.Add(unsafe.Pointer(textData(b.ref)), uintptr(c.bits))))
				a.meta = uint32(KindChar)
				continue
			}
		case OpGetIndexI:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if i := uint64(int64(int16(in >> 48))); b.meta == uint32(KindArray) {
				if items := b.AsArray().Items; i < uint64(len(items)) {
					*a = items[int(i)]
					continue
				}
			}
		case OpGetProp:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if b.meta == uint32(KindMap) {
				if v := b.AsMap().At((*Value)(unsafe.Add(consts, uintptr(in>>48)*valueSize)).AsString()); v != nil {
					*a = *v
				} else {
					a.meta = uint32(KindUnit)
				}
				continue
			}
			if n, ok := length(b); ok && (*Value)(unsafe.Add(consts, uintptr(in>>48)*valueSize)).AsString() == "len" {
				a.meta, a.bits = uint32(KindInt), n
				continue
			}
		case OpSetIndex:
			b := (*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize))
			if a.meta == uint32(KindArray) && b.meta == uint32(KindInt) {
				if arr := a.AsArray(); !arr.shared && b.bits < uint64(len(arr.Items)) {
					arr.Items[int(b.bits)] = *(*Value)(unsafe.Add(base, uintptr(in>>48)*valueSize))
					continue
				}
			}
		case OpRefLocal:
			a.meta, a.ref = uint32(kindRef), unsafe.Pointer((*Value)(unsafe.Add(base, uintptr(uint16(in>>32))*valueSize)))
			continue
		case OpCall:
			callee := f.fn.Calls[uint16(in>>48)]
			n := len(t.frames)
			if n >= t.maxFrames || uintptr(callee.Room) > f.end-uintptr(unsafe.Pointer(a)) {
				break
			}
			if budget := t.budget - int64(callee.Weight); budget >= 0 && atomic.LoadUint32(t.interrupt) == 0 {
				t.budget = budget
				f.ip = ip
				t.frames = t.frames[:n+1]
				g := &t.frames[n]
				g.fn, g.base, g.end, g.block = callee, unsafe.Pointer(a), f.end, f.block
				g.this, g.thisConst, g.names, g.imports, g.dst = nil, false, nil, f.imports, uint16(in>>16)
				g.locks = int32(len(t.locks))
				f, base = g, unsafe.Pointer(a)
				ip = unsafe.Pointer(unsafe.SliceData(callee.Code))
				consts = unsafe.Pointer(unsafe.SliceData(callee.Consts))
				continue
			}
		case OpCallMethod:
			site := f.fn.Sites[uint16(in>>48)]
			if site.builtin == builtinNone {
				break
			}
			target := a
			if a.meta == uint32(kindRef) {
				target = a.asRef()
			}
			if site.builtin == builtinLen {
				if n, ok := length(target); ok {
					a.meta, a.bits = uint32(KindInt), n
					continue
				}
				break
			}
			// push: in place, where there is room.
			if target.meta != uint32(KindArray) || site.Const {
				break
			}
			arr := target.AsArray()
			n := len(arr.Items)
			if arr.shared || n >= cap(arr.Items) || int64(n) >= t.limits.MaxArraySize {
				break
			}
			arr.Items = arr.Items[:n+1]
			arr.Items[n] = *(*Value)(unsafe.Add(unsafe.Pointer(a), valueSize))
			a.meta = uint32(KindUnit)
			continue
		case OpReturn, OpReturnUnit:
			v := unitValue
			if Op(in) == OpReturn {
				v = a
			}
			n := len(t.frames) - 1
			t.frames = t.frames[:n]
			if n <= stop {
				t.result = *v
				return true
			}
			dst := uint64(f.dst)
			f = &t.frames[n-1]
			ip, base = f.ip, f.base
			consts = unsafe.Pointer(unsafe.SliceData(f.fn.Consts))
			*(*Value)(unsafe.Add(base, uintptr(dst)*valueSize)) = *v
			continue
		default:
			f.ip = ip
			if t.warm(f, in) {
				ip = f.ip
				continue
			}
		}
		f.ip = unsafe.Add(ip, -int(instrSize))
		return false
	}
}

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

// length is len of a string, array or blob.
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

// bitwise is the bit operators on integers that cannot fail.
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

// assignNumber is *a op= b where both are integers or floats and it cannot fail.
func assignNumber(op syntax.Operator, a, b *Value) bool {
	switch {
	case a.meta == uint32(KindInt) && b.meta == uint32(KindInt):
		x, y := int64(a.bits), int64(b.bits)
		switch op {
		case syntax.OpAdd:
			s := x + y
			if (x^s)&(y^s) < 0 {
				return false
			}
			a.bits = uint64(s)
			return true
		case syntax.OpSub:
			s := x - y
			if (x^y)&(x^s) < 0 {
				return false
			}
			a.bits = uint64(s)
			return true
		case syntax.OpMul:
			if x != int64(int32(x)) || y != int64(int32(y)) {
				return false
			}
			a.bits = uint64(x * y)
			return true
		case syntax.OpDiv:
			if y <= 0 {
				return false
			}
			a.bits = uint64(x / y)
			return true
		case syntax.OpMod:
			if y <= 0 {
				return false
			}
			a.bits = uint64(x % y)
			return true
		}
		v, ok := bitwise(op, a.bits, b.bits)
		if ok {
			a.bits = v
		}
		return ok
	case a.meta == uint32(KindFloat) && b.meta == uint32(KindFloat):
		x, y := a.AsFloat(), b.AsFloat()
		switch op {
		case syntax.OpAdd:
			x += y
		case syntax.OpSub:
			x -= y
		case syntax.OpMul:
			x *= y
		case syntax.OpDiv:
			x /= y
		default:
			return false
		}
		a.bits = math.Float64bits(x)
		return true
	}
	return false
}
