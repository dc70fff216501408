package http1

import (
	"bytes"
	"net/netip"
)

// isRegName has the characters of a registered name (RFC 3986, section 3.2.2) but for the percent
// sign: no name in use needs it, and who decodes it reads another name than who does not.
var isRegName = set("-._~!$&'()*+,;=" + alphanumeric)

// isHost reports whether b is a host with or without a port (RFC 9110, section 7.2), or nothing.
func isHost(b []byte) bool {
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		return end > 0 && isIPv6(b[1:end]) && isPort(b[end+1:])
	}
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case isRegName[c]:
		case c == ':':
			return i > 0 && isPort(b[i:])
		default:
			return false
		}
	}
	return true
}

func isIPv6(b []byte) bool {
	address, err := netip.ParseAddr(string(b))
	return err == nil && address.Is6() && address.Zone() == ""
}

// isPort reports whether b is a colon with up to five digits, or nothing.
func isPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ':' || len(b) > 6 {
		return false
	}
	for _, c := range b[1:] {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

func hexValue(c byte) int {
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
