package vm

import (
	"math/bits"
	"strings"
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

// wordAt returns the eight bytes of s from i on, the first one lowest: as all machines have it that
// this is built for.
func wordAt(s string, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
}

// starts has the lowest bit set of each byte in a word of text that starts a character.
func starts(word uint64) uint64 { return (^word>>7 | word>>6) & lowBits }

// startsOf returns the sum of a word's bytes if it is below 256.
func startsOf(word uint64) int { return int(word * lowBits >> 56) }

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
	if rest := len(s) - i; rest > 0 && i > 0 {
		// The last word, without what has been counted of it.
		return n + sum(starts(wordAt(s, len(s)-wordSize))>>(8*(wordSize-rest)))
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
	for ; i+4*wordSize <= len(s); i += 4 * wordSize {
		n := startsOf(starts(wordAt(s, i)) + starts(wordAt(s, i+wordSize)) + starts(wordAt(s, i+2*wordSize)) + starts(wordAt(s, i+3*wordSize)))
		if n > index {
			break
		}
		index -= n
	}
	for ; i+wordSize <= len(s); i += wordSize {
		n := startsOf(starts(wordAt(s, i)))
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

// byteOffsetBack returns where the last n characters of s start, which must be valid UTF-8 and have
// so many.
func byteOffsetBack(s string, n int) int {
	i := len(s)
	for i >= wordSize {
		k := startsOf(starts(wordAt(s, i-wordSize)))
		if k >= n {
			break
		}
		n -= k
		i -= wordSize
	}
	for n > 0 {
		i--
		if utf8.RuneStart(s[i]) {
			n--
		}
	}
	return i
}

// zeros has the highest bit set of each byte of a word that is zero. Above the lowest of them it
// may have others set as well.
func zeros(word uint64) uint64 { return (word - lowBits) &^ word & highBits }

// indexByte returns where c first is in s, -1 if nowhere.
func indexByte(s string, c byte) int {
	i, wanted := 0, uint64(c)*lowBits
	for ; i+wordSize <= len(s); i += wordSize {
		if found := zeros(wordAt(s, i) ^ wanted); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(s); i++ {
		if s[i] == c {
			return i
		}
	}
	return -1
}

// CountByte returns how often c is in s.
func CountByte(s string, c byte) int {
	const others = highBits - lowBits // all bits but the highest of each byte
	n, i, wanted := 0, 0, uint64(c)*lowBits
	for i+wordSize <= len(s) {
		end := min(i+wordSteps*wordSize, len(s)&^(wordSize-1))
		counts := uint64(0)
		for ; i < end; i += wordSize {
			word := wordAt(s, i) ^ wanted
			counts += ^(word&others + others | word | others) >> 7
		}
		n += sum(counts)
	}
	for ; i < len(s); i++ {
		if s[i] == c {
			n++
		}
	}
	return n
}

// IndexText works as [strings.Index], eight places at a time: those are compared where the first
// and the last byte of find are right.
func IndexText(s, find string) int {
	n := len(find)
	switch {
	case n == 0:
		return 0
	case n == 1:
		return indexByte(s, find[0])
	case n > len(s):
		return -1
	}
	first, last := uint64(find[0])*lowBits, uint64(find[n-1])*lowBits
	end := len(s) - n // the last place
	i, compared := 0, 0
	for ; i+wordSize-1 <= end; i += wordSize {
		found := zeros(wordAt(s, i)^first) & zeros(wordAt(s, i+n-1)^last)
		for found != 0 {
			at := i + bits.TrailingZeros64(found)/8
			same := commonPrefix(s[at:at+n], find)
			if same == n {
				return at
			}
			// Where much is nearly right, comparing would take the product of the lengths.
			if compared += same; compared > 8*at+4096 {
				if more := strings.Index(s[at+1:], find); more >= 0 {
					return at + 1 + more
				}
				return -1
			}
			found &= found - 1
		}
	}
	for ; i <= end; i++ {
		if s[i] == find[0] && EqualText(s[i:i+n], find) {
			return i
		}
	}
	return -1
}

// ASCIIPrefix returns how many bytes at the start of s are ASCII.
func ASCIIPrefix(s string) int {
	i := 0
	for i+wordSize <= len(s) && wordAt(s, i)&highBits == 0 {
		i += wordSize
	}
	for i < len(s) && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// FlipCase writes s, which is ASCII, to to, which is as long, with the 26 letters from first on in
// the other case. It reports whether there were any. first is 'a' or 'A'.
func FlipCase(to []byte, s string, first byte) (flipped bool) {
	to = to[:len(s)]
	from, past := (0x80-uint64(first))*lowBits, (0x80-26-uint64(first))*lowBits
	start, flips := unsafe.Pointer(unsafe.SliceData(to)), uint64(0)
	i := 0
	for i+wordSize <= len(s) {
		word := wordAt(s, i)
		flip := (word + from) &^ (word + past) & highBits >> 2 // the difference of cases is this bit
		flips |= flip
		*(*uint64)(unsafe.Add(start, i)) = word ^ flip
		i += wordSize
		if rest := len(s) - i; rest > 0 && rest < wordSize {
			i = len(s) - wordSize
		}
	}
	for ; i < len(s); i++ {
		c := s[i]
		if c-first < 26 {
			flips, c = 1, c^0x20
		}
		to[i] = c
	}
	return flips != 0
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
