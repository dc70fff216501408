package store

import (
	"errors"
	"fmt"
	"log/slog"
)

var (
	// ErrNotFound is wrapped by the error for a row that does not exist, with
	// the kind of row: "script not found".
	ErrNotFound = errors.New("not found")
	// ErrInvalidCursor answers a page cursor that no listing of this kind made.
	ErrInvalidCursor = errors.New("invalid cursor")
)

// ConflictError says that a value which must be unique is in use.
type ConflictError struct {
	Resource string // "app", "script", "route", "user", "session", "api key"
	Field    string // "slug", "name", "path", "username", "id", ...
	Value    string // the value in use
	Other    string // id of the row in the way, "" when unknown
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s %s %q is already in use", e.Resource, e.Field, e.Value)
}

// VersionError says that a row is not at the version an update was made for.
type VersionError struct {
	Resource string // "script"
	Expected int64
	Current  int64
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s is at version %d, not at version %d", e.Resource, e.Current, e.Expected)
}

// ContentError says that a file has other bytes than those a change was made for.
type ContentError struct {
	Expected string // SHA-256 in hex
	Current  string
}

func (e *ContentError) Error() string {
	return fmt.Sprintf("the file's bytes have the SHA-256 %s, not %q", e.Current, e.Expected)
}

// InvalidError says why a value cannot be kept.
type InvalidError struct {
	Field  string // "source"
	Reason string // "must not contain NUL (byte 17)"
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

// Error is a failure of the database itself, or of reaching it. Its text says
// only what failed; the cause is for errors.Is and for the log, where slog
// prints it because Error is a [slog.LogValuer].
type Error struct {
	Op    string // "create script"
	Cause error  // may hold SQL, addresses and paths: never show it to a caller
}

func (e *Error) Error() string { return e.Op + ": storage failed" }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// LogValue shows the cause too.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("op", e.Op), slog.String("cause", e.Cause.Error()))
}
