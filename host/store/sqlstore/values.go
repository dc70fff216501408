package sqlstore

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/fault"
)

// newID makes an id, later ones ordered after earlier ones.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// cut makes a time as precise as the databases keep it.
func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// orNull is a time to store, with zero for none.
func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return cut(t)
}

// instant reads a time column: microseconds in SQLite, a time in PostgreSQL, NULL as zero.
type instant struct{ to *time.Time }

func (i instant) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*i.to = time.Time{}
	case int64:
		*i.to = time.UnixMicro(v).UTC()
	case time.Time:
		*i.to = v.UTC()
	default:
		return fmt.Errorf("a time column holds a %T", value)
	}
	return nil
}

// document reads a JSON column.
type document struct{ to any }

func (d document) Scan(value any) error {
	switch v := value.(type) {
	case string:
		return json.Unmarshal([]byte(v), d.to)
	case []byte:
		return json.Unmarshal(v, d.to)
	default:
		return fmt.Errorf("a JSON column holds a %T", value)
	}
}

// orNone reads a JSON column that may be NULL, which leaves what it points to as it is.
type orNone struct{ to any }

func (o orNone) Scan(value any) error {
	if value == nil {
		return nil
	}
	return document(o).Scan(value)
}

// encodeOrNull writes a JSON column that may be NULL, which nil is.
func encodeOrNull[T any](value *T) any {
	if value == nil {
		return nil
	}
	return encode(value)
}

// encode writes a JSON column.
func encode(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // limits and lists of strings always encode
	}
	return string(b)
}

// optional reads a text column with NULL as "".
type optional struct{ to *string }

func (o optional) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*o.to = ""
	case string:
		*o.to = v
	case []byte:
		*o.to = string(v)
	default:
		return fmt.Errorf("a text column holds a %T", value)
	}
	return nil
}

// textOrNull is a text to store, with "" for none.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// storable reports whether all texts among the arguments could be in a row.
func storable(args []any) bool {
	for _, arg := range args {
		if s, ok := arg.(string); ok && unstorable(s) != "" {
			return false
		}
	}
	return true
}

// unstorable says why no row can hold a text: PostgreSQL has neither NUL nor anything but UTF-8. ""
// if one can.
func unstorable(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return fmt.Sprintf("must not contain NUL (byte %d)", i)
	}
	if utf8.ValidString(s) {
		return ""
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return fmt.Sprintf("must be UTF-8 (byte %d is not)", i)
			}
		}
	}
	return "must be UTF-8"
}

// mended makes a text storable.
func mended(s string) string {
	if unstorable(s) == "" {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// field is a text of a row by the name callers know it by.
type field struct{ name, value string }

// check refuses the first of the fields that no row can hold.
func check(fields ...field) error {
	for _, f := range fields {
		if reason := unstorable(f.value); reason != "" {
			return fault.Refuse(f.name, "%s", reason)
		}
	}
	return nil
}

// require refuses a field that is empty or that no row can hold.
func require(fields ...field) error {
	for _, f := range fields {
		if f.value == "" {
			return fault.Refuse(f.name, "must not be empty")
		}
	}
	return check(fields...)
}
