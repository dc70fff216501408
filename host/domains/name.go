// Package domains knows the names of hosts, and which app has claimed which of them.
//
// # Names
//
// A name is an exact host, api.example.com, or a wildcard, *.example.com, which stands for every name
// below example.com at whatever depth, but not for example.com itself. It is kept as requests name it
// in the end: in lower case, without a trailing dot, and what is not ASCII in its xn-- form (UTS #46,
// non-transitional, as browsers do).
//
// # Claims
//
// An app claims names; a name is claimed by one app at most. A host belongs to the app with the most
// specific claim on it: the exact host, else the longest wildcard. See [Claims].
package domains

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/picloud/picloud/host/fault"
)

// MaxPerApp is how many names an app may claim.
const MaxPerApp = 1000

// MaxBytes is how long a name may be as it is written; as it is kept it has 255 bytes at most.
const MaxBytes = 1024

// mapped is what browsers do to a host (UTS #46), but for underscores, which names of hosts have in
// practice.
var mapped = idna.New(
	idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false),
)

// Parse returns a name as it is kept, and whether it is a wildcard. It may be an IPv6 address in
// brackets. The error is [fault.Invalid] of the field "host".
func Parse(host string) (name string, wildcard bool, err error) {
	fail := func(reason string) (string, bool, error) {
		shown := host
		if len(shown) > 100 {
			shown = strings.ToValidUTF8(shown[:100], "") + "..."
		}
		return "", false, &fault.Error{
			Code: fault.Invalid, Text: fmt.Sprintf("host %q %s", shown, reason), Field: "host", Reason: reason, Value: shown,
		}
	}
	if len(host) > MaxBytes {
		return fail(fmt.Sprintf("must not be longer than %d bytes, got %d", MaxBytes, len(host)))
	}
	name, wildcard = strings.CutPrefix(host, "*.")
	if strings.Contains(name, "*") {
		return fail("may have a * only as its whole first label, as in *.example.com")
	}
	if inner, ok := strings.CutPrefix(name, "["); ok && !wildcard {
		inner = strings.ToLower(inner)
		if inner, ok = strings.CutSuffix(inner, "]"); ok && inner != "" && strings.Trim(inner, "0123456789abcdef:.") == "" {
			return strings.ToLower(name), false, nil
		}
		return fail("is not an IPv6 address in brackets")
	}
	if strings.Contains(name, ":") {
		return fail("must not name a port")
	}
	if !utf8.ValidString(name) {
		return fail("must be valid UTF-8")
	}
	name, err = mapped.ToASCII(name)
	if name = strings.TrimSuffix(name, "."); err != nil {
		return fail("may hold letters, digits, hyphens and dots only, and what else names of domains hold (IDNA)")
	}
	if len(name) > 253 {
		return fail("must not be longer than 253 bytes")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fail("must consist of labels of 1 to 63 characters that neither begin nor end with a hyphen")
		}
		for i := range len(label) {
			if c := label[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return fail("may hold letters, digits, hyphens and dots only, and what else names of domains hold (IDNA)")
			}
		}
	}
	if wildcard {
		name = "*." + name
	}
	return name, wildcard, nil
}

// local are the top-level names that are not of the public (RFC 6761, RFC 6762, and ICANN's
// resolution on .internal): whoever has one has all below it.
var local = map[string]bool{"localhost": true, "local": true, "internal": true, "test": true, "example": true, "invalid": true}

// ParseClaim is [Parse] of a name that is to be claimed: neither an address nor a wildcard for a
// whole top-level domain, which would be of all its owners.
func ParseClaim(host string) (string, error) {
	name, wildcard, err := Parse(host)
	if err != nil {
		return "", err
	}
	refuse := func(reason string) (string, error) {
		return "", &fault.Error{Code: fault.Invalid, Text: fmt.Sprintf("host %q %s", name, reason), Field: "host", Reason: reason, Value: name}
	}
	below := strings.TrimPrefix(name, "*.")
	if isAddress(below) {
		return refuse("must be a name, not an address")
	}
	if wildcard && !strings.Contains(below, ".") && !local[below] {
		return refuse("must not stand for a whole top-level domain")
	}
	return name, nil
}

// isAddress reports whether clients take a name for an IP address, however it is written: one whose
// last label is a number is one of version 4 (WHATWG URL, section 3.5).
func isAddress(name string) bool {
	if strings.HasPrefix(name, "[") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}
