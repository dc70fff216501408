// Package wire reads and writes the JSON between a plugin and the host: with
// go-json-experiment/json, and so that integers, floats and blobs stay what they are.
package wire

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Marshal returns v as JSON. Keys of maps are sorted.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, options) }

// Unmarshal stores JSON in what target points to. Keys without a field are passed over.
func Unmarshal(text []byte, target any) error { return json.Unmarshal(text, target, options) }

// A float has a point or an exponent on the wire, a blob is an object, and integers have 64 bits:
// what is a float, a blob or a large integer here is one for scripts too.
var options = json.JoinOptions(
	json.Deterministic(true),
	json.WithMarshalers(json.JoinMarshalers(
		json.MarshalToFunc(writeBlob),
		json.MarshalToFunc(func(out *jsontext.Encoder, f float64) error { return writeFloat(out, f, 64) }),
		json.MarshalToFunc(func(out *jsontext.Encoder, f float32) error { return writeFloat(out, float64(f), 32) }),
		json.MarshalToFunc(func(out *jsontext.Encoder, u uint64) error { return writeUint(out, u) }),
		json.MarshalToFunc(func(out *jsontext.Encoder, u uint) error { return writeUint(out, uint64(u)) }),
	)),
	json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(readBlob),
		json.UnmarshalFromFunc(readAny),
	)),
)

// blobKey is the only key of an object that stands for a blob, see package abi.
const blobKey = "$blob"

type blob struct {
	Data string `json:"$blob"`
}

func writeBlob(out *jsontext.Encoder, data []byte) error {
	return json.MarshalEncode(out, blob{base64.StdEncoding.EncodeToString(data)})
}

func writeFloat(out *jsontext.Encoder, f float64, bits int) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("must be a finite number, got " + strconv.FormatFloat(f, 'g', -1, bits))
	}
	format := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	text := strconv.FormatFloat(f, format, -1, bits)
	if format == 'f' && !strings.Contains(text, ".") {
		text += ".0"
	}
	return out.WriteValue(jsontext.Value(text))
}

func writeUint(out *jsontext.Encoder, u uint64) error {
	if u > math.MaxInt64 {
		return errors.New("must be at most " + strconv.FormatInt(math.MaxInt64, 10) + ", got " + strconv.FormatUint(u, 10))
	}
	return out.WriteToken(jsontext.Uint(u))
}

// readBlob reads a blob, or the bytes of a string.
func readBlob(in *jsontext.Decoder, target *[]byte) error {
	if in.PeekKind() == '[' {
		return errors.New("an array is not a blob")
	}
	var v any
	if err := json.UnmarshalDecode(in, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*target = nil
	case []byte:
		*target = v
	case string:
		*target = []byte(v)
	default:
		return errors.New("must be a blob or a string")
	}
	return nil
}

// readAny reads a value as nil, bool, int64, float64, string, []byte, []any or
// map[string]any.
func readAny(in *jsontext.Decoder, target *any) error {
	switch in.PeekKind() {
	case '0':
		number, err := in.ReadToken()
		if err != nil {
			return err
		}
		if i, err := strconv.ParseInt(number.String(), 10, 64); err == nil {
			*target = i
			return nil
		}
		*target, err = strconv.ParseFloat(number.String(), 64)
		return err
	case '{':
		object, err := readObject(in)
		if err != nil {
			return err
		}
		*target = object
		if text, ok := object[blobKey].(string); ok && len(object) == 1 {
			if data, err := base64.StdEncoding.DecodeString(text); err == nil {
				*target = data
			}
		}
		return nil
	}
	return errors.ErrUnsupported // as the library does it
}

func readObject(in *jsontext.Decoder) (map[string]any, error) {
	if _, err := in.ReadToken(); err != nil { // the brace
		return nil, err
	}
	object := map[string]any{}
	for in.PeekKind() != '}' {
		key, err := in.ReadToken()
		if err != nil {
			return nil, err
		}
		name := key.String() // before the token is overwritten
		var v any
		if err := json.UnmarshalDecode(in, &v); err != nil {
			return nil, err
		}
		object[name] = v
	}
	_, err := in.ReadToken()
	return object, err
}
