package abi

import (
	"strconv"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// Response is what a script's value says to an HTTP client.
type Response struct {
	Status  int
	Headers []Header // in the order given; content-type among them unless there is no body
	Body    []byte
}

// Header is one field of a response.
type Header struct {
	Name  string // in lower case
	Value string
}

// Content types that a body has unless the script names one.
const (
	contentJSON = "application/json"
	contentText = "text/plain; charset=utf-8"
	contentBlob = "application/octet-stream"
)

// connectionHeaders are the server's business (RFC 9110, 7.6.1): a script that
// passes on the headers of another server's response may name them, and they are
// left out.
var connectionHeaders = map[string]bool{
	"connection": true, "content-length": true, "keep-alive": true, "proxy-connection": true,
	"te": true, "trailer": true, "transfer-encoding": true, "upgrade": true,
}

// NewResponse turns the value a script returned into a response. A map with
// the key statusCode is a structured response:
//
//	statusCode  200 to 599; 1xx cannot end a request and is refused
//	headers     a map; a value is a string, number or bool, or an array of
//	            them for a header that is repeated
//	body        any value
//
// Any other value is the body of a 200. Maps, arrays, numbers and bools are sent as JSON, strings
// as text, blobs as bytes; unit is an empty 204, or an empty body where the script has set a
// status. A content-type header of the script's wins. The error is a [*ValueError] with the path
// to what is wrong.
func NewResponse(value msgp.Raw) (Response, error) {
	if len(value) == 0 {
		value = msgp.Raw{0xc0}
	}
	if msgp.NextType(value) == msgp.MapType {
		if fields, ok := structured(value); ok {
			return fields.response()
		}
	}
	body, contentType, err := EncodeBody(value)
	if err != nil {
		return Response{}, err
	}
	if contentType == "" {
		return Response{Status: 204}, nil
	}
	return Response{Status: 200, Headers: []Header{{"content-type", contentType}}, Body: body}, nil
}

// responseFields are the raw entries of a structured response.
type responseFields struct {
	status, headers, body msgp.Raw
	unknown               string
}

// structured takes a map apart; ok is false for one without statusCode.
func structured(value msgp.Raw) (f responseFields, ok bool) {
	n, rest, err := msgp.ReadMapHeaderBytes(value)
	for ; n > 0 && err == nil; n-- {
		var key []byte
		if key, rest, err = msgp.ReadStringZC(rest); err != nil {
			break
		}
		entry := rest
		if rest, err = msgp.Skip(rest); err != nil {
			break
		}
		entry = entry[:len(entry)-len(rest)]
		switch string(key) {
		case "statusCode":
			f.status = entry
		case "headers":
			f.headers = entry
		case "body":
			f.body = entry
		default:
			if f.unknown == "" {
				f.unknown = string(key)
			}
		}
	}
	return f, err == nil && f.status != nil
}

func (f responseFields) response() (Response, error) {
	var r Response
	status, rest, err := msgp.ReadInt64Bytes(f.status)
	switch {
	case err != nil || len(rest) > 0:
		return r, &ValueError{"statusCode", "must be an integer, got " + Describe(f.status)}
	case status < 100 || status > 599:
		return r, &ValueError{"statusCode", "must be between 100 and 599, got " + strconv.FormatInt(status, 10)}
	case status < 200:
		return r, &ValueError{"statusCode", "must not be informational, got " + strconv.FormatInt(status, 10) + ", which cannot end a request"}
	case f.unknown != "":
		return r, &ValueError{f.unknown, "is not a part of a response: a map with statusCode may have headers and body beside it"}
	}
	r.Status = int(status)
	contentType := ""
	if f.body != nil {
		if r.Body, contentType, err = EncodeBody(f.body); err != nil {
			return Response{}, within(err, "body")
		}
	}
	if f.headers != nil && msgp.NextType(f.headers) != msgp.NilType {
		if r.Headers, err = readHeaders(f.headers); err != nil {
			return Response{}, within(err, "headers")
		}
	}
	for _, h := range r.Headers {
		if h.Name == "content-type" {
			return r, nil
		}
	}
	if contentType != "" {
		r.Headers = append(r.Headers, Header{"content-type", contentType})
	}
	return r, nil
}

func readHeaders(value msgp.Raw) ([]Header, error) {
	if msgp.NextType(value) != msgp.MapType {
		return nil, &ValueError{"", "must be a map, got " + Describe(value)}
	}
	n, rest, err := msgp.ReadMapHeaderBytes(value)
	if err != nil {
		return nil, asValueError(err)
	}
	headers := make([]Header, 0, min(n, 64))
	for ; n > 0; n-- {
		var key []byte
		if key, rest, err = msgp.ReadStringZC(rest); err != nil {
			return nil, asValueError(err)
		}
		name := strings.ToLower(string(key))
		if !isToken(name) {
			return nil, &ValueError{strconv.Quote(string(key)), "is not the name of a header"}
		}
		count, values := uint32(1), rest
		if rest, err = msgp.Skip(rest); err != nil {
			return nil, asValueError(err)
		}
		if msgp.NextType(values) == msgp.ArrayType {
			if count, values, err = msgp.ReadArrayHeaderBytes(values); err != nil {
				return nil, asValueError(err)
			}
		}
		for ; count > 0; count-- {
			var text string
			if text, values, err = headerValue(values); err != nil {
				return nil, within(err, string(key))
			}
			if !connectionHeaders[name] {
				headers = append(headers, Header{name, text})
			}
		}
	}
	return headers, nil
}

func headerValue(b []byte) (text string, rest []byte, err error) {
	switch msgp.NextType(b) {
	case msgp.StrType:
		var s []byte
		s, rest, err = msgp.ReadStringZC(b)
		text = string(s)
	case msgp.IntType, msgp.UintType, msgp.Float32Type, msgp.Float64Type, msgp.BoolType:
		var s []byte
		s, rest, err = appendJSON(nil, b, 0)
		text = string(s)
	default:
		return "", b, &ValueError{"", "must be a string, number, bool or an array of them, got " + Describe(b)}
	}
	if err != nil {
		return "", b, asValueError(err)
	}
	for i := range len(text) {
		if c := text[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return "", b, &ValueError{"", "must not contain control characters"}
		}
	}
	return text, rest, nil
}

// isToken reports whether s may name a header (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// Describe names the type of a MessagePack value for an error, as scripts name it: "a map".
func Describe(b []byte) string {
	switch msgp.NextType(b) {
	case msgp.NilType:
		return "()"
	case msgp.BoolType:
		return "a bool"
	case msgp.IntType, msgp.UintType:
		return "an integer"
	case msgp.Float32Type, msgp.Float64Type:
		return "a float"
	case msgp.StrType:
		return "a string"
	case msgp.BinType:
		return "a blob"
	case msgp.ArrayType:
		return "an array"
	case msgp.MapType:
		return "a map"
	}
	return "a value that cannot leave the script"
}
