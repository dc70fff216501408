// Package fault is the one kind of error that the services refuse and fail with.
//
// To refuse something, return [Refuse] of the wrong field, [Missing] of what is not there, or [New]
// of another code, in the service that decides. Handlers do not translate it: the table below tells
// the HTTP status and the code in the answer, and the [abi.OpCode] that a script or plugin gets.
//
//	code              in JSON             status  to a guest
//	Internal          internal            500     internal
//	Invalid           invalid             422     invalid
//	TooLarge          body_too_large      413     invalid
//	Unauthorized      unauthorized        401     denied
//	Forbidden         forbidden           403     denied
//	NotFound          not_found           404     not_found
//	Moved             moved               308     not_found
//	MethodNotAllowed  method_not_allowed  405     invalid
//	NotImplemented    not_implemented     501     invalid
//	Conflict          conflict            409     conflict
//	Stale             conflict            409     conflict
//	Throttled         throttled           429     unavailable
//	RateLimited       rate_limited        429     unavailable
//	Quota             quota_exceeded      507     quota
//	Corrupted         corrupted           500     corrupted
//	Unreachable       unreachable         502     unreachable
//	Timeout           timeout             504     timeout
//	Unavailable       unavailable         503     unavailable
//	Storage           unavailable         503     unavailable
//	Overloaded        overloaded          503     unavailable
//	Cancelled         cancelled           503     cancelled
//	ScriptInvalid     script_invalid      422     failed
//	ScriptFailed      script_error        502     failed
//	LimitExceeded     limit_exceeded      507     limit_exceeded
//
// The text of an [Error] may be shown to whoever asked, its cause to nobody: that is for the log,
// which shows it by [ReplaceAttr].
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/picloud/picloud/abi"
)

// Error is a refusal or a failure. Only Code is always set, and Text or Field with Reason.
type Error struct {
	Code Code

	// Text is a sentence that stands alone; "" when it is Field and Reason.
	Text string
	// Field names what is wrong in the words of the service: "slug", "data.tags[3]". "" when it is
	// no field.
	Field string
	// Reason goes on from the name of the field: "must be 1 to 512 bytes, got 0"; "" when it is Text.
	Reason string

	// What programs need to know, where it applies.

	Value      any           // the refused value, as far as it may be shown; of Stale: what was expected
	Current    any           // what there is instead of Value (Stale), or so far (Quota)
	Limit      int64         // the most that Value may be
	Other      string        // id of what is in the way (Conflict)
	RetryAfter time.Duration // when to try again (Throttled, RateLimited)

	// Cause may hold SQL, addresses and paths: it is for errors.Is and the log.
	Cause error
}

// New makes a refusal of a whole sentence.
func New(code Code, format string, args ...any) error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// maxField bounds the name of a field, which may have keys of a caller's in it.
const maxField = 300 // bytes

// Refuse makes the refusal of a field's value, [Invalid]. The reason goes on from the name of the
// field, of which no more than 300 bytes are told: "must be ...".
func Refuse(field, format string, args ...any) error {
	if len(field) > maxField {
		field = strings.ToValidUTF8(field[:maxField], "") + "..."
	}
	return &Error{Code: Invalid, Field: field, Reason: fmt.Sprintf(format, args...)}
}

// RefuseWithin makes the refusal of a field because of a value in it that has no JSON, an
// [*abi.ValueError], at the place in the field. Any other error stays as it is.
func RefuseWithin(field string, err error) error {
	var at *abi.ValueError
	if !errors.As(err, &at) {
		return err
	}
	if at.Path != "" && at.Path[0] != '[' {
		field += "."
	}
	return Refuse(field+at.Path, "%s", at.Reason)
}

// Missing makes the refusal of what is not there, [NotFound]: "script not found".
func Missing(resource string) error {
	return &Error{Code: NotFound, Text: resource + " not found"}
}

func (e *Error) Error() string {
	if e.Text != "" {
		return e.Text
	}
	return strings.TrimPrefix(e.Field+": "+e.Reason, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// From returns the first [Error] in the tree of err, nil if there is none.
func From(err error) *Error {
	if f, ok := err.(*Error); ok {
		return f
	}
	var f *Error
	errors.As(err, &f)
	return f
}

// Of returns the code of an error. One that is no [Error] is a defect of ours, [Internal], which is
// never the code of nil.
func Of(err error) Code {
	switch f := From(err); {
	case f != nil:
		return f.Code
	case err == nil:
		return none
	}
	return Internal
}

// Unknown reports whether err says that there is no such thing: it is not found, or no name or id
// can be the one asked for.
func Unknown(err error) bool {
	code := Of(err)
	return code == NotFound || code == Invalid
}
