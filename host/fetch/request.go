package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// Bounds of a request beside its body.
const (
	maxMethodBytes = 32
	maxHeaderBytes = 64 << 10 // of all names and values
)

// bounds are the limits of one request.
type bounds struct {
	timeout       time.Duration
	responseBytes int64
}

// bounds returns the operator's limits, or the lower ones that a script asks for.
func (c *Client) bounds(request *abi.HTTPRequest) (bounds, error) {
	b := bounds{c.config.Timeout, c.config.MaxResponseBytes}
	if asked, most := request.TimeoutMillis, c.config.Timeout.Milliseconds(); asked < 0 || asked > most {
		return b, fault.Refuse("timeout_ms", "must be between 1 and %d, got %d", most, asked)
	} else if asked > 0 {
		b.timeout = time.Duration(asked) * time.Millisecond
	}
	if asked, most := request.MaxResponseBytes, c.config.MaxResponseBytes; asked < 0 || asked > most {
		return b, fault.Refuse("max_response_bytes", "must be between 1 and %d, got %d", most, asked)
	} else if asked > 0 {
		b.responseBytes = asked
	}
	return b, nil
}

// outgoing returns the request to send for what a script asks for.
func (c *Client) outgoing(scriptID string, request *abi.HTTPRequest) (*http.Request, error) {
	method, err := checkMethod(request.Method)
	if err != nil {
		return nil, err
	}
	target, err := c.url(request)
	if err != nil {
		return nil, err
	}
	headers, err := checkHeaders(request.Headers)
	if err != nil {
		return nil, err
	}
	body, contentType, err := abi.EncodeBody(request.Body)
	switch {
	case err != nil:
		return nil, fault.Refuse("body", "%v", err)
	case int64(len(body)) > c.config.MaxRequestBytes:
		return nil, fault.Refuse("body", "must have at most %d bytes, got %d", c.config.MaxRequestBytes, len(body))
	}
	var reader io.Reader
	if contentType != "" {
		reader = bytes.NewReader(body)
	}
	outgoing, err := http.NewRequest(method, "", reader)
	if err != nil {
		return nil, err // of the method, which has been checked
	}
	outgoing.URL, outgoing.Header = target, headers
	if _, given := headers["Content-Type"]; !given && contentType != "" {
		headers.Set("Content-Type", contentType)
	}
	if _, given := headers["Accept-Encoding"]; !given && headers["Range"] == nil && method != http.MethodHead {
		headers.Set("Accept-Encoding", "gzip")
	}
	if _, given := headers["User-Agent"]; !given {
		headers.Set("User-Agent", fmt.Sprintf("PiCloud/%s (script %s)", c.config.Version, scriptID))
	}
	return outgoing, nil
}

// checkMethod returns a method in upper case, as all registered methods are.
func checkMethod(method string) (string, error) {
	if len(method) > maxMethodBytes {
		return "", fault.Refuse("method", "must have at most %d bytes, got %d", maxMethodBytes, len(method))
	}
	if !httpguts.ValidHeaderFieldName(method) { // both are tokens
		return "", fault.Refuse("method", "must be a word like GET, got %q", method)
	}
	method = strings.ToUpper(method)
	if method == http.MethodConnect || method == http.MethodTrace {
		return "", fault.Refuse("method", "must not be %s", method)
	}
	return method, nil
}

// url returns the URL with the query of the request added to its own.
func (c *Client) url(request *abi.HTTPRequest) (*url.URL, error) {
	if n := len(request.URL); n > maxURLBytes {
		return nil, fault.Refuse("url", "must have at most %d bytes, got %d", maxURLBytes, n)
	}
	u, err := parseTarget(c.guard, request.URL)
	if errors.Is(err, errPrivate) {
		return nil, err
	} else if err != nil {
		return nil, fault.Refuse("url", "%v", err)
	}
	if len(request.Query) > 0 {
		added := url.Values{}
		maps.Copy(added, request.Query)
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += added.Encode()
		if n := len(u.RawQuery); n > maxURLBytes {
			return nil, fault.Refuse("query", "must have at most %d bytes with the URL's own, got %d", maxURLBytes, n)
		}
	}
	return u, nil
}

// ours are the headers that a script may not set: where the request goes and how it is framed is
// decided here (RFC 9110, 7.6.1). The user agent is not among them, since many services ask for one
// that names a contact.
var ours = map[string]bool{
	"Connection": true, "Content-Length": true, "Expect": true, "Host": true, "Keep-Alive": true,
	"Proxy-Authorization": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
}

func checkHeaders(given abi.Lists) (http.Header, error) {
	headers, size := make(http.Header, len(given)+3), 0
	for _, name := range slices.Sorted(maps.Keys(given)) {
		key := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return nil, fault.Refuse("headers", "%q is not the name of a header", name)
		case ours[key]:
			return nil, fault.Refuse("headers", "%s must not be set", name)
		case headers[key] != nil:
			return nil, fault.Refuse("headers", "%s is given twice", strings.ToLower(name))
		}
		for _, value := range given[name] {
			if !httpguts.ValidHeaderFieldValue(value) {
				return nil, fault.Refuse("headers", "the value of %s must not contain control characters", name)
			}
			headers[key] = append(headers[key], strings.Trim(value, " \t"))
			if size += len(name) + len(value); size > maxHeaderBytes {
				return nil, fault.Refuse("headers", "must have at most %d bytes", maxHeaderBytes)
			}
		}
	}
	return headers, nil
}
