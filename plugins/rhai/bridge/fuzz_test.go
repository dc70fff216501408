package bridge

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// FuzzDecode reads hostile messages. What can be read must come back the same after writing it.
func FuzzDecode(f *testing.F) {
	m := vm.NewMap(2)
	m.Set("list", vm.NewArray([]vm.Value{vm.Int(-1), vm.Int(1 << 62), vm.Float(1.5), vm.Bool(true), vm.Unit}))
	m.Set("blob", vm.NewBlob([]byte{0, 255}))
	m.Set("é", vm.String("∈\x00"))
	message, err := Encode(nil, vm.NewMapValue(m))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add(bytes.Repeat([]byte{0x91}, 100))                      // arrays of one, nested
	f.Add(bytes.Repeat([]byte{0x81, 0xa0}, 100))                // maps of one, nested
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})                 // an array of 4 Gi items, it claims
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff, 0xa0})           // a map that does
	f.Add([]byte{0xc6, 0xff, 0xff, 0xff, 0xff})                 // bytes that do
	f.Add([]byte{0xcf, 255, 255, 255, 255, 255, 255, 255, 255}) // an integer of 64 bits, unsigned
	f.Add([]byte{0xc7, 12, 0xff, 0, 0, 0, 0})                   // an extension
	f.Add([]byte{0xa2, 0xff, 0xfe})                             // a string that is not UTF-8
	f.Add([]byte{0x81, 0xa1, 0x81, 0xc0})                       // a key that is not
	f.Fuzz(func(t *testing.T, message []byte) {
		v, rest, err := Decode(message)
		if err != nil {
			return
		}
		if len(rest) >= len(message) {
			t.Fatalf("nothing was read of %x", message)
		}
		checkText(t, v)
		again, verr := Encode(nil, v)
		if verr != nil {
			// Not a number, and infinities.
			if !bytes.ContainsAny(message, "\xca\xcb") {
				t.Fatalf("%x was read and cannot be written: %v", message, verr)
			}
			return
		}
		w, rest, err := Decode(again)
		if err != nil || len(rest) > 0 {
			t.Fatalf("%x was written as %x, which does not read: %v", message, again, err)
		}
		third, _ := Encode(nil, w)
		if !bytes.Equal(again, third) {
			t.Fatalf("%x reads and writes as %x", again, third)
		}
		if _, err := msgp.Skip(again); err != nil {
			t.Fatalf("%x is no MessagePack: %v", again, err)
		}
	})
}

// checkText fails if a string in v is not UTF-8.
func checkText(t *testing.T, v vm.Value) {
	t.Helper()
	switch v.Kind() {
	case vm.KindString:
		if !utf8.ValidString(v.AsString()) {
			t.Errorf("a string is not UTF-8: %q", v.AsString())
		}
	case vm.KindArray:
		for _, item := range v.AsArray().Items {
			checkText(t, item)
		}
	case vm.KindMap:
		for _, n := range v.AsMap().Order() {
			key, item := v.AsMap().Entry(n)
			if !utf8.ValidString(key) {
				t.Errorf("a key is not UTF-8: %q", key)
			}
			checkText(t, *item)
		}
	}
}
