package vm

import (
	"unicode/utf8"
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// OpAssign does *target op= r. Strings, arrays, maps and blobs are extended in place;
// where there is no way to do so it is *target = *target op r, which may give the
// variable a value of another type. A value changed in place keeps its tag. Errors
// without a position get the operator's.
func (t *Thread) OpAssign(op syntax.Operator, target *Value, r Value) *Error {
	tag := target.meta &^ kindMask
	lk, rk := target.Kind(), r.Kind()
	switch {
	case lk == KindInt && rk == KindInt, lk == KindFloat && (rk == KindFloat || rk == KindInt):
		if op >= syntax.OpShl && op <= syntax.OpBitXor {
			tag = 0
		}
	case lk == KindBool && rk == KindBool, lk == KindTimestamp && (rk == KindInt || rk == KindFloat):
	case lk == KindString && (op == syntax.OpSub && (rk == KindString || rk == KindChar)):
		if r.Kind() == KindString && r.AsString() == "" {
			return nil
		}
	case lk == KindString && op == syntax.OpAdd:
		return t.appendToString(target, r)
	case lk == KindChar && rk == KindString && op == syntax.OpAdd && r.AsString() == "":
		return nil
	case lk == KindArray && op == syntax.OpAdd:
		return t.appendToArray(target, r)
	case lk == KindBlob && op == syntax.OpAdd && (rk == KindBlob || rk == KindInt || rk == KindChar || rk == KindString):
		return t.appendToBlob(target, r)
	case lk == KindMap && rk == KindMap && op == syntax.OpAdd:
		if target.AsMap() == r.AsMap() {
			return nil
		}
		if err := t.Own(target); err != nil {
			return err
		}
		return t.mixin(target.AsMap(), r.AsMap())
	default:
		tag = 0
	}
	v, err := t.Binary(op, *target, r)
	if err != nil {
		err.unplaced = false
		return err
	}
	v.meta = v.meta&kindMask | tag
	*target = v
	return nil
}

func (t *Thread) appendToString(target *Value, r Value) *Error {
	if r.Kind() == KindUnit {
		return nil
	}
	tail, _, err := t.operandText(r)
	if err != nil {
		return err
	}
	if err := t.CheckString(int64(len(target.AsString())) + int64(len(tail.AsString()))); err != nil {
		return err
	}
	if err := t.Charge(int64(len(tail.AsString())) / bytesPerOperation); err != nil {
		return err
	}
	tagged := target.meta
	*target = target.appendCounted(tail.AsString(), tail.Chars())
	target.meta = tagged
	return nil
}

// appendToArray adds the items of an array, or any other value as one item.
func (t *Thread) appendToArray(target *Value, r Value) *Error {
	more := []Value{r}
	if r.Kind() == KindArray {
		more = r.AsArray().Items
	}
	if err := t.CheckArray(int64(len(target.AsArray().Items)) + int64(len(more))); err != nil {
		return err
	}
	if err := t.Charge(int64(len(more)) / itemsPerOperation); err != nil {
		return err
	}
	if err := t.Own(target); err != nil {
		return err
	}
	a := target.AsArray()
	items, err := t.AppendItems(a.Items, more)
	if err == nil {
		a.Items = items
	}
	return err
}

// appendToBlob adds the bytes of a blob, a string or a character, or one byte.
func (t *Thread) appendToBlob(target *Value, r Value) *Error {
	var more []byte
	switch r.Kind() {
	case KindBlob:
		more = r.AsBlob().Data
	case KindInt:
		more = []byte{byte(r.AsInt())}
	case KindChar:
		more = utf8.AppendRune(nil, r.AsChar())
	case KindString:
		s := r.AsString()
		more = unsafe.Slice(unsafe.StringData(s), len(s))
	}
	if err := t.CheckBlob(int64(len(target.AsBlob().Data)) + int64(len(more))); err != nil {
		return err
	}
	if err := t.Charge(int64(len(more)) / bytesPerOperation); err != nil {
		return err
	}
	if err := t.Own(target); err != nil {
		return err
	}
	b := target.AsBlob()
	b.Data = append(b.Data, more...)
	return nil
}
