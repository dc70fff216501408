package vm

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
)

// stillHost drops what is printed. Its time stands still.
type stillHost struct{}

func (stillHost) Print(string)        {}
func (stillHost) Debug(_, _ string)   {}
func (stillHost) Sleep(int64) *Error  { return nil }
func (stillHost) MonotonicNow() int64 { return 0 }
func (stillHost) Yield()              {}

// testThread returns a thread that runs nothing, under limits (the default for those not set).
func testThread(limits abi.Limits) *Thread {
	return NewThread(&Program{Native: NewLibrary()}, stillHost{}, limits.Or(abi.DefaultLimits), nil, 1)
}

func TestFloatTexts(t *testing.T) {
	tests := []struct {
		f              float64
		display, debug string
	}{
		{0, "0.0", "0.0"},
		{math.Copysign(0, -1), "0.0", "-0.0"},
		{1, "1.0", "1.0"},
		{-2.5, "-2.5", "-2.5"},
		{0.1, "0.1", "0.1"},
		{123456.789, "123456.789", "123456.789"},
		// Display changes to scientific notation at 1e13 as a 32-bit float, Debug at 1e16.
		{9999999827968, "9999999827968.0", "9999999827968.0"},
		{9999999827969, "9.999999827969e12", "9999999827969.0"},
		{1e15, "1e15", "1000000000000000.0"},
		{1e16, "1e16", "1e16"},
		{-1.5e300, "-1.5e300", "-1.5e300"},
		// At the other end it is 1e-13 and 1e-4.
		{1e-4, "0.0001", "0.0001"},
		{1e-5, "0.00001", "1e-5"},
		{1.5e-13, "0.00000000000015", "1.5e-13"},
		{9e-14, "9e-14", "9e-14"},
		{5e-324, "5e-324", "5e-324"},
		{math.MaxFloat64, "1.7976931348623157e308", "1.7976931348623157e308"},
		{math.Inf(1), "inf", "inf"},
		{math.Inf(-1), "-inf", "-inf"},
		{math.NaN(), "NaN", "NaN"},
		// Exactly between two shortest texts: away from zero.
		{1000000000000000.25, "1.0000000000000003e15", "1000000000000000.3"},
		{-999999999999996.25, "-9.999999999999963e14", "-999999999999996.3"},
		{999999999999996.75, "9.999999999999968e14", "999999999999996.8"},
		{9007199254740993, "9.007199254740992e15", "9007199254740992.0"},
	}
	for _, test := range tests {
		if got := FormatFloat(test.f); got != test.display {
			t.Errorf("display of %g: got %s, want %s", test.f, got, test.display)
		}
		if got := Debug(Float(test.f)); got != test.debug {
			t.Errorf("debug of %g: got %s, want %s", test.f, got, test.debug)
		}
	}
	if got := FormatFloatPlain(1e19); got != "10000000000000000000" {
		t.Errorf("plain 1e19: got %s", got)
	}
}

// TestFewDigits compares the digits of floats that have few with those that package strconv finds.
func TestFewDigits(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	known := 0
	for range 300_000 {
		n, scale := random.Int64N(1<<random.IntN(55)+1), random.IntN(22)
		f, err := strconv.ParseFloat(strconv.FormatInt(n, 10)+"e-"+strconv.Itoa(scale), 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []float64{f, math.Nextafter(f, math.Inf(1)), math.Nextafter(f, 0)} {
			var d shortDecimal
			if !d.few(f) {
				continue
			}
			known++
			digits := string(d.digits[:d.n])
			got := digits[:1] + "." + digits[1:] + "e" + strconv.Itoa(d.exp)
			if d.n == 1 {
				got = digits + "e" + strconv.Itoa(d.exp)
			}
			back, _ := strconv.ParseFloat(got, 64)
			if shortest := len(strconv.FormatFloat(f, 'e', -1, 64)); back != f || d.n > 1 && d.n+1+len("e+00") != shortest || d.n == 1 && shortest != len("1e+00") {
				t.Fatalf("%g: got %s", f, got)
			}
		}
	}
	if known < 100_000 {
		t.Errorf("only %d of the floats had few digits", known)
	}
}

func TestAppendInt(t *testing.T) {
	for bits := range 64 {
		for _, n := range []int64{1<<bits - 1, 1 << bits, -1 << bits, 1<<bits + 1, int64(math.Pow10(bits % 19)), int64(math.Pow10(bits%19)) - 1} {
			if got, want := string(AppendInt([]byte("x"), n)), "x"+strconv.FormatInt(n, 10); got != want {
				t.Errorf("AppendInt(%d): got %s", n, got)
			}
		}
	}
}

func TestTexts(t *testing.T) {
	m := NewMap(2)
	m.Set("b", Int(1))
	m.Set("a \"x\"", Float(1e-5))
	tests := []struct {
		v              Value
		display, debug string
	}{
		{Unit, "", "()"},
		{Bool(true), "true", "true"},
		{Int(math.MinInt64), "-9223372036854775808", "-9223372036854775808"},
		{U8(200), "200", "200"},
		{Char('é'), "é", "é"},
		{String("a\"b\n"), "a\"b\n", `"a\"b\n"`},
		{String("\x00\x01\t\r\\'\u007f"), "\x00\x01\t\r\\'\u007f", `"\0\u{1}\t\r\\'\u{7f}"`},
		{String("é😀\u0301\u00a0\u200b\U000e0100"), "é😀\u0301\u00a0\u200b\U000e0100", `"é😀\u{301}\u{a0}\u{200b}\u{e0100}"`},
		{NewArray(nil), "[]", "[]"},
		{NewArray([]Value{Unit, Char('c'), String("s"), Float(1e14)}), `[(), c, "s", 100000000000000.0]`, `[(), c, "s", 100000000000000.0]`},
		{NewMapValue(m), `#{"a \"x\"": 1e-5, "b": 1}`, `#{"a \"x\"": 1e-5, "b": 1}`},
		{NewMapValue(NewMap(0)), "#{}", "#{}"},
		{NewBlob(nil), "[]", "[]"},
		{NewBlob([]byte("\x00\xffabcdefg")), "[00ff616263646566 67]", "[00ff616263646566 67]"},
		{NewRange(1, 5, false), "1..5", "1..5"},
		{NewRange(-1, 5, true), "-1..=5", "-1..=5"},
		{NewRange(3, math.MaxInt64, false), "3..", "3.."},
		{NewRange(3, math.MaxInt64, true), "3..=", "3..="},
		{NewFn(&FnPtr{Name: "abs", Curry: []Value{Int(1)}}), "Fn(abs)", "Fn(abs)"},
		{Timestamp(1), "<timestamp>", "<timestamp>"},
		{NewIterator(&Iterator{}), "range", "range"},
	}
	for _, test := range tests {
		if got := Display(test.v); got != test.display {
			t.Errorf("display: got %s, want %s", got, test.display)
		}
		if got := Debug(test.v); got != test.debug {
			t.Errorf("debug: got %s, want %s", got, test.debug)
		}
	}
	if got := string(AppendDisplay([]byte("x = "), Int(1))); got != "x = 1" {
		t.Errorf("append: got %s", got)
	}
}

// nested returns a value of so many arrays one inside the other.
func nested(levels int) Value {
	v := Int(1)
	for range levels {
		v = NewArray([]Value{v})
	}
	return v
}

// doubled returns an array that holds itself, as it was, twice, and so on: 2 to the power of levels
// items to print, in little memory.
func doubled(levels int) Value {
	v := Int(1)
	for range levels {
		v = NewArray([]Value{v.Share(), v.Share()})
	}
	return v
}

func TestTextLimits(t *testing.T) {
	thread := testThread(abi.Limits{MaxStringSize: 1000})
	tests := []struct {
		name string
		v    Value
		err  string
	}{
		{"as deep as may be", nested(MaxNesting), ""},
		{"too deep", nested(MaxNesting + 1), "Nesting of value too large"},
		{"too long", doubled(30), "Length of string too large"},
		{"a long blob", NewBlob(make([]byte, 600)), "Length of string too large"},
		{"a long string", NewArray([]Value{String(strings.Repeat("\n", 600))}), "Length of string too large"},
	}
	for _, test := range tests {
		_, err := thread.Display(test.v)
		got := ""
		if err != nil {
			got = err.Text
		}
		if got != test.err {
			t.Errorf("%s: got error %q, want %q", test.name, got, test.err)
		}
	}
	if err := thread.Charge(0); err != nil {
		t.Errorf("the texts cost too much: %v", err)
	}

	// Without a thread, texts are cut off.
	if got := Display(nested(10_000)); !strings.HasSuffix(got, "[...") || len(got) != MaxNesting+3 {
		t.Errorf("too deep: got %d bytes, ...%s", len(got), got[len(got)-10:])
	}
	got := Display(NewArray([]Value{String(strings.Repeat("é", unlimitedText))}))
	if len(got) > unlimitedText+8 || !strings.HasSuffix(got, "é...") {
		t.Errorf("too long: got %d bytes, ...%s", len(got), got[len(got)-10:])
	}
	if got := Display(doubled(40)); len(got) > unlimitedText+8 {
		t.Errorf("doubled: got %d bytes", len(got))
	}
}
