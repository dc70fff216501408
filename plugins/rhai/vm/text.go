package vm

import (
	"slices"
	"unicode/utf8"
	"unsafe"
)

// The object of a string is one block without pointers: a header of two 32-bit
// words, how many bytes of text are used and how many there is room for, and
// then the text. The lengths in bytes and in characters are in the Value, so
// that several values can share a block: each sees a prefix of it.
//
// Appending to the value that sees all that is used, while there is room, writes
// behind it in place. All other values still see their own prefix. This makes
// building a string by += linear without counting references.
const textHeader = 8

func textUsed(ref unsafe.Pointer) *uint32 { return (*uint32)(ref) }
func textRoom(ref unsafe.Pointer) uint32  { return *(*uint32)(unsafe.Add(ref, 4)) }
func textData(ref unsafe.Pointer) *byte   { return (*byte)(unsafe.Add(ref, textHeader)) }

func newText(used, room int) unsafe.Pointer {
	block := make([]byte, (textHeader+room+7)&^7)
	ref := unsafe.Pointer(unsafe.SliceData(block))
	*(*uint32)(ref) = uint32(used)
	*(*uint32)(unsafe.Add(ref, 4)) = uint32(len(block) - textHeader)
	return ref
}

func textValue(ref unsafe.Pointer, bytes, chars int) Value {
	return Value{meta: uint32(KindString), ref: ref, bits: uint64(bytes) | uint64(chars)<<32}
}

// String makes a string value with a copy of s, which must be valid UTF-8.
func String(s string) Value { return stringOf(s, countChars(s)) }

func stringOf(s string, chars int) Value {
	if len(s) == 0 {
		return Value{meta: uint32(KindString)}
	}
	ref := newText(len(s), len(s))
	copyText(textData(ref), s)
	return textValue(ref, len(s), chars)
}

// ASCII makes a string value with a copy of s, which must be ASCII.
func ASCII(s string) Value { return stringOf(s, len(s)) }

// Buffer makes a string of so many bytes and characters. Its text, valid UTF-8, is to be written to
// the buffer before anyone sees the value.
func Buffer(bytes, chars int) (Value, []byte) {
	if bytes == 0 {
		return Value{meta: uint32(KindString)}, nil
	}
	ref := newText(bytes, bytes)
	return textValue(ref, bytes, chars), unsafe.Slice(textData(ref), bytes)
}

// shortText is up to which length, in bytes, texts are copied word by word. To copy is a call out of
// the sandboxed code, which for short texts takes longer than they do.
const shortText = 64

// copyText copies s to where there is room for it.
func copyText(to *byte, s string) {
	n := len(s)
	start, from := unsafe.Pointer(to), unsafe.Pointer(unsafe.StringData(s))
	switch {
	case n > shortText:
		copy(unsafe.Slice(to, n), s)
	case n >= wordSize:
		for i := 0; i+wordSize <= n; i += wordSize {
			*(*uint64)(unsafe.Add(start, i)) = *(*uint64)(unsafe.Add(from, i))
		}
		*(*uint64)(unsafe.Add(start, n-wordSize)) = *(*uint64)(unsafe.Add(from, n-wordSize))
	case n >= wordSize/2:
		*(*uint32)(unsafe.Add(start, n-wordSize/2)) = *(*uint32)(unsafe.Add(from, n-wordSize/2))
		*(*uint32)(start) = *(*uint32)(from)
	default:
		for i := range n {
			*(*byte)(unsafe.Add(start, i)) = s[i]
		}
	}
}

// PutText works as append to b, which has room for s.
func PutText(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	n := len(b)
	b = b[:n+len(s)]
	copyText(&b[n], s)
	return b
}

// AppendText works as append, which is a call out of the sandboxed code however short s is.
func AppendText(b []byte, s string) []byte {
	if cap(b)-len(b) < len(s) {
		b = slices.Grow(b, len(s))
	}
	return PutText(b, s)
}

// AppendByte works as append, see [AppendText].
func AppendByte(b []byte, c byte) []byte {
	n := len(b)
	if n == cap(b) {
		b = slices.Grow(b, 1)
	}
	b = b[:n+1]
	b[n] = c
	return b
}

// AppendInt appends n in decimal.
func AppendInt(b []byte, n int64) []byte {
	const longest = len("-9223372036854775808")
	if cap(b)-len(b) < longest {
		b = slices.Grow(b, longest)
	}
	u := uint64(n)
	if n < 0 {
		b, u = AppendByte(b, '-'), -u
	}
	at := len(b) + 1
	for more := uint64(10); u >= more; more *= 10 { // up to 10**19, which u is not
		at++
	}
	b = b[:at]
	for u >= 1<<32 {
		at--
		b[at] = '0' + byte(u%10)
		u /= 10
	}
	for v := uint32(u); ; {
		at--
		b[at] = '0' + byte(v%10)
		if v /= 10; v == 0 {
			return b
		}
	}
}

// AsString returns the text of a string, without copying.
func (v Value) AsString() string {
	if n := uint32(v.bits); n > 0 {
		return unsafe.String(textData(v.ref), int(n))
	}
	return ""
}

// Chars returns the number of characters of a string.
func (v Value) Chars() int { return int(v.bits >> 32) }

// IsASCII reports whether each character of a string is one byte.
func (v Value) IsASCII() bool { return uint32(v.bits) == uint32(v.bits>>32) }

// Append returns the string v followed by s. It takes amortised time proportional
// to s when v is the last value made of its text.
func (v Value) Append(s string) Value { return v.appendCounted(s, countChars(s)) }

func (v Value) appendCounted(s string, chars int) Value {
	if len(s) == 0 {
		return Value{meta: uint32(KindString), ref: v.ref, bits: v.bits}
	}
	used := int(uint32(v.bits))
	total := used + len(s)
	chars += v.Chars()
	if v.ref != nil && used > 0 && *textUsed(v.ref) == uint32(used) && total <= int(textRoom(v.ref)) {
		PutText(unsafe.Slice(textData(v.ref), total)[:used], s)
		*textUsed(v.ref) = uint32(total)
		return textValue(v.ref, total, chars)
	}
	room := total
	if used > 0 {
		room += total // the next appends fit
	}
	ref := newText(total, room)
	PutText(PutText(unsafe.Slice(textData(ref), total)[:0], v.AsString()), s)
	return textValue(ref, total, chars)
}

// Concat returns a followed by b, in a block of just that size.
func Concat(a, b Value) Value {
	n, m := int(uint32(a.bits)), int(uint32(b.bits))
	if n == 0 {
		return Value{meta: uint32(KindString), ref: b.ref, bits: b.bits}
	}
	if m == 0 {
		return Value{meta: uint32(KindString), ref: a.ref, bits: a.bits}
	}
	ref := newText(n+m, n+m)
	PutText(PutText(unsafe.Slice(textData(ref), n+m)[:0], a.AsString()), b.AsString())
	return textValue(ref, n+m, a.Chars()+b.Chars())
}

// sought is the place in a text that was looked for last.
type sought struct {
	ref    unsafe.Pointer // the text's block
	index  int            // of the character
	offset int            // of its first byte
}

// ByteOffset returns where the character of a string with the given index, at most Chars, starts. It
// looks from the place that it has found last, so that to go through a string by index is linear.
func (t *Thread) ByteOffset(v Value, index int) int {
	if v.IsASCII() {
		return index
	}
	s, at := v.AsString(), &t.sought
	if at.ref != v.ref || at.offset > len(s) {
		*at = sought{ref: v.ref}
	}
	switch {
	case index >= at.index:
		at.offset += ByteOffset(s[at.offset:], index-at.index)
	case index <= at.index/2:
		at.offset = ByteOffset(s, index)
	default:
		at.offset = byteOffsetBack(s[:at.offset], at.index-index)
	}
	at.index = index
	return at.offset
}

// CharAt returns the character of a string at index, which must be in 0..Chars()-1.
func (t *Thread) CharAt(v Value, index int) rune {
	s := v.AsString()
	if v.IsASCII() {
		return rune(s[index])
	}
	r, _ := utf8.DecodeRuneInString(s[t.ByteOffset(v, index):])
	return r
}

// Slice returns the n characters of a string from the character start; both must lie within it.
func (t *Thread) Slice(v Value, start, n int) Value {
	s, from := v.AsString(), t.ByteOffset(v, start)
	if v.IsASCII() {
		return stringOf(s[from:from+n], n)
	}
	return stringOf(s[from:from+ByteOffset(s[from:], n)], n)
}

// Prefix returns the first characters of a string, which take up the given number of bytes. It
// copies nothing.
func (v Value) Prefix(bytes, chars int) Value { return textValue(v.ref, bytes, chars) }
