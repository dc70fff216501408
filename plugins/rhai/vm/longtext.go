package vm

import (
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// Text is looked at eight bytes at a time: compilers for WebAssembly make a loop over
// bytes of what other machines have instructions for.

const (
	wordSize  = 8
	lowBits   = 0x0101010101010101 // the lowest bit of each byte
	highBits  = lowBits << 7
	wordSteps = 255 // words whose bytes can be counted in the bytes of one word
)

// wordAt returns the eight bytes of s from i on, in the machine's order.
func wordAt(s string, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
}

// starts has the lowest bit set of each byte in a word of text that starts a character.
func starts(word uint64) uint64 { return (^word>>7 | word>>6) & lowBits }

// sum returns the sum of a word's bytes, each at most 255, if it is below 1<<16.
func sum(word uint64) int {
	const pairs = 0x00ff00ff00ff00ff
	word = word&pairs + word>>8&pairs
	return int(word * 0x0001000100010001 >> 48)
}

// countChars returns how many characters s has, which must be valid UTF-8.
func countChars(s string) int {
	n, i := 0, 0
	for i+wordSize <= len(s) {
		end := min(i+wordSteps*wordSize, len(s)&^(wordSize-1))
		counts := uint64(0)
		for ; i < end; i += wordSize {
			counts += starts(wordAt(s, i))
		}
		n += sum(counts)
	}
	for ; i < len(s); i++ {
		if utf8.RuneStart(s[i]) {
			n++
		}
	}
	return n
}

// CountChars returns how many characters s has, which must be valid UTF-8.
func CountChars(s string) int { return countChars(s) }

// ByteOffset returns where the character with the given index starts in s, which must be valid
// UTF-8: len(s) when there are not so many.
func ByteOffset(s string, index int) int {
	i := 0
	for ; i+wordSize <= len(s); i += wordSize {
		n := bits.OnesCount64(starts(wordAt(s, i)))
		if n > index {
			break
		}
		index -= n
	}
	for ; i < len(s); i++ {
		if utf8.RuneStart(s[i]) {
			if index == 0 {
				break
			}
			index--
		}
	}
	return i
}

// PlainPrefix returns how many bytes at the start of s are printable ASCII other than the double
// quote and the backslash. There may be up to seven more.
func PlainPrefix(s string) int {
	i := 0
	for ; i+wordSize <= len(s); i += wordSize {
		word := wordAt(s, i)
		// What each byte of ASCII is less than a bound by gets the highest bit.
		odd := word | (word - ' '*lowBits) | (word ^ '"'*lowBits - lowBits) | (word ^ '\\'*lowBits - lowBits) | (word ^ 0x7f*lowBits - lowBits)
		if odd&highBits != 0 {
			break
		}
	}
	return i
}

// wholeChars returns the start of s, of at most n bytes, that ends where a character does.
func wholeChars(s string, n int) string {
	if n >= len(s) {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// commonPrefix returns how many bytes a and b have in common at their starts.
func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	i := 0
	for i+wordSize <= n && wordAt(a, i) == wordAt(b, i) {
		i += wordSize
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// CompareText works as [strings.Compare], eight bytes at a time.
func CompareText(a, b string) int {
	i := commonPrefix(a, b)
	if i < len(a) && i < len(b) {
		return cmpInt(int64(a[i]), int64(b[i]))
	}
	return cmpInt(int64(len(a)), int64(len(b)))
}

// EqualText reports whether a == b, looking at eight bytes at a time.
func EqualText(a, b string) bool { return len(a) == len(b) && commonPrefix(a, b) == len(a) }
