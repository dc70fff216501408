package regex_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/plugins/rhai/bridge/regex"
)

// compare checks pattern on text against the standard library: whether it compiles, whether there
// is a match, and where the first one and its groups are from each place on.
func compare(t *testing.T, pattern, text string) {
	t.Helper()
	want, wrong := regexp.Compile(pattern)
	re, err := regex.Compile(pattern)
	if (err != nil) != (wrong != nil) {
		if err != nil && strings.Contains(err.Error(), "states") || wrong != nil && strings.Contains(wrong.Error(), "repeat count") {
			return // limits differ
		}
		t.Fatalf("pattern %q: got error %v, want %v", pattern, err, wrong)
	}
	if err != nil {
		return
	}
	if !slices.Equal(re.Names, want.SubexpNames()) {
		t.Fatalf("pattern %q: got names %q, want %q", pattern, re.Names, want.SubexpNames())
	}
	all := func(int) bool { return true }
	if got := re.Matcher(text, all).Matches(); got != want.MatchString(text) {
		t.Fatalf("pattern %q, text %q: matches %v", pattern, text, got)
	}
	m := re.Matcher(text, all)
	var got []int
	for _, at := range m.Find(0, len(re.Names)-1) {
		got = append(got, int(at))
	}
	if expected := want.FindStringSubmatchIndex(text); !slices.Equal(got, expected) {
		t.Fatalf("pattern %q, text %q: got %v, want %v", pattern, text, got, expected)
	}
	var found [][]int
	for at := 0; at <= len(text); {
		loc := m.Find(at, 0)
		if loc == nil {
			break
		}
		found = append(found, []int{int(loc[0]), int(loc[1])})
		if at = int(loc[1]); loc[0] == loc[1] {
			at++
			for at < len(text) && text[at]&0xc0 == 0x80 {
				at++
			}
		}
	}
	expected := want.FindAllStringIndex(text, -1)
	// The standard library leaves out an empty match right behind another one.
	for i := len(found) - 1; i > 0; i-- {
		if found[i][0] == found[i][1] && found[i-1][1] == found[i][0] {
			found = slices.Delete(found, i, i+1)
		}
	}
	if !slices.EqualFunc(found, expected, slices.Equal[[]int]) {
		t.Fatalf("pattern %q, text %q: got all %v, want %v", pattern, text, found, expected)
	}
}

func TestSyntax(t *testing.T) {
	for _, pattern := range []string{
		`abc`, `a|b|`, `^a$`, `(?m)^b$`, `a.c`, `(?s)a.c`, `(?i)ǅE`, `(?i)[k-m]+`, `(?i)[^k]`, `(?i:A)b`, `(?i)\w+`, `[[:^alpha:]]`, `[[:punct:]x]+`,
		`\pL+`, `\PL`, `\p{Lu}`, `\P{^Nd}`, `[\pN\s]`, `\d{2,3}`, `\d{2,3}?`, `(a*)+`, `(a|b)*?c`, `(?U)a+`, `(?U)a+?`, `x{0}`, `x{0,0}y`, `x{2}{3}`, `{0,00}`, `x{1,02}`, `x{01}`, `x{1,`,
		`a**`, `*a`, `(*)`, `a{,2}`, `a{2`, `a{1001}`, `a{3,2}`, `(?P<n>a)(?<m>b)`, `(?P<n>a)(?P<n>b)`, `(?P<>a)`, `(?P<n-1>a)`, `(?x)a`, `(?i-s:a)`, `(?i-)a`, `(?-)a`, `(?)a`, `(?:)`,
		`[]a]+`, `[^]a]`, `[a-]`, `[-a]`, `[z-a]`, `[a`, `[`, `[[:nope:]]`, `\Qa.b\E+`, `\Qa`, `\Q\E*`, `a\Q\E*`, `\x41`, `\x{10FFFF}`, `\x{110000}`, `\x{}`, "\\x\x180", `[\xfF]`, `\x4`, `\1`, `\12`, `\07`, `\08`,
		`\b\w+\b`, `\Ba`, `\Aa`, `a\z`, `a\Z`, `\C`, `\_`, `\é`, `\`, `(`, `)`, `(a`, `a)`, `(?`, `(?:`, `(?P<`, `(a)|b`, `((a)|(b))*`, `(|a)*`, `(|a)+`, `(a?)*?`, `(?:(a)|b)*`, `(^)*`, `(\b)+a`,
		`[\d-z]`, `[a-\d]`, `[\b]`, `[[:alpha:]`, `é|ü`, `[à-ü]+`, `.`, `日.`, ``, `(?i)ſ`, `(?i)K`, `[^\n]`, `[^\x00-\x{10FFFF}]`, `(?i)[^\W]`, `[^\D]`, `(?i)\W`, `a+b+?c*`, `^*`, `$+`, `a|*`,
		`(?i)straße`, `(a{0,3}){2}`, `(?:a{2,}){2,}`, `x*y|x*z`, `foo(bar)?`, `(?m)^\s*$`,
		`(?i)\P{Lu}`, `(?i)[\P{Lu}x]+`, `(?i)[^\p{Ll}]`, `[\PL\d]+`, `(?i)[[:^lower:]]+`, `[\W\d]+`, `(?i)\p{Lu}+`, `(?i)[^\PL]+`, `[^\pL\pN]+`, `(?i)[^K-Z]+`, `\pM|\pP|\pS|\pZ`,
	} {
		for _, text := range []string{"", "a", "abc", "ab\nb\n", "aaab", "Kelvin K klm", "ǅe Ǆ", "x12 345 ", "foo.bar a.b", "été à la mode 日本", "s ſ Straße", "\n\n", "zz-\\_]A", "xxxx xyz", "abbac"} {
			compare(t, pattern, text)
		}
	}
}

// TestRandomPatterns compares with the standard library on patterns that nobody would write.
func TestRandomPatterns(t *testing.T) {
	parts := []string{"a", "b", "c", "é", ".", "[ab]", "[^a]", `\w`, `\b`, "^", "$", "(", "(?:", "(?i)", ")", "|", "*", "+", "?", "*?", "{2}", "{1,3}", "{0,2}?", "(?P<n>", "A", `\d`, "(?m)", `[^\W]`, `(?i)[B-é]`, `\PL`, `[[:^upper:]x]`}
	letters := []rune("aabbcABé1 \n")
	random := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		var pattern strings.Builder
		open := 0
		for range 1 + random.IntN(9) {
			part := parts[random.IntN(len(parts))]
			switch {
			case part == "(" || part == "(?:" || part == "(?P<n>":
				open++
			case part == ")" && open == 0:
				continue
			case part == ")":
				open--
			}
			pattern.WriteString(part)
		}
		pattern.WriteString(strings.Repeat(")", open))
		text := make([]rune, random.IntN(12))
		for i := range text {
			text[i] = letters[random.IntN(len(letters))]
		}
		compare(t, pattern.String(), string(text))
	}
}

func FuzzCompare(f *testing.F) {
	f.Add(`(a|b)*?c{2,3}`, "abcc")
	f.Add(`(?i)[^k-\x{212A}]\b`, "Kk ")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 100 || len(text) > 200 || pattern != strings.ToValidUTF8(pattern, "") || text != strings.ToValidUTF8(text, "") || strings.Contains(pattern, `\p`) || strings.Contains(pattern, `\P`) {
			t.Skip()
		}
		compare(t, pattern, text)
	})
}

func TestLimits(t *testing.T) {
	for pattern, says := range map[string]string{
		strings.Repeat("a", 5000):          "4096 bytes",
		strings.Repeat("(", 300):           "groups",
		strings.Repeat("(?:", 300):         "200 deep",
		strings.Repeat("()", 200):          "100 groups",
		"((a{100}){100}){100}":             "10000 states",
		"(((a{0,1000}){0,1000}){0,1000})*": "10000 states",
		`\p{Greek}`:                        `\p{Greek}`,
	} {
		if _, err := regex.Compile(pattern); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("pattern %.40q: got error %v, want %q", pattern, err, says)
		}
	}
}

// TestStops ends a search that takes long.
func TestStops(t *testing.T) {
	re, err := regex.Compile(`(x+x+)+y`)
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	m := re.Matcher(strings.Repeat("x", 1<<20), func(n int) bool { steps += n; return steps < 10_000 })
	if m.Matches() || !m.Stopped() || steps > 11_000 {
		t.Errorf("stopped %v after %d steps, want it to stop at 10000", m.Stopped(), steps)
	}
}

func BenchmarkFind(b *testing.B) {
	text := strings.Repeat("the quick brown fox jumps over the lazy dog. ", 1000)
	for _, pattern := range []string{`cat`, `[a-z]+@[a-z]+`, `(\w+)\s+(\w+)$`, `(?i)CAT|dogs`} {
		b.Run(pattern, func(b *testing.B) {
			re, _ := regex.Compile(pattern)
			steps := 0
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				re.Matcher(text, func(n int) bool { steps += n; return true }).Find(0, len(re.Names)-1)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(steps, 1)), "ns/step")
		})
	}
}
