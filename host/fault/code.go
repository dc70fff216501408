package fault

import (
	"net/http"

	"github.com/picloud/picloud/abi"
)

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
	Moved                        // it is called otherwise now
	MethodNotAllowed             // there is such a thing, and it takes other methods
	NotImplemented               // the protocol has it, and we do not
	Conflict                     // a value that must be unique is in use, or something is in the way
	Stale                        // it is not at the version, or has not the bytes, that the change was made for
	Throttled                    // too many attempts
	RateLimited                  // more requests or processor time than an app or a route may have
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
	means  string     // a sentence for people
}

var table = [end]row{
	Internal:         {"internal", http.StatusInternalServerError, abi.OpCodeInternal, true, "A fault of the server; its log tells more."},
	Invalid:          {"invalid", http.StatusUnprocessableEntity, abi.OpCodeInvalid, false, "A value is missing, malformed or over a limit: errors names each."},
	TooLarge:         {"body_too_large", http.StatusRequestEntityTooLarge, abi.OpCodeInvalid, false, "The body is larger than it may be."},
	Unauthorized:     {"unauthorized", http.StatusUnauthorized, abi.OpCodeDenied, false, "A token is missing, or is not valid."},
	Forbidden:        {"forbidden", http.StatusForbidden, abi.OpCodeDenied, false, "The token does not allow this."},
	NotFound:         {"not_found", http.StatusNotFound, abi.OpCodeNotFound, false, "There is no such thing, or none that you may see."},
	Moved:            {"moved", http.StatusPermanentRedirect, abi.OpCodeNotFound, false, "It is called otherwise now: Location tells where it is."},
	MethodNotAllowed: {"method_not_allowed", http.StatusMethodNotAllowed, abi.OpCodeInvalid, false, "There is such a thing, and it takes other methods: Allow names them."},
	NotImplemented:   {"not_implemented", http.StatusNotImplemented, abi.OpCodeInvalid, false, "The protocol has this, and the server does not."},
	Conflict:         {"conflict", http.StatusConflict, abi.OpCodeConflict, false, "A value that must be unique is in use, something is in the way, or the version is another."},
	Stale:            {"conflict", http.StatusConflict, abi.OpCodeConflict, false, "The version is another."},
	Throttled:        {"throttled", http.StatusTooManyRequests, abi.OpCodeUnavailable, false, "Too many attempts: Retry-After tells when to try again."},
	RateLimited:      {"rate_limited", http.StatusTooManyRequests, abi.OpCodeUnavailable, false, "Too many requests, or too much processor time: Retry-After tells when to try again."},
	Quota:            {"quota_exceeded", http.StatusInsufficientStorage, abi.OpCodeQuota, false, "The app may not keep more."},
	Corrupted:        {"corrupted", http.StatusInternalServerError, abi.OpCodeCorrupted, false, "Stored bytes are not what was stored."},
	Unreachable:      {"unreachable", http.StatusBadGateway, abi.OpCodeUnreachable, false, "Another server cannot be had."},
	Timeout:          {"timeout", http.StatusGatewayTimeout, abi.OpCodeTimeout, false, "It took longer than it may."},
	Unavailable:      {"unavailable", http.StatusServiceUnavailable, abi.OpCodeUnavailable, false, "It fails just now, and may be worth trying again."},
	Storage:          {"unavailable", http.StatusServiceUnavailable, abi.OpCodeUnavailable, true, "The storage fails just now."},
	Overloaded:       {"overloaded", http.StatusServiceUnavailable, abi.OpCodeUnavailable, false, "Too much is done at once: try again."},
	Cancelled:        {"cancelled", http.StatusServiceUnavailable, abi.OpCodeCancelled, false, "The execution has been ended."},
	ScriptInvalid:    {"script_invalid", http.StatusUnprocessableEntity, abi.OpCodeFailed, false, "A script does not compile: script names the place."},
	ScriptFailed:     {"script_error", http.StatusBadGateway, abi.OpCodeFailed, false, "A script failed."},
	LimitExceeded:    {"limit_exceeded", http.StatusInsufficientStorage, abi.OpCodeLimit, false, "A script exceeded one of its limits."},
}

// Codes returns all codes, in the order above.
func Codes() []Code {
	codes := make([]Code, end)
	for i := range codes {
		codes[i] = Code(i)
	}
	return codes
}

// Meaning returns what the code means, in a sentence for people; "" for what is none.
func (c Code) Meaning() string {
	if c >= end {
		return ""
	}
	return table[c].means
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
