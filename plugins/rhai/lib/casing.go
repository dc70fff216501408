package lib

import (
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Go's mappings of case are one character to one, of Unicode 15. Rhai's are the
// full ones of Unicode 17; the difference is here.

// flipText writes text, which is ASCII, to to with the letters from first on in the other case, and
// reports whether there were any.
func flipText(m *vm.Meter, to []byte, text string, first byte) (flipped bool, err *vm.Error) {
	for len(text) > 0 {
		part := text[:min(flipStep, len(text))]
		if err := m.AddEach(len(part), caseCostASCII); err != nil {
			return false, err
		}
		flipped = vm.FlipCase(to[:len(part)], part, first) || flipped
		text, to = text[len(part):], to[len(part):]
	}
	return flipped, nil
}

// flipStep is how many letters change their case between two counts of the work.
const flipStep = 2 << 10

// upperText returns s in upper case by Unicode's full mapping: "ß" becomes "SS".
func upperText(m *vm.Meter, s string) (string, *vm.Error) {
	return mapText(m, s, 'a', &nearUppers, func(b []byte, _ int, r rune) []byte {
		if more := expandedUpper(r); more != "" {
			return append(b, more...)
		}
		return utf8.AppendRune(b, newerCases.ToUpper(r))
	})
}

// mapText maps the case of s: the letters of ASCII from first on, the characters that near has, and
// the others by far, which appends what becomes of the character r at s[i].
func mapText(m *vm.Meter, s string, first byte, near *nearCases, far func(b []byte, i int, r rune) []byte) (string, *vm.Error) {
	b := make([]byte, 0, len(s)+len(s)/8+utf8.UTFMax)
	for i := 0; i < len(s); {
		if cap(b)-len(b) < len(s)-i {
			b = slices.Grow(b, len(s)-i+utf8.UTFMax)
		}
		n := len(b)
		b = b[:n+len(s)-i]
		same, work := near.mapSame(b[n:], s[i:], first)
		i, b = i+same, b[:n+same]
		if i < len(s) && work < flipStep {
			r, size := utf8.DecodeRuneInString(s[i:])
			if mapped := near.of(r); mapped != 0 {
				b = utf8.AppendRune(b, mapped)
			} else {
				b = far(b, i, r)
			}
			i, work = i+size, work+caseCost
		}
		if err := m.Add(work); err != nil {
			return "", err
		}
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), nil
}

// mapSame writes to to, which is as long as s, what becomes of the characters of s, up to one of which
// something of another length becomes, or something that is to be looked up, and until the work is
// flipStep. It returns how many bytes those are.
func (near *nearCases) mapSame(to []byte, s string, first byte) (n, work int) {
	start, from := unsafe.Pointer(unsafe.SliceData(to)), unsafe.Pointer(unsafe.StringData(s))
	at := func(i int) byte { return *(*byte)(unsafe.Add(from, i)) }
	set := func(i int, c byte) { *(*byte)(unsafe.Add(start, i)) = c }
	i := 0
	for i < len(s) && work < flipStep {
		c := at(i)
		if c < utf8.RuneSelf {
			if c-first < 26 {
				c ^= 0x20
			}
			set(i, c)
			i, work = i+1, work+caseCostASCII
			continue
		}
		// s is valid: what follows is there.
		switch r := rune(at(i+1) & 0x3f); {
		case c < 0xe0:
			mapped := near.of(rune(c&0x1f)<<6 | r)
			if mapped < utf8.RuneSelf || mapped >= 0x800 {
				return i, work
			}
			set(i, 0xc0|byte(mapped>>6))
			set(i+1, 0x80|byte(mapped&0x3f))
			i += 2
		case c < 0xf0:
			if !caseless(rune(c&0xf)<<12 | r<<6 | rune(at(i+2)&0x3f)) {
				return i, work
			}
			set(i, c)
			set(i+1, at(i+1))
			set(i+2, at(i+2))
			i += 3
		default:
			return i, work
		}
		work += caseCost
	}
	return i, work
}

// nearCases has what the characters from 0x80 on become that alphabets in use have most of: Latin,
// Greek, Cyrillic, Armenian. 0: that is to be looked up. Others have the highest bit set: the guest's
// collector would take two small numbers, one beside the other, for the address of an object.
type nearCases [0x580 - utf8.RuneSelf]uint32

const nearCase = 1 << 31

var (
	nearUppers = makeNearCases(func(r rune) rune {
		if expandedUpper(r) != "" {
			return 0
		}
		return newerCases.ToUpper(r)
	})
	nearLowers = makeNearCases(func(r rune) rune {
		if r == dottedI || r == sigma {
			return 0
		}
		return newerCases.ToLower(r)
	})
)

func makeNearCases(of func(rune) rune) (near nearCases) {
	for i := range near {
		if r := of(utf8.RuneSelf + rune(i)); r != 0 {
			near[i] = nearCase | uint32(r)
		}
	}
	return near
}

// of returns what becomes of r, 0 if that is to be looked up.
func (near *nearCases) of(r rune) rune {
	if i := uint32(r) - utf8.RuneSelf; i < uint32(len(near)) {
		return rune(near[i] &^ nearCase)
	}
	if caseless(r) {
		return r
	}
	return 0
}

// caseless reports whether r is in one of the large parts of Unicode in which nothing has a case:
// from Hebrew to Myanmar, punctuation and arrows, ideographs and kana, Hangul, private use, symbols
// and emoji.
func caseless(r rune) bool {
	return r >= 0x590 && r < 0x10a0 || r >= 0x2000 && r < 0x2100 || r >= 0x2190 && r < 0x24b6 || r >= 0x2e00 && r < 0xa640 || r >= 0xac00 && r < 0xfb00 || r >= 0x1f000
}

// What mapping a character counts, in bytes of work: beyond ASCII there are tables to look it up in.
const (
	caseCostASCII = 4
	caseCost      = 64
)

const (
	dottedI    = 'İ'  // the one character whose lower case is two
	dottedILow = "i̇" // i and a combining dot
	sigma      = 'Σ'
	finalSigma = 'ς'
)

// lowerText returns s in lower case by Unicode's full mapping. A capital sigma at the
// end of a word becomes a final one.
func lowerText(m *vm.Meter, s string) (string, *vm.Error) {
	return mapText(m, s, 'A', &nearLowers, func(b []byte, i int, r rune) []byte {
		switch {
		case r == dottedI:
			return append(b, dottedILow...)
		case r == sigma && endsWord(s, i):
			r = finalSigma
		default:
			r = newerCases.ToLower(r)
		}
		return utf8.AppendRune(b, r)
	})
}

// endsWord reports Unicode's condition Final_Sigma for the sigma at s[i]: a letter with
// case before it and none behind it, looking past marks, apostrophes and the like.
func endsWord(s string, i int) bool {
	before := s[:i]
	for {
		r, size := utf8.DecodeLastRuneInString(before)
		if size == 0 {
			return false
		}
		if !caseIgnorable(r) {
			if !cased(r) {
				return false
			}
			break
		}
		before = before[:len(before)-size]
	}
	for _, r := range s[i+len("Σ"):] {
		if !caseIgnorable(r) {
			return !cased(r)
		}
	}
	return true
}

func cased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

func caseIgnorable(r rune) bool {
	switch r {
	case '\'', '.', ':', '^', '`', 0xA8, 0xAD, 0xAF, 0xB4, 0xB7, 0xB8, 0x387, 0x55F, 0x5F4, 0x2018, 0x2019, 0x2024, 0x2027,
		0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A:
		return true
	}
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}

// expandedUpper returns the upper case of a character where that is several, "" where
// it is one.
func expandedUpper(r rune) string {
	i := sort.Search(len(expandedUppers), func(i int) bool { return expandedUppers[i].from >= r })
	if i < len(expandedUppers) && expandedUppers[i].from == r {
		return expandedUppers[i].to
	}
	return ""
}

// caseDelta is the distance to upper, lower and title case.
type caseDelta = [unicode.MaxCase]rune

// newerCases are the pairs that came with Unicode 16 and 17.
var newerCases = unicode.SpecialCase{
	{Lo: 0x19B, Hi: 0x19B, Delta: caseDelta{42561, 0, 0}},
	{Lo: 0x264, Hi: 0x264, Delta: caseDelta{42343, 0, 0}},
	{Lo: 0x1C89, Hi: 0x1C89, Delta: caseDelta{0, 1, 0}},
	{Lo: 0x1C8A, Hi: 0x1C8A, Delta: caseDelta{-1, 0, 0}},
	{Lo: 0xA7CB, Hi: 0xA7CB, Delta: caseDelta{0, -42343, 0}},
	{Lo: 0xA7CC, Hi: 0xA7CC, Delta: caseDelta{0, 1, 0}},
	{Lo: 0xA7CD, Hi: 0xA7CD, Delta: caseDelta{-1, 0, 0}},
	{Lo: 0xA7CE, Hi: 0xA7CE, Delta: caseDelta{0, 1, 0}},
	{Lo: 0xA7CF, Hi: 0xA7CF, Delta: caseDelta{-1, 0, 0}},
	{Lo: 0xA7D2, Hi: 0xA7D2, Delta: caseDelta{0, 1, 0}},
	{Lo: 0xA7D3, Hi: 0xA7D3, Delta: caseDelta{-1, 0, 0}},
	{Lo: 0xA7D4, Hi: 0xA7D4, Delta: caseDelta{0, 1, 0}},
	{Lo: 0xA7D5, Hi: 0xA7D5, Delta: caseDelta{-1, 0, 0}},
	{Lo: 0xA7DA, Hi: 0xA7DA, Delta: caseDelta{0, 1, 0}},
	{Lo: 0xA7DB, Hi: 0xA7DB, Delta: caseDelta{-1, 0, 0}},
	{Lo: 0xA7DC, Hi: 0xA7DC, Delta: caseDelta{0, -42561, 0}},
	{Lo: 0x10D50, Hi: 0x10D65, Delta: caseDelta{0, 32, 0}},
	{Lo: 0x10D70, Hi: 0x10D85, Delta: caseDelta{-32, 0, 0}},
	{Lo: 0x16EA0, Hi: 0x16EB8, Delta: caseDelta{0, 27, 0}},
	{Lo: 0x16EBB, Hi: 0x16ED3, Delta: caseDelta{-27, 0, 0}},
}

// expandedUppers is by character: the unconditional upper case mappings of
// SpecialCasing.txt.
var expandedUppers = []struct {
	from rune
	to   string
}{
	{0xDF, "SS"},
	{0x149, "\u02bcN"},
	{0x1F0, "J\u030c"},
	{0x390, "\u0399\u0308\u0301"},
	{0x3B0, "\u03a5\u0308\u0301"},
	{0x587, "\u0535\u0552"},
	{0x1E96, "H\u0331"},
	{0x1E97, "T\u0308"},
	{0x1E98, "W\u030a"},
	{0x1E99, "Y\u030a"},
	{0x1E9A, "A\u02be"},
	{0x1F50, "\u03a5\u0313"},
	{0x1F52, "\u03a5\u0313\u0300"},
	{0x1F54, "\u03a5\u0313\u0301"},
	{0x1F56, "\u03a5\u0313\u0342"},
	{0x1F80, "\u1f08\u0399"},
	{0x1F81, "\u1f09\u0399"},
	{0x1F82, "\u1f0a\u0399"},
	{0x1F83, "\u1f0b\u0399"},
	{0x1F84, "\u1f0c\u0399"},
	{0x1F85, "\u1f0d\u0399"},
	{0x1F86, "\u1f0e\u0399"},
	{0x1F87, "\u1f0f\u0399"},
	{0x1F88, "\u1f08\u0399"},
	{0x1F89, "\u1f09\u0399"},
	{0x1F8A, "\u1f0a\u0399"},
	{0x1F8B, "\u1f0b\u0399"},
	{0x1F8C, "\u1f0c\u0399"},
	{0x1F8D, "\u1f0d\u0399"},
	{0x1F8E, "\u1f0e\u0399"},
	{0x1F8F, "\u1f0f\u0399"},
	{0x1F90, "\u1f28\u0399"},
	{0x1F91, "\u1f29\u0399"},
	{0x1F92, "\u1f2a\u0399"},
	{0x1F93, "\u1f2b\u0399"},
	{0x1F94, "\u1f2c\u0399"},
	{0x1F95, "\u1f2d\u0399"},
	{0x1F96, "\u1f2e\u0399"},
	{0x1F97, "\u1f2f\u0399"},
	{0x1F98, "\u1f28\u0399"},
	{0x1F99, "\u1f29\u0399"},
	{0x1F9A, "\u1f2a\u0399"},
	{0x1F9B, "\u1f2b\u0399"},
	{0x1F9C, "\u1f2c\u0399"},
	{0x1F9D, "\u1f2d\u0399"},
	{0x1F9E, "\u1f2e\u0399"},
	{0x1F9F, "\u1f2f\u0399"},
	{0x1FA0, "\u1f68\u0399"},
	{0x1FA1, "\u1f69\u0399"},
	{0x1FA2, "\u1f6a\u0399"},
	{0x1FA3, "\u1f6b\u0399"},
	{0x1FA4, "\u1f6c\u0399"},
	{0x1FA5, "\u1f6d\u0399"},
	{0x1FA6, "\u1f6e\u0399"},
	{0x1FA7, "\u1f6f\u0399"},
	{0x1FA8, "\u1f68\u0399"},
	{0x1FA9, "\u1f69\u0399"},
	{0x1FAA, "\u1f6a\u0399"},
	{0x1FAB, "\u1f6b\u0399"},
	{0x1FAC, "\u1f6c\u0399"},
	{0x1FAD, "\u1f6d\u0399"},
	{0x1FAE, "\u1f6e\u0399"},
	{0x1FAF, "\u1f6f\u0399"},
	{0x1FB2, "\u1fba\u0399"},
	{0x1FB3, "\u0391\u0399"},
	{0x1FB4, "\u0386\u0399"},
	{0x1FB6, "\u0391\u0342"},
	{0x1FB7, "\u0391\u0342\u0399"},
	{0x1FBC, "\u0391\u0399"},
	{0x1FC2, "\u1fca\u0399"},
	{0x1FC3, "\u0397\u0399"},
	{0x1FC4, "\u0389\u0399"},
	{0x1FC6, "\u0397\u0342"},
	{0x1FC7, "\u0397\u0342\u0399"},
	{0x1FCC, "\u0397\u0399"},
	{0x1FD2, "\u0399\u0308\u0300"},
	{0x1FD3, "\u0399\u0308\u0301"},
	{0x1FD6, "\u0399\u0342"},
	{0x1FD7, "\u0399\u0308\u0342"},
	{0x1FE2, "\u03a5\u0308\u0300"},
	{0x1FE3, "\u03a5\u0308\u0301"},
	{0x1FE4, "\u03a1\u0313"},
	{0x1FE6, "\u03a5\u0342"},
	{0x1FE7, "\u03a5\u0308\u0342"},
	{0x1FF2, "\u1ffa\u0399"},
	{0x1FF3, "\u03a9\u0399"},
	{0x1FF4, "\u038f\u0399"},
	{0x1FF6, "\u03a9\u0342"},
	{0x1FF7, "\u03a9\u0342\u0399"},
	{0x1FFC, "\u03a9\u0399"},
	{0xFB00, "FF"},
	{0xFB01, "FI"},
	{0xFB02, "FL"},
	{0xFB03, "FFI"},
	{0xFB04, "FFL"},
	{0xFB05, "ST"},
	{0xFB06, "ST"},
	{0xFB13, "\u0544\u0546"},
	{0xFB14, "\u0544\u0535"},
	{0xFB15, "\u0544\u053b"},
	{0xFB16, "\u054e\u0546"},
	{0xFB17, "\u0544\u053d"},
}
