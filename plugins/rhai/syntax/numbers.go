package syntax

import (
	"math"
	"strconv"
	"strings"

	"github.com/picloud/picloud/abi/decimal"
)

// number scans a number that begins at start, its first digit taken. In a place for
// an operand the sign before it is part of the number, at pos.
func (s *scanner) number(start int, pos Position, negative bool) token {
	radix, fraction := s.numeral(start)
	literal := s.src[start:s.off]
	if strings.IndexByte(literal, '_') >= 0 {
		literal = strings.ReplaceAll(literal, "_", "")
	}
	if negative {
		literal = "-" + literal
	}
	if radix != 0 {
		// Rhai drops two characters in front, whether or not there is a sign: -0xff is no number.
		v, err := strconv.ParseUint(literal[2:], radix, 64)
		if err != nil {
			return badNumber(pos, literal[2:])
		}
		return token{kind: tokInt, pos: pos, number: v}
	}
	if !fraction {
		if v, err := strconv.ParseInt(literal, 10, 64); err == nil {
			return token{kind: tokInt, pos: pos, number: uint64(v)}
		}
	}
	v, err := decimal.ParseFloat(literal)
	if err != nil && !math.IsInf(v, 0) {
		return badNumber(pos, strings.ReplaceAll(literal, "E", "e"))
	}
	return token{kind: tokFloat, pos: pos, number: math.Float64bits(v)}
}

func badNumber(pos Position, literal string) token {
	return token{kind: tokError, pos: pos, text: "Invalid number: '" + literal + "'"}
}

// numeral takes the characters of a number. It returns the radix of one that is
// not decimal, and reports whether there was a decimal point or an exponent.
func (s *scanner) numeral(start int) (radix int, fraction bool) {
	exponent := false
	digits := 1
	for s.more() {
		c := s.src[s.off]
		next := byte('_') // what ends a number before a point or an e
		if s.off+1 < len(s.src) {
			next = s.src[s.off+1]
		}
		switch {
		case c == '_':
			s.advance(1)
			continue
		case isRadixDigit(c, radix):
		case c == '.' && !fraction && radix == 0:
			if next == '_' || next == '.' || isLetter(next) {
				return radix, fraction // a range or a property
			}
			fraction = true
		case (c == 'e' || c == 'E') && !exponent && radix == 0:
			switch {
			case isDigit(next):
			case next == '+' || next == '-':
				s.advance(1)
			default:
				return radix, fraction
			}
			fraction, exponent = true, true
		case digits == 1 && s.src[start] == '0' && radixOf(c) != 0:
			radix = radixOf(c)
		default:
			return radix, fraction
		}
		s.advance(1)
		digits++
	}
	return radix, fraction
}

// isRadixDigit reports whether c is a digit; radix 0 means decimal.
func isRadixDigit(c byte, radix int) bool {
	switch radix {
	case 2:
		return c == '0' || c == '1'
	case 8:
		return '0' <= c && c <= '7'
	case 16:
		return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
	}
	return isDigit(c)
}

// radixOf returns the radix that a letter after the leading 0 asks for, or 0.
func radixOf(c byte) int {
	switch c {
	case 'x', 'X':
		return 16
	case 'o', 'O':
		return 8
	case 'b', 'B':
		return 2
	}
	return 0
}

func formatInt(v int64) string { return strconv.FormatInt(v, 10) }

// formatFloat returns Rhai's way of showing a number: plain up to 13 digits on
// either side of the point, else with an exponent.
func formatFloat(bits uint64) string {
	v := math.Float64frombits(bits)
	switch abs := math.Abs(v); {
	case math.IsInf(v, 0):
		if v < 0 {
			return "-inf"
		}
		return "inf"
	case abs == 0:
		return "0.0"
	case abs > 1e13 || abs < float64(float32(1e-13)):
		text := strconv.FormatFloat(v, 'e', -1, 64)
		mantissa, exp, _ := strings.Cut(text, "e")
		n, _ := strconv.Atoi(exp)
		return mantissa + "e" + strconv.Itoa(n)
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
