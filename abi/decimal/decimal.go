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

// ParseFloat is [strconv.ParseFloat] with 64 bits for decimal numbers of any
// length. strconv takes "1" with 5,000 zeros and "e-5000" for 0, since it counts
// neither more than 800 digits nor an exponent beyond 10,000.
func ParseFloat(text string) (float64, error) {
	if len(text) > exactDigits {
		text = shortened(text)
	}
	return strconv.ParseFloat(text, 64)
}

// shortened is a number that rounds as the decimal number text does, and short:
// its digits behind "0." and an exponent. What is no decimal number stays as it is.
func shortened(text string) string {
	rest := text
	short := make([]byte, 0, exactDigits+16)
	if rest[0] == '+' || rest[0] == '-' {
		short, rest = append(short, rest[0]), rest[1:]
	}
	short = append(short, "0."...)
	var (
		kept     int   // digits in short
		exponent int64 // of short
		dropped  byte  = '0'
		digits   bool
		point    bool
	)
	for ; rest != ""; rest = rest[1:] {
		c := rest[0]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits = true
		if significant := kept > 0 || c != '0'; significant && !point {
			exponent++
		} else if !significant && point {
			exponent--
		}
		switch {
		case kept == 0 && c == '0':
		case kept < exactDigits:
			short = append(short, c)
			kept++
		case c != '0':
			dropped = '1' // a digit that stands for all that follow: not a tie
		}
	}
	written, ok := int64(0), true
	if rest != "" {
		written, ok = decimalExponent(rest)
	}
	if !digits || !ok {
		return text
	}
	short = append(short, dropped, 'e')
	return string(strconv.AppendInt(short, min(max(exponent+written, -farExponent), farExponent), 10))
}

// decimalExponent reads "e", a sign perhaps, and digits. It stops counting far
// beyond what the length of any text could outweigh.
func decimalExponent(text string) (n int64, ok bool) {
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	text = text[1:]
	negative := false
	if text != "" && (text[0] == '+' || text[0] == '-') {
		negative, text = text[0] == '-', text[1:]
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		if n < 1<<56 {
			n = n*10 + int64(text[i]-'0')
		}
	}
	if negative {
		n = -n
	}
	return n, text != ""
}
