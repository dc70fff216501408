package lib

import (
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerBlobs adds the functions of blobs.
//
// Costs, for a blob of n bytes: len, get, set, pop, truncate, push (amortised), shift
// (amortised), chop and the parse_ and write_ functions of numbers are constant; append
// is linear in what is appended, insert, remove, splice and drain in what is behind the
// place, extract and split in what they return; the others are linear in n.
func registerBlobs(l *vm.Library) {
	const b, i, s, f = vm.KindBlob, vm.KindInt, vm.KindString, vm.KindFloat

	l.Func("blob", newBlob)
	l.Func("blob", newBlob, i)
	l.Func("blob", newBlob, i, i)
	l.Func("to_array", blobToArray, b)
	l.Func("as_string", blobAsString, b)

	l.Func("len", blobLen, b)
	l.Getter("len", blobLen, b)
	l.Func("is_empty", blobIsEmpty, b)
	l.Getter("is_empty", blobIsEmpty, b)
	l.Func("contains", blobContains, b, i)
	l.Func("get", blobGet, b, i)
	l.Method("set", blobSet, b, i, i)

	l.Method("push", blobPush, b, i)
	l.Method("append", blobPush, b, i)
	l.Method("append", blobAppend, b, b)
	l.Method("append", blobAppend, b, s)
	l.Method("append", blobAppend, b, vm.KindChar)
	l.Method("insert", blobInsert, b, i, i)
	l.Method("pad", blobPad, b, i, i)
	l.Method("pop", blobPop, b)
	l.Method("shift", blobShift, b)
	l.Method("remove", blobRemove, b, i)
	l.Reader("clear", blobClear, b)
	l.Method("truncate", blobTruncate, b, i)
	l.Method("chop", blobChop, b, i)
	l.Method("reverse", blobReverse, b)
	spanArgs(l.Method, "splice", blobSplice, b, b)
	l.Reader("extract", blobExtract, b, i)
	spanArgs(l.Reader, "extract", blobExtract, b)
	l.Method("split", blobSplit, b, i)
	spanArgs(l.Method, "drain", blobDrain, b)
	spanArgs(l.Method, "retain", blobRetain, b)

	spanArgs(l.Func, "parse_le_int", parseInt(binary.LittleEndian), b)
	spanArgs(l.Func, "parse_be_int", parseInt(binary.BigEndian), b)
	spanArgs(l.Func, "parse_le_float", parseFloat(binary.LittleEndian), b)
	spanArgs(l.Func, "parse_be_float", parseFloat(binary.BigEndian), b)
	for _, number := range []vm.Kind{i, f} {
		spanArgs(l.Method, "write_le", writeNumber(binary.LittleEndian), b, number)
		spanArgs(l.Method, "write_be", writeNumber(binary.BigEndian), b, number)
	}
	spanArgs(l.Method, "write_utf8", writeUTF8, b, s)
	spanArgs(l.Method, "write_ascii", writeASCII, b, s)
}

func newBlob(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if len(args) == 0 || args[0].AsInt() <= 0 {
		return vm.NewBlob(nil), nil
	}
	n := args[0].AsInt()
	if err := t.CheckBlob(n); err != nil {
		return vm.Unit, err
	}
	data := make([]byte, n)
	if len(args) > 1 {
		vm.Fill(data, byte(args[1].AsInt()))
	}
	return vm.NewBlob(data), chargeBytes(t, len(data))
}

func blobToArray(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	data := args[0].AsBlob().Data
	if err := t.Charge(int64(len(data))); err != nil {
		return vm.Unit, err
	}
	items := make([]vm.Value, len(data))
	for left := items; len(left) > 0; {
		part := left[:min(pollEvery, len(left))]
		if err := t.Poll(); err != nil {
			return vm.Unit, err
		}
		vm.SetBytes(part, data)
		left, data = left[len(part):], data[len(part):]
	}
	return vm.NewArray(items), nil
}

func blobAsString(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text, err := t.LossyText(args[0].AsBlob().Data)
	if err != nil {
		return vm.Unit, err
	}
	if err := t.CheckString(int64(len(text))); err != nil {
		return vm.Unit, err
	}
	return vm.String(text), chargeBytes(t, len(text))
}

func blobLen(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(int64(len(args[0].AsBlob().Data))), nil
}

func blobIsEmpty(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Bool(len(args[0].AsBlob().Data) == 0), nil
}

func blobContains(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	data := args[0].AsBlob().Data
	return vm.Bool(vm.IndexByte(data, byte(args[1].AsInt())) >= 0), chargeBytes(t, len(data))
}

func blobGet(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	data := args[0].AsBlob().Data
	at, _ := span(len(data), args[1].AsInt(), 0)
	if at == len(data) {
		return vm.Int(0), nil
	}
	return vm.Int(int64(data[at])), nil
}

func blobSet(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	at, _ := span(len(args[0].AsBlob().Data), args[1].AsInt(), 0)
	if at < len(args[0].AsBlob().Data) {
		args[0].AsBlob().Data[at] = byte(args[2].AsInt())
	}
	return vm.Unit, nil
}

func blobPush(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	b := args[0].AsBlob()
	if err := t.CheckBlob(int64(len(b.Data)) + 1); err != nil {
		return vm.Unit, err
	}
	b.Data = append(b.Data, byte(args[1].AsInt()))
	return vm.Unit, nil
}

// blobAppend appends a blob, the UTF-8 of a string, or that of a character.
func blobAppend(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	var more []byte
	switch args[1].Kind() {
	case vm.KindBlob:
		more = args[1].AsBlob().Data
	case vm.KindString:
		more = []byte(args[1].AsString())
	default:
		more = utf8.AppendRune(nil, args[1].AsChar())
	}
	b := args[0].AsBlob()
	if err := t.CheckBlob(int64(len(b.Data)) + int64(len(more))); err != nil {
		return vm.Unit, err
	}
	b.Data = append(b.Data, more...)
	return vm.Unit, chargeBytes(t, len(more))
}

func blobInsert(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	b := args[0].AsBlob()
	if err := t.CheckBlob(int64(len(b.Data)) + 1); err != nil {
		return vm.Unit, err
	}
	at, _ := span(len(b.Data), args[1].AsInt(), 0)
	b.Data = slices.Insert(b.Data, at, byte(args[2].AsInt()))
	return vm.Unit, chargeBytes(t, len(b.Data)-at)
}

func blobPad(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	length := args[1].AsInt()
	if length > t.Limits().MaxBlobSize {
		return vm.Unit, vm.DataTooLargeError("Size of BLOB", "max_blob_size")
	}
	if length <= int64(len(args[0].AsBlob().Data)) {
		return vm.Unit, nil
	}
	b := args[0].AsBlob()
	old := len(b.Data)
	b.Data = append(b.Data, make([]byte, int(length)-old)...)
	vm.Fill(b.Data[old:], byte(args[2].AsInt()))
	return vm.Unit, chargeBytes(t, len(b.Data)-old)
}

func blobPop(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	n := len(args[0].AsBlob().Data)
	if n == 0 {
		return vm.Int(0), nil
	}
	b := args[0].AsBlob()
	last := b.Data[n-1]
	b.Data = b.Data[:n-1]
	return vm.Int(int64(last)), nil
}

func blobShift(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if len(args[0].AsBlob().Data) == 0 {
		return vm.Int(0), nil
	}
	b := args[0].AsBlob()
	first := b.Data[0]
	b.Data = b.Data[1:] // what is before is given up when the blob next grows
	return vm.Int(int64(first)), nil
}

func blobRemove(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	at, ok := itemIndex(len(args[0].AsBlob().Data), args[1].AsInt())
	if !ok {
		return vm.Int(0), nil
	}
	b := args[0].AsBlob()
	removed := b.Data[at]
	b.Data = slices.Delete(b.Data, at, at+1)
	return vm.Int(int64(removed)), chargeBytes(t, len(b.Data)-at)
}

func blobClear(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	assign(t, &args[0], vm.NewBlob(nil))
	return vm.Unit, nil
}

func blobTruncate(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if n := max(args[1].AsInt(), 0); n < int64(len(args[0].AsBlob().Data)) {
		b := args[0].AsBlob()
		b.Data = b.Data[:n]
	}
	return vm.Unit, nil
}

func blobChop(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if n := max(args[1].AsInt(), 0); n < int64(len(args[0].AsBlob().Data)) {
		b := args[0].AsBlob()
		b.Data = b.Data[len(b.Data)-int(n):]
	}
	return vm.Unit, nil
}

func blobReverse(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	b := args[0].AsBlob()
	vm.ReverseBytes(b.Data)
	return vm.Unit, chargeBytes(t, len(b.Data))
}

func blobSplice(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	b, with := args[0].AsBlob(), args[3].AsBlob().Data
	from, count := span(len(b.Data), args[1].AsInt(), args[2].AsInt())
	if count == 0 {
		from = len(b.Data) // not where it was asked for: so it is in Rhai
	}
	if err := t.CheckBlob(int64(len(b.Data)-count) + int64(len(with))); err != nil {
		return vm.Unit, err
	}
	b.Data = slices.Replace(b.Data, from, from+count, with...)
	return vm.Unit, chargeBytes(t, len(b.Data)-from)
}

// blobSpan returns the span that arguments 1 and 2 name, 2 being optional.
func blobSpan(args []vm.Value) (from, count int) {
	n := int64(math.MaxInt64)
	if len(args) > 2 {
		n = args[2].AsInt()
	}
	return span(len(args[0].AsBlob().Data), args[1].AsInt(), n)
}

func blobExtract(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := blobSpan(args)
	return vm.NewBlob(slices.Clone(args[0].AsBlob().Data[from : from+count])), chargeBytes(t, count)
}

func blobSplit(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := blobSpan(args)
	b := args[0].AsBlob()
	tail := slices.Clone(b.Data[from:])
	b.Data = b.Data[:from]
	return vm.NewBlob(tail), chargeBytes(t, count)
}

func blobDrain(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := blobSpan(args)
	if count == 0 {
		return vm.NewBlob(nil), nil
	}
	b := args[0].AsBlob()
	drained := slices.Clone(b.Data[from : from+count])
	b.Data = slices.Delete(b.Data, from, from+count)
	return vm.NewBlob(drained), chargeBytes(t, len(b.Data)-from+count)
}

func blobRetain(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if args[2].AsInt() <= 0 {
		return vm.NewBlob(nil), nil
	}
	from, count := blobSpan(args)
	b := args[0].AsBlob()
	drained := slices.Concat(b.Data[:from], b.Data[from+count:])
	b.Data = slices.Clone(b.Data[from : from+count])
	return vm.NewBlob(drained), chargeBytes(t, len(drained)+count)
}

// readNumber takes up to 8 bytes from the span that the arguments name. Fewer fill
// the number's first bytes, which for big endian are the high ones.
func readNumber(order binary.ByteOrder, args []vm.Value) uint64 {
	var b [8]byte
	from, count := blobSpan(args)
	copy(b[:], args[0].AsBlob().Data[from:from+count])
	return order.Uint64(b[:])
}

func parseInt(order binary.ByteOrder) vm.NativeFunc {
	return func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return vm.Int(int64(readNumber(order, args))), nil
	}
}

func parseFloat(order binary.ByteOrder) vm.NativeFunc {
	return func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return vm.Float(math.Float64frombits(readNumber(order, args))), nil
	}
}

// writeNumber writes the first bytes of a number over the span that the arguments name.
func writeNumber(order binary.ByteOrder) vm.NativeFunc {
	return func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		var b [8]byte
		if args[3].Kind() == vm.KindInt {
			order.PutUint64(b[:], uint64(args[3].AsInt()))
		} else {
			order.PutUint64(b[:], math.Float64bits(args[3].AsFloat()))
		}
		if from, count := blobSpan(args); count > 0 {
			copy(args[0].AsBlob().Data[from:from+count], b[:])
		}
		return vm.Unit, nil
	}
}

func writeUTF8(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := blobSpan(args)
	if count == 0 {
		return vm.Unit, nil
	}
	n := copy(args[0].AsBlob().Data[from:from+count], args[3].AsString())
	return vm.Unit, chargeBytes(t, n)
}

// writeASCII leaves out the characters that are not ASCII.
func writeASCII(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := blobSpan(args)
	text := args[3].AsString()
	count = min(count, len(text))
	if count == 0 {
		return vm.Unit, nil
	}
	to := args[0].AsBlob().Data[from : from+count]
	for i := 0; i < len(text) && len(to) > 0; i++ {
		if text[i] < utf8.RuneSelf {
			to[0] = text[i]
			to = to[1:]
		}
	}
	return vm.Unit, chargeBytes(t, len(text))
}
