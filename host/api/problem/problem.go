// Package problem makes the errors that the HTTP surface answers: the problems of RFC 9457, which
// name the field, and the data plane's own form.
package problem

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// Codes of problems, for programs.
const (
	CodeInvalid          = "invalid"
	CodeUnauthorized     = "unauthorized"
	CodeForbidden        = "forbidden"
	CodeNotFound         = "not_found"
	CodeMethodNotAllowed = "method_not_allowed"
	CodeConflict         = "conflict"
	CodeTooLarge         = "body_too_large"
	CodeThrottled        = "throttled"
	CodeInternal         = "internal"
)

// Problem is an error of the admin API. It is what huma writes.
type Problem struct {
	wire.Problem
	header http.Header
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status to answer.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that go with the answer, for huma.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType returns the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// Send answers the problem outside huma.
func (p *Problem) Send(c *fiber.Ctx) error {
	for name, values := range p.header {
		c.Set(name, values[0])
	}
	c.Set(fiber.HeaderContentType, p.ContentType(""))
	return huma.DefaultJSONFormat.Marshal(c.Status(p.Status), p)
}

// New makes a problem.
func New(status int, code, detail string, fields ...wire.FieldError) *Problem {
	return &Problem{Problem: wire.Problem{
		Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: fields,
	}}
}

// InvalidField is the problem of one wrong field.
func InvalidField(location, reason string, value any) *Problem {
	return New(http.StatusUnprocessableEntity, CodeInvalid, location+": "+reason,
		wire.FieldError{Location: location, Message: reason, Value: shown(location, value)})
}

// NotFound is the problem of a resource that is not there, or not for the caller to see.
func NotFound(resource string) *Problem {
	return New(http.StatusNotFound, CodeNotFound, resource+" not found")
}

// Forbidden is the problem of a caller who lacks a capability.
func Forbidden(c authz.Capability) *Problem {
	denied := authz.DeniedError{Capability: c}
	return New(http.StatusForbidden, CodeForbidden, denied.Error())
}

// CodeOf returns the code of a status that came without one.
func CodeOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return CodeUnauthorized
	case http.StatusForbidden:
		return CodeForbidden
	case http.StatusNotFound:
		return CodeNotFound
	case http.StatusConflict:
		return CodeConflict
	case http.StatusRequestEntityTooLarge:
		return CodeTooLarge
	case http.StatusTooManyRequests:
		return CodeThrottled
	}
	if status == http.StatusServiceUnavailable {
		return string(abi.OpCodeUnavailable)
	}
	if status >= 500 {
		return CodeInternal
	}
	return CodeInvalid
}

// shown is what may be echoed of a wrong value: short and no secret.
func shown(location string, value any) any {
	if location == "body" || strings.HasSuffix(location, "password") {
		return nil
	}
	switch v := value.(type) {
	case string:
		return Shorten(v)
	case bool, float64, int, int64:
		return v
	}
	return nil
}

// Shorten cuts a text that is echoed to 100 bytes.
func Shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + fmt.Sprintf("... (%d bytes)", len(s))
}

// Of turns an error of the services into a problem that may be shown. ours reports whether it is
// not the caller's fault: then it is for the log, and the problem holds no detail.
func Of(err error) (p *Problem, ours bool) {
	var (
		known     *Problem
		denied    *authz.DeniedError
		conflict  *store.ConflictError
		version   *store.VersionError
		invalid   *store.InvalidError
		limit     *abi.LimitError
		pattern   *routing.PatternError
		throttled *authz.ThrottledError
		operation *abi.OpError
	)
	switch {
	case errors.As(err, &known):
		return known, false
	case errors.As(err, &denied):
		return Forbidden(denied.Capability), false
	case errors.Is(err, store.ErrNotFound):
		return New(http.StatusNotFound, CodeNotFound, err.Error()), false
	case errors.Is(err, store.ErrInvalidCursor):
		return InvalidField("query.cursor", "is not a cursor of this listing", nil), false
	case errors.As(err, &conflict):
		p := New(http.StatusConflict, CodeConflict, conflict.Error(),
			wire.FieldError{Location: "body." + conflict.Field, Message: "is already in use", Value: Shorten(conflict.Value)})
		p.Other = conflict.Other
		return p, false
	case errors.As(err, &version):
		return New(http.StatusConflict, CodeConflict, version.Error(),
			wire.FieldError{Location: "body.version", Message: version.Error(), Value: version.Expected}), false
	case errors.As(err, &invalid):
		return InvalidField("body."+invalid.Field, invalid.Reason, nil), false
	case errors.As(err, &limit):
		return InvalidField("body.limits."+limit.Field, fmt.Sprintf("must be between 1 and %d", limit.Ceiling), limit.Value), false
	case errors.As(err, &pattern):
		return InvalidField("body."+pattern.Field, pattern.Reason, pattern.Value), false
	case errors.As(err, &throttled):
		p := New(http.StatusTooManyRequests, CodeThrottled, throttled.Error())
		p.header = http.Header{"Retry-After": {fmt.Sprint(throttled.Seconds())}}
		return p, false
	case errors.Is(err, authz.ErrToken):
		p := New(http.StatusUnauthorized, CodeUnauthorized, err.Error())
		p.header = http.Header{"WWW-Authenticate": {`Bearer realm="picloud"`}}
		return p, false
	case errors.Is(err, authz.ErrCredentials):
		return New(http.StatusUnauthorized, CodeUnauthorized, err.Error()), false
	}
	if errors.As(err, &operation) {
		if p := ofOperation(operation); p != nil {
			return p, false
		}
	}
	return failure(err), true
}

// ofOperation is what a service refuses, for the caller; nil for a defect of ours.
func ofOperation(e *abi.OpError) *Problem {
	status := map[abi.OpCode]int{
		abi.OpCodeInvalid:     http.StatusUnprocessableEntity,
		abi.OpCodeDenied:      http.StatusForbidden,
		abi.OpCodeNotFound:    http.StatusNotFound,
		abi.OpCodeConflict:    http.StatusConflict,
		abi.OpCodeCorrupted:   http.StatusInternalServerError,
		abi.OpCodeQuota:       http.StatusInsufficientStorage,
		abi.OpCodeTimeout:     http.StatusGatewayTimeout,
		abi.OpCodeUnavailable: http.StatusServiceUnavailable,
	}[e.Code]
	if status == 0 {
		return nil
	}
	return New(status, string(e.Code), e.Message)
}

// failure is what is told of an error that is nobody's mistake: whether it may
// be worth trying again, and nothing else.
func failure(err error) *Problem {
	var database *store.Error
	if errors.As(err, &database) {
		return New(http.StatusServiceUnavailable, string(abi.OpCodeUnavailable), "the storage is not available just now")
	}
	return New(http.StatusInternalServerError, CodeInternal, "internal error")
}

// Execution is the form of the data plane's errors.
func Execution(code, message, executionID string) wire.ExecutionError {
	var body wire.ExecutionError
	body.Error.Code, body.Error.Message, body.Error.ExecutionID = abi.ErrorCode(code), message, executionID
	return body
}

// Unknown makes an id that the store could never hold one that does not exist.
func Unknown(err error, resource string) error {
	var invalid *store.InvalidError
	if errors.Is(err, store.ErrNotFound) || errors.As(err, &invalid) {
		return NotFound(resource)
	}
	return err
}
