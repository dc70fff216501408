package sdk

import "github.com/picloud/picloud/guest-sdk/internal/wire"

// Value is a value as scripts, plugins and the stores exchange it: null, a bool, an integer of 64
// bits, a float, a string, a blob, an array or a map with string keys. It is kept as JSON until
// [Value.Decode] makes a Go value of it; a field of this type is for what a plugin does not want to
// look into. The zero Value is null.
//
//	value    Go, as Any returns it    JSON
//	null     nil                      null
//	bool     bool                     true
//	integer  int64                    12
//	float    float64                  12.0
//	string   string                   "twelve"
//	blob     []byte                   {"$blob":"<base64>"}
//	array    []any                    []
//	map      map[string]any           {}
//
// Other Go types are written as encoding/json/v2 does: fields of structs under the names of their
// json tags, compared exactly; time.Time in RFC 3339; nil slices and maps as empty ones. []byte is
// a blob, and also reads the bytes of a string. Types derived from float64 and []byte are not known
// as such: their whole numbers become integers, their bytes a string in base64.
type Value []byte

// ValueOf returns a Go value as a Value. The error names the path to what cannot be one: functions,
// channels, NaN, unsigned integers beyond 63 bits, strings that are not UTF-8.
func ValueOf(v any) (Value, error) { return wire.Marshal(v) }

// Decode stores the value in what target points to, which must not be nil. Keys without a field are
// ignored. The error names the path to a value that does not fit.
func (v Value) Decode(target any) error {
	if len(v) == 0 {
		v = null
	}
	return wire.Unmarshal(v, target)
}

// As returns the value as a T.
func As[T any](v Value) (T, error) {
	var t T
	err := v.Decode(&t)
	return t, err
}

// Any returns the value in the Go type that the table of [Value] names, nil for what is not JSON.
func (v Value) Any() any {
	a, err := As[any](v)
	if err != nil {
		return nil
	}
	return a
}

// IsNull reports whether the value is null or empty.
func (v Value) IsNull() bool { return len(v) == 0 || string(v) == string(null) }

// String returns the value as JSON.
func (v Value) String() string {
	if len(v) == 0 {
		v = null
	}
	return string(v)
}

// MarshalJSON returns the value as it is.
func (v Value) MarshalJSON() ([]byte, error) {
	if len(v) == 0 {
		return null, nil
	}
	return v, nil
}

// UnmarshalJSON keeps the text.
func (v *Value) UnmarshalJSON(text []byte) error {
	*v = append((*v)[:0], text...)
	return nil
}

var null = Value("null")
