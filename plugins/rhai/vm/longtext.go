package vm

import (
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Text is looked at eight bytes at a time, and long text in blocks of 64: LLVM makes vector
// instructions of a loop over the bytes of a block, if it looks at all of them before it tests what
// came of it. Go's compiler makes none, so the loops over words are not for the guest alone.

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

// textBlock is how many bytes are looked at in a block, and textStretch in several at once: what
// comes of the bytes side by side is then brought together seldomer, which takes as long as they do.
const (
	textBlock   = 64
	textStretch = 4 * textBlock
)

// nearby is up to where bytes are looked for without a look at a block first.
const nearby = 4 * wordSize

// byteAt returns the i-th byte from p on.
func byteAt(p unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(p, i)) }

// skipBlocks returns where, from i on, the first block of s is that has c, or the last that is not
// whole. It looks at the last byte of a block first: that checks the bounds of all of it.
func skipBlocks(s string, i int, c byte) int {
	from := unsafe.Pointer(unsafe.StringData(s))
	for ; i+textStretch <= len(s); i += textStretch {
		p := (*[textStretch]byte)(unsafe.Add(from, i))
		nearest := p[textStretch-1] ^ c
		for j := range p {
			nearest = min(nearest, p[j]^c)
		}
		if nearest == 0 {
			break
		}
	}
	for ; i+textBlock <= len(s); i += textBlock {
		p := (*[textBlock]byte)(unsafe.Add(from, i))
		nearest := p[textBlock-1] ^ c
		for j := range p {
			nearest = min(nearest, p[j]^c)
		}
		if nearest == 0 {
			break
		}
	}
	return i
}

// skipPairs works as skipBlocks, for a place that has the byte first, and second n bytes behind it.
func skipPairs(s string, i, n int, first, second byte) int {
	from := unsafe.Pointer(unsafe.StringData(s))
	for ; i+textStretch+n <= len(s); i += textStretch {
		p, q := (*[textStretch]byte)(unsafe.Add(from, i)), (*[textStretch]byte)(unsafe.Add(from, i+n))
		nearest := (p[textStretch-1] ^ first) | (q[textStretch-1] ^ second)
		for j := range p {
			nearest = min(nearest, (p[j]^first)|(q[j]^second))
		}
		if nearest == 0 {
			break
		}
	}
	for ; i+textBlock+n <= len(s); i += textBlock {
		p, q := (*[textBlock]byte)(unsafe.Add(from, i)), (*[textBlock]byte)(unsafe.Add(from, i+n))
		nearest := (p[textBlock-1] ^ first) | (q[textBlock-1] ^ second)
		for j := range p {
			nearest = min(nearest, (p[j]^first)|(q[j]^second))
		}
		if nearest == 0 {
			break
		}
	}
	return i
}

// IndexByte returns where c first is in data, -1 if nowhere.
func IndexByte(data []byte, c byte) int {
	return indexByte(unsafe.String(unsafe.SliceData(data), len(data)), c)
}

// indexByte returns where c first is in s, -1 if nowhere.
func indexByte(s string, c byte) int {
	i, wanted := 0, uint64(c)*lowBits
	for ; i+wordSize <= len(s); i += wordSize {
		if i == nearby {
			if i = skipBlocks(s, i, c); i+wordSize > len(s) {
				break
			}
		}
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

// LastIndexText returns where find, which is not empty, last is in s, -1 if nowhere.
func LastIndexText(s, find string) int {
	if len(find) > 1 {
		return strings.LastIndex(s, find)
	}
	const others = highBits - lowBits // see CountByte
	i, wanted := len(s), uint64(find[0])*lowBits
	for ; i >= wordSize; i -= wordSize {
		word := wordAt(s, i-wordSize) ^ wanted
		if found := ^((word&others + others) | word | others); found != 0 {
			return i - 1 - bits.LeadingZeros64(found)/8
		}
	}
	for i--; i >= 0 && s[i] != find[0]; i-- {
	}
	return i
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

// IndexText works as [strings.Index], eight places at a time: those are compared where two bytes of
// find are right, the first and the last one, or the one that was wrong where it was compared last.
func IndexText(s, find string) int {
	n := len(find)
	switch {
	case n == 0:
		return 0
	case n == 1:
		return indexByte(s, find[0])
	case n > len(s):
		return -1
	case n <= wordSize:
		return indexWord(s, find)
	}
	second := n - 1
	first, last := uint64(find[0])*lowBits, uint64(find[second])*lowBits
	end := len(s) - n // the last place
	i, compared := 0, 0
	checked := nearby // the end of what may have the place
	for ; i+wordSize-1 <= end; i += wordSize {
		if i >= checked {
			if i = skipPairs(s, i, second, find[0], find[second]); i+wordSize-1 > end {
				break
			}
			checked = i + textBlock
		}
		found := zeros(wordAt(s, i)^first) & zeros(wordAt(s, i+second)^last)
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
			if same > 0 {
				second, last = same, uint64(find[same])*lowBits
			}
		}
	}
	for ; i <= end; i++ {
		if s[i] == find[0] && EqualText(s[i:i+n], find) {
			return i
		}
	}
	return -1
}

// indexWord works as IndexText for a find of two to eight bytes, not longer than s, which are compared
// at once.
func indexWord(s, find string) int {
	second := len(find) - 1
	first, last := uint64(find[0])*lowBits, uint64(find[second])*lowBits
	wanted := bits.ReverseBytes64(TextKey(find))
	others := 8 * (wordSize - len(find)) // bits of a word behind what is compared
	end := len(s) - len(find)            // the last place
	i, checked := 0, nearby              // see IndexText
	for ; i+wordSize-1 <= end; i += wordSize {
		if i >= checked {
			if i = skipPairs(s, i, second, find[0], find[second]); i+wordSize-1 > end {
				break
			}
			checked = i + textBlock
		}
		found := zeros(wordAt(s, i)^first) & zeros(wordAt(s, i+second)^last)
		for ; found != 0; found &= found - 1 {
			at := i + bits.TrailingZeros64(found)/8
			if at+wordSize > len(s) {
				i = at
				break
			}
			wrong := (wordAt(s, at) ^ wanted) << others
			if wrong == 0 {
				return at
			}
			if same := (bits.TrailingZeros64(wrong) - others) / 8; same > 0 {
				second, last = same, uint64(find[same])*lowBits
			}
		}
		if found != 0 {
			break
		}
	}
	for ; i <= end; i++ {
		if s[i] == find[0] && EqualText(s[i:i+len(find)], find) {
			return i
		}
	}
	return -1
}

// ASCIIPrefix returns how many bytes at the start of s are ASCII.
func ASCIIPrefix(s string) int {
	i := 0
	for from := unsafe.Pointer(unsafe.StringData(s)); i+textStretch <= len(s); i += textStretch {
		p := (*[textStretch]byte)(unsafe.Add(from, i))
		all := p[textStretch-1]
		for j := range p {
			all |= p[j]
		}
		if all >= utf8.RuneSelf {
			break
		}
	}
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
	i := len(s) &^ (textBlock - 1)
	if i > 0 && flipBlocks(start, unsafe.Pointer(unsafe.StringData(s)), i, first) {
		flips = 1
	}
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

// HasLetters reports whether s, which is ASCII, has any of the 26 letters from first on, 'a' or 'A'.
func HasLetters(s string, first byte) bool {
	from, past := (0x80-uint64(first))*lowBits, (0x80-26-uint64(first))*lowBits
	has, i := uint64(0), 0
	for ; i+wordSize <= len(s); i += wordSize {
		word := wordAt(s, i)
		has |= (word + from) &^ (word + past) & highBits
	}
	if i < len(s) {
		word := lastWord(s[i:], 0)
		has |= (word + from) &^ (word + past) & highBits
	}
	return has != 0
}

// Words finds the words of ASCII, eight bytes after the other. Before the first one is no word.
type Words struct{ inWord uint64 }

// Edges returns the highest bits of those of the eight bytes from i on with which a word starts, or
// the space behind one. Behind the text are spaces.
func (w *Words) Edges(s string, i int) uint64 {
	var word uint64
	if i+wordSize <= len(s) {
		word = wordAt(s, i)
	} else {
		word = lastWord(s[i:], ' ')
	}
	others := (word ^ ' '*lowBits + 0x7f*lowBits) &^ ((word + (0x80-'\t')*lowBits) &^ (word + (0x80-'\r'-1)*lowBits)) & highBits
	edges := others ^ (others<<8 | w.inWord)
	w.inWord = others >> 56
	return edges
}

// flipBlocks works as FlipCase, for n bytes of whole blocks.
func flipBlocks(to, from unsafe.Pointer, n int, first byte) bool {
	flips := byte(0)
	for ; n > 0; n -= textBlock {
		p, q := (*[textBlock]byte)(from), (*[textBlock]byte)(to)
		for j := range p {
			c, flip := p[j], byte(0)
			if c-first < 26 {
				flip = 0x20
			}
			flips |= flip
			q[j] = c ^ flip
		}
		from, to = unsafe.Add(from, textBlock), unsafe.Add(to, textBlock)
	}
	return flips != 0
}

// ReplaceByte writes s to to, which is as long, with the byte with for each find.
func ReplaceByte(to []byte, s string, find, with byte) {
	to = to[:len(s)]
	start, from := unsafe.Pointer(unsafe.SliceData(to)), unsafe.Pointer(unsafe.StringData(s))
	for i := range len(s) {
		c := byteAt(from, i)
		if c == find {
			c = with
		}
		*(*byte)(unsafe.Add(start, i)) = c
	}
}

// Fill writes b to all of data.
func Fill(data []byte, b byte) {
	start, word := unsafe.Pointer(unsafe.SliceData(data)), uint64(b)*lowBits
	i := 0
	for ; i+wordSize <= len(data); i += wordSize {
		*(*uint64)(unsafe.Add(start, i)) = word
	}
	for ; i < len(data); i++ {
		data[i] = b
	}
}

// ReverseBytes works as [slices.Reverse], eight bytes of each end at a time.
func ReverseBytes(data []byte) {
	first := unsafe.Pointer(unsafe.SliceData(data))
	last := unsafe.Add(first, len(data))
	n := len(data) / (2 * wordSize)
	for range n {
		last = unsafe.Add(last, -wordSize)
		a, b := (*uint64)(first), (*uint64)(last)
		*a, *b = bits.ReverseBytes64(*b), bits.ReverseBytes64(*a)
		first = unsafe.Add(first, wordSize)
	}
	slices.Reverse(data[n*wordSize : len(data)-n*wordSize])
}

// TextKey returns the first eight bytes of s as a number, the first one highest, of shorter text with
// zeros behind it. The lesser of two texts has not the greater key.
func TextKey(s string) uint64 {
	n := len(s)
	from := unsafe.Pointer(unsafe.StringData(s))
	switch {
	case n >= wordSize:
		return bits.ReverseBytes64(wordAt(s, 0))
	case n >= wordSize/2:
		high, low := *(*uint32)(from), *(*uint32)(unsafe.Add(from, n-wordSize/2))
		return uint64(bits.ReverseBytes32(high))<<32 | uint64(bits.ReverseBytes32(low)<<(8*(wordSize-n)))
	}
	key := uint64(0)
	for i := range n {
		key |= uint64(s[i]) << (56 - 8*i)
	}
	return key
}

// PlainPrefix returns how many bytes at the start of s are printable ASCII other than the double
// quote and the backslash. There may be up to seven more.
func PlainPrefix(s string) int {
	i := 0
	for ; i+wordSize <= len(s); i += wordSize {
		if !plainWord(wordAt(s, i)) {
			break
		}
	}
	return i
}

// plainWord reports whether all bytes of a word of text are what PlainPrefix counts.
func plainWord(word uint64) bool {
	// What each byte of ASCII is less than a bound by gets the highest bit.
	odd := word | (word - ' '*lowBits) | (word ^ '"'*lowBits - lowBits) | (word ^ '\\'*lowBits - lowBits) | (word ^ 0x7f*lowBits - lowBits)
	return odd&highBits == 0
}

// lastWord returns the bytes of s, which are less than a word, as a word of text with the byte fill
// behind them.
func lastWord(s string, fill byte) uint64 {
	return bits.ReverseBytes64(TextKey(s)) | uint64(fill)*lowBits<<(8*len(s))
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
