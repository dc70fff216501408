package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n"

func TestHide(t *testing.T) {
	const key, odd = "sk_live_4eC39Hq", `p"a\s/s<w>ö+r d`
	m := NewMask([]string{key, odd, pem, "123456", "short", strings.Repeat("long", 2000)})
	inText := func(value string) string { text, _ := json.Marshal(value); return string(text[1 : len(text)-1]) }
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "all is well", "all is well"},
		{"empty", "", ""},
		{"alone", key, "***"},
		{"at the beginning", key + "!", "***!"},
		{"at the end", "key=" + key, "key=***"},
		{"side by side", key + key + "-" + key, "***-***"},
		{"the beginning of it", "sk_live_4eC39H", "sk_live_4eC39H"},
		{"short values are not looked for", "short", "short"},
		{"digits", "pin 1234567", "pin ***7"},
		{"in JSON", `{"p":"` + inText(odd) + `"}`, `{"p":"***"}`},
		{"in JSON within JSON", inText(`{"p":"` + inText(odd) + `"}`), `{\"p\":\"***\"}`},
		{"base64", base64.StdEncoding.EncodeToString([]byte(key)), "***"},
		{"base64 of a pair", "Basic " + base64.StdEncoding.EncodeToString([]byte("ab:"+key+":c")), "Basic YWI6***OmM="},
		{"base64 of URLs", base64.RawURLEncoding.EncodeToString([]byte("?" + odd)), "P3***Q"},
		{"hexadecimal", hex.EncodeToString([]byte(key)) + strings.ToUpper(hex.EncodeToString([]byte(key))), "***"},
		{"query", "?k=" + url.QueryEscape(odd) + "&l=1", "?k=***&l=1"},
		{"path", "/" + url.PathEscape(odd) + "/x", "/***/x"},
		{"percent in lower case", lowerEscapes(url.QueryEscape(odd)), "***"},
		{"of several lines", "key: " + pem + ".", "key: ***\n."},
		{"a line of several", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "***"},
		{"the head of a key is not secret", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"},
		{"the beginning of a long one", strings.Repeat("long", 1000) + "... (20 bytes more)", "***... (20 bytes more)"},
		{"not valid UTF-8", key + "\xff", "***\uFFFD"},
	} {
		assert.Equal(t, c.want, m.Hide(c.text), c.name)
	}
	assert.Nil(t, NewMask(nil))
	assert.Nil(t, NewMask([]string{"short", "     a    "}), "spaces around a value do not count")
	assert.Equal(t, "text", (*Mask)(nil).Hide("text"))
	assert.Equal(t, "ab ***", NewMask([]string{"  value-1\n"}).Hide("ab value-1"))
}

func TestHideOverlapping(t *testing.T) {
	m := NewMask([]string{"abcdefgh", "efghijkl", "ijklmnop", "abcdef"})
	assert.Equal(t, "<***>", m.Hide("<abcdefghijklmnop>"))
	assert.Equal(t, "<***>-<***>", m.Hide("<abcdefgh>-<efghijkl>"))
	assert.Equal(t, "<***gX", m.Hide("<abcdefgX"))
}

func TestHideJSON(t *testing.T) {
	m := NewMask([]string{"123456", `xx","yy`, "value-1"})
	for _, c := range []struct{ data, want string }{
		{``, ``},
		{`null`, `null`},
		{`{"a":"value-1","b":["value-1",1]}`, `{"a":"***","b":["***",1]}`},
		{`{"value-1":1}`, `{"***":1}`},
		{`123456`, `"***"`},
		{`{"n":123456}`, `"{\"n\":***}"`},
		{`["xx","yy"]`, `["***"]`},
	} {
		got := m.HideJSON(json.RawMessage(c.data))
		assert.Equal(t, c.want, string(got))
		assert.True(t, len(got) == 0 || json.Valid(got))
	}
	assert.Equal(t, `"value-1"`, string((*Mask)(nil).HideJSON(json.RawMessage(`"value-1"`))))
}

// Whatever is around them and beside them, values and their forms are found.
func TestHideFindsEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab+/ \"\\\n%é-_."[r.IntN(13)]
		}
		return strings.ToValidUTF8(string(b), "é")
	}
	for round := range 500 {
		var values []string
		for range 1 + r.IntN(4) {
			values = append(values, random(MinMasked+r.IntN(100)))
		}
		m := NewMask(values)
		before, after := random(r.IntN(20)), random(r.IntN(20))
		for _, value := range values {
			value = strings.TrimSpace(value)
			if len(value) < MinMasked {
				continue
			}
			quoted, err := json.Marshal(before + value + after)
			require.NoError(t, err)
			for form, text := range map[string]string{
				"plain": before + value + after, "JSON": string(quoted), "query": url.QueryEscape(before + value + after),
				"base64": base64.StdEncoding.EncodeToString([]byte(before + value + after)), "hexadecimal": hex.EncodeToString([]byte(before + value + after)),
			} {
				hidden := m.Hide(text)
				require.Contains(t, hidden, Masked, "round %d: %s of %q in %q", round, form, value, text)
				for _, of := range forms(value) {
					if len(of) >= MinMasked {
						require.NotContains(t, hidden, of, "round %d: %s of %q in %q", round, form, value, text)
					}
				}
			}
		}
	}
}

// numbered are many lines that begin alike.
func numbered(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("AAAAAA%010d", i)
	}
	return lines
}

// Texts that begin alike are found as if there were one alone.
func TestHideOfMuchThatBeginsAlike(t *testing.T) {
	lines := strings.Join(numbered(3855), "\n")
	long := "AAAAAA" + strings.Repeat("b", 2*longText)
	m := NewMask([]string{lines, "AAAAAA", "AAAAAAc", "AAAAAAcd", "AAAAAAcde-f", long + "1", long + "2"})
	for _, c := range []struct{ text, want string }{
		{"AAAAAA0000000000", "***"},
		{"<AAAAAA0000001234>", "<***>"},
		{"AAAAAA0000003854", "***"},
		{"AAAAAA0000003855", "***0000003855"},
		{"AAAAA0000000001", "AAAAA0000000001"},
		{"AAAAAAcx", "***x"},
		{"AAAAAAcdx", "***x"},
		{"AAAAAAcde-x", "***e-x"},
		{"AAAAAAcde-f", "***"},
		{"AAAAAAz", "***z"},
		{long + "0", "***0"},
		{long + "3", "***3"},
		{long[:longText] + "3", "***3"},
		{long[:longText-1] + "3", "***" + long[6:longText-1] + "3"},
	} {
		assert.Equal(t, c.want, m.Hide(c.text), c.text)
	}
}

// What is found is what trying every text finds.
func TestMatchAsOneByOne(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := func(n int) string {
		b := []byte("AAAAAA")
		for range n {
			b = append(b, "aaaaaaaab"[r.IntN(9)])
		}
		return string(b)
	}
	for range 300 {
		var values []string
		for range 1 + r.IntN(40) {
			values = append(values, random(r.IntN(100)))
		}
		m := NewMask(values)
		for range 50 {
			text, want := random(r.IntN(120)), 0
			for _, known := range m.texts["AAAAAA"] {
				if n := commonPrefix(text, known.text); n == len(known.text) || n >= longText {
					want = max(want, n)
				}
			}
			got, _ := m.match(text)
			require.Equal(t, want, got, "%q in %q", text, values)
		}
	}
}

// However many texts begin alike, few are looked at for each position.
func TestHideLooksAtFew(t *testing.T) {
	const positions = 10_000
	nested := make([]string, 0, 300) // each of which begins with the one before
	for n := 16; n < 316; n++ {
		nested = append(nested, strings.Repeat("A", n))
	}
	for _, c := range []struct {
		name, text string
		values     []string
		most       int // for each position
	}{
		{"lines of a value", strings.Repeat("AAAAAA0", positions), []string{strings.Join(numbered(3855), "\n")}, 15},
		{"many values", strings.Repeat("AAAAAA0", positions), numbered(10_000), 17},
		{"nested ones", strings.Repeat("AAAAAAAAAAAAAAAAb", positions), []string{strings.Join(nested, "\n")}, 12 * 2 * 6},
		{"nested ones, long", strings.Repeat("A", positions), []string{strings.Join(nested, "\n")}, 1},
	} {
		_, looked := NewMask(c.values).hide(c.text)
		assert.Positive(t, looked, c.name)
		assert.LessOrEqual(t, looked, c.most*positions, c.name)
	}
}

// Each text is held once.
func TestMaskHoldsEachOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		want   []string
	}{
		{"the same value", []string{"      value-1", "value-1"}, []string{"value-1"}},
		{"lines that are alike", []string{strings.Repeat("AAAAAA0000000001\n", 1000)}, []string{"AAAAAA0000000001"}},
	} {
		m, times := NewMask(c.values), map[string]int{}
		for _, texts := range m.texts {
			for _, known := range texts {
				times[known.text]++
			}
		}
		for text, n := range times {
			assert.Equal(t, 1, n, "%s: %.40q", c.name, text)
		}
		for _, text := range c.want {
			assert.Contains(t, times, text, c.name)
		}
	}
}

// The cache counts what is really held, and no more of it when it is gone.
func TestCacheCountsMasks(t *testing.T) {
	for _, c := range []struct {
		name  string
		text  string
		least int // bytes of the mask for each of the value
	}{
		{"short", strings.Repeat("\"é+", 1000), 15},
		{"long", strings.Repeat("x", 64<<10), 1},
		{"lines", strings.Join(numbered(3855), "\n"), 3},
		{"nothing to mask", "", 0},
	} {
		cache := newCache()
		get := func() *app {
			a, err := cache.get("a", func() (*app, error) { return &app{values: map[string]value{"v": {text: c.text}}}, nil })
			require.NoError(t, err)
			return a
		}
		a := get()
		assert.Equal(t, len("v")+len(c.text), cache.bytes, c.name)
		for range 2 {
			m := cache.mask("a", a)
			assert.Equal(t, len("v")+len(c.text)+m.bytes(), cache.bytes, c.name)
			assert.GreaterOrEqual(t, m.bytes(), c.least*len(c.text), c.name)
		}
		cache.forget("a")
		assert.Zero(t, cache.bytes, c.name)
		unkept := &app{values: a.values}
		cache.mask("a", unkept)
		assert.Zero(t, cache.bytes, "%s: it is not kept", c.name)
	}
}

// What an execution's log costs: 200 bytes of message, as most lines have.
func BenchmarkHide(b *testing.B) {
	line := strings.Repeat("GET /orders/8812 of customer 4711 took 12 ms; ", 5)[:200]
	for _, n := range []int{0, 1, 256} {
		var values []string
		for i := range n {
			values = append(values, fmt.Sprintf("sk_live_%032d", i))
		}
		m := NewMask(values)
		b.Run(fmt.Sprint(n, " secrets"), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(line)))
			for range b.N {
				m.Hide(line)
			}
		})
	}
}
