package hostcalls

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// fields are those that the request of an operation has. The interpreter sends no
// others; a plugin sends whatever its author wrote, and msgp passes over fields
// that it does not know.
type fields struct {
	operation string
	list      []field
}

type field struct {
	name     string // of its msg tag
	is       fieldType
	optional bool    // may be nil
	items    *fields // of the maps in an array
}

// fieldType is what a field may hold, in the words of an error.
type fieldType string

const (
	isAny     fieldType = "any value"
	isBool    fieldType = "a bool"
	isInteger fieldType = "an integer"
	isString  fieldType = "a string"
	isBlob    fieldType = "a blob"
	isLists   fieldType = "a map of strings"
	isArray   fieldType = "an array of maps"
)

// fieldsOf reads the fields of a message type from its tags. It panics for a type
// that no message has had so far.
func fieldsOf(operation string, message reflect.Type) fields {
	f := fields{operation: operation}
	for i := range message.NumField() {
		of := message.Field(i)
		name, _, _ := strings.Cut(of.Tag.Get("msg"), ",")
		t := of.Type
		next := field{name: name, optional: t.Kind() == reflect.Pointer}
		if next.optional {
			t = t.Elem()
		}
		switch {
		case t == reflect.TypeFor[msgp.Raw]():
			next.is = isAny
		case t == reflect.TypeFor[[]byte]():
			next.is = isBlob
		case t == reflect.TypeFor[abi.Lists]():
			next.is = isLists
		case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
			items := fieldsOf(operation, t.Elem())
			next.is, next.items = isArray, &items
		case t.Kind() == reflect.Bool:
			next.is = isBool
		case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
			next.is = isInteger
		case t.Kind() == reflect.String:
			next.is = isString
		default:
			panic(fmt.Sprintf("hostcalls: %s of %s is a %s", name, operation, t))
		}
		f.list = append(f.list, next)
	}
	return f
}

// check refuses a message with a field that there is not or that holds something
// else than it may. The error is an [*abi.OpError].
func (f *fields) check(message []byte) error {
	rest, err := f.checkMap("", message)
	if err == nil && len(rest) > 0 {
		err = errMalformed
	}
	if err == nil {
		return nil
	}
	if _, refused := err.(*abi.OpError); refused {
		return err
	}
	return f.malformed()
}

// checkMap checks the map that b begins with and returns what follows it. Path leads to the map, and
// ends in a dot unless it is "". Any error but an [*abi.OpError] says that it is malformed.
func (f *fields) checkMap(path string, b []byte) (rest []byte, err error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	for ; n > 0 && err == nil; n-- {
		var key []byte
		if key, rest, err = msgp.ReadStringZC(rest); err != nil {
			break
		}
		known := f.find(key)
		if known == nil {
			return rest, f.refusal("unknown field %s; it takes %s", quoted(append([]byte(path), key...)), f.names())
		}
		value := rest
		if rest, err = msgp.Skip(rest); err != nil {
			break
		}
		if !known.holds(msgp.NextType(value)) {
			return rest, f.refusal("%s%s must be %s, got %s", path, known.name, known.is, describe(value))
		}
		switch known.is {
		case isLists:
			err = f.lists(known.name, value)
		case isArray:
			err = f.array(known, value)
		}
	}
	return rest, err
}

var errMalformed = errors.New("malformed")

func (f *fields) find(name []byte) *field {
	for i := range f.list {
		if f.list[i].name == string(name) {
			return &f.list[i]
		}
	}
	return nil
}

func (f *field) holds(t msgp.Type) bool {
	switch f.is {
	case isAny:
		return true
	case isBool:
		return t == msgp.BoolType || f.optional && t == msgp.NilType
	case isInteger:
		return t == msgp.IntType || t == msgp.UintType || f.optional && t == msgp.NilType
	case isString:
		return t == msgp.StrType || f.optional && t == msgp.NilType
	case isBlob:
		return t == msgp.BinType || f.optional && t == msgp.NilType
	case isArray:
		return t == msgp.ArrayType
	default:
		return t == msgp.MapType
	}
}

// lists checks a map whose values must be strings or arrays of them.
func (f *fields) lists(name string, value []byte) error {
	n, value, err := msgp.ReadMapHeaderBytes(value)
	for ; n > 0 && err == nil; n-- {
		var key []byte
		if key, value, err = msgp.ReadStringZC(value); err != nil {
			break
		}
		count := uint32(1)
		if msgp.NextType(value) == msgp.ArrayType {
			if count, value, err = msgp.ReadArrayHeaderBytes(value); err != nil {
				break
			}
		}
		for ; count > 0 && err == nil; count-- {
			if msgp.NextType(value) != msgp.StrType {
				return f.refusal("%s.%s must be a string or an array of them, got %s", name, shortened(key), describe(value))
			}
			value, err = msgp.Skip(value)
		}
	}
	if err != nil {
		return f.malformed()
	}
	return nil
}

// array checks an array of maps, of which there may be [abi.MaxPushMessages]: reading it allocates
// as many as its header claims.
func (f *fields) array(known *field, value []byte) error {
	n, value, err := msgp.ReadArrayHeaderBytes(value)
	if err == nil && n > abi.MaxPushMessages {
		return f.refusal("%s: must be 1 to %d, got %d", known.name, abi.MaxPushMessages, n)
	}
	for i := uint32(0); i < n && err == nil; i++ {
		path := known.name + "[" + strconv.FormatUint(uint64(i), 10) + "]"
		if msgp.NextType(value) != msgp.MapType {
			return f.refusal("%s must be a map, got %s", path, describe(value))
		}
		value, err = known.items.checkMap(path+".", value)
	}
	return err
}

func (f *fields) malformed() error { return f.refusal("malformed request") }

func (f *fields) refusal(format string, args ...any) error {
	return &abi.OpError{Code: abi.OpCodeInvalid, Message: f.operation + ": " + fmt.Sprintf(format, args...)}
}

func (f *fields) names() string {
	if len(f.list) == 0 {
		return "none"
	}
	names := make([]string, len(f.list))
	for i, known := range f.list {
		names[i] = known.name
	}
	return strings.Join(names, ", ")
}

// describe names the type of a value as plugins, in whatever language, know it.
func describe(value []byte) string {
	if msgp.IsNil(value) {
		return "null"
	}
	return abi.Describe(value)
}

// maxShownName is how many bytes of a name that does not exist an error repeats.
const maxShownName = 64

func shortened(name []byte) string {
	if len(name) <= maxShownName {
		return strings.ToValidUTF8(string(name), "\uFFFD")
	}
	return strings.ToValidUTF8(string(name[:maxShownName]), "") + "..."
}

func quoted(name []byte) string { return fmt.Sprintf("%q", shortened(name)) }
