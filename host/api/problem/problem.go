// Package problem makes the errors that the HTTP surface answers out of those of package fault: the
// problems of RFC 9457, which name the field, and the data plane's own form.
package problem

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/fault"
)

// Problem is an error of the admin API. It is what huma writes.
type Problem struct {
	wire.Problem
	header http.Header
}

func (p *Problem) Error() string { return p.Detail }

// Reason is the detail as it may be kept: without the value that was given.
func (p *Problem) Reason() string {
	reason, _, _ := strings.Cut(p.Detail, ", got ")
	return reason
}

// GetStatus returns the HTTP status to answer.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that go with the answer, for huma.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType returns the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// SetHeaders sets the headers that go with the answer.
func (p *Problem) SetHeaders(c *fiber.Ctx) {
	for name, values := range p.header {
		c.Set(name, values[0])
	}
}

// Send answers the problem outside huma.
func (p *Problem) Send(c *fiber.Ctx) error {
	p.SetHeaders(c)
	c.Set(fiber.HeaderContentType, p.ContentType(""))
	return huma.DefaultJSONFormat.Marshal(c.Status(p.Status), p)
}

// Types is where the kinds of problems are told, as a path: each has its code as the fragment.
const Types = "/api/v1/problems"

// New makes a problem of its own, for what is wrong with a request before any service sees it.
func New(status int, code fault.Code, detail string, fields ...wire.FieldError) *Problem {
	return &Problem{Problem: wire.Problem{
		Type:  Types + "#" + code.String(),
		Title: http.StatusText(status), Status: status, Code: code.String(), Detail: detail, Errors: fields,
	}}
}

// Moved is the answer to who asks for a thing where it was before: it is at location.
func Moved(detail, location string) *Problem {
	p := New(fault.Moved.Status(), fault.Moved, detail)
	p.header = http.Header{"Location": {location}}
	return p
}

// InvalidField is the problem of one wrong field.
func InvalidField(location, reason string, value any) *Problem {
	return ofField(&fault.Error{Code: fault.Invalid, Field: location, Reason: reason, Value: value}, location)
}

// InvalidFields is the problem of several wrong fields.
func InvalidFields(fields []wire.FieldError) *Problem {
	for i, field := range fields {
		fields[i].Value = shown(field.Location, field.Value)
	}
	return New(fault.Invalid.Status(), fault.Invalid, fields[0].Sentence(), fields...)
}

// Of turns an error of the services into a problem that may be shown. ours reports whether it is
// not the caller's fault: then it is for the log, and the problem holds no detail.
func Of(err error) (p *Problem, ours bool) {
	var known *Problem
	refused := fault.From(err)
	switch {
	case errors.As(err, &known):
		return known, false
	case refused == nil, refused.Code == fault.Internal:
		return New(fault.Internal.Status(), fault.Internal, "internal error"), true
	case refused.Code == fault.Storage: // it may be worth trying again
		return New(refused.Code.Status(), refused.Code, "the storage is not available just now"), true
	}
	if errors.As(At(err, places...), &known) {
		return known, false
	}
	return ofField(refused, "body."+refused.Field), false
}

// places are where the fields are that have one place in all requests. Others are in the body.
var places = []string{"cursor", "query.cursor", "id", "path.id", "wasm", "body"}

// At tells of a field that a service refuses where in the request it is. Places are pairs of a
// field of the service and a location. Other errors are returned as they are.
func At(err error, places ...string) error {
	refused := fault.From(err)
	if refused == nil || refused.Code.Ours() {
		return err
	}
	for i := 0; i < len(places); i += 2 {
		rest, ok := strings.CutPrefix(refused.Field, places[i])
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return ofField(refused, places[i+1]+rest)
		}
	}
	return err
}

// ofField is the problem of a refusal whose field, if it has one, is at a location.
func ofField(refused *fault.Error, location string) *Problem {
	p := New(refused.Code.Status(), refused.Code, refused.Error())
	p.Other = refused.Other
	if refused.Field != "" {
		reason := cmp.Or(refused.Reason, refused.Text)
		p.Errors = []wire.FieldError{{Location: location, Message: reason, Value: shown(location, refused.Value)}}
		if refused.Text == "" || refused.Code == fault.Invalid {
			p.Detail = p.Errors[0].Sentence()
		}
	}
	switch {
	case refused.Code == fault.Unauthorized: // RFC 9110, section 11.6.1
		challenge := `Bearer realm="picloud"`
		if reason, ok := refused.Value.(string); ok { // RFC 6750, section 3
			challenge += `, error="` + reason + `"`
		}
		p.header = http.Header{"WWW-Authenticate": {challenge}}
	case refused.RetryAfter > 0:
		p.header = http.Header{"Retry-After": {fmt.Sprint(int64(math.Ceil(refused.RetryAfter.Seconds())))}}
	}
	return p
}

// shown is what may be echoed of a wrong value: short and no secret.
func shown(location string, value any) any {
	if location == "body" || location == "body.value" { // value: of a secret
		return nil
	}
	for _, secret := range []string{"password", "code", "token", "filter"} { // filter: has others' data
		if strings.HasSuffix(location, secret) {
			return nil
		}
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

// Execution is the form of the data plane's errors.
func Execution(code abi.ErrorCode, message, executionID string) wire.ExecutionError {
	var body wire.ExecutionError
	body.Error.Code, body.Error.Message, body.Error.ExecutionID = code, message, executionID
	return body
}
