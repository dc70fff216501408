package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

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
	codeInvalid      = "invalid"
	codeUnauthorized = "unauthorized"
	codeForbidden    = "forbidden"
	codeNotFound     = "not_found"
	codeConflict     = "conflict"
	codeTooLarge     = "body_too_large"
	codeThrottled    = "throttled"
	codeInternal     = "internal"
)

// Problem is an error of the admin API. It is what huma writes.
type Problem struct {
	wire.Problem
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status to answer.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// send answers the problem outside huma.
func (p *Problem) send(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, p.ContentType(""))
	return huma.DefaultJSONFormat.Marshal(c.Status(p.Status), p)
}

func newProblem(status int, code, detail string, fields ...wire.FieldError) *Problem {
	return &Problem{wire.Problem{
		Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: fields,
	}}
}

func init() {
	// huma keeps these for the whole process; nothing else here uses huma.
	huma.NewError = problemFromHuma
	huma.ValidateStrictCasing = true
}

// problemFromHuma makes a problem of what huma finds wrong with a request.
func problemFromHuma(status int, message string, errs ...error) huma.StatusError {
	p := newProblem(status, codeOf(status), message)
	for _, err := range errs {
		var detailer huma.ErrorDetailer
		switch {
		case err == nil:
		case errors.As(err, &detailer):
			d := detailer.ErrorDetail()
			p.Errors = append(p.Errors, wire.FieldError{Location: d.Location, Message: d.Message, Value: shown(d.Location, d.Value)})
		default:
			p.Errors = append(p.Errors, wire.FieldError{Message: err.Error()})
		}
	}
	if len(p.Errors) > 0 && message == "validation failed" {
		first := p.Errors[0]
		p.Detail = strings.TrimPrefix(first.Location+": "+first.Message, ": ")
	}
	return p
}

func codeOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return codeUnauthorized
	case http.StatusForbidden:
		return codeForbidden
	case http.StatusNotFound:
		return codeNotFound
	case http.StatusConflict:
		return codeConflict
	case http.StatusRequestEntityTooLarge:
		return codeTooLarge
	case http.StatusTooManyRequests:
		return codeThrottled
	}
	if status == http.StatusServiceUnavailable {
		return string(abi.OpCodeUnavailable)
	}
	if status >= 500 {
		return codeInternal
	}
	return codeInvalid
}

// shown is what may be echoed of a wrong value: short and no secret.
func shown(location string, value any) any {
	if location == "body" || strings.HasSuffix(location, "password") {
		return nil
	}
	switch v := value.(type) {
	case string:
		return shorten(v)
	case bool, float64, int, int64:
		return v
	}
	return nil
}

func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + fmt.Sprintf("... (%d bytes)", len(s))
}

// invalidField is the problem of one wrong field.
func invalidField(location, reason string, value any) *Problem {
	return newProblem(http.StatusUnprocessableEntity, codeInvalid, location+": "+reason,
		wire.FieldError{Location: location, Message: reason, Value: shown(location, value)})
}

func notFound(resource string) *Problem {
	return newProblem(http.StatusNotFound, codeNotFound, resource+" not found")
}

func forbidden(c authz.Capability) *Problem {
	return newProblem(http.StatusForbidden, codeForbidden, "this needs the capability "+string(c)+", which you or your API key do not have")
}

// problemOf turns an error of the services into one that may be shown. What is
// not the caller's fault is logged and answered without detail.
func (s *Server) problemOf(ctx context.Context, err error) error {
	var (
		known     *Problem
		conflict  *store.ConflictError
		version   *store.VersionError
		invalid   *store.InvalidError
		limit     *abi.LimitError
		pattern   *routing.PatternError
		throttled *authz.ThrottledError
		operation *abi.OpError
		broken    *bodyError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.As(err, &broken):
		return broken.problem()
	case errors.Is(err, store.ErrNotFound):
		return newProblem(http.StatusNotFound, codeNotFound, err.Error())
	case errors.Is(err, store.ErrInvalidCursor):
		return invalidField("query.cursor", "is not a cursor of this listing", nil)
	case errors.As(err, &conflict):
		p := newProblem(http.StatusConflict, codeConflict, conflict.Error(),
			wire.FieldError{Location: "body." + conflict.Field, Message: "is already in use", Value: shorten(conflict.Value)})
		p.Other = conflict.Other
		return p
	case errors.As(err, &version):
		return newProblem(http.StatusConflict, codeConflict, version.Error(),
			wire.FieldError{Location: "body.version", Message: version.Error(), Value: version.Expected})
	case errors.As(err, &invalid):
		return invalidField("body."+invalid.Field, invalid.Reason, nil)
	case errors.As(err, &limit):
		return invalidField("body.limits."+limit.Field, fmt.Sprintf("must be between 1 and %d", limit.Ceiling), limit.Value)
	case errors.As(err, &pattern):
		return invalidField("body."+pattern.Field, pattern.Reason, pattern.Value)
	case errors.As(err, &throttled):
		p := newProblem(http.StatusTooManyRequests, codeThrottled, throttled.Error())
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {fmt.Sprint(throttled.Seconds())}})
	case errors.Is(err, authz.ErrCredentials):
		return newProblem(http.StatusUnauthorized, codeUnauthorized, err.Error())
	}
	if errors.As(err, &operation) {
		if p := operationProblem(operation); p != nil {
			return p
		}
	}
	s.log.Log(ctx, severity(err), "request failed", "request_id", ctx.Value(requestIDKey{}), "error", logged(err))
	return newProblem(failure(err))
}

// operationProblem is what a service refuses, for the caller; nil for a defect of
// ours.
func operationProblem(e *abi.OpError) *Problem {
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
	return newProblem(status, string(e.Code), e.Message)
}

// failure is what is told of an error that is nobody's mistake: whether it may
// be worth trying again, and nothing else.
func failure(err error) (status int, code, detail string) {
	var database *store.Error
	if errors.As(err, &database) {
		return http.StatusServiceUnavailable, string(abi.OpCodeUnavailable), "the storage is not available just now"
	}
	return http.StatusInternalServerError, codeInternal, "internal error"
}

// logged is an error as the log shows it: with the cause, of one of the storage.
func logged(err error) any {
	var database *store.Error
	if errors.As(err, &database) {
		return database
	}
	return err
}

// severity is how an error that is nobody's mistake is logged: one that a caller caused
// by going away is none of ours either.
func severity(err error) slog.Level {
	if errors.Is(err, context.Canceled) {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// failed answers what fiber and fasthttp refuse, and defects.
func (s *Server) failed(c *fiber.Ctx, err error) error {
	status, detail := http.StatusInternalServerError, "internal error"
	var known *fiber.Error
	var broken *bodyError
	if errors.As(err, &known) {
		status, detail = known.Code, known.Message
	} else if errors.As(err, &broken) {
		p := broken.problem()
		c.Set(fiber.HeaderConnection, "close")
		return s.refuse(c, p.Status, p.Code, p.Detail)
	} else {
		s.log.Log(c.Context(), severity(err), "request failed", "request_id", requestID(c), "error", logged(err))
		var code string
		if status, code, detail = failure(err); status == http.StatusServiceUnavailable {
			return s.refuse(c, status, code, detail)
		}
	}
	switch status {
	case http.StatusRequestEntityTooLarge:
		detail = fmt.Sprintf("the body of a request must not be larger than %d bytes", s.maxBody)
		drain(c.Context().Conn())
	case http.StatusRequestHeaderFieldsTooLarge:
		detail = fmt.Sprintf("the head of a request must not be larger than %d bytes", maxHeaderBytes)
	case http.StatusBadRequest:
		detail = "malformed HTTP request" // fasthttp's text may quote what it read
	case http.StatusInternalServerError:
		detail = "internal error"
	}
	c.Set(fiber.HeaderConnection, "close")
	c.Set(fiber.HeaderXRequestID, requestID(c))
	return s.refuse(c, status, codeOf(status), detail)
}

// drain takes what a client is still sending of a body that is not wanted.
// Closing the connection while it sends would reset it, and the client might
// not see the answer. It ends after a pause of the client, or 5 seconds.
func drain(conn net.Conn) {
	const pause, most = 100 * time.Millisecond, 5 * time.Second
	buffer := make([]byte, 32<<10)
	for end := time.Now().Add(most); time.Now().Before(end); {
		if conn.SetReadDeadline(time.Now().Add(pause)) != nil {
			return
		}
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

// refuse answers an error outside huma: a problem for the API, the data plane's
// form elsewhere.
func (s *Server) refuse(c *fiber.Ctx, status int, code, detail string) error {
	if strings.HasPrefix(c.Path()+"/", "/api/") && !strings.HasPrefix(c.Path(), "/api/v1/execute/") {
		return newProblem(status, code, detail).send(c)
	}
	return c.Status(status).JSON(errorBody(code, detail, ""))
}

func errorBody(code, message, executionID string) wire.ExecutionError {
	var body wire.ExecutionError
	body.Error.Code, body.Error.Message, body.Error.ExecutionID = abi.ErrorCode(code), message, executionID
	return body
}
