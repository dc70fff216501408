package kv

import (
	"encoding/json"
	"testing"

	"github.com/picloud/picloud/abi"
)

// A value is the same after the way to a script and back.
func FuzzSame(f *testing.F) {
	for _, text := range []string{`{"b":1,"a":[{"y":-0.0,"x":1e2}]}`, `{"a":1,"a":2}`, `{"$blob":"AA=="}`, `{"$blob":"AA=="," b":"\ud83e\udd80"}`, `[[],{}]`, `1e400`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := JSON(text).read("value")
		if err != nil {
			return
		}
		wire, err := abi.AppendFromJSON(nil, value)
		if err != nil {
			t.Fatal(err)
		}
		back, err := MessagePack(wire).read("value")
		if len(wire) < MaxValueBytes/6 && err != nil {
			t.Fatal(err)
		}
		if err != nil {
			return // it became too long
		}
		// What comes from a guest is not read again: it must be what JSON would be let in for.
		if again, err := JSON(back).read("value"); err != nil || string(again) != string(back) {
			t.Errorf("%q is refused: %v", back, err)
		}
		if !same(value, back) || !same(back, value) {
			t.Errorf("%q is not the same as %q", value, back)
		}
		if nested := json.RawMessage("[" + string(value) + "]"); same(value, nested) {
			t.Errorf("%q is the same as %q", value, nested)
		}
	})
}
