package vm

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/picloud/picloud/abi"
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

func TestIndexText(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		text := make([]byte, random.IntN(60))
		for i := range text {
			text[i] = "ab\x00\x01\xff"[random.IntN(1+random.IntN(5))]
		}
		find := make([]byte, random.IntN(12))
		for i := range find {
			find[i] = "ab\x00\x01\xff"[random.IntN(1+random.IntN(5))]
		}
		s, f := string(text), string(find)
		if got, want := IndexText(s, f), strings.Index(s, f); got != want {
			t.Fatalf("IndexText(%q, %q): got %d, want %d", s, f, got, want)
		}
		if c := byte(random.IntN(256)); CountByte(s, c) != strings.Count(s, string([]byte{c})) {
			t.Fatalf("CountByte(%q, %q): got %d", s, c, CountByte(s, c))
		}
	}
	long := strings.Repeat("ab", 3000)
	if got := CountByte(long, 'b'); got != 3000 { // more than one word can count
		t.Errorf("CountByte of 3000: got %d", got)
	}
	// Where much is nearly right, the search is handed over.
	nearly := strings.Repeat("a", 20_000)
	find := strings.Repeat("a", 500) + "b" + strings.Repeat("a", 500)
	for _, text := range []string{nearly, nearly + "b" + nearly} {
		if got, want := IndexText(text, find), strings.Index(text, find); got != want {
			t.Errorf("IndexText of %d bytes: got %d, want %d", len(text), got, want)
		}
	}
}

func TestReplace(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	thread := testThread(abi.Limits{})
	pieces := []string{"a", "ab", "aba", "b", "é", "日本", "abcdefgh", "abcdefghi", strings.Repeat("a", 300)}
	for range 5_000 {
		var text strings.Builder
		for range random.IntN(60) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		find := pieces[random.IntN(len(pieces))] + pieces[random.IntN(len(pieces))]
		with := strings.Repeat("xé", random.IntN(5)*random.IntN(9))
		m := thread.Meter()
		got, err := m.Replace(String(text.String()), find, with)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(text.String(), find, with)
		if got.AsString() != want || got.Chars() != utf8.RuneCountInString(want) {
			t.Fatalf("Replace(%q, %q, %q): got %q of %d characters", &text, find, with, got.AsString(), got.Chars())
		}
		if more := got.Append("é"); more.AsString() != want+"é" || got.AsString() != want {
			t.Fatalf("%q with é behind it: got %q", want, more.AsString())
		}
	}
	limited := testThread(abi.Limits{MaxStringSize: 100})
	m := limited.Meter()
	if _, err := m.Replace(String(strings.Repeat("ab", 50)), "ab", "abc"); err == nil || err.Limit != "max_string_size" {
		t.Errorf("150 bytes where 100 are allowed: got %v", err)
	}
}

func TestFlipCase(t *testing.T) {
	all := make([]byte, 128)
	for i := range all {
		all[i] = byte(i)
	}
	for from := range 128 {
		for n := range min(40, 128-from) {
			s := string(all[from : from+n])
			to := make([]byte, n)
			if flipped := FlipCase(to, s, 'a'); string(to) != strings.ToUpper(s) || flipped != (string(to) != s) {
				t.Fatalf("FlipCase(%q, a): got %q, %v", s, to, flipped)
			}
			if flipped := FlipCase(to, s, 'A'); string(to) != strings.ToLower(s) || flipped != (string(to) != s) {
				t.Fatalf("FlipCase(%q, A): got %q, %v", s, to, flipped)
			}
		}
	}
}

func TestLastIndexText(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	for range 20_000 {
		text := make([]byte, random.IntN(40))
		for i := range text {
			text[i] = "ab`\x01\xe1"[random.IntN(5)] // alike but for a bit
		}
		s, find := string(text), "abb"[random.IntN(2):][:1+random.IntN(2)]
		if got, want := LastIndexText(s, find), strings.LastIndex(s, find); got != want {
			t.Fatalf("LastIndexText(%q, %q): got %d, want %d", s, find, got, want)
		}
	}
}

func TestHasLetters(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	for range 20_000 {
		text := make([]byte, random.IntN(40))
		for i := range text {
			text[i] = byte(random.IntN(128))
			if random.IntN(3) > 0 {
				text[i] = "@[`{"[random.IntN(4)] // beside the letters
			}
		}
		s := string(text)
		if got, want := HasLetters(s, 'a'), s != strings.ToUpper(s); got != want {
			t.Fatalf("HasLetters(%q, a): got %v", s, got)
		}
		if got, want := HasLetters(s, 'A'), s != strings.ToLower(s); got != want {
			t.Fatalf("HasLetters(%q, A): got %v", s, got)
		}
	}
}

func TestWords(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	for range 20_000 {
		text := make([]byte, random.IntN(40))
		for i := range text {
			text[i] = byte(random.IntN(128))
			if random.IntN(3) > 0 {
				text[i] = "\x08\t\n\v\f\r\x0e \x1f!"[random.IntN(10)]
			}
		}
		s, words := string(text), Words{}
		var at []int
		for i := 0; i < len(s); i += wordSize {
			for edges := words.Edges(s, i); edges != 0; edges &= edges - 1 {
				at = append(at, i+bits.TrailingZeros64(edges)/8)
			}
		}
		if len(at)%2 == 1 {
			at = append(at, len(s))
		}
		var got []string
		for i := 0; i < len(at); i += 2 {
			got = append(got, s[at[i]:at[i+1]])
		}
		if want := strings.Fields(s); !slices.Equal(got, want) {
			t.Fatalf("the words of %q: got %q", s, got)
		}
	}
}

func TestASCIIPrefix(t *testing.T) {
	for n := range 40 {
		ascii := strings.Repeat("a\x00\x7f", 14)[:n]
		if got := ASCIIPrefix(ascii); got != n {
			t.Errorf("ASCIIPrefix(%q): got %d, want %d", ascii, got, n)
		}
		if got := ASCIIPrefix(ascii + "é and more text"); got != n {
			t.Errorf("ASCIIPrefix(%q + é): got %d, want %d", ascii, got, n)
		}
	}
}

// TestSoughtPlaces: a place is right wherever the last one was, in this text or another.
func TestSoughtPlaces(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	thread := testThread(abi.Limits{})
	var values []Value
	for _, text := range longTexts() {
		if v := String(text); v.Chars() > 0 {
			values = append(values, v, v.Prefix(ByteOffset(text, v.Chars()/2), v.Chars()/2))
		}
	}
	v := values[0]
	for range 50_000 {
		if random.IntN(10) == 0 {
			v = values[random.IntN(len(values))]
		}
		index := random.IntN(v.Chars() + 1)
		if got, want := thread.ByteOffset(v, index), ByteOffset(v.AsString(), index); got != want {
			t.Fatalf("character %d of %d bytes %.20q: got %d, want %d", index, len(v.AsString()), v.AsString(), got, want)
		}
	}
}

func TestShortTexts(t *testing.T) {
	text := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 4)
	for from := range 9 {
		for n := range 100 {
			s := text[from : from+n]
			if got := String(s).AsString(); got != s {
				t.Errorf("String(%q): got %q", s, got)
			}
			if got := String("ä").Append(s).Append(s); got.AsString() != "ä"+s+s || got.Chars() != 1+2*n {
				t.Errorf("appending %q twice: got %q, %d characters", s, got.AsString(), got.Chars())
			}
		}
	}
}

// TestAddEach: many pieces count as they do one by one.
func TestAddEach(t *testing.T) {
	for _, size := range []int{1, 4, 7, 64, 9000} {
		for _, n := range []int{0, 1, 100, 127, 128, 5000} {
			one, all := testThread(abi.Limits{}), testThread(abi.Limits{})
			single, together := one.Meter(), all.Meter()
			for range n {
				if err := single.Add(size); err != nil {
					t.Fatal(err)
				}
			}
			if err := together.AddEach(n, size); err != nil {
				t.Fatal(err)
			}
			if one.Operations() != all.Operations() || single.work != together.work {
				t.Errorf("%d pieces of %d: got %d operations and %d left, want %d and %d", n, size, all.Operations(), together.work, one.Operations(), single.work)
			}
		}
	}
}

// TestBlocks: what looks at blocks of a text, and at what is left of them, as the standard library
// does it byte by byte.
func TestBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 20_000 {
		letters := 1 + random.IntN(4)
		text := make([]byte, random.IntN(700))
		for i := range text {
			text[i] = byte('a' + random.IntN(letters))
		}
		find := "b"
		if len(text) > 0 && random.IntN(2) == 0 {
			from := random.IntN(len(text))
			find = string(text[from : from+random.IntN(min(len(text)-from, 90))])
		}
		if random.IntN(2) == 0 && len(text) > 0 { // once only, and near the end
			at := len(text) - 1 - random.IntN(min(len(text), 80))
			find = string(append(text[at:len(text):len(text)], 'z'))
			text = append(text, 'z')
		}
		s := string(text)
		if got, want := IndexText(s, find), strings.Index(s, find); got != want {
			t.Fatalf("IndexText(%q, %q): got %d, want %d", s, find, got, want)
		}
		for _, c := range []byte{'a', 'd', 'z', 0} {
			if got, want := IndexByte(text, c), strings.IndexByte(s, c); got != want {
				t.Fatalf("IndexByte(%q, %q): got %d, want %d", s, c, got, want)
			}
			ReplaceByte(text, s, c, '-')
			if want := strings.ReplaceAll(s, string(c), "-"); string(text) != want {
				t.Fatalf("ReplaceByte(%q, %q): got %q, want %q", s, c, text, want)
			}
		}
		copy(text, s)
		ReverseBytes(text)
		want := []byte(s)
		slices.Reverse(want)
		if string(text) != string(want) {
			t.Fatalf("ReverseBytes(%q): got %q", s, text)
		}
		Fill(text, 'x')
		if string(text) != strings.Repeat("x", len(text)) {
			t.Fatalf("Fill of %d bytes: got %q", len(text), text)
		}
		FlipCase(text, s, 'a')
		if string(text) != strings.ToUpper(s) {
			t.Fatalf("FlipCase(%q, a): got %q", s, text)
		}
	}
}

func TestTextKey(t *testing.T) {
	texts := []string{"", "\x00", "\x00\x00", "a", "a\x00", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh", "abcdefghi", "abcdefgi", "\xff", "é"}
	for _, a := range texts {
		for _, b := range texts {
			if a < b && TextKey(a) > TextKey(b) {
				t.Errorf("TextKey(%q) > TextKey(%q)", a, b)
			}
			if want := a[:min(8, len(a))] == b[:min(8, len(b))]; want != (TextKey(a) == TextKey(b)) && !strings.Contains(a+b, "\x00") {
				t.Errorf("TextKey(%q) == TextKey(%q): want %v", a, b, want)
			}
		}
	}
}
