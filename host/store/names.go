package store

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/picloud/picloud/host/fault"
)

// MaxCollectionBytes is how long the name of a collection may be.
const MaxCollectionBytes = 512

// CheckCollection refuses what cannot be the name of a collection of kv, docs or files, by
// [CheckName].
func CheckCollection(name string) error {
	return CheckName("collection", name, MaxCollectionBytes)
}

// CheckName refuses a name that is not 1 to most bytes of UTF-8 without control characters, as
// those of collections, keys and files are.
func CheckName(field, name string, most int) error {
	refuse := func(format string, args ...any) error {
		return fault.Refuse(field, format, args...)
	}
	if len(name) == 0 || len(name) > most {
		return refuse("must be 1 to %d bytes, got %d", most, len(name))
	}
	for i, r := range name {
		switch {
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(name[i:]); size == 1 {
				return refuse("must be UTF-8 (byte %d is not)", i)
			}
		case unicode.IsControl(r):
			return refuse("must not contain control characters (%U at byte %d)", r, i)
		}
	}
	return nil
}

// CheckTimes refuses what cannot be the times of a row that comes from elsewhere: both must be there,
// between the years 1970 and 9999, and the change not before the creation.
func CheckTimes(created, updated time.Time) error {
	for _, at := range []struct {
		field string
		time  time.Time
	}{{"created_at", created}, {"updated_at", updated}} {
		if year := at.time.UTC().Year(); year < 1970 || year > 9999 {
			return fault.Refuse(at.field, "must be of the years 1970 to 9999, got %d", year)
		}
	}
	if updated.Before(created) {
		return fault.Refuse("updated_at", "must not be before created_at")
	}
	return nil
}
