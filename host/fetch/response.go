package fetch

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// read turns a response into what a script sees. The body is bounded as it
// comes out of decompression, so that a small one can not become a large one.
func read(incoming *http.Response, limit int64) (*abi.HTTPResponse, error) {
	if incoming.StatusCode < 200 {
		return nil, errNotHTTP // a switch of protocols that nobody asked for
	}
	body, err := io.ReadAll(io.LimitReader(incoming.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, unreachable("the response has more than the %d bytes of max_response_bytes", limit)
	}
	response := &abi.HTTPResponse{
		Status:  incoming.StatusCode,
		Headers: make(map[string]string, len(incoming.Header)),
		BodyRaw: raw(body),
	}
	for name, values := range incoming.Header {
		response.Headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
	}
	response.Body = parsed(incoming.Header.Get("Content-Type"), body, response.BodyRaw)
	return response, nil
}

// raw is a body as a string, or as a blob when it is not UTF-8.
func raw(body []byte) msgp.Raw {
	if utf8.Valid(body) {
		return msgp.AppendStringFromBytes(make([]byte, 0, len(body)+5), body)
	}
	return msgp.AppendBytes(make([]byte, 0, len(body)+5), body)
}

// parsed is the value of a JSON body. One that claims to be JSON and is not,
// often an error page of a proxy, stays as it is: the status tells more than an
// error here could.
func parsed(contentType string, body []byte, asIs msgp.Raw) msgp.Raw {
	if len(body) == 0 {
		return msgp.AppendNil(nil)
	}
	if isJSON(contentType) {
		if value, err := abi.AppendFromJSON(nil, bytes.TrimPrefix(body, []byte("\uFEFF"))); err == nil {
			return value
		}
	}
	return asIs
}

// isJSON knows application/json and the types that end in +json (RFC 6839).
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}
