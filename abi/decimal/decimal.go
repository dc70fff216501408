// Package decimal reads decimal numbers of any length: those of scripts, of JSON and
// of stored documents.
package decimal

import "strconv"

const (
	// exactDigits is as many significant digits as are kept of a long number: more than
	// the 768 that can matter to a float64's rounding, and fewer than the 800 beyond
	// which strconv loses count of the decimal point.
	exactDigits = 780
	// farExponent is beyond every float64's decimal exponent, with as many digits
	// before or after the point as are kept, and below the 10,000 that strconv counts to.
	farExponent = 5000
)

// ParseFloat works as [strconv.ParseFloat] with 64 bits for decimal numbers of any
// length. strconv takes "1" with 5,000 zeros and "e-5000" for 0, since it counts
// neither more than 800 digits nor an exponent beyond 10,000.
func ParseFloat(text string) (float64, error) {
	if len(text) > exactDigits {
		text = shortened(text)
	}
	return strconv.ParseFloat(text, 64)
}

// shortened returns a number that rounds as the decimal number text does, and short:
// its digits behind "0." and an exponent. What is no decimal number stays as it is.
func shortened(text string) string {
	rest := text
	short := make([]byte, 0, exactDigits+16)
	if rest[0] == '+' || rest[0] == '-' {
		short, rest = append(short, rest[0]), rest[1:]
	}
	short = append(short, "0."...)
	whole := rest[:Digits(rest)]
	rest = rest[len(whole):]
	fraction := ""
	if rest != "" && rest[0] == '.' {
		fraction = rest[1:][:Digits(rest[1:])]
		rest = rest[1+len(fraction):]
	}
	written, ok := int64(0), true
	if rest != "" {
		written, ok = decimalExponent(rest)
	}
	if len(whole)+len(fraction) == 0 || !ok {
		return text
	}
	whole = whole[Zeros(whole):]
	exponent := int64(len(whole))
	if whole == "" {
		small := Zeros(fraction)
		exponent, fraction = -int64(small), fraction[small:]
	}
	room, dropped := exactDigits, byte('0')
	for _, digits := range [...]string{whole, fraction} {
		kept := min(room, len(digits))
		short = append(short, digits[:kept]...)
		room -= kept
		if digits = digits[kept:]; Zeros(digits) < len(digits) {
			dropped = '1' // a digit that stands for all that follow: not a tie
		}
	}
	short = append(short, dropped, 'e')
	return string(strconv.AppendInt(short, min(max(exponent+written, -farExponent), farExponent), 10))
}

// decimalExponent reads "e", a sign perhaps, and digits. It counts to far beyond
// what the length of any text could outweigh.
func decimalExponent(text string) (n int64, ok bool) {
	const most, mostDigits = 1 << 56, 16
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	text = text[1:]
	negative := false
	if text != "" && (text[0] == '+' || text[0] == '-') {
		negative, text = text[0] == '-', text[1:]
	}
	if text == "" || Digits(text) < len(text) {
		return 0, false
	}
	if text = text[Zeros(text):]; len(text) > mostDigits {
		n = most
	} else {
		for _, c := range []byte(text) {
			n = n*10 + int64(c-'0')
		}
	}
	if negative {
		n = -n
	}
	return n, true
}

// Long texts are looked at eight bytes at a time.
const (
	wordSize  = 8
	wordZeros = 0x3030303030303030 // the text "00000000"
)

// word returns the first eight bytes of text, which must have so many.
func word(text string) uint64 {
	_ = text[wordSize-1]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}

// Digits returns how many decimal digits text begins with.
func Digits(text string) int {
	const high = 0xf0f0f0f0f0f0f0f0
	n := 0
	for ; n+wordSize <= len(text); n += wordSize {
		// A digit is 0x30 to 0x39: adding 6 does not change its upper half.
		if w := word(text[n:]); w&high != wordZeros || (w+0x0606060606060606)&high != wordZeros {
			break
		}
	}
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

// Zeros returns how many zeros text begins with.
func Zeros(text string) int {
	n := 0
	for n+wordSize <= len(text) && word(text[n:]) == wordZeros {
		n += wordSize
	}
	for n < len(text) && text[n] == '0' {
		n++
	}
	return n
}
