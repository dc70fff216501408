// Package http1 reads the heads and bodies of HTTP/1.1 requests as strictly as RFC 9110 and RFC 9112
// let a server: whatever two readers could frame in two ways is refused, with the status to answer.
//
// Besides what the RFCs call an error it refuses what they leave to a server:
//
//   - a bare LF as the end of a line (RFC 9112, 2.2), and obsolete folding (5.2);
//   - more than one Content-Length, even of the same value (6.3), and one beside a Transfer-Encoding
//     (6.1): both are signs of a sender that others will read differently;
//   - a Transfer-Encoding other than exactly "chunked", and any in HTTP/1.0 (6.1);
//   - versions other than 1.0 and 1.1;
//   - a fragment in a request target, and user information in its authority.
package http1

import (
	"bytes"
	"net/http"
	"strconv"
)

// MaxFields is the most fields that a head may have.
const MaxFields = 200

// Refusal is why a request cannot be taken. The connection is of no use afterwards.
type Refusal struct {
	Status int    // 400, 414, 417, 431, 501 or 505
	Reason string // a sentence's end that quotes nothing of the request
}

func (r *Refusal) Error() string { return r.Reason }

func refuse(reason string) *Refusal { return &Refusal{http.StatusBadRequest, reason} }

// Field is one field line of a head, its value without the whitespace around it.
type Field struct{ Name, Value []byte }

// Chunked is the Length of a body that ends with its last chunk.
const Chunked = -1

// Head is the head of a request. Its slices are parts of what [Head.Parse] was given.
type Head struct {
	Method []byte  // a token
	Host   []byte  // host and port of the target: of an absolute target its own, else of the Host field
	Target []byte  // in origin form, "/path?query", or "*"
	Minor  byte    // of the version: 0 or 1
	Fields []Field // in the order of the head

	Length   int64 // of the body in bytes, 0 to 10^18-1, or [Chunked]
	Close    bool  // the connection ends with the answer (RFC 9112, 9.3)
	Continue bool  // the client waits for 100 (Continue) before it sends the body (RFC 9110, 10.1.1)

	Absolute bool // the target was an absolute URI: Host may not be that of the field
}

// Get returns the value of the first field with a name, which must be in lower case; nil if there
// is none.
func (h *Head) Get(name string) []byte {
	for _, f := range h.Fields {
		if isName(f.Name, name) {
			return f.Value
		}
	}
	return nil
}

// Find returns the length of the head that b begins with, its empty line included, or 0 if more is
// needed to tell. from is how much of b was searched before. Lines must end with CRLF.
func Find(b []byte, from int) (length int, refusal *Refusal) {
	if len(b) > 0 && !isToken[b[0]] {
		return 0, refuse("this is not HTTP: a request begins with a method") // as TLS does
	}
	for i := max(0, from-3); ; { // the end of the line before may be the beginning of the end
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0, nil
		}
		i += n
		if i == 0 || b[i-1] != '\r' {
			return 0, refuse("a line must end with CRLF")
		}
		if i++; len(b) >= i+2 && b[i] == '\r' && b[i+1] == '\n' {
			return i + 2, nil
		}
	}
}

// Parse reads a head as [Find] has delimited it.
func (h *Head) Parse(b []byte) *Refusal {
	*h = Head{Fields: h.Fields[:0]}
	line, rest := cutLine(b)
	if refusal := h.requestLine(line); refusal != nil {
		return refusal
	}
	for line, rest = cutLine(rest); len(line) > 0; line, rest = cutLine(rest) {
		field, refusal := parseField(line)
		if refusal != nil {
			return refusal
		}
		if len(h.Fields) == MaxFields {
			return &Refusal{http.StatusRequestHeaderFieldsTooLarge, "the head must not have more than " + strconv.Itoa(MaxFields) + " fields"}
		}
		h.Fields = append(h.Fields, field)
	}
	return h.semantics()
}

// cutLine returns the line that b begins with, without its end, and what follows.
func cutLine(b []byte) (line, rest []byte) {
	end := bytes.IndexByte(b, '\n')
	if end < 1 {
		return nil, nil
	}
	return b[:end-1], b[end+1:]
}

// requestLine reads method SP target SP version (RFC 9112, section 3).
func (h *Head) requestLine(line []byte) *Refusal {
	method, rest, _ := bytes.Cut(line, space)
	target, version, found := bytes.Cut(rest, space)
	if !found {
		return refuse("the request line must be a method, a target and a version, with one space between")
	}
	switch {
	case len(version) != len("HTTP/1.1") || string(version[:5]) != "HTTP/" || !isDigit(version[5]) || version[6] != '.' || !isDigit(version[7]):
		return refuse("the request line must end with a version, as in HTTP/1.1")
	case version[5] != '1' || version[7] > '1':
		return &Refusal{http.StatusHTTPVersionNotSupported, "the version must be HTTP/1.1 or HTTP/1.0"}
	case !isTokens(method):
		return refuse("the method must be a token")
	}
	h.Method, h.Minor = method, version[7]-'0'
	refusal := h.target(target)
	if len(method) > 32 || string(method) == http.MethodTrace || string(method) == http.MethodConnect {
		refusal = &Refusal{http.StatusNotImplemented, "this method is not implemented"}
	}
	return refusal
}

// target reads a request target in origin, absolute or asterisk form (RFC 9112, section 3.2).
func (h *Head) target(target []byte) *Refusal {
	for _, c := range target {
		if c <= ' ' || c == 0x7f || c == '#' {
			return refuse("the request target holds a character that must be percent-encoded")
		}
	}
	switch {
	case len(target) == 0:
		return refuse("the request target is empty")
	case target[0] == '/':
		h.Target = target
		return nil
	case string(target) == "*":
		if string(h.Method) != http.MethodOptions {
			return refuse("the request target * is for OPTIONS")
		}
		h.Target = target
		return nil
	}
	i := bytes.Index(target, []byte("://"))
	if i < 0 || !isName(target[:i], "http") && !isName(target[:i], "https") {
		return refuse("the request target must begin with / or be an http or https URI")
	}
	authority := target[i+3:]
	path := slash
	if end := bytes.IndexAny(authority, "/?"); end >= 0 {
		authority, path = authority[:end], authority[end:]
	} else if string(h.Method) == http.MethodOptions {
		path = asterisk
	}
	if len(authority) == 0 || !isHost(authority) {
		return refuse("the host of the request target is malformed")
	}
	if path[0] == '?' {
		path = append([]byte{'/'}, path...)
	}
	h.Absolute, h.Host, h.Target = true, authority, path
	return nil
}

// parseField reads name ":" OWS value OWS (RFC 9112, section 5).
func parseField(line []byte) (Field, *Refusal) {
	name, value, found := bytes.Cut(line, colon)
	switch {
	case line[0] == ' ' || line[0] == '\t':
		return Field{}, refuse("a field must be on one line")
	case !found || !isTokens(name):
		return Field{}, refuse("a field must be a name, directly followed by a colon, and a value")
	}
	value = trim(value)
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return Field{}, refuse("a field's value holds a control character")
		}
	}
	return Field{name, value}, nil
}

// semantics finds in the fields what concerns the framing and the connection.
func (h *Head) semantics() *Refusal {
	var hosts, lengths, codings, expectations int
	var keepAlive bool
	var host []byte
	for _, f := range h.Fields {
		switch len(f.Name) {
		case len("host"):
			if isName(f.Name, "host") {
				hosts++
				if host = f.Value; !isHost(host) {
					return refuse("the Host field is malformed")
				}
			}
		case len("expect"):
			if isName(f.Name, "expect") {
				if expectations++; !isName(f.Value, "100-continue") || expectations > 1 {
					return &Refusal{http.StatusExpectationFailed, "the only expectation that can be met is 100-continue"}
				}
			}
		case len("connection"):
			if isName(f.Name, "connection") {
				for option := range bytes.SplitSeq(f.Value, comma) {
					option = trim(option)
					h.Close = h.Close || isName(option, "close")
					keepAlive = keepAlive || isName(option, "keep-alive")
				}
			}
		case len("content-length"):
			if isName(f.Name, "content-length") {
				lengths++
				var ok bool
				if h.Length, ok = parseLength(f.Value); !ok || lengths > 1 {
					return refuse("the head must have one Content-Length, a number of bytes")
				}
			}
		case len("transfer-encoding"):
			if isName(f.Name, "transfer-encoding") {
				if codings++; codings > 1 {
					return refuse("the head must not have two Transfer-Encodings")
				}
				if !isName(f.Value, "chunked") {
					return &Refusal{http.StatusNotImplemented, "the only transfer coding that is implemented is chunked"}
				}
			}
		}
	}
	switch {
	case hosts > 1:
		return refuse("the head must not have two Host fields")
	case hosts == 0 && h.Minor == 1:
		return refuse("the head must have a Host field")
	case codings > 0 && lengths > 0:
		return refuse("the head must not have a Content-Length beside a Transfer-Encoding")
	case codings > 0 && h.Minor == 0:
		return refuse("HTTP/1.0 has no Transfer-Encoding")
	}
	if codings > 0 {
		h.Length = Chunked
	}
	if !h.Absolute {
		h.Host = host
	}
	h.Continue = expectations > 0 && h.Minor == 1 && h.Length != 0
	h.Close = h.Close || h.Minor == 0 && !keepAlive
	return nil
}

// parseLength reads a Content-Length: digits alone, no more than 18 so that it fits.
func parseLength(value []byte) (int64, bool) {
	if len(value) == 0 || len(value) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range value {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

var (
	space, colon, comma = []byte{' '}, []byte{':'}, []byte{','}
	slash, asterisk     = []byte{'/'}, []byte{'*'}
)

// trim removes the optional whitespace around a value (RFC 9110, section 5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// isName reports whether b is a name in whatever case. The name is in lower case.
func isName(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isToken has the characters of a token (RFC 9110, section 5.6.2).
var isToken = set("!#$%&'*+-.^_`|~" + alphanumeric)

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func set(characters string) (s [256]bool) {
	for i := range len(characters) {
		s[characters[i]] = true
	}
	return s
}

func isTokens(b []byte) bool {
	for _, c := range b {
		if !isToken[c] {
			return false
		}
	}
	return len(b) > 0
}
