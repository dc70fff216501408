package vm

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// longTexts returns texts of many lengths, in which characters of each length are everywhere.
func longTexts() []string {
	random := rand.New(rand.NewPCG(1, 2))
	alphabets := []string{"a", "ab\x00\x7f\"\\\n", "é", "日本", "😀", "aé日😀", "\u07ff\u0800\uffff\U00010000"}
	texts := []string{""}
	for _, alphabet := range alphabets {
		chars := []rune(alphabet)
		for n := range 70 {
			text := make([]rune, n)
			for i := range text {
				text[i] = chars[random.IntN(len(chars))]
			}
			texts = append(texts, string(text))
		}
		texts = append(texts, strings.Repeat(alphabet, 3000)) // more than one word can count
	}
	return texts
}

func TestCountAndPlaceCharacters(t *testing.T) {
	for _, text := range longTexts() {
		n := utf8.RuneCountInString(text)
		if got := CountChars(text); got != n {
			t.Errorf("CountChars of %d bytes %.20q: got %d, want %d", len(text), text, got, n)
		}
		index := 0
		for at := range text {
			if index < 100 || index > n-100 {
				if got := ByteOffset(text, index); got != at {
					t.Fatalf("ByteOffset(%.20q, %d): got %d, want %d", text, index, got, at)
				}
			}
			index++
		}
		for _, beyond := range []int{n, n + 1, n + 1000} {
			if got := ByteOffset(text, beyond); got != len(text) {
				t.Errorf("ByteOffset(%.20q, %d): got %d, want %d", text, beyond, got, len(text))
			}
		}
	}
}

func TestPlainPrefix(t *testing.T) {
	for c := range 256 {
		for n := range 20 {
			text := strings.Repeat(" ~", 10)[:n] + string([]byte{byte(c)}) + "plain and long enough"
			got := PlainPrefix(text)
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				if got > n || got < n-7 {
					t.Errorf("PlainPrefix(%q): got %d, want up to %d", text, got, n)
				}
			} else if got < len(text)-7 {
				t.Errorf("PlainPrefix(%q): got %d of %d", text, got, len(text))
			}
		}
	}
}

func TestCompareTexts(t *testing.T) {
	texts := longTexts()
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		a, b := texts[random.IntN(len(texts))], texts[random.IntN(len(texts))]
		switch random.IntN(3) {
		case 0: // one begins with the other
			b = a[:random.IntN(len(a)+1)]
		case 1: // one byte differs
			if len(a) > 0 {
				at := random.IntN(len(a))
				b = a[:at] + string([]byte{a[at] ^ 0x80}) + a[at+1:]
			}
		}
		if got, want := CompareText(a, b), strings.Compare(a, b); got != want {
			t.Fatalf("CompareText(%.40q, %.40q): got %d, want %d", a, b, got, want)
		}
		if got := EqualText(a, b); got != (a == b) {
			t.Fatalf("EqualText(%.40q, %.40q): got %v", a, b, got)
		}
	}
}

func TestLongNames(t *testing.T) {
	m := NewMap(0)
	name := func(i int) string { return strings.Repeat("x", i%200) + strconv.Itoa(i) }
	for i := range 2000 {
		m.Set(name(i), Int(int64(i)))
	}
	for i := range 2000 {
		if v, ok := m.Get(name(i)); !ok || v.AsInt() != int64(i) {
			t.Errorf("property %d: got %v, %v", i, v.AsInt(), ok)
		}
	}
	if _, ok := m.Get(strings.Repeat("x", 199)); ok {
		t.Error("found a name that is the start of another")
	}
}
