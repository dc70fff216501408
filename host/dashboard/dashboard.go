// Package dashboard is the page in which people work with PiCloud. page has its sources, built what a browser gets,
// which `make dashboard` makes of them.
//
// It is served on a listener of its own, with the admin API beside it. Apps answer with whatever their authors like,
// on the public address: only an origin that no app can have keeps their pages from acting as the administrator who
// looks at them. So the listener knows no route of any app, it answers under no other name than its own (against
// DNS that is pointed at it), it takes no request that a page of another origin sends but to open it in a window, and no
// cookies.
package dashboard

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front"
)

// Policy is the Content-Security-Policy of all answers that have none of their own: nothing inline, nothing foreign.
// blob: is for users' files, which are shown as images or in sandboxed frames.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
	"frame-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// PassingHeader stands in answers under an address that the listener has by chance: another program may have it at the
// next start, and would be shown what a browser keeps for it. The page does not offer to stay signed in there.
const PassingHeader = "Picloud-Passing-Origin"

// SiteHeader stands in answers under the listener's own address, and has the address on which apps are answered: the
// page tells where a route is. Under another name a proxy stands before both, and only that knows.
const SiteHeader = "Picloud-Site"

// A Place is where a dashboard is.
type Place struct {
	Hosts   []string // by which it may be called beside its own address and localhost
	Passing bool     // its port is one that was free
	Site    net.Addr // on which apps are answered
}

// New makes the server of the dashboard's listener: it answers what c.Mount adds, which is the API, and the page
// everywhere else.
func New(c front.Config, at Place) *front.Server {
	api := c.Mount
	c.MountOnly = true
	c.Mount = func(app *fiber.App) {
		app.Use(guard(at))
		api(app)
		mount(app)
	}
	return front.New(c)
}

// guard refuses what is sent to another host or by a page of another origin, and sets the headers of all answers.
func guard(at Place) fiber.Handler {
	hosts, site := slices.Clone(at.Hosts), at.Site.String()
	for i, host := range hosts {
		hosts[i] = hostname(strings.ToLower(host))
	}
	return func(c *fiber.Ctx) error {
		for name, value := range headers {
			c.Set(name, value)
		}
		host := strings.ToLower(front.HostOf(c.Context()))
		name := hostname(host)
		named := slices.Contains(hosts, name)
		own := isOwn(name, c.Context().LocalAddr())
		if !own && !named {
			return problem.New(http.StatusMisdirectedRequest, fault.NotFound,
				"the dashboard does not answer for the host "+problem.Shorten(host)+": the setting dashboard_hosts names those that it does").Send(c)
		}
		secure := strings.HasPrefix(front.OriginOf(c.Context()), "https:")
		if origin := c.Get(fiber.HeaderOrigin); origin != "" && !isSame(origin, host, secure, hosts) || isForeign(c) {
			return problem.New(http.StatusForbidden, fault.Forbidden, "the dashboard takes no requests from pages of other origins; "+
				"a proxy before it passes on the Host that it is sent, with the port").Send(c)
		}
		if own { // also where it is named; a proxy has an address of its own
			c.Set(SiteHeader, site)
			if at.Passing {
				c.Set(PassingHeader, "true")
			}
		}
		return c.Next()
	}
}

var headers = map[string]string{
	fiber.HeaderContentSecurityPolicy: Policy,
	fiber.HeaderXContentTypeOptions:   "nosniff",
	fiber.HeaderXFrameOptions:         "DENY",
	fiber.HeaderReferrerPolicy:        "no-referrer",
	"Cross-Origin-Opener-Policy":      "same-origin",
	"Cross-Origin-Resource-Policy":    "same-origin",
	fiber.HeaderPermissionsPolicy:     "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}

// hostname is a host without its port, and without the brackets of an IPv6 address.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// isOwn reports whether a name can only mean this machine: no DNS is asked for it.
func isOwn(name string, local net.Addr) bool {
	if name == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	listens, err := netip.ParseAddrPort(local.String())
	return address.IsLoopback() || err == nil && address == listens.Addr().Unmap()
}

// isForeign reports whether the browser says that a page of another origin makes the request, unless it opens the
// dashboard as a document of its own. Browsers say so to https and to this machine, also where they send no Origin.
func isForeign(c *fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return c.Get("Sec-Fetch-Mode") != "navigate" || c.Get("Sec-Fetch-Dest") != "document"
	}
	return false
}

// isSame reports whether an Origin is that of the page that the host serves. Where a proxy before it sends another
// name than the browser has, the Origin has one of hosts and the usual port. Over which scheme the browser has come is
// known where a trusted proxy says that it is https.
func isSame(origin, host string, secure bool, hosts []string) bool {
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || secure) {
		return false
	}
	return u.Host == host || hostname(host) != u.Hostname() && u.Port() == "" && slices.Contains(hosts, u.Hostname())
}
