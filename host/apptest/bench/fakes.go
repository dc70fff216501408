package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// A fake answers the requests whose method and URL match.
type fake struct {
	pattern string
	matches *regexp.Regexp
}

// newFake reads a pattern: "[METHOD ]URL", in which * stands for any text.
func newFake(pattern string) (fake, error) {
	method, address, found := strings.Cut(pattern, " ")
	if !found {
		method, address = "*", pattern
	}
	if address == "" || method == "" {
		return fake{}, fault.Refuse("pattern", `must be a URL, or a method and a URL, in which * stands for any text, got %q`, pattern)
	}
	glob := strings.ReplaceAll(regexp.QuoteMeta(strings.ToUpper(method)+" "+address), `\*`, ".*")
	matches, err := regexp.Compile("(?s)^" + glob + "$")
	return fake{pattern, matches}, err
}

// An ask is a request to another server that waits for the answer of a fake.
type ask struct {
	fake    int
	request msgp.Raw
	answer  chan msgp.Raw // the arguments of [abi.TestAnswer]
}

// Do answers the request of a script to another server, if a fake of the test does. It refuses all others.
func (b *Bench) Do(ctx context.Context, _, _ string, request *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	b.mu.Lock()
	r := b.running
	b.mu.Unlock()
	method := strings.ToUpper(request.Method)
	target := request.URL
	if query := url.Values(request.Query).Encode(); query != "" {
		separator := "?"
		if strings.Contains(target, "?") {
			separator = "&"
		}
		target += separator + query
	}
	number := -1
	if r != nil {
		number = r.fakeOf(method + " " + target)
	}
	if number < 0 {
		return nil, fault.New(fault.Forbidden, "no fake_http of the test answers %s %s", method, target)
	}
	body, contentType, err := abi.EncodeBody(request.Body)
	if err != nil {
		return nil, fault.Refuse("body", "%v", err)
	}
	asked := &ask{fake: number, request: shown(method, target, request, body, contentType), answer: make(chan msgp.Raw, 1)}
	select {
	case r.asks <- asked:
	case <-r.ctx.Done():
		return nil, context.Canceled
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case args := <-asked.answer:
		return answered(args)
	case <-r.ctx.Done():
		return nil, context.Canceled
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fakeOf returns the number of the fake that answers: of those that match, the one made last; -1: none does.
func (r *run) fakeOf(what string) int {
	r.bench.mu.Lock()
	defer r.bench.mu.Unlock()
	for i := len(r.fakes) - 1; i >= 0; i-- {
		if r.fakes[i].matches.MatchString(what) {
			return i
		}
	}
	return -1
}

// shown is a request as a fake sees it.
func shown(method, target string, request *abi.HTTPRequest, body []byte, contentType string) msgp.Raw {
	headers := map[string]string{}
	for name, values := range request.Headers {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	if headers["content-type"] == "" && contentType != "" {
		headers["content-type"] = contentType
	}
	parsed, raw := abi.DecodeBody(body, headers["content-type"])
	b := msgp.AppendMapHeader(nil, 5)
	b = msgp.AppendString(msgp.AppendString(b, "method"), method)
	b = msgp.AppendString(msgp.AppendString(b, "url"), target)
	b = msgp.AppendMapStrStr(msgp.AppendString(b, "headers"), headers)
	b = append(msgp.AppendString(b, "body"), parsed...)
	return append(msgp.AppendString(b, "body_raw"), raw...)
}

// answered makes a response of what a fake returned: a map with status is one, #{status, headers, body}, and
// anything else is the body of one. What it threw is why the server could not be reached.
func answered(args msgp.Raw) (*abi.HTTPResponse, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(args)
	if err != nil {
		return nil, err
	}
	if n > 1 {
		if rest, err = msgp.Skip(rest); err != nil {
			return nil, err
		}
		thrown, _, err := msgp.ReadStringBytes(rest)
		if err != nil {
			return nil, err
		}
		return nil, fault.New(fault.Unreachable, "%s", thrown)
	}
	value := msgp.Raw(rest)
	fields, err := fieldsOf(value)
	if err != nil {
		return nil, err
	}
	response := &abi.HTTPResponse{Status: http.StatusOK, Headers: map[string]string{}, HeadersAll: abi.Lists{}}
	content := value
	if status, given := fields["status"]; given {
		content = fields["body"]
		if response.Status, _, err = msgp.ReadIntBytes(status); err != nil || response.Status < 200 || response.Status > 599 {
			return nil, fault.Refuse("fake_http", "status must be an integer between 200 and 599")
		}
		for name := range fields {
			if name != "status" && name != "headers" && name != "body" {
				return nil, fault.Refuse("fake_http", "a response has status, headers and body, not %q", name)
			}
		}
		headers, err := fieldsOf(fields["headers"])
		if err != nil {
			return nil, err
		}
		for name, value := range headers {
			text, _, err := msgp.ReadStringBytes(value)
			if err != nil {
				return nil, fault.Refuse("fake_http", "headers.%s must be a string", name)
			}
			name = strings.ToLower(name)
			response.Headers[name], response.HeadersAll[name] = text, []string{text}
		}
	}
	body, contentType, err := abi.EncodeBody(content)
	if err != nil {
		return nil, fault.Refuse("fake_http", "body: %v", err)
	}
	if response.Headers["content-type"] == "" && contentType != "" {
		response.Headers["content-type"], response.HeadersAll["content-type"] = contentType, []string{contentType}
	}
	response.Body, response.BodyRaw = abi.DecodeBody(body, response.Headers["content-type"])
	return response, nil
}

// fieldsOf returns the properties of a map, none of anything else.
func fieldsOf(value msgp.Raw) (fields map[string]msgp.Raw, err error) {
	if len(value) == 0 || msgp.NextType(value) != msgp.MapType {
		return nil, nil
	}
	n, rest, err := msgp.ReadMapHeaderBytes(value)
	fields = make(map[string]msgp.Raw, min(n, 64))
	for ; n > 0 && err == nil; n-- {
		var name string
		if name, rest, err = msgp.ReadStringBytes(rest); err != nil {
			break
		}
		var after []byte
		if after, err = msgp.Skip(rest); err == nil {
			fields[name], rest = msgp.Raw(rest[:len(rest)-len(after)]), after
		}
	}
	if err != nil {
		return nil, fmt.Errorf("malformed map: %w", err)
	}
	return fields, nil
}
