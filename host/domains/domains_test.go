package domains

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func TestParseClaim(t *testing.T) {
	for text, want := range map[string]string{
		"example.com":                   "example.com",
		"API.Example.COM.":              "api.example.com",
		"*.Example.com":                 "*.example.com",
		"*.a.b.c.example.com.":          "*.a.b.c.example.com",
		"münchen.de":                    "xn--mnchen-3ya.de",
		"MÜNCHEN.DE":                    "xn--mnchen-3ya.de",
		"*.mu\u0308nchen.de":            "*.xn--mnchen-3ya.de", // the same, in another normal form
		"faß.de":                        "xn--fa-hia.de",       // not fass.de
		"日本。jp":                         "xn--wgv71a.jp",
		"ｅｘａｍｐｌｅ.com":                   "example.com",
		"xn--mnchen-3ya.de":             "xn--mnchen-3ya.de",
		"_acme.example.com":             "_acme.example.com",
		"localhost":                     "localhost",
		"*.localhost":                   "*.localhost",
		"*.dev.internal":                "*.dev.internal",
		"1.2.3.4.example":               "1.2.3.4.example",
		"r3---sn.example":               "r3---sn.example",
		strings.Repeat("a", 63) + ".de": strings.Repeat("a", 63) + ".de",
	} {
		got, err := ParseClaim(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		again, err := ParseClaim(got)
		assert.NoError(t, err)
		assert.Equal(t, got, again, "what is kept is read as it is")
	}
	for text, says := range map[string]string{
		"":                               "labels",
		".":                              "labels",
		"a..com":                         "labels",
		".a.com":                         "labels",
		"-a.com":                         "labels",
		"a-.com":                         "labels",
		strings.Repeat("a", 64) + ".de":  "labels",
		strings.Repeat("a.", 127) + "de": "253 bytes",
		strings.Repeat("a", MaxBytes+1):  "1024 bytes",
		"*":                              "first label",
		"*.":                             "labels",
		"**.a.com":                       "first label",
		"a*.com":                         "first label",
		"*.*.com":                        "first label",
		"a.com:80":                       "port",
		"http://a.com":                   "port",
		"a.com/x":                        "letters",
		"a b.com":                        "letters",
		"a\x00.com":                      "letters",
		"a\xff.com":                      "UTF-8",
		"xn--a.com":                      "letters", // which stands for nothing
		"*.com":                          "top-level",
		"*.de.":                          "top-level",
		"127.0.0.1":                      "address",
		"127.1":                          "address",
		"0x7f.1":                         "address",
		"0x7f000001":                     "address",
		"2130706433":                     "address",
		"１２７.0.0.1":                      "address",
		"*.0.0.1":                        "address",
		"[::1]":                          "address",
		"::1":                            "port",
		"[::1":                           "IPv6",
		"[::1%25eth0]":                   "IPv6",
	} {
		_, err := ParseClaim(text)
		require.Equal(t, fault.Invalid, fault.Of(err), "%q", text)
		assert.Equal(t, "host", fault.From(err).Field)
		assert.Contains(t, err.Error(), says, "%q", text)
		assert.Less(t, len(err.Error()), 400)
	}
}

func TestClaims(t *testing.T) {
	var c Claims
	_, ok := c.Of("a.com")
	assert.False(t, ok)
	for id, host := range map[string]string{"1": "a.com", "2": "*.a.com", "3": "*.b.a.com", "4": "b.a.com"} {
		c.Add(store.Domain{ID: id, Host: host})
	}
	for host, want := range map[string][2]string{ // whose it is, and whose it is without its own
		"a.com":                             {"1", ""},
		"x.a.com":                           {"2", "2"},
		"y.x.a.com":                         {"2", "2"},
		"b.a.com":                           {"4", "2"},
		"x.b.a.com":                         {"3", "3"},
		"*.b.a.com":                         {"3", "2"},
		"*.x.b.a.com":                       {"3", "3"},
		"*.a.com":                           {"2", ""},
		"a.com.evil":                        {"", ""},
		"ba.com":                            {"", ""},
		"com":                               {"", ""},
		"":                                  {"", ""},
		".a.com":                            {"", ""},
		strings.Repeat("x.", 200) + "a.com": {"", ""},
	} {
		own, _ := c.Of(host)
		around, _ := c.Around(host)
		assert.Equal(t, want, [2]string{own.ID, around.ID}, host)
	}
	c.Add(store.Domain{ID: "5", Host: "b.a.com"}) // in the place of 4
	assert.Equal(t, 4, c.Len())
	c.Remove("4")
	own, _ := c.Of("b.a.com")
	assert.Equal(t, "5", own.ID)
	c.RemoveIf(func(d store.Domain) bool { return d.ID != "1" })
	assert.Equal(t, 1, c.Len())
	_, ok = c.Of("x.a.com")
	assert.False(t, ok)
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		name, other string
		want        bool
	}{
		{"a.com", "a.com", true}, {"a.com", "b.a.com", false}, {"*.a.com", "*.a.com", true}, {"*.a.com", "a.com", false},
		{"*.a.com", "b.a.com", true}, {"*.a.com", "*.b.a.com", true}, {"*.b.a.com", "*.a.com", false}, {"*.a.com", "ba.com", false},
	} {
		assert.Equal(t, c.want, Covers(c.name, c.other), "%+v", c)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"a.com", "*.münchen.de.", "[::1]", "xn--mnchen-3ya.de", "日本。jp", "a\u200db.com"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, wildcard, err := Parse(text)
		if err != nil {
			return
		}
		again, still, err := Parse(name)
		if err != nil || again != name || still != wildcard || len(name) > 255 {
			t.Fatalf("%q is %q, and that %q: %v", text, name, again, err)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	var c Claims
	for i := range 1000 {
		c.Add(store.Domain{ID: strings.Repeat("x", i), Host: "*." + strings.Repeat("x", 1+i%60) + ".example"})
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Of("www.some.host.of.example.com")
	}
}
