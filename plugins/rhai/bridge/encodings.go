package bridge

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

const hexDigits = "0123456789abcdef"

// registerEncodings adds base64 (RFC 4648) and hex. encode takes a string, whose UTF-8 is meant, or
// a blob and returns a string; decode returns a blob.
//
//	base64::encode, base64::decode           with + and /, padded; decode takes it unpadded, too
//	base64::encode_url, base64::decode_url   with - and _, not padded; decode takes it padded, too
//	hex::encode, hex::decode                 lower case; decode takes upper case, too
func registerEncodings(l *vm.Library) {
	encoder := func(encoding *base64.Encoding) vm.NativeFunc {
		return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			data := bytesOf(args[0])
			if err := makeString(t, encoding.EncodedLen(len(data))); err != nil {
				return vm.Unit, err
			}
			// Three bytes make four characters: all parts but the last have threes only.
			text := make([]byte, 0, encoding.EncodedLen(len(data)))
			err := inSteps(t, data, 6<<10, func(part []byte) { text = encoding.AppendEncode(text, part) })
			return vm.String(unsafe.String(unsafe.SliceData(text), len(text))), err
		}
	}
	decoder := func(name string, encoding *base64.Encoding) vm.NativeFunc {
		return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			text := args[0].AsString()
			for range 2 {
				text = strings.TrimSuffix(text, "=")
			}
			if err := makeBlob(t, encoding.DecodedLen(len(text))); err != nil {
				return vm.Unit, err
			}
			data, err := encoding.DecodeString(text)
			if err != nil {
				return vm.Unit, invalid(name, notEncoded(err, len(text)))
			}
			return vm.NewBlob(data), nil
		}
	}
	data := func(name string, f vm.NativeFunc) {
		l.Func(name, f, vm.KindString)
		l.Func(name, f, vm.KindBlob)
	}
	data("base64::encode", encoder(base64.StdEncoding))
	data("base64::encode_url", encoder(base64.RawURLEncoding))
	l.Func("base64::decode", decoder("base64::decode", base64.RawStdEncoding), vm.KindString)
	l.Func("base64::decode_url", decoder("base64::decode_url", base64.RawURLEncoding), vm.KindString)
	data("hex::encode", hexEncode)
	l.Func("hex::decode", hexDecode, vm.KindString)
}

// inSteps calls do for the parts of data, all but the last of step bytes. The script can be
// interrupted between them.
func inSteps[T []byte | string](t *vm.Thread, data T, step int, do func(part T)) *vm.Error {
	for len(data) > step {
		do(data[:step])
		data = data[step:]
		if err := t.Poll(); err != nil {
			return err
		}
	}
	do(data)
	return nil
}

// bytesOf returns the bytes of a blob, or of a string, to read.
func bytesOf(v vm.Value) []byte {
	if v.Kind() == vm.KindString {
		s := v.AsString()
		return unsafe.Slice(unsafe.StringData(s), len(s))
	}
	return v.AsBlob().Data
}

// makeString charges for making a string of n bytes, if it may be that long.
func makeString(t *vm.Thread, n int) *vm.Error {
	if err := t.CheckString(int64(n)); err != nil {
		return err
	}
	return t.Charge(int64(n) / bytesPerOperation)
}

// makeBlob does what makeString does, for a blob.
func makeBlob(t *vm.Thread, n int) *vm.Error {
	if err := t.CheckBlob(int64(n)); err != nil {
		return err
	}
	return t.Charge(int64(n) / bytesPerOperation)
}

// notEncoded says where a text is not base64.
func notEncoded(err error, length int) string {
	if at, ok := err.(base64.CorruptInputError); ok && int(at) < length && length%4 != 1 {
		return "invalid character at byte " + strconv.Itoa(int(at))
	}
	return "the text is incomplete"
}

func hexEncode(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	data := bytesOf(args[0])
	if err := makeString(t, 2*len(data)); err != nil {
		return vm.Unit, err
	}
	text := make([]byte, 0, 2*len(data))
	err := inSteps(t, data, meterStep, func(part []byte) { text = appendHex(text, part) })
	return vm.String(unsafe.String(unsafe.SliceData(text), len(text))), err
}

func hexText(data []byte) string { return string(appendHex(nil, data)) }

func appendHex(text, data []byte) []byte {
	for _, b := range data {
		text = append(text, hexDigits[b>>4], hexDigits[b&15])
	}
	return text
}

// hexValue returns the value of a hexadecimal digit, -1 if it is none.
func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func hexDecode(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text := args[0].AsString()
	if err := makeBlob(t, len(text)/2); err != nil {
		return vm.Unit, err
	}
	data := make([]byte, len(text)/2)
	for i := 0; i < len(text); i++ {
		n := hexValue(text[i])
		if n < 0 {
			return vm.Unit, invalid("hex::decode", "invalid character at byte "+strconv.Itoa(i))
		}
		if i/2 < len(data) {
			data[i/2] = data[i/2]<<4 | byte(n)
		}
	}
	if len(text)%2 != 0 {
		return vm.Unit, invalid("hex::decode", "the text has an odd number of digits")
	}
	return vm.NewBlob(data), nil
}
