package sites

import (
	"path"
	"strings"
)

// hasFingerprint reports whether the name of a file has a fingerprint of its content, as bundlers make
// them, so that another content has another name: app.3f9a1c2b.js (webpack, Parcel),
// index-BxY12abc.css (Vite), main-5OZJ2KQX.js (esbuild), 8f3b….png (webpack's assets).
//
// A name that is only like one would be taken from caches for a year, one that is not recognised is
// asked for again each time: so what could be a word, a date or a number is none. Pages are known by
// their names, and have none.
func hasFingerprint(name string) bool {
	parts := strings.Split(path.Base(name), ".")
	if len(parts) < 2 || strings.HasPrefix(parts[len(parts)-1], "htm") {
		return false
	}
	for _, part := range parts[:len(parts)-1] {
		if isFingerprint(part) || isFingerprint(part[strings.LastIndexAny(part, "-_")+1:]) {
			return true
		}
		// Those of Vite may have - and _ themselves.
		if n := len(part); n > shortest && strings.IndexByte("-_", part[n-shortest-1]) >= 0 && isFingerprint(part[n-shortest:]) {
			return true
		}
	}
	return false
}

// shortest is how many characters bundlers shorten a fingerprint to.
const shortest = 8

// isFingerprint reports whether a text looks like 8 characters of base64 or base32, or like 8 and more
// of hex.
func isFingerprint(text string) bool {
	if len(text) < shortest {
		return false
	}
	var upper, lower, digits, signs, others int
	runs := 0 // of digits, and of letters: a capital begins one
	hex, before := true, byte(0)
	for _, c := range []byte(text) {
		kind := byte('?')
		switch {
		case c >= '0' && c <= '9':
			kind = '0'
			digits++
		case c >= 'a' && c <= 'z':
			kind = 'a'
			lower++
		case c >= 'A' && c <= 'Z':
			kind = 'A'
			upper++
		case c == '-' || c == '_':
			kind = '-'
			signs++
		default:
			others++
		}
		hex = hex && (kind == '0' || c >= 'a' && c <= 'f')
		if kind != before && kind != '-' && !(kind == 'a' && before == 'A') {
			runs++
		}
		before = kind
	}
	if others > 0 || digits == 0 || upper+lower == 0 {
		return false
	}
	if hex && (runs >= 3 || len(text) >= 2*shortest) {
		return true
	}
	least := 4
	if lower == 0 { // base32, where letters are one run; words are seldom all capitals
		least = 3
	}
	return len(text) == shortest && runs >= least && (signs == 0 || upper > 0 && lower > 0)
}
