package fault

import "github.com/picloud/picloud/abi"

// Code says for programs why something was refused or failed.
type Code uint8

// The codes. The table in the package's comment tells what they become.
const (
	Internal         Code = iota // our fault; the text is for the log alone
	Invalid                      // a value is missing, malformed or over a limit
	TooLarge                     // a body is larger than it may be
	Unauthorized                 // nobody knows who asks
	Forbidden                    // who asks may not do it
	NotFound                     // there is no such thing, or none that who asks may see
	MethodNotAllowed             // there is such a thing, and it takes other methods
	Conflict                     // a value that must be unique is in use, or something is in the way
	Stale                        // it is not at the version, or has not the bytes, that the change was made for
	Throttled                    // too many attempts
	Quota                        // the app may not keep more
	Corrupted                    // stored bytes are not what was stored
	Unreachable                  // another server cannot be had
	Timeout                      // it took longer than it may
	Unavailable                  // it fails just now, and may be worth trying again
	Storage                      // the database failed, or cannot be reached; the text is for the log alone
	Overloaded                   // too many executions at once
	Cancelled                    // the execution has been ended
	ScriptInvalid                // a script does not compile
	ScriptFailed                 // a script failed by an error that it did not catch
	LimitExceeded                // a script exceeded one of its limits

	end
	none = end // the code of no error
)

// row is what a code becomes.
type row struct {
	name   string     // in JSON
	status int        // of HTTP
	guest  abi.OpCode // what a script or plugin is told
	ours   bool       // the text is not for callers
}

var table = [end]row{
	Internal:         {"internal", 500, abi.OpCodeInternal, true},
	Invalid:          {"invalid", 422, abi.OpCodeInvalid, false},
	TooLarge:         {"body_too_large", 413, abi.OpCodeInvalid, false},
	Unauthorized:     {"unauthorized", 401, abi.OpCodeDenied, false},
	Forbidden:        {"forbidden", 403, abi.OpCodeDenied, false},
	NotFound:         {"not_found", 404, abi.OpCodeNotFound, false},
	MethodNotAllowed: {"method_not_allowed", 405, abi.OpCodeInvalid, false},
	Conflict:         {"conflict", 409, abi.OpCodeConflict, false},
	Stale:            {"conflict", 409, abi.OpCodeConflict, false},
	Throttled:        {"throttled", 429, abi.OpCodeUnavailable, false},
	Quota:            {"quota", 507, abi.OpCodeQuota, false},
	Corrupted:        {"corrupted", 500, abi.OpCodeCorrupted, false},
	Unreachable:      {"unreachable", 502, abi.OpCodeUnreachable, false},
	Timeout:          {"timeout", 504, abi.OpCodeTimeout, false},
	Unavailable:      {"unavailable", 503, abi.OpCodeUnavailable, false},
	Storage:          {"unavailable", 503, abi.OpCodeUnavailable, true},
	Overloaded:       {"overloaded", 503, abi.OpCodeUnavailable, false},
	Cancelled:        {"cancelled", 503, abi.OpCodeCancelled, false},
	ScriptInvalid:    {"script_invalid", 422, abi.OpCodeFailed, false},
	ScriptFailed:     {"script_error", 502, abi.OpCodeFailed, false},
	LimitExceeded:    {"limit_exceeded", 507, abi.OpCodeLimit, false},
}

// String returns the code as it stands in JSON.
func (c Code) String() string {
	if c >= end {
		return "none"
	}
	return table[c].name
}

// MarshalText makes the code in JSON its String.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Status returns the HTTP status.
func (c Code) Status() int { return table[c].status }

// Guest returns the code that a script or plugin is told.
func (c Code) Guest() abi.OpCode { return table[c].guest }

// Ours reports whether it is nobody's fault but ours: then a caller is told that, and the log the
// rest.
func (c Code) Ours() bool { return table[c].ours }

// OfStatus returns the code of an HTTP status that came without one, as those of libraries do.
func OfStatus(status int) Code {
	for code, row := range table {
		if row.status == status {
			return Code(code)
		}
	}
	if status >= 500 {
		return Internal
	}
	return Invalid
}

// OfScript returns the code of how an execution failed.
func OfScript(code abi.ErrorCode) Code {
	for c, row := range table {
		if row.name == string(code) {
			return Code(c)
		}
	}
	return Internal
}
