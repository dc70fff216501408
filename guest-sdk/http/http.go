// Package http makes requests to other servers. The host performs them: it refuses addresses in
// private networks and bounds the size of bodies and the time.
//
// A response with any status is no error. Errors are [*sdk.Error]: invalid for a request that is
// wrong, timeout, unreachable when the other server cannot be had or breaks off, and denied without
// the capability AppHttpRequest.
package http

import (
	"strings"
	"time"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Request is a request to another server.
type Request struct {
	Method           string // "": GET
	URL              string // http or https
	Headers          map[string]string
	HeadersAll       map[string][]string // those that are repeated
	Query            map[string]string   // added to the URL's
	QueryAll         map[string][]string // those that are repeated
	Body             any                 // a map, a struct or an array is sent as JSON, a string as text, []byte as it is, nil not at all
	Timeout          time.Duration       // of the whole request, at most what the operator allows; 0: that
	MaxResponseBytes int64               // of the body, at most what the operator allows; 0: that
	KeepRedirects    bool                // return a redirect instead of following it
}

// Response is what another server answered.
type Response struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"` // names in lower case, repeated values joined by ", "

	HeadersAll map[string][]string `json:"headers_all"` // the values of each one by one, as Set-Cookie needs it

	Body    sdk.Value `json:"body"`     // parsed when the content type is JSON, else a string, or a blob when it is not UTF-8; null when empty
	BodyRaw []byte    `json:"body_raw"` // as it came
}

// Header returns the value of a header, "" when it is missing. Case does not count.
func (r Response) Header(name string) string { return r.Headers[strings.ToLower(name)] }

// Decode stores the body in what target points to, as [sdk.Value.Decode] does.
func (r Response) Decode(target any) error { return r.Body.Decode(target) }

// Do makes a request.
func Do(request Request) (Response, error) {
	message := struct {
		Method           string              `json:"method"`
		URL              string              `json:"url"`
		Headers          map[string][]string `json:"headers,omitempty"`
		Query            map[string][]string `json:"query,omitempty"`
		Body             any                 `json:"body,omitzero"`
		TimeoutMillis    int64               `json:"timeout_ms,omitzero"`
		MaxResponseBytes int64               `json:"max_response_bytes,omitzero"`
		FollowRedirects  *bool               `json:"follow_redirects,omitzero"`
	}{
		request.Method, request.URL, lists(request.Headers, request.HeadersAll), lists(request.Query, request.QueryAll), request.Body,
		request.Timeout.Milliseconds(), request.MaxResponseBytes, nil,
	}
	if message.Method == "" {
		message.Method = "GET"
	}
	if request.KeepRedirects {
		message.FollowRedirects = new(bool)
	}
	return host.Call[Response](host.HTTPRequest, message)
}

// lists returns texts of which some are repeated.
func lists(texts map[string]string, repeated map[string][]string) map[string][]string {
	all := make(map[string][]string, len(texts)+len(repeated))
	for name, values := range repeated {
		all[name] = values
	}
	for name, value := range texts {
		all[name] = append([]string{value}, all[name]...)
	}
	return all
}

// Get makes a GET request.
func Get(url string) (Response, error) { return Do(Request{URL: url}) }

// Post makes a POST request with a body, see [Request].
func Post(url string, body any) (Response, error) {
	return Do(Request{Method: "POST", URL: url, Body: body})
}
