package routing

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// The ways in which a request's path can be unusable.
var (
	ErrPathEscape  = errors.New("the path has an invalid percent-encoding")
	ErrPathUTF8    = errors.New("the path is not valid UTF-8")
	ErrPathControl = errors.New("the path holds a control character")
	ErrPathDots    = errors.New("the path has . or .. as a segment")
	ErrPathSlash   = errors.New("the path does not begin with /")
)

// CleanPath decodes the path of a request for [Table.Match]. An encoded slash or percent sign stays
// encoded, as %2F and %25, so that the result can be split at its slashes and every segment decoded
// without loss. A . or .. segment is an error: clients remove them before they send a request
// (RFC 3986, 5.2.4).
func CleanPath(raw string) (string, error) {
	if !strings.HasPrefix(raw, "/") {
		return "", ErrPathSlash
	}
	path := raw
	if strings.IndexByte(raw, '%') >= 0 {
		var b strings.Builder
		b.Grow(len(raw))
		for i := 0; i < len(raw); i++ {
			if raw[i] != '%' {
				b.WriteByte(raw[i])
				continue
			}
			if i+2 >= len(raw) {
				return "", ErrPathEscape
			}
			high, low := unhex(raw[i+1]), unhex(raw[i+2])
			if high < 0 || low < 0 {
				return "", ErrPathEscape
			}
			switch c := byte(high<<4 | low); c {
			case '/':
				b.WriteString("%2F")
			case '%':
				b.WriteString("%25")
			default:
				b.WriteByte(c)
			}
			i += 2
		}
		path = b.String()
	}
	dots := false // a dot begins the segment we are in
	for i := range len(path) {
		switch c := path[i]; {
		case c < 0x20 || c == 0x7f:
			return "", ErrPathControl
		case c == '.' && path[i-1] == '/':
			dots = true
		}
	}
	if !utf8.ValidString(path) {
		return "", ErrPathUTF8
	}
	if dots {
		for segment := range strings.SplitSeq(path, "/") {
			if segment == "." || segment == ".." {
				return "", ErrPathDots
			}
		}
	}
	return path, nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// decodeSegment decodes what [CleanPath] left encoded.
func decodeSegment(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "%2F", "/"), "%25", "%")
}

// cleanHost returns the Host of a request in the form that routes have: lower case, without port
// and trailing dot. It allocates only for upper case.
func cleanHost(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func firstSegment(path string) string {
	first, _, _ := strings.Cut(path[1:], "/")
	return first
}
