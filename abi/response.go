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
	File    *FileRef // sent instead of a body
	ETag    bool     // an entity tag is to be made of the body, the script names none itself
}

// FileRef names a stored file that is a response's body.
type FileRef struct {
	Collection string
	ID         string
	Download   string // the name to save it by; "": it is shown
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
//	            them for a header that is repeated. etag: true asks for one
//	            that is made of the body
//	cookies     a map of name to #{value, max_age, path, domain, http_only,
//	            secure, same_site}, see cookie.go
//	body        any value
//	file        #{collection, id [, download]} instead of a body
//
// A map without statusCode that has status beside headers or body is refused, too: it is a slip.
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
		fields, ok := structured(value)
		switch {
		case ok:
			return fields.response()
		case fields.slip:
			return Response{}, &ValueError{"status", "the status of a response is given as statusCode"}
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
	status, headers, cookies, body, file msgp.Raw

	unknown string
	slip    bool // it has status, and looks like a response otherwise
}

// structured takes a map apart; ok is false for one without statusCode.
func structured(value msgp.Raw) (f responseFields, ok bool) {
	n, rest, err := msgp.ReadMapHeaderBytes(value)
	slip := false
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
		case "cookies":
			f.cookies = entry
		case "body":
			f.body = entry
		case "file":
			f.file = entry
		default:
			slip = slip || string(key) == "status"
			if f.unknown == "" {
				f.unknown = string(key)
			}
		}
	}
	f.slip = slip && (f.body != nil || f.headers != nil)
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
		return r, &ValueError{f.unknown, "is not a part of a response: beside statusCode there may be headers, cookies, body, file and stream"}
	}
	r.Status = int(status)
	contentType := ""
	if f.body != nil {
		if r.Body, contentType, err = EncodeBody(f.body); err != nil {
			return Response{}, within(err, "body")
		}
	}
	if given(f.headers) {
		if err = r.readHeaders(f.headers); err != nil {
			return Response{}, within(err, "headers")
		}
	}
	if given(f.cookies) {
		if err = r.readCookies(f.cookies); err != nil {
			return Response{}, within(err, "cookies")
		}
	}
	if given(f.file) {
		if given(f.body) {
			return Response{}, &ValueError{"file", "cannot be given together with body"}
		}
		if r.File, err = readFile(f.file); err != nil {
			return Response{}, within(err, "file")
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

// given reports whether a property is there and not ().
func given(value msgp.Raw) bool { return value != nil && msgp.NextType(value) != msgp.NilType }

// properties calls visit with each property of a map. Its errors say where in the map they are.
func properties(value msgp.Raw, visit func(key string, value msgp.Raw) error) error {
	if msgp.NextType(value) != msgp.MapType {
		return &ValueError{"", "must be a map, got " + Describe(value)}
	}
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
		if err := visit(string(key), entry[:len(entry)-len(rest)]); err != nil {
			name := string(key)
			if !isToken(name) {
				name = strconv.Quote(name)
			}
			return within(err, name)
		}
	}
	if err != nil {
		return asValueError(err)
	}
	return nil
}

func (r *Response) readHeaders(value msgp.Raw) error {
	return properties(value, func(key string, values msgp.Raw) error {
		name := strings.ToLower(key)
		if !isToken(name) {
			return &ValueError{"", "is not the name of a header"}
		}
		if name == "etag" && msgp.NextType(values) == msgp.BoolType {
			r.ETag, _, _ = msgp.ReadBoolBytes(values)
			return nil
		}
		count := uint32(1)
		if msgp.NextType(values) == msgp.ArrayType {
			var err error
			if count, values, err = msgp.ReadArrayHeaderBytes(values); err != nil {
				return asValueError(err)
			}
		}
		for ; count > 0; count-- {
			text, rest, err := headerValue(values)
			if err != nil {
				return err
			}
			if values = rest; !connectionHeaders[name] {
				r.Headers = append(r.Headers, Header{name, text})
			}
		}
		return nil
	})
}

func readFile(value msgp.Raw) (*FileRef, error) {
	file := new(FileRef)
	err := properties(value, func(key string, value msgp.Raw) error {
		field := map[string]*string{"collection": &file.Collection, "id": &file.ID, "download": &file.Download}[key]
		switch {
		case field == nil:
			return &ValueError{"", "is not a part of a file: there are collection, id and download"}
		case !given(value):
			return nil
		case msgp.NextType(value) != msgp.StrType:
			return &ValueError{"", "must be a string, got " + Describe(value)}
		}
		text, _, err := msgp.ReadStringBytes(value)
		*field = text
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case file.Collection == "":
		return nil, &ValueError{"collection", "is missing"}
	case file.ID == "":
		return nil, &ValueError{"id", "is missing"}
	}
	return file, nil
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
