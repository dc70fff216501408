package lib

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// TestLossyText: the examples of Unicode 16, tables 3-8 to 3-11, and the edges of
// what is valid.
func TestLossyText(t *testing.T) {
	const r = "\uFFFD"
	tests := []struct{ data, want string }{
		{"", ""},
		{"plain é 日 😀", "plain é 日 😀"},
		{"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", strings.Repeat(r, 8) + "A"},
		{"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", strings.Repeat(r, 8) + "A"},
		{"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", strings.Repeat(r, 5) + "A" + r + r + "B"},
		{"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", strings.Repeat(r, 4) + "A"},
		{"\xE2\x82", r},
		{"\xE2\x82\xAC", "€"},
		{"\xF0\x9F\x98", r},
		{"\xF4\x8F\xBF\xBF", "\U0010FFFF"},
		{"\xF4\x90\x80\x80", strings.Repeat(r, 4)},
		{"a\x80", "a" + r},
	}
	for _, test := range tests {
		for _, before := range []string{"", strings.Repeat("a", 8191), strings.Repeat("é日", 5000)} { // it goes in steps
			if got, err := thread().LossyText([]byte(before + test.data)); err != nil || got != before+test.want {
				t.Errorf("% x behind %d bytes\n got %+q, %v\nwant %+q", test.data, len(before), strings.TrimPrefix(got, before), err, test.want)
			}
		}
	}
}

func thread() *vm.Thread {
	return vm.NewThread(&vm.Program{}, silentHost{}, abi.DefaultLimits, nil, 1)
}

func TestCases(t *testing.T) {
	tests := []struct{ text, upper, lower string }{
		{"", "", ""},
		{"abcXYZ-1", "ABCXYZ-1", "abcxyz-1"},
		{"straße", "STRASSE", "straße"},
		{"ﬃ", "FFI", "ﬃ"},
		{"İI", "İI", "i̇i"},
		{"ǅ", "Ǆ", "ǆ"},
		{"ΑΣ", "ΑΣ", "ας"},
		{"ΑΣΑ", "ΑΣΑ", "ασα"},
		{"Σ", "Σ", "σ"},
		{"ıſé", "ISÉ", "ıſé"}, // some become ASCII
		{"Größe und ЁЖ, 日本", "GRÖSSE UND ЁЖ, 日本", "größe und ёж, 日本"},
		{"ΑΣ. ΑΣ'Α ΑΣ'", "ΑΣ. ΑΣ'Α ΑΣ'", "ας. ασ'α ας'"},
		{"\u019B\U00010D70", "\uA7DC\U00010D50", "\u019B\U00010D70"}, // of Unicode 16
	}
	for _, test := range tests {
		m := thread().Meter()
		if got, _ := upperText(&m, test.text); got != test.upper {
			t.Errorf("upper case of %q: got %q, want %q", test.text, got, test.upper)
		}
		if got, _ := lowerText(&m, test.text); got != test.lower {
			t.Errorf("lower case of %q: got %q, want %q", test.text, got, test.lower)
		}
	}
}

// TestNearCases compares what is looked up in short with the tables, for all characters.
func TestNearCases(t *testing.T) {
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		upper, lower := newerCases.ToUpper(r), newerCases.ToLower(r)
		if expandedUpper(r) != "" {
			upper = 0
		}
		if r == dottedI || r == sigma {
			lower = 0
		}
		if got := nearUppers.of(r); got != 0 && got != upper {
			t.Errorf("upper case of %U: got %U, want %U", r, got, upper)
		}
		if got := nearLowers.of(r); got != 0 && got != lower {
			t.Errorf("lower case of %U: got %U, want %U", r, got, lower)
		}
	}
}

// TestExpandedUppersSorted: the table is searched by halving.
func TestExpandedUppersSorted(t *testing.T) {
	for i, e := range expandedUppers {
		if i > 0 && expandedUppers[i-1].from >= e.from {
			t.Errorf("%U is out of order", e.from)
		}
		if utf8.RuneCountInString(e.to) < 2 {
			t.Errorf("%U: %q is a single character", e.from, e.to)
		}
	}
}

func TestSpan(t *testing.T) {
	const most, least = 1<<63 - 1, -1 << 63
	tests := []struct {
		length     int
		start, n   int64
		from, many int
	}{
		{5, 0, 5, 0, 5},
		{5, 0, most, 0, 5},
		{5, 2, 2, 2, 2},
		{5, 2, 0, 2, 0},
		{5, 2, -1, 2, 0},
		{5, 5, 1, 5, 0},
		{5, most, most, 5, 0},
		{5, -1, 3, 4, 1},
		{5, -5, 2, 0, 2},
		{5, -6, 2, 0, 2},
		{5, least, most, 0, 5},
		{0, 0, 1, 0, 0},
		{0, -1, 1, 0, 0},
	}
	for _, test := range tests {
		if from, many := span(test.length, test.start, test.n); from != test.from || many != test.many {
			t.Errorf("span(%d, %d, %d): got %d, %d, want %d, %d", test.length, test.start, test.n, from, many, test.from, test.many)
		}
	}
}

// TestPad: what is padded much is written where it stays, what is padded a little has the room behind it.
func TestPad(t *testing.T) {
	for _, text := range []string{"", "a", "né", strings.Repeat("é日", 40), strings.Repeat("x", 300)} {
		for _, padding := range []string{"x", "é", "ab", "日é-"} {
			for _, length := range []int{1, 5, 79, 80, 81, 161, 299, 301, 605, 70_000} {
				want := []rune(text)
				for i := 0; len(want) < length; i++ {
					want = append(want, []rune(padding)[i%utf8.RuneCountInString(padding)])
				}
				script := "let s = text; let t = s; s.pad(" + strconv.Itoa(length) + ", \"" + padding + "\"); s += \"!\"; [s, t, s.len]"
				v, _, err := run(t, script, text, abi.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				got := v.AsArray().Items
				if got[0].AsString() != string(want)+"!" || got[1].AsString() != text || got[2].AsInt() != int64(len(want)+1) {
					t.Errorf("%.20q padded with %q to %d: got %.40q of %d, the copy %.20q", text, padding, length, got[0].AsString(), got[2].AsInt(), got[1].AsString())
				}
			}
		}
	}
}
