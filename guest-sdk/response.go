package sdk

import (
	"bytes"

	"github.com/picloud/picloud/guest-sdk/internal/wire"
)

// Response is what a plugin answers. The host gives a body its form by its type: a
// string is sent as text, []byte as it is, nil not at all, anything else as JSON.
//
// A Response without Status and Headers is its body alone: what a script gets that
// has invoked the plugin, and over HTTP a 200, or a 204 without a body.
type Response struct {
	Status  int                 // 200 to 599; 0: 200, or 204 when there is no body
	Headers map[string][]string // a content-type among them wins over the one of the body
	Body    any                 // see [Value]
}

// OK answers a value alone, see [Response].
func OK(v any) Response { return Response{Body: v} }

// JSON answers a value as JSON, whatever its type.
func JSON(status int, v any) Response {
	return Response{Status: status, Body: asJSON{v}}.With("content-type", "application/json")
}

// Text answers plain text.
func Text(status int, text string) Response { return Response{Status: status, Body: text} }

// HTML answers a page.
func HTML(status int, page string) Response {
	return Text(status, page).With("content-type", "text/html; charset=utf-8")
}

// Bytes answers bytes of a content type.
func Bytes(status int, contentType string, data []byte) Response {
	return Response{Status: status, Body: data}.With("content-type", contentType)
}

// NoContent answers 204.
func NoContent() Response { return Response{Status: 204} }

// Redirect answers with the place to go to instead: 301, 302, 303, 307 or 308.
func Redirect(status int, location string) Response {
	return Response{Status: status}.With("location", location)
}

// With is the response with one more value of a header, which may be repeated.
func (r Response) With(name, value string) Response {
	headers := make(map[string][]string, len(r.Headers)+1)
	for n, values := range r.Headers {
		headers[n] = values
	}
	headers[name] = append(append([]string(nil), headers[name]...), value)
	r.Headers = headers
	return r
}

// encode is the response as the host takes it: the body, or a map with statusCode;
// nil for nothing at all.
func (r Response) encode() ([]byte, error) {
	switch {
	case r.Status == 0 && len(r.Headers) == 0 && r.Body == nil:
		return nil, nil
	case r.Status == 0 && len(r.Headers) == 0:
		return wire.Marshal(r.Body)
	case r.Status == 0 && r.Body == nil:
		r.Status = 204
	case r.Status == 0:
		r.Status = 200
	}
	body := r.Body
	if v, ok := body.(asJSON); ok {
		text, err := wire.Marshal(v.value)
		if err != nil {
			return nil, err
		}
		body = jsonBody(text)
	}
	return wire.Marshal(struct {
		Status  int                 `json:"statusCode"`
		Headers map[string][]string `json:"headers"`
		Body    any                 `json:"body"`
	}{r.Status, r.Headers, body})
}

// asJSON is a body that is sent as JSON whatever it is.
type asJSON struct{ value any }

// jsonBody is JSON as a body that the host sends as it is: strings, blobs and null,
// which it would not make JSON of, become text.
func jsonBody(text []byte) any {
	if text[0] == '"' || text[0] == 'n' || bytes.HasPrefix(text, []byte(`{"$blob":"`)) {
		return string(text)
	}
	return Value(text)
}
