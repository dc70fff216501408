package wire

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

type base struct {
	ID string `json:"id"`
}

type note struct {
	base
	Text string         `json:"text"`
	At   time.Time      `json:"at"`
	Tags []string       `json:"tags"`
	More map[string]any `json:"more,omitempty"`
	Data []byte         `json:"data,omitzero"`
	Next *note          `json:"next,omitempty"`
}

// What a Go value is on the wire, and what is read from there.
func TestMarshal(t *testing.T) {
	for _, c := range []struct {
		name string
		v    any
		json string
		any  any // as it is read again without a type
	}{
		{"null", nil, `null`, nil},
		{"bool", true, `true`, true},
		{"integer", 12, `12`, int64(12)},
		{"large integer", int64(math.MinInt64), `-9223372036854775808`, int64(math.MinInt64)},
		{"unsigned", uint64(math.MaxInt64), `9223372036854775807`, int64(math.MaxInt64)},
		{"whole float", 12.0, `12.0`, 12.0},
		{"float", -0.5, `-0.5`, -0.5},
		{"negative zero", math.Copysign(0, -1), `-0.0`, math.Copysign(0, -1)},
		{"large float", 1e300, `1e+300`, 1e300},
		{"small float", 5e-324, `5e-324`, 5e-324},
		{"float32", float32(0.1), `0.1`, 0.1},
		{"string", "é🦀\n", "\"é🦀\\n\"", "é🦀\n"},
		{"blob", []byte{0, 255}, `{"$blob":"AP8="}`, []byte{0, 255}},
		{"empty blob", []byte{}, `{"$blob":""}`, []byte{}},
		{"array", []any{1, "a", nil, []byte("b")}, `[1,"a",null,{"$blob":"Yg=="}]`, []any{int64(1), "a", nil, []byte("b")}},
		{"no array", []string(nil), `[]`, []any{}},
		{"map", map[string]any{"b": 1.0, "a": map[string]int{}}, `{"a":{},"b":1.0}`, map[string]any{"a": map[string]any{}, "b": 1.0}},
		{"almost a blob", map[string]any{"$blob": "not base64"}, `{"$blob":"not base64"}`, map[string]any{"$blob": "not base64"}},
		{
			"struct", note{base: base{"n"}, At: time.Unix(0, 500).UTC(), Data: []byte("x"), Next: &note{}},
			`{"id":"n","text":"","at":"1970-01-01T00:00:00.0000005Z","tags":[],"data":{"$blob":"eA=="},"next":{"id":"","text":"","at":"0001-01-01T00:00:00Z","tags":[]}}`,
			map[string]any{
				"id": "n", "text": "", "at": "1970-01-01T00:00:00.0000005Z", "tags": []any{}, "data": []byte("x"),
				"next": map[string]any{"id": "", "text": "", "at": "0001-01-01T00:00:00Z", "tags": []any{}},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := Marshal(c.v)
			require.NoError(t, err)
			assert.Equal(t, c.json, string(text))
			var back any
			require.NoError(t, Unmarshal(text, &back))
			assert.Equal(t, c.any, back)

			// The host takes it, and hands it back the same.
			value, err := abi.AppendFromJSON(nil, text)
			require.NoError(t, err)
			again, err := abi.AppendJSON(nil, value)
			require.NoError(t, err)
			back = nil
			require.NoError(t, Unmarshal(again, &back))
			assert.Equal(t, c.any, back)
		})
	}
}

func TestMarshalRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		v    any
		says []string
	}{
		{"function", map[string]any{"f": func() {}}, []string{"func()", "/f"}},
		{"NaN", []float64{1, math.NaN()}, []string{"NaN", "/1"}},
		{"infinity", math.Inf(1), []string{"+Inf"}},
		{"not UTF-8", map[string]string{"a": "\xff"}, []string{"UTF-8", "/a"}},
		{"too large", []uint64{math.MaxInt64 + 1}, []string{"9223372036854775808", "/0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Marshal(c.v)
			require.Error(t, err)
			for _, said := range c.says {
				assert.Contains(t, err.Error(), said)
			}
		})
	}
}

func TestUnmarshal(t *testing.T) {
	var n note
	require.NoError(t, Unmarshal([]byte(`{"id":"n","text":"t","at":"2020-01-02T03:04:05.6Z","tags":["a"],"more":{"i":9007199254740993,"f":1.0,"b":{"$blob":"eA=="}},"data":"text","unknown":{}}`), &n))
	assert.Equal(t, note{
		base: base{"n"}, Text: "t", At: time.Date(2020, 1, 2, 3, 4, 5, 6e8, time.UTC), Tags: []string{"a"},
		More: map[string]any{"i": int64(9007199254740993), "f": 1.0, "b": []byte("x")}, Data: []byte("text"),
	}, n)

	for _, c := range []struct {
		name, json string
		target     any
		says       []string
	}{
		{"another type", `{"tags":["a",5]}`, new(note), []string{"string", "/tags/1"}},
		{"no blob", `{"data":[1]}`, new(note), []string{"an array is not a blob", "/data"}},
		{"a map for a blob", `{"data":{"a":1}}`, new(note), []string{"must be a blob or a string", "/data"}},
		{"too large", `300`, new(uint8), []string{"uint8"}},
		{"a float for an integer", `1.5`, new(int), []string{"int"}},
		{"not JSON", `{"id":`, new(note), []string{"EOF"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Unmarshal([]byte(c.json), c.target)
			require.Error(t, err)
			for _, said := range c.says {
				assert.Contains(t, err.Error(), said)
			}
		})
	}
}
