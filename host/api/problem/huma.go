package problem

import (
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/fault"
)

func init() {
	// huma keeps these for the whole process; nothing but the admin API uses huma.
	huma.NewError = ofHuma
	huma.DefaultArrayNullable = false
}

// ofHuma makes a problem of what huma finds wrong with a request.
func ofHuma(status int, message string, errs ...error) huma.StatusError {
	p := New(status, fault.OfStatus(status), message)
	for _, err := range errs {
		var detailer huma.ErrorDetailer
		var known *Problem
		switch {
		case errors.As(err, &known): // of a body that cannot be read
			return known
		case err == nil:
		case errors.As(err, &detailer):
			d := detailer.ErrorDetail()
			p.Errors = append(p.Errors, wire.FieldError{Location: d.Location, Message: d.Message, Value: shown(d.Location, d.Value)})
		default:
			p.Errors = append(p.Errors, wire.FieldError{Message: err.Error()})
		}
	}
	if len(p.Errors) > 0 && message == "validation failed" {
		p.Detail = p.Errors[0].Sentence()
	}
	return p
}
