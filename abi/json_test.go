package abi

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
)

// value encodes a Go value as a script's value would be.
func value(t testing.TB, v any) msgp.Raw {
	t.Helper()
	b, err := msgp.AppendIntf(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// entries encodes a map in the given order of keys.
func entries(t testing.TB, pairs ...any) msgp.Raw {
	t.Helper()
	b := msgp.AppendMapHeader(nil, uint32(len(pairs)/2))
	for i := 0; i < len(pairs); i += 2 {
		b = msgp.AppendString(b, pairs[i].(string))
		if raw, ok := pairs[i+1].(msgp.Raw); ok {
			b = append(b, raw...)
			continue
		}
		b = append(b, value(t, pairs[i+1])...)
	}
	return b
}

func TestJSONRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name  string
		value msgp.Raw
		json  string
	}{
		{"unit", value(t, nil), `null`},
		{"true", value(t, true), `true`},
		{"smallest integer", value(t, int64(math.MinInt64)), `-9223372036854775808`},
		{"largest integer", value(t, int64(math.MaxInt64)), `9223372036854775807`},
		{"float", value(t, 1.5), `1.5`},
		{"whole float stays a float", value(t, 3.0), `3.0`},
		{"negative zero", value(t, math.Copysign(0, -1)), `-0.0`},
		{"large float", value(t, 1e300), `1e+300`},
		{"small float", value(t, 5e-324), `5e-324`},
		{"string", value(t, "a\"b\\c\n\t\r\x00é\u2028😀"), `"a\"b\\c\n\t\r\u0000é` + "\u2028" + `😀"`},
		{"long string", value(t, strings.Repeat("é", 300)), `"` + strings.Repeat("é", 300) + `"`},
		{"blob", value(t, []byte{0, 255, 1}), `{"$blob":"AP8B"}`},
		{"empty blob", value(t, []byte{}), `{"$blob":""}`},
		{"empty array", msgp.AppendArrayHeader(nil, 0), `[]`},
		{"empty map", msgp.AppendMapHeader(nil, 0), `{}`},
		{"order of keys", entries(t, "z", int64(1), "a", value(t, []any{nil, "x"}), "m", true), `{"z":1,"a":[null,"x"],"m":true}`},
		{"a map with $blob and more", entries(t, "$blob", "AP8B", "x", int64(1)), `{"$blob":"AP8B","x":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendJSON(nil, c.value)
			if err != nil || string(got) != c.json {
				t.Fatalf("AppendJSON = %s, %v; want %s", got, err, c.json)
			}
			if !json.Valid(got) {
				t.Fatalf("%s is not valid JSON", got)
			}
			back, err := AppendFromJSON(nil, got)
			if err != nil {
				t.Fatal(err)
			}
			again, err := AppendJSON(nil, back)
			if err != nil || string(again) != c.json {
				t.Fatalf("there and back: %s, %v; want %s", again, err, c.json)
			}
		})
	}
}

func TestAppendJSONRefuses(t *testing.T) {
	deep := value(t, int64(1))
	for range MaxValueDepth + 1 {
		deep = append(msgp.AppendArrayHeader(nil, 1), deep...)
	}
	for _, c := range []struct {
		name, path, says string
		value            msgp.Raw
	}{
		{"NaN", "", "NaN", value(t, math.NaN())},
		{"infinity in a map", "items[1].price", "-Inf", entries(t, "items", value(t, []any{int64(1), map[string]any{"price": math.Inf(-1)}}))},
		{"timestamp", "at", "timestamp", entries(t, "at", msgp.Raw(msgp.AppendTime(nil, time.Now())))},
		{"nested arrays", "m[0][0]", "+Inf", entries(t, "m", value(t, []any{[]any{math.Inf(1)}}))},
		{"too deep", strings.Repeat("[0]", MaxValueDepth+1), "128 levels", deep},
		{"key that is no string", "", "malformed", msgp.AppendNil(msgp.AppendInt(msgp.AppendMapHeader(nil, 1), 1))},
		{"cut off", "", "malformed", value(t, "abc")[:2]},
		{"something behind", "", "malformed", append(value(t, "abc"), 0xc0)},
		{"nothing", "", "malformed", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := AppendJSON(nil, c.value)
			var wrong *ValueError
			if !errors.As(err, &wrong) || wrong.Path != c.path || !strings.Contains(wrong.Reason, c.says) {
				t.Fatalf("got %+v, want path %q and a reason with %q", err, c.path, c.says)
			}
		})
	}
}

func TestAppendFromJSON(t *testing.T) {
	for _, c := range []struct {
		json string
		want any
	}{
		{` [ 1 , -2.5e3 , "x" ] `, []any{int64(1), -2500.0, "x"}},
		{`9223372036854775808`, 9223372036854775808.0},
		{`-0`, math.Copysign(0, -1)},
		{`"\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\"`, "é😀/\b\f\n\r\t\"\\"},
		{`"\ud83d"`, "\uFFFD"},
		{`"\ud83dx\udc00"`, "\uFFFDx\uFFFD"},
		{`{"$blob":"aGk="}`, []byte("hi")},
		{`{"$blob":"not base64"}`, map[string]any{"$blob": "not base64"}},
		{`{"$blob":"001="}`, map[string]any{"$blob": "001="}},
		{`{"$blob":7}`, map[string]any{"$blob": int64(7)}},
		{`{"a":{"b":[]},"c":null}`, map[string]any{"a": map[string]any{"b": []any{}}, "c": nil}},
	} {
		raw, err := AppendFromJSON(nil, []byte(c.json))
		if err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		got, rest, err := msgp.ReadIntfBytes(raw)
		if err != nil || len(rest) > 0 || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %#v (%v, %d bytes left), want %#v", c.json, got, err, len(rest), c.want)
		}
	}
}

func TestAppendFromJSONRefuses(t *testing.T) {
	for _, c := range []struct {
		json   string
		offset int
		says   string
	}{
		{``, 0, "end"},
		{`  `, 2, "end"},
		{`nul`, 0, "'n'"},
		{`[1,]`, 3, "']'"},
		{`[1 2]`, 3, "expected , or ]"},
		{`{"a":1,}`, 7, "key"},
		{`{a:1}`, 1, "key"},
		{`{"a" 1}`, 5, "expected :"},
		{`{"a":1 "b":2}`, 7, "expected , or }"},
		{`01`, 1, "'1'"},
		{`-`, 1, "digit"},
		{`1.`, 2, "digit"},
		{`1e`, 2, "digit"},
		{`1e999`, 0, "range"},
		{`+1`, 0, "'+'"},
		{`NaN`, 0, "'N'"},
		{`"a`, 2, "end in a string"},
		{`"a\`, 2, "end in a string"},
		{`"\x"`, 1, "escape"},
		{`"\u12g4"`, 1, "escape"},
		{"\"a\nb\"", 2, "control"},
		{"\"\xff\"", 1, "UTF-8"},
		{`1 1`, 2, "'1'"},
		{strings.Repeat("[", MaxValueDepth+2), MaxValueDepth + 1, "128 levels"},
	} {
		_, err := AppendFromJSON(nil, []byte(c.json))
		var wrong *JSONError
		if !errors.As(err, &wrong) || wrong.Offset != c.offset || !strings.Contains(wrong.Reason, c.says) {
			t.Errorf("%.20q: got %v, want byte %d and %q", c.json, err, c.offset, c.says)
		}
	}
}

// FuzzJSON holds the parser against Go's: the same texts are JSON, and they
// have the same value.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5,"x\u00e9",null,true],"$blob":"aGk="}`, `[1e3,0.1,-0]`, `"\ud83d\ude00"`, `{"$blob":"aGk="}`, ` [ ] `, `{"$blob":"001="}`, `{"$blob":"aGk=\n"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		raw, err := AppendFromJSON(nil, text)
		if err != nil {
			var wrong *JSONError
			if !errors.As(err, &wrong) {
				t.Fatalf("the error is a %T", err)
			}
			valid := json.Valid(text) && bytes.Equal(text, bytes.ToValidUTF8(text, nil))
			if valid && !strings.Contains(wrong.Reason, "levels") && !strings.Contains(wrong.Reason, "range") {
				t.Fatalf("%q is valid JSON: %v", text, err)
			}
			return
		}
		out, err := AppendJSON(nil, raw)
		if err != nil {
			t.Fatalf("%q: its value cannot be written: %v", text, err)
		}
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q is not JSON: %v", text, err)
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q", text, out)
		}
	})
}

// FuzzAppendJSON: no bytes that claim to be a value crash the writer, and what
// it writes is JSON.
func FuzzAppendJSON(f *testing.F) {
	f.Add([]byte(entries(f, "a", []any{1, "x", nil})))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if out, err := AppendJSON(nil, raw); err == nil && !json.Valid(out) {
			t.Fatalf("%x became %q", raw, out)
		}
		_, _ = NewResponse(raw)
	})
}

func BenchmarkJSON(b *testing.B) {
	var items []any
	for i := range 1000 {
		items = append(items, map[string]any{"id": int64(i), "name": "item", "price": 1.25, "tags": []any{"a", "b"}})
	}
	raw := value(b, items)
	text, err := AppendJSON(nil, raw)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			text, _ = AppendJSON(text[:0], raw)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			raw, _ = AppendFromJSON(raw[:0], text)
		}
	})
}

func TestAppendFromJSONUntil(t *testing.T) {
	for name, text := range map[string]string{
		"a long string":      `"` + strings.Repeat("x", 100_000) + `"`,
		"accents":            `"` + strings.Repeat("é", 50_000) + `"`,
		"many values":        `[` + strings.Repeat(`12,`, 50_000) + `1]`,
		"many small objects": `[` + strings.Repeat(`{"a":1},`, 20_000) + `{}]`,
	} {
		t.Run(name, func(t *testing.T) {
			want, err := AppendFromJSON(nil, []byte(text))
			require.NoError(t, err)
			asked := 0
			got, err := AppendFromJSONUntil(nil, []byte(text), func() bool { asked++; return false })
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.Greater(t, asked, len(text)/10_000)
			_, err = AppendFromJSONUntil(nil, []byte(text), func() bool { asked--; return asked == 5 })
			assert.ErrorIs(t, err, ErrStopped)
		})
	}
}
