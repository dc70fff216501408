package fetch

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Bounds of where a request leads.
const (
	maxURLBytes  = 8 << 10
	maxRedirects = 10
)

// parseTarget reads a URL and checks it.
func parseTarget(g *guard, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is not a valid URL") // err repeats the text
	}
	return u, g.target(u)
}

// target checks a URL and gives its host the one form that the resolver, the guard and the server
// all read alike. The error is errPrivate or says what is wrong with the URL, without naming the
// host.
func (g *guard) target(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("the scheme must be http or https, got %q", u.Scheme)
	}
	host := u.Hostname()
	if host == "" || u.Opaque != "" {
		return errors.New("there is no host")
	}
	host, err := g.host(host, strings.HasPrefix(u.Host, "["))
	if err != nil {
		return err
	}
	if u.User != nil {
		return errors.New("a user name or password must be sent as the authorization header")
	}
	if port := u.Port(); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("the port must be between 1 and 65535, got %s", port)
		}
		host += ":" + strconv.Itoa(n)
	}
	u.Host = host
	u.RawQuery = escapeQuery(u.RawQuery)
	return nil
}

// host returns a name in ASCII, or an address in its canonical form with brackets around one of
// IPv6.
func (g *guard) host(host string, brackets bool) (string, error) {
	if brackets {
		address, err := netip.ParseAddr(host)
		switch {
		case err != nil || !address.Is6():
			return "", errors.New("what is in brackets must be an IPv6 address")
		case g.refuses(address):
			return "", errPrivate
		}
		return "[" + address.String() + "]", nil
	}
	if !isASCII(host) {
		// Compatibility characters become plain ones here, full-width digits too.
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", errors.New("the host is not a valid name")
		}
		host = ascii
	}
	host = strings.ToLower(host)
	if len(host) > 254 || strings.ContainsFunc(host, notInName) {
		return "", errors.New("the host is not a valid name")
	}
	if !endsInNumber(host) {
		return host, nil
	}
	address, err := looseIPv4(host)
	switch {
	case err != nil:
		return "", err
	case g.refuses(address):
		return "", errPrivate
	case address.String() != host:
		return "", errors.New("an IPv4 address must be four decimal numbers without leading zeros")
	}
	return host, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f })
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_')
}

// endsInNumber reports whether a host is meant as an IPv4 address: no name ends in a label of
// digits or of 0x and hexadecimal digits (URL Standard, 3.5).
func endsInNumber(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := labels[len(labels)-1]
	if digits, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// looseIPv4 reads an address as inet_aton does, since a resolver may: one to four numbers, each
// decimal, octal (017) or hexadecimal (0xf), the last of them filling the bytes that are left.
func looseIPv4(host string) (netip.Addr, error) {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	bad := errors.New("the host is not a valid IPv4 address")
	if len(parts) > 4 {
		return netip.Addr{}, bad
	}
	var bytes [4]byte
	for i, part := range parts {
		base := 10
		if digits, ok := strings.CutPrefix(part, "0x"); ok {
			base, part = 16, "0"+digits
		} else if len(part) > 1 && part[0] == '0' {
			base = 8
		}
		width := 1
		if i == len(parts)-1 {
			width = 4 - i
		}
		n, err := strconv.ParseUint(part, base, 8*width)
		if err != nil {
			return netip.Addr{}, bad
		}
		for at := i + width - 1; at >= i; at-- {
			bytes[at] = byte(n)
			n >>= 8
		}
	}
	return netip.AddrFrom4(bytes), nil
}

// escapeQuery returns a query with what it may not contain encoded, as browsers do.
func escapeQuery(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// portable are the headers that another server may see than the one they were written for. Any
// other may be a credential: what X-Api-Key or X-Signature means is known to the script alone, and
// Referer may hold a URL with a token in it.
var portable = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true,
	"Content-Encoding": true, "Content-Language": true, "Content-Type": true, "If-Modified-Since": true,
	"If-None-Match": true, "Range": true, "User-Agent": true,
}

// redirects returns a check of every hop. Once a redirect has led to another origin, only portable
// headers are sent any more, also when a later one leads back.
func (c *Client) redirects(follow bool) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		if !follow {
			return http.ErrUseLastResponse
		}
		if len(via) > maxRedirects {
			return unreachable("more than %d redirects", maxRedirects)
		}
		if err := c.guard.target(next.URL); errors.Is(err, errPrivate) {
			return err
		} else if err != nil {
			return unreachable("a redirect leads to a URL that is refused: %v", err)
		}
		if err := keepMethod(next, via[len(via)-1]); err != nil {
			return err
		}
		first := origin(via[0].URL)
		elsewhere := func(r *http.Request) bool { return origin(r.URL) != first }
		if elsewhere(next) || slices.ContainsFunc(via, elsewhere) {
			maps.DeleteFunc(next.Header, func(name string, _ []string) bool { return !portable[name] })
		}
		return nil
	}
}

// aboutBody are the headers that go where the body goes.
var aboutBody = []string{"Content-Encoding", "Content-Language", "Content-Location", "Content-Type"}

// keepMethod gives a redirected request the method and body of the last one. net/http makes a GET of
// it after 301 and 302 whatever it was, which RFC 9110, section 15.4, allows for POST alone; 303 is
// always seen with GET or HEAD.
func keepMethod(next, last *http.Request) error {
	switch next.Response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound:
		if last.Method == http.MethodPost {
			return nil
		}
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	next.Method = last.Method
	if last.GetBody == nil {
		return nil
	}
	body, err := last.GetBody()
	if err != nil {
		return err
	}
	next.Body, next.GetBody, next.ContentLength = body, last.GetBody, last.ContentLength
	for _, name := range aboutBody {
		if values := last.Header[name]; values != nil {
			next.Header[name] = values
		}
	}
	return nil
}

// origin returns the scheme, host and port of a URL (RFC 6454).
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + u.Hostname() + ":" + port
}
