package sdk

import (
	"errors"

	"github.com/picloud/picloud/abi"
)

// Error is how an operation fails: a [Code] for programs and a message for people.
type Error = abi.OpError

// Code says for programs why an operation failed.
type Code = abi.OpCode

// Why an operation can fail.
const (
	CodeInvalid     = abi.OpCodeInvalid     // a value that is missing, malformed or over a limit
	CodeDenied      = abi.OpCodeDenied      // the execution lacks the capability
	CodeNotFound    = abi.OpCodeNotFound    // there is no such thing in this app
	CodeConflict    = abi.OpCodeConflict    // it is at another version than the one expected
	CodeCorrupted   = abi.OpCodeCorrupted   // stored bytes are not what was stored
	CodeQuota       = abi.OpCodeQuota       // the app may not keep more
	CodeUnreachable = abi.OpCodeUnreachable // another server cannot be had
	CodeTimeout     = abi.OpCodeTimeout     // it took longer than it may
	CodeCancelled   = abi.OpCodeCancelled   // the execution has been ended
	CodeUnavailable = abi.OpCodeUnavailable // the storage fails just now; it may be worth trying again
	CodeFailed      = abi.OpCodeFailed      // what was invoked failed
	CodeLimit       = abi.OpCodeLimit       // what was invoked exceeded a limit, or would be nested too deep
	CodeInternal    = abi.OpCodeInternal    // the host's fault
)

// ErrorCode returns the code of the [*Error] that err is or wraps, or "" when there is none.
func ErrorCode(err error) Code {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Code
	}
	return ""
}
