package kv

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// Value is a value as somebody gives it: as JSON or as a guest's MessagePack. The service reads it
// once, when it makes of it the JSON that is kept.
type Value struct {
	encoded []byte
	form    form
}

type form int

const (
	inJSON form = iota
	inMessagePack
)

// JSON is a value as a text of JSON, which is kept as it is but for the space around it.
func JSON(text []byte) Value { return Value{text, inJSON} }

// MessagePack is a value as a guest writes it. Nothing stands for unit, which is how msgp reads it.
func MessagePack(value msgp.Raw) Value { return Value{value, inMessagePack} }

// read returns the JSON that is kept. What cannot be kept is refused, with the place in the field.
func (v Value) read(field string) (json.RawMessage, error) {
	text := json.RawMessage("null")
	if v.form == inJSON {
		text = bytes.Trim(v.encoded, " \t\r\n")
	} else if len(v.encoded) > 0 {
		// No value is five times as long in MessagePack as in JSON.
		if len(v.encoded) > 5*MaxValueBytes {
			return nil, fault.Refuse(field, "must be at most %d bytes of JSON, got more", MaxValueBytes)
		}
		var err error
		if text, err = abi.AppendJSON(make([]byte, 0, len(v.encoded)+len(v.encoded)/2), v.encoded); err != nil {
			return nil, fault.RefuseWithin(field, err)
		}
	}
	if len(text) > MaxValueBytes {
		return nil, fault.Refuse(field, "must be at most %d bytes of JSON, got %d", MaxValueBytes, len(text))
	}
	if v.form == inJSON {
		if _, err := abi.AppendFromJSON(make([]byte, 0, len(text)), text); err != nil {
			return nil, fault.Refuse(field, "%v", err)
		}
	}
	return text, nil
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }

// add adds to the value of a key, nil if it is missing, and returns the sum also as a value.
func add(key string, value json.RawMessage, by int64) (int64, json.RawMessage, error) {
	present := int64(0)
	if value != nil {
		var err error
		// Of what is JSON this takes the integers, and -0, which is a float.
		if present, err = strconv.ParseInt(string(value), 10, 64); err != nil || string(value) == "-0" {
			return 0, nil, fault.Refuse("key", "%q holds %s, not an integer of 64 bits", key, kind(value))
		}
	}
	sum := present + by
	if (sum < present) != (by < 0) {
		return 0, nil, fault.Refuse("by", "%d + %d does not fit into 64 bits", present, by)
	}
	return sum, strconv.AppendInt(nil, sum, 10), nil
}

// kind describes a value for an error.
func kind(value json.RawMessage) string {
	switch value[0] {
	case '"':
		return "a string"
	case '[':
		return "an array"
	case '{':
		return "a map or blob"
	case 't', 'f':
		return "a bool"
	case 'n':
		return "unit"
	default:
		return "a float"
	}
}

// same reports whether two JSON texts are the same value to a script.
func same(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) || bytes.Equal(canonical(a), canonical(b))
}

// canonical makes one MessagePack of all the texts of a value. The text is JSON.
func canonical(text json.RawMessage) []byte {
	value, err := abi.AppendFromJSON(nil, text)
	if err != nil {
		return nil // never: it was checked when it came
	}
	out, _ := appendSorted(make([]byte, 0, len(value)), value)
	return out
}

// appendSorted appends the first value in b with the keys of all maps in their order, and returns
// what follows it. AppendFromJSON writes everything else in one way only. Of two equal keys the
// last counts.
func appendSorted(dst, b []byte) (out, rest []byte) {
	switch msgp.NextType(b) {
	case msgp.ArrayType:
		n, rest, _ := msgp.ReadArrayHeaderBytes(b)
		dst = msgp.AppendArrayHeader(dst, n)
		for range n {
			dst, rest = appendSorted(dst, rest)
		}
		return dst, rest
	case msgp.MapType:
		n, rest, _ := msgp.ReadMapHeaderBytes(b)
		type entry struct{ key, value []byte }
		entries := make([]entry, n)
		for i := range entries {
			entries[i].key, rest, _ = msgp.ReadStringZC(rest)
			entries[i].value, rest = appendSorted(nil, rest)
		}
		slices.Reverse(entries)
		slices.SortStableFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
		entries = slices.CompactFunc(entries, func(a, b entry) bool { return bytes.Equal(a.key, b.key) })
		dst = msgp.AppendMapHeader(dst, uint32(len(entries)))
		for _, e := range entries {
			dst = append(msgp.AppendStringFromBytes(dst, e.key), e.value...)
		}
		return dst, rest
	default:
		rest, err := msgp.Skip(b)
		if err != nil {
			return dst, nil
		}
		return append(dst, b[:len(b)-len(rest)]...), rest
	}
}
