package store

import (
	"fmt"

	"github.com/picloud/picloud/host/fault"
)

// ErrInvalidCursor refuses a page cursor that no listing of this kind made.
var ErrInvalidCursor error = &fault.Error{
	Code: fault.Invalid, Text: "invalid cursor", Field: "cursor", Reason: "is not a cursor of this listing",
}

// Conflict makes the error of a value that must be unique and is in use. The resource is "app",
// "script", "route", "user", "session", "api key", ..., other the id of the row in the way, "" when
// unknown. A value that is a secret is not to be named.
func Conflict(resource, field, value, other string) error {
	return &fault.Error{
		Code: fault.Conflict, Text: fmt.Sprintf("%s %s %q is already in use", resource, field, value),
		Field: field, Reason: "is already in use", Value: value, Other: other,
	}
}

// Stale makes the error of a row that is not at the version an update was made for.
func Stale(resource string, expected, current int64) error {
	return &fault.Error{
		Code: fault.Stale, Text: fmt.Sprintf("%s is at version %d, not at version %d", resource, current, expected),
		Field: "version", Value: expected, Current: current,
	}
}

// OtherContent makes the error of a file that has other bytes than those a change was made for, by
// their SHA-256 in hex.
func OtherContent(expected, current string) error {
	return &fault.Error{
		Code: fault.Stale, Text: fmt.Sprintf("the file's bytes have the SHA-256 %s, not %q", current, expected),
		Field: "sha256", Value: expected, Current: current,
	}
}

// OverQuota makes the error of bytes that an app may not keep of what it has, as in "files": it has
// used of its quota, and wanted more were to come.
func OverQuota(what string, quota, used, wanted int64) error {
	return &fault.Error{
		Code: fault.Quota, Text: fmt.Sprintf("the %s of the app may have %d bytes in all: they have %d, and %d more were to come", what, quota, used, wanted),
		Value: wanted, Current: used, Limit: quota,
	}
}

// Failed makes the error of a database that failed in an operation ("create script"), or could not
// be reached. Its text says only what failed; the cause is for errors.Is and for the log.
func Failed(op string, cause error) error {
	return &fault.Error{Code: fault.Storage, Text: op + ": storage failed", Cause: cause}
}
