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
