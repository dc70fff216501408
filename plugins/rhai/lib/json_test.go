package lib

import (
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// parse runs parse_json(text).
func parse(tb testing.TB, text string) (vm.Value, *vm.Error) {
	tb.Helper()
	v, _, err := run(tb, "parse_json(text)", text, abi.Limits{MaxOperations: 50_000_000, MaxStringSize: 16 << 20})
	return v, err
}

// bothWays reads text by the direct reader, if that takes it, and by Rhai's parser,
// which a comment before the text enforces.
func bothWays(t *testing.T, text string) (direct bool) {
	t.Helper()
	r := jsonReader{text: text, maxString: 1 << 20, maxArray: 1 << 20, maxMap: 1 << 20}
	v, ok := r.document()
	if !ok {
		return false
	}
	w, err := parse(t, "/**/"+text)
	if err != nil {
		t.Fatalf("%q: the reader takes what Rhai does not: %v", text, err)
	}
	if got, want := vm.Debug(v), vm.Debug(w); got != want {
		t.Fatalf("%q\n got %s\nwant %s", text, got, want)
	}
	return true
}

// TestJSONReader: plain JSON is read directly, and as Rhai reads it.
func TestJSONReader(t *testing.T) {
	tests := []struct {
		text   string
		direct bool
	}{
		{`{}`, true},
		{` { "a" : [ 1 , -2.5e3 , true , false , null , "x" , { } ] } `, true},
		{"{\r\n\t\"a\": []}", true},
		{`{"a":1,}`, true},
		{`{"a":[1,2,],}`, true},
		{`{"":0,"é":"日本"}`, true},
		{`{"a":"\"\\\n\r\t\u00e9\u65e5"}`, true},
		{`{"a":9223372036854775807,"b":-9223372036854775808,"c":9223372036854775808,"d":-9223372036854775809}`, true},
		{`{"a":1e400,"b":-1e400,"c":1e-400,"d":0.1e1,"e":1E+2,"f":-0,"g":-0.0,"h":007}`, true},
		{`{"a":"tab	in"}`, true},
		{`{"a":1,"a":2}`, false},        // duplicate
		{`{"a":"\/"}`, false},           // an escape Rhai does not have
		{`{"a":"\ud83d\ude00"}`, false}, // surrogates
		{`{"a":"x""y"}`, false},         // a doubled quote stands for one
		{"{\"a\":\"x\ny\"}", false},
		{`{"a":1.}`, false},
		{`{"a":.5}`, false},
		{`{"a":+1}`, false},
		{`{"a":0x10}`, false},
		{`{"a":1_000}`, false},
		{`{"a":nul}`, false},
		{`{"a":null1}`, false},
		{`{"a":truer}`, false},
		{`{"a":1 2}`, false},
		{`{"a":1}}`, false},
		{`{"a":1`, false},
		{`{"a`, false},
		{`{"a":"\`, false},
		{`{"a":"\u12`, false},
		{`[1]`, false},
		{``, false},
		{`{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`, false},
	}
	for _, test := range tests {
		if got := bothWays(t, test.text); got != test.direct {
			t.Errorf("%q: read directly: %v, want %v", test.text, got, test.direct)
		}
	}
}

// TestJSONNesting: however deep the text, there is an error and no overflow of the stack.
func TestJSONNesting(t *testing.T) {
	for _, open := range []string{"[", `{"a":`, "-", "!", "("} {
		text := `{"a":` + strings.Repeat(open, 200_000)
		if _, err := parse(t, text); err == nil || err.Variant != vm.ErrorParsing {
			t.Errorf("%.20q...: got %v, want a parse error", text, err)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,-2.5e3,true,null,"x\n\u00e9"],}`, `{"a":{"b":{}}}`, `{"a":1e400}`, `{"a":"x""y"}`, `{"a": 1 + 2}`, "{`a`: 'c'}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bothWays(t, strings.ToValidUTF8(text, "\uFFFD"))
	})
}

func BenchmarkParseJSON(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"items": [`)
	for text.Len() < 100_000 {
		text.WriteString(`{"id": 12345, "name": "Some \"name\" of an item", "price": 19.99, "tags": ["a", "b", "c"], "active": true, "parent": null},`)
	}
	text.WriteString(`]}`)
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(b, text.String()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSONByRhai(b *testing.B) {
	text := `/**/{"items": [` + strings.Repeat(`{"id": 12345, "name": "Some \"name\"", "tags": ["a", "b"]},`, 1000) + `]}`
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := parse(b, text); err != nil {
			b.Fatal(err)
		}
	}
}
