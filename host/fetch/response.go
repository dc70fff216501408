package fetch

import (
	"io"
	"net/http"
	"strings"

	"github.com/picloud/picloud/abi"
)

// read returns a response as a script sees it. The limit on the body is in bytes after
// decompression, so that a small body cannot become a large one.
func read(incoming *http.Response, limit int64) (*abi.HTTPResponse, error) {
	if incoming.StatusCode < 200 {
		return nil, errNotHTTP // a switch of protocols that nobody asked for
	}
	content, done, err := decoded(incoming)
	if err != nil {
		return nil, err
	}
	defer done()
	body, err := io.ReadAll(io.LimitReader(content, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, unreachable("the response has more than the %d bytes of max_response_bytes", limit)
	}
	response := &abi.HTTPResponse{
		Status:     incoming.StatusCode,
		Headers:    make(map[string]string, len(incoming.Header)),
		HeadersAll: make(abi.Lists, len(incoming.Header)),
	}
	for name, values := range incoming.Header {
		name = strings.ToLower(name)
		for i, value := range values {
			values[i] = strings.ToValidUTF8(value, "\uFFFD")
		}
		response.Headers[name] = strings.Join(values, ", ")
		response.HeadersAll[name] = values
	}
	response.Body, response.BodyRaw = abi.DecodeBody(body, incoming.Header.Get("Content-Type"))
	return response, nil
}
