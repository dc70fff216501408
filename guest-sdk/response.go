package sdk

import (
	"bytes"

	"github.com/picloud/picloud/guest-sdk/internal/wire"
)

// Response is what a handler returns. The type of the body says how it is sent: a string as text,
// []byte as it is, nil not at all, anything else as JSON.
//
// A Response without Status and Headers is its body alone: a script that invoked the plugin gets
// just that, an HTTP client a 200, or a 204 without a body.
type Response struct {
	Status  int                 // 200 to 599; 0: 200, or 204 when there is no body
	Headers map[string][]string // a content-type among them wins over the body's
	Body    any                 // see [Value]

	Cookies map[string]Cookie
	File    *StoredFile             // sent instead of a body, with an ETag and ranges
	Stream  func(out *Stream) error // makes the body bit by bit, when the handler has returned
}

// Cookie is a cookie to set (RFC 6265).
type Cookie struct {
	Value    string
	MaxAge   int    // seconds; 0: as long as the browser's session, below 0: the cookie is deleted
	Path     string // "": /
	Domain   string // "": only the host that sets it gets it back
	SameSite string // lax, strict or none; "": lax
	Secure   bool   // sent over HTTPS only, as SameSite none always is
	Visible  bool   // to the page's scripts
}

// StoredFile names a file of a collection of the app.
type StoredFile struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Download   string `json:"download,omitzero"` // the name to save it by; "": it is shown
}

// OK returns a response with a value alone, see [Response].
func OK(v any) Response { return Response{Body: v} }

// JSON returns a response with a value as JSON, whatever its type.
func JSON(status int, v any) Response {
	return Response{Status: status, Body: asJSON{v}}.With("content-type", "application/json")
}

// Text returns a response of plain text.
func Text(status int, text string) Response { return Response{Status: status, Body: text} }

// HTML returns a response with a page.
func HTML(status int, page string) Response {
	return Text(status, page).With("content-type", "text/html; charset=utf-8")
}

// Bytes returns a response with bytes of a content type.
func Bytes(status int, contentType string, data []byte) Response {
	return Response{Status: status, Body: data}.With("content-type", contentType)
}

// NoContent returns a response 204.
func NoContent() Response { return Response{Status: 204} }

// Redirect returns a response that sends the client to another place: 301, 302, 303, 307 or 308.
func Redirect(status int, location string) Response {
	return Response{Status: status}.With("location", location)
}

// File returns a response that is a stored file.
func File(collection, id string) Response {
	return Response{Status: 200, File: &StoredFile{Collection: collection, ID: id}}
}

// With returns the response with one more value of a header, which may be repeated.
func (r Response) With(name, value string) Response {
	headers := make(map[string][]string, len(r.Headers)+1)
	for n, values := range r.Headers {
		headers[n] = values
	}
	headers[name] = append(append([]string(nil), headers[name]...), value)
	r.Headers = headers
	return r
}

// encode returns the response as the host takes it: the body, or a map with statusCode; nil for
// nothing at all.
func (r Response) encode() ([]byte, error) {
	switch {
	case r.isBare() && r.Body == nil:
		return nil, nil
	case r.isBare():
		return wire.Marshal(r.Body)
	case r.Status == 0 && r.Body == nil && r.File == nil && r.Stream == nil:
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
		Status  int                   `json:"statusCode"`
		Headers map[string][]string   `json:"headers"`
		Cookies map[string]wireCookie `json:"cookies,omitzero"`
		File    *StoredFile           `json:"file,omitzero"`
		Body    any                   `json:"body"`
	}{r.Status, r.Headers, wireCookies(r.Cookies), r.File, body})
}

// isBare reports whether the response is its body alone.
func (r Response) isBare() bool {
	return r.Status == 0 && len(r.Headers) == 0 && len(r.Cookies) == 0 && r.File == nil && r.Stream == nil
}

// wireCookie is a cookie as the host takes it.
type wireCookie struct {
	Value    string `json:"value"`
	MaxAge   *int   `json:"max_age,omitzero"`
	Path     string `json:"path,omitzero"`
	Domain   string `json:"domain,omitzero"`
	SameSite string `json:"same_site,omitzero"`
	Secure   bool   `json:"secure,omitzero"`
	HTTPOnly bool   `json:"http_only"`
}

func wireCookies(cookies map[string]Cookie) map[string]wireCookie {
	if len(cookies) == 0 {
		return nil
	}
	all := make(map[string]wireCookie, len(cookies))
	for name, c := range cookies {
		w := wireCookie{Value: c.Value, Path: c.Path, Domain: c.Domain, SameSite: c.SameSite, Secure: c.Secure, HTTPOnly: !c.Visible}
		if c.MaxAge != 0 {
			w.MaxAge = &c.MaxAge
		}
		all[name] = w
	}
	return all
}

// WithCookie returns the response with one more cookie.
func (r Response) WithCookie(name string, cookie Cookie) Response {
	cookies := map[string]Cookie{name: cookie}
	for n, c := range r.Cookies {
		if n != name {
			cookies[n] = c
		}
	}
	r.Cookies = cookies
	return r
}

// asJSON is a body that is sent as JSON whatever it is.
type asJSON struct{ value any }

// jsonBody returns a body that the host sends as the given JSON. A string, a blob and null would
// not be sent as JSON, so they become text.
func jsonBody(text []byte) any {
	if text[0] == '"' || text[0] == 'n' || bytes.HasPrefix(text, []byte(`{"$blob":"`)) {
		return string(text)
	}
	return Value(text)
}
