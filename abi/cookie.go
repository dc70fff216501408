package abi

import (
	"strconv"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// A cookie of a response is a map (RFC 6265, section 4.1, and RFC 6265bis for the prefixes and
// SameSite):
//
//	value      a string, number or bool of the characters that a cookie may have; () deletes the cookie
//	max_age    seconds; 0 deletes it. Without it the cookie lasts as long as the browser's session
//	path       "/" unless given
//	domain     none unless given: only the host that set it gets it back
//	http_only  true unless given: the page's scripts do not see it
//	secure     false unless given, or true where same_site is "none" or the name asks for it
//	same_site  "lax" unless given; "strict" or "none"

// maxCookie is how many bytes of name, value and attributes browsers take.
const maxCookie = 4096

type cookie struct {
	name, value, path, domain, sameSite string
	maxAge                              *int64
	httpOnly                            bool
	secure                              *bool
}

// readCookies appends the Set-Cookie headers of a map of cookies.
func (r *Response) readCookies(value msgp.Raw) error {
	return properties(value, func(name string, attributes msgp.Raw) error {
		if !isToken(name) {
			return &ValueError{"", "is not the name of a cookie"}
		}
		c := cookie{name: name, path: "/", httpOnly: true, sameSite: "lax"}
		text, err := c.read(attributes)
		if err == nil {
			r.Headers = append(r.Headers, Header{"set-cookie", text})
		}
		return err
	})
}

// read reads the attributes of the cookie and returns the header's value.
func (c *cookie) read(attributes msgp.Raw) (string, error) {
	hasValue := false
	err := properties(attributes, func(key string, value msgp.Raw) error {
		if key == "value" {
			hasValue = true
			return c.readValue(value)
		}
		if !given(value) {
			return nil
		}
		switch key {
		case "max_age":
			if t := msgp.NextType(value); t != msgp.IntType && t != msgp.UintType {
				return &ValueError{"", "must be an integer, got " + Describe(value)}
			}
			seconds, _, err := msgp.ReadInt64Bytes(value)
			c.maxAge = &seconds
			return err
		case "path":
			return c.text(value, &c.path, func(s string) bool { return strings.HasPrefix(s, "/") }, "must begin with /")
		case "domain":
			return c.text(value, &c.domain, isDomain, "must be the name of a host")
		case "same_site":
			err := c.text(value, &c.sameSite, func(s string) bool {
				s = strings.ToLower(s)
				return s == "lax" || s == "strict" || s == "none"
			}, `must be "lax", "strict" or "none"`)
			c.sameSite = strings.ToLower(c.sameSite)
			return err
		case "http_only":
			return readBool(value, &c.httpOnly)
		case "secure":
			c.secure = new(bool)
			return readBool(value, c.secure)
		}
		return &ValueError{"", "is not a part of a cookie: there are value, max_age, path, domain, http_only, secure and same_site"}
	})
	switch {
	case err != nil:
		return "", err
	case !hasValue:
		return "", &ValueError{"value", "is missing"}
	}
	return c.header()
}

func (c *cookie) readValue(value msgp.Raw) error {
	if !given(value) {
		c.maxAge = new(int64)
		return nil
	}
	if t := msgp.NextType(value); t == msgp.MapType || t == msgp.ArrayType || t == msgp.BinType {
		return &ValueError{"", "must be a string, number or bool, got " + Describe(value)}
	}
	text, _, err := headerValue(value)
	if err != nil {
		return err
	}
	for i := range len(text) {
		if b := text[i]; b <= ' ' || b >= 0x7f || strings.IndexByte("\",;\\", b) >= 0 {
			return &ValueError{"", "must not have the character " + strconv.QuoteToASCII(text[i:i+1]) + " at byte " + strconv.Itoa(i) + "; url::encode makes it fit"}
		}
	}
	c.value = text
	return nil
}

// text reads a string that is an attribute's value.
func (c *cookie) text(value msgp.Raw, to *string, fits func(string) bool, says string) error {
	if msgp.NextType(value) != msgp.StrType {
		return &ValueError{"", "must be a string, got " + Describe(value)}
	}
	text, _, err := msgp.ReadStringBytes(value)
	if err != nil {
		return err
	}
	for i := range len(text) {
		if b := text[i]; b < ' ' || b >= 0x7f || b == ';' {
			return &ValueError{"", "must not have the character " + strconv.QuoteToASCII(text[i:i+1]) + " at byte " + strconv.Itoa(i)}
		}
	}
	if !fits(text) {
		return &ValueError{"", says + ", got " + strconv.Quote(text)}
	}
	*to = text
	return nil
}

func readBool(value msgp.Raw, to *bool) (err error) {
	if msgp.NextType(value) != msgp.BoolType {
		return &ValueError{"", "must be a bool, got " + Describe(value)}
	}
	*to, _, err = msgp.ReadBoolBytes(value)
	return err
}

func isDomain(s string) bool {
	s = strings.TrimPrefix(s, ".")
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return s != ""
}

// header returns the value of Set-Cookie, or what browsers would refuse of it.
func (c *cookie) header() (string, error) {
	host, secured := strings.HasPrefix(c.name, "__Host-"), strings.HasPrefix(c.name, "__Secure-")
	needs := host || secured || c.sameSite == "none"
	switch {
	case needs && c.secure != nil && !*c.secure && c.sameSite == "none":
		return "", &ValueError{"secure", `must be true where same_site is "none"`}
	case needs && c.secure != nil && !*c.secure:
		return "", &ValueError{"secure", "must be true for a cookie of this name"}
	case host && c.domain != "":
		return "", &ValueError{"domain", "must not be given for a cookie of this name"}
	case host && c.path != "/":
		return "", &ValueError{"path", "must be / for a cookie of this name"}
	}
	b := append(append(append(make([]byte, 0, 128), c.name...), '='), c.value...)
	if c.maxAge != nil {
		b = strconv.AppendInt(append(b, "; Max-Age="...), max(*c.maxAge, 0), 10)
	}
	b = append(append(b, "; Path="...), c.path...)
	if c.domain != "" {
		b = append(append(b, "; Domain="...), strings.TrimPrefix(c.domain, ".")...)
	}
	if c.httpOnly {
		b = append(b, "; HttpOnly"...)
	}
	if needs || c.secure != nil && *c.secure {
		b = append(b, "; Secure"...)
	}
	b = append(b, map[string]string{"lax": "; SameSite=Lax", "strict": "; SameSite=Strict", "none": "; SameSite=None"}[c.sameSite]...)
	if len(b) > maxCookie {
		return "", &ValueError{"", "must have at most " + strconv.Itoa(maxCookie) + " bytes, got " + strconv.Itoa(len(b))}
	}
	return string(b), nil
}
